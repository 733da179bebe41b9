"""Whether a place slowed itself down against heat while it was measured: four kinds of evidence, each enough.

status   Android's thermal status is above none
cap      a core may no longer reach the clock that it could reach before
clock    the process ran at lower clocks than others of the same configuration
times    from some moment on, all configurations are slower than before
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from mobile_deploy.device.cores import Core
from mobile_deploy.device.measurement import Condition, Configuration
from mobile_deploy.device.records import Record, with_replaced
from mobile_deploy.device.slow_down import LASTING_FACTOR, find_slow_down

THERMAL_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Names of Android's thermal status, by number. Source: android.os.PowerManager, THERMAL_STATUS_*."""

CLOCK_DROP = 0.15
"""Share that a clock may lie under its best. Governors and counters vary by less, steps of throttling are larger."""

_TICK_S = 0.01  # Source: Linux, Documentation/cpu-freq/cpufreq-stats: time_in_state counts in 10 ms.
_LEAST_TICKS = 10  # below, one tick more or less is as large as the drop that is looked for


def judged(records: Iterable[Record]) -> tuple[Record, ...]:
    """Says of each latency process whether the place was throttled, and which attempts are replaced by later ones.

    Args:
        records: Of one session, in the order they were run; it need not be complete.

    Returns:
        The same with `throttled`, `reasons` and `replaced` as all of them together tell.
    """
    ordered = tuple(records)
    signs = tuple(map(_signs_by(ordered), ordered))
    slow = _slow_by_times(ordered, signs)
    return with_replaced(
        replace(record, throttled=bool(found + late), reasons=found + late)
        for record, found, late in zip(ordered, signs, slow, strict=True)
    )


def heat_signs(condition: Condition, cores: Sequence[int], usual_cap_khz: Mapping[int, int]) -> tuple[str, ...]:
    """Says what speaks for throttling at a moment.

    Args:
        condition: The moment.
        cores: Cores that matter; empty for all.
        usual_cap_khz: Highest clock that each core could take in the session so far.

    Returns:
        One clause with its numbers for each sign; none if there is none or nothing is known.
    """
    found = []
    if condition.thermal_status:
        found.append(f"thermal status {condition.thermal_status} ({status_name(condition.thermal_status)})")
    caps = {core: cap for core, cap in condition.clock_cap_khz.items() if usual_cap_khz.get(core)}
    shares = {core: cap / usual_cap_khz[core] for core, cap in caps.items() if not cores or core in cores}
    worst = min(shares, key=lambda core: shares[core], default=None)
    if worst is not None and shares[worst] < 1 - CLOCK_DROP:
        found.append(f"core {worst} held to {caps[worst] / 1e6:.2f} of {usual_cap_khz[worst] / 1e6:.2f} GHz")
    return tuple(found)


def capped_cores(condition: Condition, cores: Iterable[Core]) -> tuple[str, ...]:
    """Says which cores may not reach the clock that they are built for, at the very start of a session.

    Returns:
        One clause for each, such as "core 8 is held to 1.50 of 2.91 GHz"; none where clocks are not told.
    """
    caps = condition.clock_cap_khz
    return tuple(
        f"core {core.index} is held to {caps[core.index] / 1e6:.2f} of {core.max_khz / 1e6:.2f} GHz"
        for core in cores
        if core.max_khz and core.index in caps and caps[core.index] < (1 - CLOCK_DROP) * core.max_khz
    )


def usual_caps(records: Iterable[Record]) -> dict[int, int]:
    """Gives the highest clock in kHz that each core was seen to be allowed."""
    highest: dict[int, int] = {}
    for record in records:
        for condition in record.conditions:
            raise_caps(highest, condition)
    return highest


def raise_caps(highest: dict[int, int], condition: Condition) -> None:
    """Takes a moment into the highest clocks that were seen, in place."""
    for core, cap in condition.clock_cap_khz.items():
        highest[core] = max(cap, highest.get(core, 0))


def status_name(status: int) -> str:
    """Gives the name of a thermal status.

    >>> status_name(2)
    'moderate'
    """
    return THERMAL_STATUS[status] if 0 <= status < len(THERMAL_STATUS) else "unknown"


def clock_share(record: Record) -> float | None:
    """Gives the mean clock of the busiest core while the process timed the model, as a share of its highest clock.

    The ticks of a whole process include its start, pauses and the governor's ramp; its timed inferences are the fastest
    ticks, as many as they took. Each core is compared with its own highest clock, since a thread may move to another.

    Returns:
        In (0, 1]; None if the place does not count ticks or too few were counted.
    """
    if record.after is None or record.measurement is None:
        return None
    busy = record.measurement.centre_ms / 1000 * record.measurement.runs / _TICK_S
    shares = [
        _fastest(record.before.ticks[core], clocks, busy)
        for core, clocks in record.after.ticks.items()
        if core in record.before.ticks and (not record.cores or core in record.cores)
    ]
    return max((share for share in shares if share is not None), default=None)


def _fastest(before: Mapping[int, int], after: Mapping[int, int], busy: float) -> float | None:
    spent = {khz: count - before.get(khz, 0) for khz, count in after.items()}
    # Counters fall when a core was off in between.
    if not spent or min(spent.values()) < 0 or min(busy, sum(spent.values())) < _LEAST_TICKS:
        return None
    left, product = busy, 0.0
    for khz in sorted(spent, reverse=True):
        taken = min(left, spent[khz])
        product += taken * khz
        left -= taken
    return product / (busy - left) / max(spent)


def _signs_by(records: Sequence[Record]) -> Callable[[Record], tuple[str, ...]]:
    """Makes the function that finds the evidence that a latency process holds by itself."""
    usual = usual_caps(records)
    best: dict[Configuration, float] = {}
    for record in records:
        if record.is_latency:
            best[record.configuration] = max(best.get(record.configuration, 0.0), clock_share(record) or 0.0)

    def signs(record: Record) -> tuple[str, ...]:
        if not record.is_latency:
            return ()
        moments = zip(("before", "after"), record.conditions, strict=False)
        found = [f"{sign} {when}" for when, at in moments for sign in heat_signs(at, record.cores, usual)]
        share, most = clock_share(record), best[record.configuration]
        if share is not None and share < (1 - CLOCK_DROP) * most:
            found.append(f"mean clock at {share:.0%} of the highest, others of this configuration at {most:.0%}")
        return tuple(found)

    return signs


def _slow_by_times(records: Sequence[Record], signs: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Finds by time alone what comes after a lasting slow-down, among processes that nothing else speaks against."""
    usable = [number for number, record in enumerate(records) if record.is_latency and not signs[number]]
    firsts = _first_of_each_slot(records)
    rounds = [number for number in usable if number in firsts]
    found = find_slow_down([(records[number].configuration, records[number].centre_ms) for number in rounds])
    reasons: list[tuple[str, ...]] = [()] * len(records)
    if found is None:
        return tuple(reasons)
    late = set(rounds[found.since :])
    for number in usable:
        factor = found.factor(records[number].configuration, records[number].centre_ms)
        # What was repeated after a rest may be at its usual speed again.
        if number in late or (number not in firsts and factor > LASTING_FACTOR):
            reasons[number] = (f"{factor:.2f} times the latency of this configuration before the slow-down",)
    return tuple(reasons)


def _first_of_each_slot(records: Sequence[Record]) -> set[int]:
    firsts: dict[object, int] = {}
    for number, record in enumerate(records):
        if record.is_latency:
            firsts.setdefault(record.slot, number)
    return set(firsts.values())
