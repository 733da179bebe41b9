"""The order of a session, what it does about failures and heat, and that nothing of it is lost."""

from __future__ import annotations

import json
import math
from collections import Counter

import pytest
from fakes.simulated_phone import LATENCIES_ONLY, Heat, SimulatedPhone, measured

from mobile_deploy.device.failures import PhoneLostError, RunFailedError
from mobile_deploy.device.measurement import Configuration, Measurement
from mobile_deploy.device.plan import OVERHEAD_S, Plan, estimate_s
from mobile_deploy.device.session import run_session

A, B, C = (Configuration(model=model, threads=1) for model in "abc")
TRUTH_MS = {A: 10.0, B: 4.0, C: 30.0}


def phone(**changes) -> SimulatedPhone:
    return SimulatedPhone(**{"truth_ms": TRUTH_MS, **changes})


def rounds_of(records) -> list[tuple[Configuration, ...]]:
    latencies = [record for record in records if record.kind == "latency"]
    return [
        tuple(record.configuration for record in latencies if record.round == number)
        for number in range(1 + max(record.round for record in latencies))
    ]


def test_a_session_is_trials_then_rounds_then_memory_then_profile():
    found = phone()
    measured(found, Plan(processes=2, profile=True))
    assert [request.kind for request in found.requests] == ["trial"] * 3 + ["latency"] * 6 + ["memory"] * 3 + [
        "profile"
    ] * 3


def test_each_round_has_every_configuration_once():
    assert all(set(order) == {A, B, C} and len(order) == 3 for order in rounds_of(measured(phone())))


def test_the_order_differs_from_round_to_round_and_favours_none():
    rounds = [order for seed in range(60) for order in rounds_of(measured(phone(), Plan(memory=False, seed=seed)))]
    counts = Counter(rounds)
    assert len(counts) == 6
    assert all(count == pytest.approx(300 / 6, abs=25) for count in counts.values())


def test_the_same_seed_gives_the_same_order():
    first, second, third = (rounds_of(measured(phone(), Plan(memory=False, seed=seed))) for seed in (1, 1, 2))
    assert first == second != third


def test_processes_are_as_long_as_the_plan_says_and_trials_are_short():
    found = phone()
    measured(found, Plan(runs=7, seconds=2.0, warmup_seconds=0.25, processes=1))
    asked = {request.kind: (request.runs, request.seconds, request.warmup_seconds) for request in found.requests}
    assert asked == {"trial": (1, 0.0, 0.0), "latency": (7, 2.0, 0.25), "memory": (7, 2.0, 0.25)}


class Failing:
    """Fails processes of one configuration, by kind and by how often that kind ran before."""

    def __init__(self, configuration: Configuration, kind: str, *times: int) -> None:
        self._configuration, self._kind, self._times, self._seen = configuration, kind, times, 0

    def __call__(self, request) -> None:
        if (request.configuration, request.kind) == (self._configuration, self._kind):
            self._seen += 1
            if self._seen - 1 in self._times:
                raise RunFailedError(what=request.configuration, reason="it crashed", log="Segmentation fault")


def kinds_of(records, configuration) -> list[str]:
    return [record.kind for record in records if record.configuration == configuration]


def test_a_configuration_that_fails_its_trial_is_left_out_and_the_others_go_on():
    records = measured(phone(before_run=Failing(B, "trial", 0)))
    (failed,) = (record for record in records if record.configuration == B)
    assert (failed.measurement, failed.failure, failed.failure_log) == (None, "it crashed", "Segmentation fault")
    assert all(kinds_of(records, other) == ["trial"] + ["latency"] * 5 for other in (A, C))


def test_a_process_that_fails_once_is_run_again_at_once():
    records = measured(phone(before_run=Failing(B, "latency", 2)))
    attempts = [(record.round, record.attempt, record.failure) for record in records if record.configuration == B][1:]
    assert attempts == [(0, 0, ""), (1, 0, ""), (2, 0, "it crashed"), (2, 1, ""), (3, 0, ""), (4, 0, "")]
    assert [record.round for record in records if record.replaced] == [2]


def test_a_configuration_that_fails_twice_in_a_row_is_given_up_with_what_it_measured():
    records = measured(phone(before_run=Failing(B, "latency", 2, 3)), Plan())
    assert kinds_of(records, B) == ["trial"] + ["latency"] * 4
    assert sum(record.is_latency for record in records if record.configuration == B) == 2
    assert kinds_of(records, A) == ["trial"] + ["latency"] * 5 + ["memory"]


def test_a_memory_process_that_fails_costs_only_itself():
    records = measured(phone(before_run=Failing(B, "memory", 0)), Plan(profile=True))
    assert kinds_of(records, B) == ["trial"] + ["latency"] * 5 + ["memory", "profile"]


@pytest.mark.parametrize("centre_ms", [0.0, math.nan, -1.0, math.inf])
def test_a_latency_that_cannot_be_is_a_failure(centre_ms):
    class Wrong(SimulatedPhone):
        def run(self, request):
            return Measurement(centre_ms=centre_ms, runs=50, log="count=50 ...")

    (record,) = measured(Wrong(truth_ms={A: 1.0}))
    assert record.measurement is None
    assert "is no latency" in record.failure
    assert record.failure_log == "count=50 ..."


class Leaving:
    """Ends everything at some process or at some look at the phone."""

    def __init__(self, error: BaseException, *, after: int) -> None:
        self._error, self._left = error, after

    def __call__(self, *_) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._error


LOST = PhoneLostError(serial="1", doing="benchmark", problem="it is gone")


@pytest.mark.parametrize("error", [LOST, KeyboardInterrupt()], ids=["lost", "interrupted"])
def test_all_that_was_measured_was_delivered_when_a_process_breaks_the_session_off(error):
    delivered, found = [], phone(before_run=Leaving(error, after=8))
    with pytest.raises(type(error)):
        run_session(found, [A, B, C], LATENCIES_ONLY, clock=found.clock, on_record=delivered.append)
    assert [record.kind for record in delivered] == ["trial"] * 3 + ["latency"] * 5
    assert all(record.measurement for record in delivered)


@pytest.mark.parametrize("error", [LOST, KeyboardInterrupt()], ids=["lost", "interrupted"])
def test_a_process_is_delivered_even_if_the_phone_falls_silent_right_after_it(error):
    leaving = Leaving(error, after=7)  # looks before and after: the eighth follows the fourth process

    class Silent(SimulatedPhone):
        def condition(self):
            leaving()
            return super().condition()

    delivered, found = [], Silent(truth_ms=TRUTH_MS)
    with pytest.raises(type(error)):
        run_session(found, [A, B, C], LATENCIES_ONLY, clock=found.clock, on_record=delivered.append)
    assert len(delivered) == len(found.requests) == 4
    assert delivered[-1].measurement is not None
    assert delivered[-1].after is None


def test_a_hot_phone_is_waited_for_before_a_process():
    heat = Heat(limit=10.0, cools=0.2)
    found = phone(heat=heat, shows=frozenset({"status"}))
    session = run_session(found, [A, B, C], LATENCIES_ONLY, clock=found.clock)
    assert all(record.before.thermal_status == 0 for record in session.records)
    assert session.cooled_s > 30


def test_a_phone_that_never_cools_ends_the_session_in_bounded_time_with_marks():
    found = phone(heat=Heat(limit=10.0, cools=0.0), shows=frozenset({"status"}))
    plan = Plan(memory=False, cool_down_s=100.0, cool_downs_s=250.0)
    session = run_session(found, [A, B, C], plan, clock=found.clock)
    assert 250 <= session.cooled_s < 260
    assert sum(record.throttled for record in session.records) >= 5


def test_throttled_processes_are_repeated_after_a_rest_and_stand_in_for_the_first():
    found = phone(heat=Heat(limit=14.0, cools=0.1), shows=frozenset({"ticks"}))
    records = measured(found, Plan(memory=False, cool_downs_s=600.0))
    replaced = [record for record in records if record.replaced]
    assert replaced
    assert all(record.throttled and record.attempt == 0 for record in replaced)
    standing = [record for record in records if record.is_latency and not record.replaced]
    assert Counter(record.configuration for record in standing) == dict.fromkeys(TRUTH_MS, 5)
    assert not any(record.throttled for record in standing)
    repeats = [record for record in records if record.attempt == 1]
    assert {record.slot for record in repeats} == {record.slot for record in replaced}
    assert repeats[0].started_s - records[-len(repeats) - 1].started_s > 300


def test_what_stays_throttled_is_repeated_as_often_as_the_plan_says():
    found = phone(heat=Heat(limit=11.0, cools=0.0), shows=frozenset({"ticks"}))
    records = measured(found, Plan(memory=False, retries=2))
    last = [record for record in records if record.attempt == 2]
    assert last
    assert all(record.throttled and not record.replaced for record in last)
    assert max(record.attempt for record in records) == 2


def test_progress_grows_by_what_is_repeated():
    told, found = [], phone(heat=Heat(limit=14.0, cools=0.1), shows=frozenset({"ticks"}))
    session = run_session(found, [A, B, C], Plan(), clock=found.clock, on_progress=told.append)
    assert any(record.attempt for record in session.records)
    assert told[0].total == 21
    assert next(progress.done for progress in told if progress.total > 21) == 18  # before memory
    assert told[-1].total == len(session.records)


def test_nothing_is_repeated_when_there_is_no_time_left_to_rest():
    found = phone(heat=Heat(limit=14.0, cools=0.1), shows=frozenset({"ticks"}))
    records = measured(found, Plan(memory=False, cool_downs_s=0.0))
    assert any(record.throttled for record in records)
    assert max(record.attempt for record in records) == 0


def test_nothing_is_repeated_on_a_phone_that_shows_that_it_is_still_hot():
    found = phone(heat=Heat(limit=11.0, cools=0.0), shows=frozenset({"status"}))
    records = measured(found, Plan(memory=False))
    assert any(record.throttled for record in records)
    assert max(record.attempt for record in records) == 0


def test_a_failing_repeat_leaves_the_throttled_process_in_place():
    found = phone(
        heat=Heat(limit=11.0, cools=0.1),
        shows=frozenset({"ticks"}),
        before_run=Failing(B, "latency", *range(5, 20)),
    )
    records = measured(found, Plan(memory=False, retries=1))
    failed = [record for record in records if record.failure]
    assert failed
    for record in failed:
        (first,) = (other for other in records if other.slot == record.slot and other.attempt == 0)
        assert first.throttled
        assert not first.replaced


def test_progress_counts_all_processes_and_ends_at_their_number():
    told, found = [], phone()
    session = run_session(found, [A, B, C], Plan(), clock=found.clock, on_progress=told.append)
    assert [progress.done for progress in told] == list(range(len(session.records)))
    assert {progress.total for progress in told} == {21}
    assert told[0].doing == "trial of a, 1 thread, cpu"
    assert told[-1].left_s < told[5].left_s < told[3].left_s


def test_progress_expects_less_once_a_configuration_was_given_up():
    told, found = [], phone(before_run=Failing(B, "trial", 0))
    run_session(found, [A, B, C], Plan(), clock=found.clock, on_progress=told.append)
    assert (told[0].total, told[-1].total, told[-1].done) == (21, 15, 14)


def test_progress_says_what_is_waited_for():
    told, found = [], phone(heat=Heat(limit=10.0, cools=0.2), shows=frozenset({"status"}))
    run_session(found, [A, B, C], LATENCIES_ONLY, clock=found.clock, on_progress=told.append)
    assert any(progress.doing == "a cool-down; thermal status 2 (moderate)" for progress in told)


def test_an_estimate_is_the_sum_of_its_processes():
    plan = Plan(processes=3, runs=10, seconds=1.0, warmup_seconds=0.5, profile=True)
    # A trial, and five processes of one second or of ten inferences of 400 ms.
    assert estimate_s(plan, [A]) == pytest.approx(OVERHEAD_S + 5 * (OVERHEAD_S + 1.5))
    assert estimate_s(plan, [A, B], {B: 400.0}) == pytest.approx(
        estimate_s(plan, [A]) + OVERHEAD_S + 0.4 + 5 * (OVERHEAD_S + 4.5)
    )


def test_a_first_look_takes_less_than_half_of_the_time_and_repeats_nothing():
    assert estimate_s(Plan.quick(), [A]) < estimate_s(Plan(), [A]) / 2
    assert Plan.quick(profile=True, seed=3).extras == ("profile",)
    assert Plan.quick().retries == 0


def test_a_session_is_told_in_json():
    found = phone(shows=frozenset({"status", "caps", "ticks"}))
    told = json.loads(json.dumps(run_session(found, [A], Plan(), clock=found.clock).to_json()))
    assert told["plan"]["processes"] == 5
    first = told["records"][1]
    assert first["configuration"] == {"model": "a", "threads": 1, "delegate": "cpu"}
    assert first["measurement"]["centre_ms"] == pytest.approx(10.0, rel=0.2)
    assert first["before"]["thermal_status"] == 0
    assert first["throttled"] is False
