"""What `benchmark` gives back: frozen records that print as tables and draw themselves in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from mobile_deploy.device.failures import RunFailedError
from mobile_deploy.device.regression import Comparison
from mobile_deploy.device.summary import SpeedUp, Summary
from mobile_deploy.device.sustained import Minute
from mobile_deploy.errors import BelowBarError, MobileDeployError
from mobile_deploy.report.tables import Cell, Column, ResultTable, counted, in_one_line, what_differs

_TOP_OPS = 10
_REPORT_FILES = "(benchmark.json, latency.png, logs.txt)"


class RegressionError(BelowBarError):
    """A model is slower than in an older report by more than was allowed, and not by chance.

    Attributes:
        comparisons: The configurations that are slower.
    """

    def __init__(self, *, comparisons: tuple[Comparison, ...], percent: float) -> None:
        self.comparisons = comparisons
        slower = "; ".join(f"{_at(found.place)}{found.configuration}: {found.ratio}" for found in comparisons)
        super().__init__(
            f"slower than the older report by more than {percent:g} %: {slower}",
            hint="compare the models with: mobile-deploy inspect; and the settings in both reports",
        )


class NothingComparedError(BelowBarError):
    """A bar against an older report was asked for, and no configuration could be held against it."""

    def __init__(self, *, reasons: tuple[str, ...]) -> None:
        super().__init__(
            f"nothing could be compared with the older report: {'; '.join(reasons) or 'nothing was measured'}",
            hint="measure the older models again in this setting, and pass their report to --compare",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceResult:
    """What was measured on one phone, or on this machine.

    Attributes:
        about: What identifies it and what it runs, as JSON values.
        summaries: One row for each configuration.
        speed_ups: Each model against the baseline, with the same threads and delegate.
        minutes: What each minute of a sustained run was like.
        notes: What the user should know, one sentence each.
        error: What broke the measuring off; None if it came to its end.
    """

    about: Mapping[str, Any] = field(repr=False)
    summaries: tuple[Summary, ...]
    speed_ups: tuple[SpeedUp, ...] = ()
    minutes: tuple[Minute, ...] = ()
    notes: tuple[str, ...] = ()
    error: MobileDeployError | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.about["name"])

    @property
    def setting(self) -> str:
        """The place in one line: name, chip, system, runtime."""
        parts = (self.about.get(key) for key in ("name", "soc", "system", "runtime"))
        return ", ".join(str(part) for part in parts if part)

    @property
    def failures(self) -> tuple[RunFailedError, ...]:
        """The configurations that could not be measured."""
        return tuple(
            RunFailedError(what=summary.configuration, reason=summary.failure)
            for summary in self.summaries
            if summary.failure
        )

    def to_json(self) -> dict[str, Any]:
        """Gives it as JSON values, without the single processes."""
        error = self.error
        told = None if error is None else {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        return {
            "about": dict(self.about),
            "notes": list(self.notes),
            "error": told,
            "summaries": [summary.to_json() for summary in self.summaries],
            "speed_ups": [found.to_json() for found in self.speed_ups],
            "minutes": [minute.to_json() for minute in self.minutes],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResult:
    """Latencies, with all that is known of how they came about.

    Attributes:
        folder: The report's folder: benchmark.json, latency.png, logs.txt; None if it could not be written.
        places: One for each phone, or this machine.
        comparisons: Against the older report, if there is one.
        percent: How much slower is allowed, for `errors`; None if slowness is no failure.
        attached: Bundles that the latencies were written into.
        notes: What the user should know, one sentence each.
        unwritten: Why there is no report; None if there is one.
    """

    folder: Path | None
    places: tuple[PlaceResult, ...]
    comparisons: tuple[Comparison, ...] = ()
    percent: float | None = None
    attached: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    unwritten: MobileDeployError | None = None

    @property
    def errors(self) -> tuple[MobileDeployError, ...]:
        """What went wrong, the gravest first: places that broke off, configurations that failed, regressions."""
        broken = tuple(place.error for place in self.places if place.error is not None)
        failed = tuple(failure for place in self.places for failure in place.failures)
        unwritten = () if self.unwritten is None else (self.unwritten,)
        return (*broken, *failed, *unwritten, *self._missed_bars())

    def _missed_bars(self) -> Iterator[BelowBarError]:
        if self.percent is None:
            return
        if not any(found.ratio for found in self.comparisons):
            yield NothingComparedError(reasons=tuple(dict.fromkeys(found.reason for found in self.comparisons)))
        slower = tuple(found for found in self.comparisons if found.verdict == "slower")
        if slower:
            yield RegressionError(comparisons=slower, percent=self.percent)

    @property
    def is_partial(self) -> bool:
        """Whether there is a reservation: a throttled or doubtful number, or a bar that nobody can say is kept."""
        doubtful = any(summary.throttled or summary.doubts for place in self.places for summary in place.summaries)
        open_bars = any(found.verdict in ("undecided", "not comparable") for found in self.comparisons)
        return doubtful or (self.percent is not None and open_bars)

    def to_json(self) -> dict[str, Any]:
        """Gives it as JSON values, without the single processes, which the report has."""
        return {
            "report": None if self.folder is None else str(self.folder),
            "places": [place.to_json() for place in self.places],
            "comparisons": [found.to_json() for found in self.comparisons],
            "attached": list(map(str, self.attached)),
            "notes": list(self.notes),
        }

    def tables(self) -> tuple[ResultTable, ...]:
        """Gives the tables: latencies, minutes of a sustained run, operators of a profile, the comparison."""
        return tuple(
            table
            for table in (
                self._latencies(),
                *(_minutes(place, name) for place, name in self._named_places() if place.minutes),
                *(table for place, name in self._named_places() for table in _profiles(place, self._before(name))),
                *((self._comparison(),) if self.comparisons else ()),
            )
            if table.rows
        )

    def lines(self) -> tuple[str, ...]:
        """Gives what stands below the tables, one line each."""
        lines = (
            *(f"note: {note}" for note in self.notes),
            *(line for place, name in self._named_places() for line in self._lines(place, name)),
            "report: not written" if self.folder is None else f"report: {self.folder}  {_REPORT_FILES}",
            *(f"latencies added to {bundle}" for bundle in self.attached),
        )
        return tuple(map(in_one_line, lines))

    def __str__(self) -> str:
        return "\n\n".join((*map(str, self.tables()), "\n".join((*self.lines(), *self._told_errors()))))

    def _repr_html_(self) -> str:
        tables = "".join(table._repr_html_() for table in self.tables())
        return f"{tables}<p>{'<br>'.join(map(escape, (*self.lines(), *self._told_errors())))}</p>"

    def _told_errors(self) -> Iterator[str]:
        yield from (f"error: {error.message}" for error in self.errors)

    def _named_places(self) -> tuple[tuple[PlaceResult, str], ...]:
        return tuple(zip(self.places, place_names(self.places), strict=True))

    def _before(self, name: str) -> str:
        """Gives what a line about a place begins with."""
        return _at(name) if len(self.places) > 1 else ""

    def _latencies(self) -> ResultTable:
        """Gives one table for all places, so that they can be compared."""
        short = short_names(summary for place in self.places for summary in place.summaries)
        is_one = len(self.places) == 1
        columns = (
            Column(header="phone", folds=True),
            Column(header="model", folds=True),
            Column(header="threads"),
            Column(header="delegate"),
            Column(header="latency (ms) [95 %]", folds=True),
            Column(header="p5 to p95", folds=True),
            Column(header="first (ms)"),
            Column(header="init (ms)"),
            Column(header="spread", folds=True),
        )
        rows = tuple(
            (name, *_row(summary, short[summary.configuration.model]))
            for place, name in self._named_places()
            for summary in place.summaries
        )
        title = self.places[0].setting if is_one else f"{len(self.places)} phones"
        return ResultTable(columns=columns[is_one:], rows=tuple(row[is_one:] for row in rows), title=title)

    def _comparison(self) -> ResultTable:
        has_places = any(found.place for found in self.comparisons)
        short = _shortened(found.configuration.model for found in self.comparisons)
        columns = (
            Column(header="phone", folds=True),
            Column(header="model", folds=True),
            Column(header="threads"),
            Column(header="delegate"),
            Column(header="new/old [90 %]"),
            Column(header="verdict"),
            Column(header="reason", folds=True),
        )
        rows = tuple(
            (
                found.place,
                short[found.configuration.model],
                found.configuration.threads,
                found.configuration.delegate,
                None if found.ratio is None else str(found.ratio),
                found.verdict,
                _why(found),
            )
            for found in self.comparisons
        )
        own, shown = columns[not has_places :], tuple(row[not has_places :] for row in rows)
        return ResultTable(columns=own, rows=shown, title="against the older report")

    def _lines(self, place: PlaceResult, name: str) -> Iterator[str]:
        on = self._before(name)
        short = short_names(summary for other in self.places for summary in other.summaries)
        if on:
            yield f"{on}{place.setting}"
        for found in place.speed_ups:
            own, base = (short[model] for model in (found.configuration.model, found.baseline.model))
            threads, delegate = found.configuration.threads, found.configuration.delegate
            yield f"{on}{own} against {base}, {counted(threads, 'thread')}, {delegate}: {found.ratio} as fast"
        used = dict.fromkeys(
            (short[at.model], at.delegate, summary.used)
            for summary in place.summaries
            if summary.used and (at := summary.configuration)
        )
        for model, delegate, what in used:
            yield f"{on}{model}, {delegate}: ran on {what}"
        for (threads, delegate), told in _memory(place, short).items():
            yield f"{on}memory with {counted(threads, 'thread')}, {delegate}: {', '.join(told)}"
        for summary in place.summaries:
            for doubt in summary.doubts:
                yield f"{on}doubt about {_named(summary, short)}: {doubt}"
        for note in place.notes:
            yield f"{on}note: {note}"


def place_names(places: Sequence[PlaceResult]) -> tuple[str, ...]:
    """Gives names of places; two of one name are told apart by their serial numbers."""
    names = [place.name for place in places]
    return tuple(
        f"{name} ({place.about['serial']})" if names.count(name) > 1 and "serial" in place.about else name
        for place, name in zip(places, names, strict=True)
    )


def short_names(summaries: Iterable[Summary]) -> dict[str, str]:
    """Gives names of models without the words that all begin with."""
    return _shortened(summary.configuration.model for summary in summaries)


def _shortened(models: Iterable[str]) -> dict[str, str]:
    names = tuple(dict.fromkeys(models))
    return dict(zip(names, map(in_one_line, what_differs(names)), strict=True)) if names else {}


def _named(summary: Summary, short: Mapping[str, str]) -> str:
    configuration = summary.configuration
    return f"{short[configuration.model]}, {counted(configuration.threads, 'thread')}, {configuration.delegate}"


def _memory(place: PlaceResult, short: Mapping[str, str]) -> dict[tuple[int, str], list[str]]:
    """Gives what each model takes, in words, by threads and delegate."""
    found: dict[tuple[int, str], list[str]] = {}
    for summary in place.summaries:
        at, memory = summary.configuration, summary.memory
        if memory is not None and memory.overall_mb is not None:
            found.setdefault((at.threads, at.delegate), []).append(f"{short[at.model]} {memory.overall_mb:.1f} MB")
    return found


def _row(summary: Summary, name: str) -> tuple[Cell, ...]:
    configuration = summary.configuration
    return (
        name,
        configuration.threads,
        configuration.delegate,
        _latency(summary),
        None if summary.p5_ms is None or summary.p95_ms is None else f"{summary.p5_ms:.2f} to {summary.p95_ms:.2f}",
        summary.first_ms,
        summary.init_ms,
        _spread(summary),
    )


def _latency(summary: Summary) -> str | None:
    if summary.latency_ms is None:
        return "failed" if summary.failure else None
    interval = (
        "" if summary.low_ms is None else f" [{summary.low_ms:.2f},{summary.high_ms:.2f}]"
    )  # one word, which does not fold
    return f"{'mean ' * (summary.centre == 'mean')}{summary.latency_ms:.2f}{interval}"


def _spread(summary: Summary) -> str | None:
    words = ["" if summary.spread is None else f"{summary.spread:.1%}"]
    words += [summary.steadiness] if summary.steadiness not in (None, "steady") else []
    words += ["throttled"] if summary.throttled else []
    return " ".join(filter(None, words)) or None


def _why(found: Comparison) -> str | None:
    if found.processes_needed is not None:
        return f"{found.reason}; about {found.processes_needed} processes each would decide"
    return found.reason or None


def _at(place: str) -> str:
    return f"{place}: " if place else ""


def _minutes(place: PlaceResult, name: str) -> ResultTable:
    columns = (
        Column(header="minute"),
        Column(header="processes"),
        Column(header="latency (ms)"),
        Column(header="p95 (ms)"),
        Column(header="hottest (°C)", digits=1),
        Column(header="thermal status"),
    )
    rows = tuple(
        (at.minute, at.processes, at.median_ms, at.p95_ms, at.hottest_c, at.thermal_status) for at in place.minutes
    )
    return ResultTable(columns=columns, rows=rows, title=f"{name}, without a pause")


def _profiles(place: PlaceResult, on: str) -> Iterator[ResultTable]:
    columns = (
        Column(header="operator", folds=True),
        Column(header="kind"),
        Column(header="time (ms)", digits=3),
        Column(header="share (%)", digits=1),
    )
    for summary in place.summaries:
        ops = sorted(summary.profile, key=lambda op: op.mean_ms, reverse=True)[:_TOP_OPS]
        rows = tuple((op.name, op.kind, op.mean_ms, 100 * op.share) for op in ops)
        yield ResultTable(columns=columns, rows=rows, title=f"{on}{summary.configuration}: the slowest operators")
