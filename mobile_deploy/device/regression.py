"""Whether configurations became slower since an older report, with the noise of both taken into account."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import log, sqrt
from statistics import variance
from typing import Any, Literal

from mobile_deploy.device.measurement import Configuration
from mobile_deploy.device.summary import Summary
from mobile_deploy.statistics import Ratio, student_t_quantile, welch_ratio

CONFIDENCE = 0.95
"""Of each verdict: it takes one end of an interval, so one side."""

MOST_PROCESSES = 100
"""Number of processes above which more of them are no advice."""

Verdict = Literal["slower", "held", "undecided", "not comparable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What a report says of one configuration.

    Attributes:
        configuration: What was measured.
        centres_ms: Median of each process that counts, in ms.
        throttled: Whether the place was throttled.
    """

    configuration: Configuration
    centres_ms: tuple[float, ...]
    throttled: bool = False

    @classmethod
    def of(cls, summary: Summary) -> Timing:
        """Takes from a row of a report what is compared."""
        return cls(configuration=summary.configuration, centres_ms=summary.centres_ms, throttled=summary.throttled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a report says, as far as it is compared.

    Attributes:
        place: What must be the same for times to be compared, by its name: {"phone": ..., "tool": ...}.
        timings: One for each configuration.
    """

    place: Mapping[str, str]
    timings: tuple[Timing, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of one configuration.

    Attributes:
        configuration: What was measured.
        verdict: "slower" by more than was allowed, "held", "undecided", or "not comparable".
        ratio: New latency over old; the ends hold with 95 % probability each. None if not comparable.
        reason: Why it is not comparable or not decided; empty otherwise.
        processes_needed: How many processes in both reports would roughly decide; None if it is decided, or if more
            would not help.
        place: Where it was measured, where there are several places; empty otherwise.
    """

    configuration: Configuration
    verdict: Verdict
    ratio: Ratio | None = None
    reason: str = ""
    processes_needed: int | None = None
    place: str = ""

    def to_json(self) -> dict[str, Any]:
        """Gives all of it as JSON values."""
        return {
            "place": self.place,
            "configuration": asdict(self.configuration),
            "verdict": self.verdict,
            "ratio": None if self.ratio is None else self.ratio.to_json(),
            "reason": self.reason,
            "processes_needed": self.processes_needed,
        }


def compare(old: Results, new: Results, *, percent: float) -> tuple[Comparison, ...]:
    """Says of each configuration whether it is slower than before by more than is allowed.

    A configuration is the same if model name, threads and delegate are. It is slower only if chance is an unlikely
    explanation: the lower end of the interval of new over old lies above the bar. The interval knows how processes of
    a session differ, not how days do, which is why a bar of some percent is better than none.

    Args:
        old: The older report.
        new: The newer one.
        percent: How much slower is allowed, at least 0.

    Returns:
        One for each configuration of either, those of the new report first.
    """
    before = {timing.configuration: timing for timing in old.timings}
    after = {timing.configuration: timing for timing in new.timings}
    other = [name for name in {**new.place, **old.place} if old.place.get(name) != new.place.get(name)]
    strange = f"another {' and another '.join(other)}" if other else ""
    return tuple(
        _compare(configuration, before.get(configuration), after.get(configuration), strange, 1 + percent / 100)
        for configuration in {**after, **before}
    )


def _compare(
    configuration: Configuration, old: Timing | None, new: Timing | None, strange: str, bar: float
) -> Comparison:
    problem = strange or _missing(old, "old") or _missing(new, "new")
    if problem or old is None or new is None:
        return Comparison(configuration=configuration, verdict="not comparable", reason=problem)
    # Two sides of 5 % each make one side of 95 %.
    ratio = welch_ratio(new.centres_ms, old.centres_ms, confidence=2 * CONFIDENCE - 1)
    verdict: Verdict = "slower" if ratio.low > bar else "held" if ratio.high <= bar else "undecided"
    hot = [name for name, timing in (("old", old), ("new", new)) if timing.throttled]
    if hot and verdict != "held":
        reason = f"throttled in the {' and the '.join(hot)} report"
        return Comparison(configuration=configuration, verdict="undecided", ratio=ratio, reason=reason)
    if verdict == "undecided":
        needed = _processes_needed(old.centres_ms, new.centres_ms, ratio, bar)
        return Comparison(
            configuration=configuration,
            verdict=verdict,
            ratio=ratio,
            reason=f"the interval spans the bar of {bar:g}",
            processes_needed=needed,
        )
    return Comparison(configuration=configuration, verdict=verdict, ratio=ratio)


def _missing(timing: Timing | None, name: str) -> str:
    if timing is None:
        return f"not in the {name} report"
    count = len(timing.centres_ms)
    return "" if count >= 2 else f"{count or 'no'} process{'es' * (count != 1)} in the {name} report, needed are 2"


def _processes_needed(old_ms: Iterable[float], new_ms: Iterable[float], ratio: Ratio, bar: float) -> int | None:
    """Gives the least number of processes whose interval would leave the bar out, if ratio and noise stay."""
    noise = variance(map(log, old_ms)) + variance(map(log, new_ms))
    gap = abs(log(ratio.value) - log(bar))

    def decides(count: int) -> bool:
        return student_t_quantile(CONFIDENCE, 2 * (count - 1)) * sqrt(noise / count) < gap

    counts = range(2, MOST_PROCESSES + 1)
    position = bisect_left(counts, True, key=decides)
    return counts[position] if position < len(counts) else None
