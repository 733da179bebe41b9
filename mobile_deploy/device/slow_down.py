"""Finds in the times alone the moment from which on everything is slower than before.

The thresholds are set by simulation so that chance and work in the background are hardly ever taken for heat: processes
whose medians vary by 6 % (standard deviation), of which one in twenty-five is 30 % slower than it should be, give a
finding in about one of 8000 sessions of 10 or 20 processes. A place that falls to two thirds of its clock halfway is
found in 99.5 % of them, or more. Smaller losses are left to the other kinds of evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

from mobile_deploy.device.measurement import Configuration

SLOW_DOWN = 1.2
"""Factor that the median time after the moment must exceed."""

LASTING_FACTOR = 1.12
"""Factor that nearly all times after the moment must exceed."""

LASTING_SHARE = 0.8
"""How many are nearly all."""

LEAST_RUNS = 4
"""Least number of times before the moment, and after it; fewer can be slow by chance."""

MOST_SPLITS = 100
"""About how many moments are looked at in long sessions, before those near the best of them are."""

Times = Sequence[tuple[Configuration, float]]
"""Configuration and time in ms of each process, in the order they were run."""

_Logarithms = Sequence[tuple[int, float]]  # with the number of the configuration, which hashes faster


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDown:
    """A moment from which on everything is slower.

    Attributes:
        since: Position of the first slow process.
        usual_ms: Median before the moment by configuration.
    """

    since: int
    usual_ms: Mapping[Configuration, float]

    def factor(self, configuration: Configuration, centre_ms: float) -> float:
        """Gives how many times slower a process is than before the moment; 1 if its configuration did not run then."""
        return centre_ms / self.usual_ms.get(configuration, centre_ms)


def find_slow_down(times: Times) -> SlowDown | None:
    """Finds the moment that parts the times best into usual and slow ones, if any does.

    Each time is compared with those of the same configuration, so the order of the configurations does not matter.

    Returns:
        The moment; None if the times tell of no lasting slow-down, or are too few to tell.
    """
    names = list(dict.fromkeys(configuration for configuration, _ in times))
    numbers = {configuration: number for number, configuration in enumerate(names)}
    logarithms = [(numbers[configuration], log(centre_ms)) for configuration, centre_ms in times]
    splits = range(LEAST_RUNS, len(times) - LEAST_RUNS + 1)
    step = max(1, len(splits) // MOST_SPLITS)
    # Those near the end are all looked at: a few slow processes there are few of what an earlier moment parts off.
    best = _best({*splits[::step], *splits[-step:]}, logarithms)
    if best is None:
        return None
    if step > 1:
        near = range(max(splits[0], best[1] - step), min(splits[-1], best[1] + step) + 1)
        best = _best(near, logarithms) or best
    _, since, usual = best
    return SlowDown(since=since, usual_ms={names[number]: exp(value) for number, value in usual.items()})


def _best(splits: Iterable[int], logarithms: _Logarithms) -> tuple[float, int, Mapping[int, float]] | None:
    """Gives the moment that parts best, after its cost, with the usual ones; None if none is a slow-down."""
    found = [
        (cost, split, usual)
        for split in sorted(splits)
        for cost, usual in _parted(logarithms[:split], logarithms[split:])
    ]
    return min(found, key=lambda part: part[0], default=None)


def _parted(early: _Logarithms, late: _Logarithms) -> list[tuple[float, Mapping[int, float]]]:
    """Gives how well a moment parts logarithms of times, with the usual ones; nothing if no slow-down lies there."""
    usual = _usual(early)
    rises = [value - usual[number] for number, value in late if number in usual]
    if len(rises) < LEAST_RUNS:
        return []
    rise = median(rises)
    least = log(LASTING_FACTOR)
    lasting = sum(value > least for value in rises)
    if rise < log(SLOW_DOWN) or lasting < LASTING_SHARE * len(rises):
        return []
    cost = sum(abs(value - usual[number]) for number, value in early)
    return [(cost + sum(abs(value - rise) for value in rises), usual)]


def _usual(early: _Logarithms) -> dict[int, float]:
    groups: dict[int, list[float]] = {}
    for number, value in early:
        groups.setdefault(number, []).append(value)
    return {number: median(values) for number, values in groups.items()}
