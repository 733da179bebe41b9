"""What the processes of a session say together, by configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, median, stdev
from typing import Any, Literal

from mobile_deploy.device.measurement import Configuration, Measurement, Memory, OpTime
from mobile_deploy.device.records import Record
from mobile_deploy.statistics import Ratio, log_interval, welch_ratio

STEADY = 0.05
"""Largest spread between processes that is called steady."""

UNSTABLE = 0.10
"""Largest spread between processes that is called unstable; above, it is poor."""

_LEAST_COOL = 2  # processes that were not throttled; with fewer the others count, too

Steadiness = Literal["steady", "unstable", "poor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One row of the result. Times are in ms; None where there is none, or the tool does not say.

    Attributes:
        configuration: What was measured.
        failure: Why it was given up; empty if it was not. What was measured before stays.
        throttled: Whether processes count that ran on a throttled place, since fewer than two others did.
        centres_ms: Median of each process that counts, in the order they ran.
        latency_ms: Their median.
        centre: Whether a process gave its median or, with old tools, its mean.
        low_ms: Lower end of the 95 % interval of the latency; needs two processes.
        high_ms: Upper end.
        spread: Standard deviation between processes over their mean; needs two processes.
        min_ms: The fastest inference.
        p5_ms: Median of the processes' 5th percentiles.
        p95_ms: Median of their 95th percentiles.
        first_ms: Median of their first inferences.
        init_ms: Median of the times until the model stood.
        runs: Timed inferences in all.
        used: What ran the model as far as the logs tell.
        doubts: What speaks against the numbers.
        memory: Memory, if it was measured.
        profile: Time by operator, if it was measured.
    """

    configuration: Configuration
    failure: str = ""
    throttled: bool = False
    centres_ms: tuple[float, ...] = ()
    latency_ms: float | None = None
    centre: Literal["median", "mean"] = "median"
    low_ms: float | None = None
    high_ms: float | None = None
    spread: float | None = None
    min_ms: float | None = None
    p5_ms: float | None = None
    p95_ms: float | None = None
    first_ms: float | None = None
    init_ms: float | None = None
    runs: int = 0
    used: str = ""
    doubts: tuple[str, ...] = ()
    memory: Memory | None = None
    profile: tuple[OpTime, ...] = field(default=(), repr=False)

    @property
    def steadiness(self) -> Steadiness | None:
        """The spread in a word; None where there is none."""
        if self.spread is None:
            return None
        return "steady" if self.spread <= STEADY else "unstable" if self.spread <= UNSTABLE else "poor"

    def to_json(self) -> dict[str, Any]:
        """Gives all of it as JSON values."""
        return {**asdict(self), "processes": len(self.centres_ms), "steadiness": self.steadiness}


def summarize(records: Iterable[Record], *, all_count: bool = False) -> tuple[Summary, ...]:
    """Sums judged records up, in the order in which their configurations first ran.

    The processes that count are those that no later one replaces and that were not throttled; where fewer than two are
    left, the throttled ones count as well and the row says so.

    Args:
        records: Of one session, which need not be complete, as `judged` gives them.
        all_count: Whether throttled processes count as well, as they must where heat is what is looked for.
    """
    groups: dict[Configuration, list[Record]] = {}
    for record in records:
        groups.setdefault(record.configuration, []).append(record)
    least = None if all_count else _LEAST_COOL
    return tuple(_summary(configuration, group, least) for configuration, group in groups.items())


def _summary(configuration: Configuration, records: Sequence[Record], least_cool: int | None) -> Summary:
    standing = [record for record in records if record.is_latency and not record.replaced]
    cool = [record for record in standing if not record.throttled]
    counting = standing if least_cool is None or len(cool) < least_cool else cool
    measured = [record.measurement for record in counting if record.measurement is not None]
    centres_ms = tuple(measurement.centre_ms for measurement in measured)
    latency_ms, (low_ms, high_ms) = _median(centres_ms), _interval(centres_ms)
    return Summary(
        configuration=configuration,
        failure=_failure(records),
        throttled=any(record.throttled for record in counting),
        centres_ms=centres_ms,
        latency_ms=latency_ms,
        centre="mean" if any(measurement.centre == "mean" for measurement in measured) else "median",
        low_ms=low_ms,
        high_ms=high_ms,
        spread=stdev(centres_ms) / fmean(centres_ms) if len(centres_ms) >= 2 else None,
        min_ms=min((value.min_ms for value in measured if value.min_ms is not None), default=None),
        p5_ms=_median(value.p5_ms for value in measured),
        p95_ms=_median(value.p95_ms for value in measured),
        first_ms=_median(value.first_ms for value in measured),
        init_ms=_median(value.init_ms for value in measured),
        runs=sum(value.runs for value in measured),
        used="; ".join(_distinct(value.used for value in measured if value.used)),
        doubts=_doubts(records),
        memory=next((value.memory for value in _of_kind(records, "memory") if value.memory is not None), None),
        profile=next((value.profile for value in _of_kind(records, "profile") if value.profile), ()),
    )


def _interval(centres_ms: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """Gives Student's interval on logarithms, widened to the median where that lies outside: it is about the mean."""
    if len(centres_ms) < 2:
        return None, None
    low_ms, high_ms = log_interval(centres_ms)
    return min(low_ms, median(centres_ms)), max(high_ms, median(centres_ms))


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _of_kind(records: Iterable[Record], kind: str) -> list[Measurement]:
    return [record.measurement for record in records if record.kind == kind and record.measurement is not None]


def _failure(records: Sequence[Record]) -> str:
    """Gives why a configuration was given up: its trial failed, or every attempt of a round."""
    done = {record.slot for record in records if record.measurement is not None}
    failed = [record for record in records if record.kind in ("trial", "latency") and record.slot not in done]
    return failed[-1].failure if failed else ""


def _doubts(records: Sequence[Record]) -> tuple[str, ...]:
    said = [doubt for record in records if record.measurement is not None for doubt in record.measurement.doubts]
    extra = [
        f"no {record.kind}: {record.failure}"
        for record in records
        if record.kind in ("memory", "profile") and record.measurement is None
    ]
    return _distinct([*said, *extra])


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedUp:
    """How many times faster a model is than the baseline with the same threads and delegate.

    Attributes:
        configuration: The faster one, or so one hopes.
        baseline: What it is compared with.
        ratio: Latency of the baseline over that of the model.
    """

    configuration: Configuration
    baseline: Configuration
    ratio: Ratio

    def to_json(self) -> dict[str, Any]:
        """Gives all of it as JSON values."""
        return {
            "configuration": asdict(self.configuration),
            "baseline": self.baseline.model,
            "ratio": self.ratio.to_json(),
        }


def speed_ups(summaries: Iterable[Summary], *, baseline: str) -> tuple[SpeedUp, ...]:
    """Compares every model with the baseline, threads and delegate being the same.

    Args:
        summaries: Of one session.
        baseline: Name of the model to compare with, such as the float one.

    Returns:
        One for each configuration of another model, with Welch's interval of 95 % on the logarithms of the processes'
        medians; left out where either has fewer than two processes.
    """
    enough = {summary.configuration: summary for summary in summaries if len(summary.centres_ms) >= 2}
    pairs = [(_like(configuration, baseline), configuration) for configuration in enough]
    return tuple(
        SpeedUp(
            configuration=own,
            baseline=base,
            ratio=welch_ratio(enough[base].centres_ms, enough[own].centres_ms),
        )
        for base, own in pairs
        if base in enough and base != own
    )


def _like(configuration: Configuration, model: str) -> Configuration:
    return Configuration(model=model, threads=configuration.threads, delegate=configuration.delegate)
