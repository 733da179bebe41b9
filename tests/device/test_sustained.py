"""One configuration without a pause: what heat makes of it, by the minute."""

from __future__ import annotations

import pytest
from fakes.simulated_phone import Heat, SimulatedPhone

from mobile_deploy.device.failures import PhoneLostError, RunFailedError
from mobile_deploy.device.measurement import Condition, Configuration, Measurement
from mobile_deploy.device.plan import Plan
from mobile_deploy.device.records import Record
from mobile_deploy.device.sustained import MOST_FAILURES, by_minute, run_sustained

A = Configuration(model="a", threads=4)


def phone(**changes) -> SimulatedPhone:
    return SimulatedPhone(**{"truth_ms": {A: 10.0}, "noise": 0.01, "spikes": 0.0, "shows": {"status"}, **changes})


def sustained(found: SimulatedPhone, seconds: float = 300.0, **options) -> tuple[Record, ...]:
    return run_sustained(found, A, seconds, Plan(), clock=found.clock, **options)


def test_processes_follow_each_other_for_the_whole_time():
    found = phone()
    records = sustained(found)
    assert 300 <= found.clock.now() - 1000 < 303
    assert [record.round for record in records] == list(range(len(records)))
    assert len(records) == pytest.approx(300 / 1.7, abs=3)
    assert {request.kind for request in found.requests} == {"latency"}


def test_heat_is_not_waited_for_and_shows_in_the_minutes():
    minutes = by_minute(sustained(phone(heat=Heat(limit=75.0, cools=0.0))))
    assert [minute.minute for minute in minutes] == [0, 1, 2, 3, 4]
    assert [minute.thermal_status for minute in minutes] == [0, 2, 2, 2, 2]
    assert minutes[0].median_ms == pytest.approx(10.2, abs=0.2)
    assert minutes[4].median_ms == pytest.approx(10.2 / 0.65, abs=0.3)


def test_a_failed_process_is_kept_and_the_next_goes_on():
    failures = iter([True, False, True, False])

    def fail(request) -> None:
        if next(failures, False):
            raise RunFailedError(what=A, reason="it crashed")

    records = sustained(phone(before_run=fail), 60.0)
    assert [bool(record.failure) for record in records[:5]] == [True, False, True, False, False]
    assert by_minute(records)[0].processes == len(records) - 2


def test_it_ends_early_when_nothing_but_failures_comes():
    def fail(request) -> None:
        raise RunFailedError(what=A, reason="it crashed")

    assert len(sustained(phone(before_run=fail))) == MOST_FAILURES


def test_all_that_was_measured_was_delivered_when_the_phone_is_lost():
    delivered = []

    def lose(request) -> None:
        if len(delivered) == 4:
            raise PhoneLostError(serial="1", doing="benchmark", problem="it is gone")

    with pytest.raises(PhoneLostError):
        sustained(phone(before_run=lose), on_record=delivered.append)
    assert len(delivered) == 4


def test_progress_tells_the_time_that_is_left():
    told = []
    records = sustained(phone(), on_progress=told.append)
    assert [progress.done for progress in told] == list(range(len(records)))
    assert told[0].left_s == pytest.approx(300, abs=0.5)
    assert told[-1].left_s < 3
    assert told[50].total == pytest.approx(len(records), abs=5)


def record(started_s: float, centre_ms: float, *, p95_ms: float | None = None, c: float | None = None) -> Record:
    return Record(
        configuration=A,
        kind="latency",
        round=0,
        attempt=0,
        started_s=started_s,
        measurement=Measurement(centre_ms=centre_ms, runs=100, p95_ms=p95_ms),
        before=Condition(temperatures_c={} if c is None else {"SKIN": c}),
        after=None,
    )


def test_a_minute_has_medians_and_the_highest_temperature():
    first, second = by_minute(
        [
            record(0.0, 1.0, p95_ms=2.0, c=30.0),
            record(20.0, 9.0, p95_ms=4.0, c=35.0),
            record(59.9, 3.0, p95_ms=5.0, c=33.0),
            record(130.0, 4.0),
        ]
    )
    assert (first.minute, first.processes, first.runs) == (0, 3, 300)
    assert (first.median_ms, first.p95_ms, first.hottest_c, first.thermal_status) == (3.0, 4.0, 35.0, None)
    assert (second.minute, second.median_ms, second.p95_ms, second.hottest_c) == (2, 4.0, None, None)
    assert second.to_json()["median_ms"] == 4.0
