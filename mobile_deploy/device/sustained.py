"""One configuration without a pause, to see what heat makes of its latency."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import median
from typing import Any

from mobile_deploy.device.measurement import Clock, Configuration, Target
from mobile_deploy.device.plan import Plan, Progress
from mobile_deploy.device.process import run_process
from mobile_deploy.device.records import Record

MOST_FAILURES = 3
"""Failed processes in a row after which the rest would fail as well."""


def run_sustained(
    target: Target,
    configuration: Configuration,
    seconds: float,
    plan: Plan,
    *,
    clock: Clock,
    on_record: Callable[[Record], None] = lambda record: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Record, ...]:
    """Runs one configuration in process after process, without cool-down.

    Args:
        target: The place.
        configuration: What to run.
        seconds: For how long; the last process may take longer.
        plan: Gives the length of a process.
        clock: The time.
        on_record: Gets each process as soon as it ended.
        on_progress: Is told before each process.

    Returns:
        All processes in order. They end early when some fail in a row.

    Raises:
        PhoneLostError: The place no longer answers.
    """
    begin_s = clock.now()
    request = plan.request(configuration, "latency")
    records: list[Record] = []
    before = target.condition()

    def keep(record: Record) -> None:
        records.append(record)
        on_record(record)

    while (passed_s := clock.now() - begin_s) < seconds and not _hopeless(records):
        on_progress(_progress(configuration, len(records), passed_s, seconds))
        record = run_process(target, request, before=before, started_s=passed_s, number=len(records), keep=keep)
        before = record.after or before
    return tuple(records)


def _hopeless(records: list[Record]) -> bool:
    last = records[-MOST_FAILURES:]
    return len(last) == MOST_FAILURES and all(record.measurement is None for record in last)


def _progress(configuration: Configuration, done: int, passed_s: float, seconds: float) -> Progress:
    expected = round(done * seconds / passed_s) if passed_s > 0 else 1
    return Progress(
        done=done, total=max(done + 1, expected), doing=f"latency of {configuration}", left_s=seconds - passed_s
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What one minute was like.

    Attributes:
        minute: From 0.
        processes: Processes that began in it and did not fail.
        runs: Their timed inferences.
        median_ms: Median of their medians.
        p95_ms: Median of their 95th percentiles; None if the tool gives none.
        hottest_c: Highest temperature in °C; None if the place does not tell.
        thermal_status: Highest thermal status; None if the place does not tell.
    """

    minute: int
    processes: int
    runs: int
    median_ms: float
    p95_ms: float | None
    hottest_c: float | None
    thermal_status: int | None

    def to_json(self) -> dict[str, Any]:
        """Gives all of it as JSON values."""
        return asdict(self)


def by_minute(records: Iterable[Record]) -> tuple[Minute, ...]:
    """Sums records up by the minute they began in; a minute without a latency is left out."""
    good = (record for record in records if record.is_latency)
    return tuple(_minute(minute, tuple(group)) for minute, group in groupby(good, _minute_of))


def _minute_of(record: Record) -> int:
    return int(record.started_s // 60)


def _minute(minute: int, records: tuple[Record, ...]) -> Minute:
    measurements = [record.measurement for record in records if record.measurement is not None]
    conditions = [condition for record in records for condition in record.conditions]
    p95s = [measurement.p95_ms for measurement in measurements if measurement.p95_ms is not None]
    statuses = [condition.thermal_status for condition in conditions if condition.thermal_status is not None]
    temperatures = [condition.hottest_c for condition in conditions if condition.hottest_c is not None]
    return Minute(
        minute=minute,
        processes=len(measurements),
        runs=sum(measurement.runs for measurement in measurements),
        median_ms=median(measurement.centre_ms for measurement in measurements),
        p95_ms=median(p95s) if p95s else None,
        hottest_c=max(temperatures, default=None),
        thermal_status=max(statuses, default=None),
    )
