"""Throttling is found by each kind of evidence alone, and a place that does not throttle is not accused."""

from __future__ import annotations

import random

import pytest
from fakes.simulated_phone import EVIDENCE, Heat, SimulatedPhone, measured

from mobile_deploy.device.cores import Core
from mobile_deploy.device.measurement import Condition, Configuration, Measurement
from mobile_deploy.device.records import Record
from mobile_deploy.device.verdicts import capped_cores, clock_share, heat_signs, judged, status_name

FLOAT = Configuration(model="float", threads=1)
INT8 = Configuration(model="int8", threads=1)
TRUTH_MS = {
    Configuration(model=model, threads=threads): latency_ms
    for (model, threads), latency_ms in {
        ("float", 1): 20.0,
        ("float", 4): 8.0,
        ("int8", 1): 9.0,
        ("int8", 4): 4.0,
    }.items()
}
FAST, SLOW = 2_400_000, 1_400_000


def record(
    centre_ms: float | None = 10.0,
    *,
    configuration: Configuration = FLOAT,
    kind: str = "latency",
    number: int = 0,
    attempt: int = 0,
    before: Condition | None = None,
    after: Condition | None = None,
    cores: tuple[int, ...] = (),
) -> Record:
    return Record(
        configuration=configuration,
        kind=kind,
        round=number,
        attempt=attempt,
        started_s=0.0,
        measurement=None if centre_ms is None else Measurement(centre_ms=centre_ms, runs=100),
        failure="it crashed" if centre_ms is None else "",
        before=before or Condition(),
        after=after or Condition(),
        cores=cores,
    )


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_thermal_status_before_or_after_a_process_speaks_against_it(when):
    (found,) = judged([record(**{when: Condition(thermal_status=2)})])
    assert found.throttled
    assert found.reasons == (f"thermal status 2 (moderate) {when}",)


def test_a_thermal_status_of_none_speaks_against_nothing():
    assert not judged([record(before=Condition(thermal_status=0), after=Condition(thermal_status=0))])[0].throttled


def caps(**khz: int) -> Condition:
    return Condition(clock_cap_khz={int(core.removeprefix("core")): value for core, value in khz.items()})


def test_a_lower_cap_than_before_on_a_core_in_use_speaks_against_a_process():
    first, second = judged(
        [
            record(before=caps(core0=1_800_000, core7=2_800_000), after=caps(core0=1_800_000, core7=2_800_000)),
            record(number=1, before=caps(core7=2_800_000), after=caps(core7=2_100_000), cores=(6, 7)),
        ]
    )
    assert not first.throttled
    assert second.reasons == ("core 7 held to 2.10 of 2.80 GHz after",)


def test_a_lower_cap_on_a_core_that_is_not_in_use_does_not():
    usual = {0: 1_800_000, 7: 2_800_000}
    low = caps(core0=900_000, core7=2_800_000)
    assert heat_signs(low, (7,), usual) == ()
    assert heat_signs(low, (), usual) == ("core 0 held to 0.90 of 1.80 GHz",)


@pytest.mark.parametrize(("khz", "throttled"), [(2_400_000, False), (2_370_000, True)])
def test_a_cap_counts_from_15_percent_on(khz, throttled):
    assert bool(heat_signs(caps(core7=khz), (), {7: 2_800_000})) == throttled


def test_cores_that_are_capped_from_the_start_are_named_with_the_clock_they_are_built_for():
    cores = (
        Core(index=0, max_khz=1_704_000),
        Core(index=4, max_khz=2_367_000),
        Core(index=7, max_khz=None),
        Core(index=8, max_khz=2_914_000),
    )
    found = capped_cores(caps(core0=1_704_000, core4=2_012_000, core7=300_000, core8=1_500_000), cores)
    assert found == ("core 8 is held to 1.50 of 2.91 GHz",)
    assert capped_cores(caps(core4=2_011_000), cores) == ("core 4 is held to 2.01 of 2.37 GHz",)
    assert capped_cores(Condition(), cores) == ()


def ticking(before: dict[int, int], after: dict[int, int], *, centre_ms: float = 10.0, number: int = 0) -> Record:
    return record(centre_ms, number=number, before=Condition(ticks={4: before}), after=Condition(ticks={4: after}))


def test_the_clock_is_that_of_the_timed_inferences_without_start_pauses_and_ramp():
    # One hundred inferences of 10 ms are 100 ticks; the other 300 passed at low clocks.
    found = ticking({500_000: 50, FAST: 7}, {500_000: 350, FAST: 107})
    assert clock_share(found) == 1.0


def test_inferences_at_two_clocks_have_their_mean():
    assert clock_share(ticking({SLOW: 0, FAST: 0}, {SLOW: 80, FAST: 50})) == pytest.approx(
        (50 * FAST + 50 * SLOW) / 100 / FAST
    )


def test_the_busiest_core_counts_each_against_its_own_highest_clock():
    before = Condition(ticks={4: {SLOW: 0}, 7: {500_000: 0, FAST: 0}})
    after = Condition(ticks={4: {SLOW: 200}, 7: {500_000: 200, FAST: 0}})
    assert clock_share(record(before=before, after=after)) == 1.0
    assert clock_share(record(before=before, after=after, cores=(7,))) == pytest.approx(500_000 / FAST)


@pytest.mark.parametrize(
    "found",
    [
        record(),
        record(None),
        ticking({FAST: 9}, {FAST: 9}),
        ticking({SLOW: 900, FAST: 0}, {SLOW: 100, FAST: 950}),  # the core was off, and counts anew
        ticking({FAST: 0}, {FAST: 200}, centre_ms=0.5),  # five ticks of inferences
    ],
)
def test_what_counts_no_ticks_has_no_clock(found):
    assert clock_share(found) is None


def test_a_process_at_lower_clocks_than_its_like_is_named_with_both():
    good, bad = judged(
        [
            ticking({SLOW: 0, FAST: 0}, {SLOW: 20, FAST: 150}),
            ticking({SLOW: 0, FAST: 0}, {SLOW: 150, FAST: 20}, number=1),
        ]
    )
    assert not good.throttled
    assert bad.reasons == ("mean clock at 67% of the highest, others of this configuration at 100%",)


def test_a_lasting_slow_down_marks_what_comes_after_it_and_repeats_only_if_they_are_slow_again():
    rounds = [
        record(base * (1.5 if number >= 3 else 1.0), configuration=configuration, number=number)
        for number in range(5)
        for configuration, base in ((FLOAT, 10.0), (INT8, 4.0))
    ]
    repeats = [record(10.1, number=3, attempt=1), record(15.0, number=4, attempt=1)]
    found = judged([*rounds, *repeats])
    assert [record.throttled for record in found] == [False] * 6 + [True] * 4 + [False, True]
    assert found[-1].reasons == ("1.50 times the latency of this configuration before the slow-down",)
    assert [(record.round, record.attempt) for record in found if record.replaced] == [(3, 0), (4, 0)]


def test_an_attempt_that_fails_takes_no_ones_place():
    found = judged([record(10.0), record(None, attempt=1)])
    assert [record.replaced for record in found] == [False, False]


def test_an_attempt_after_a_failure_takes_its_place():
    found = judged([record(None), record(10.0, attempt=1)])
    assert [record.replaced for record in found] == [True, False]


def test_processes_that_time_nothing_are_not_judged():
    hot = Condition(thermal_status=3)
    found = judged(
        [record(kind=kind, before=hot) for kind in ("trial", "memory", "profile")] + [record(None, before=hot)]
    )
    assert not any(record.throttled for record in found)


def test_a_thermal_status_that_android_does_not_know_has_a_name_nevertheless():
    assert status_name(9) == "unknown"


@pytest.mark.parametrize("cools", [0.0, 0.1], ids=["stays hot", "cools"])
@pytest.mark.parametrize("evidence", [*[(kind,) for kind in EVIDENCE], ()], ids=str)
def test_a_phone_that_throttles_halfway_is_found_in_100_of_100_sessions(evidence, cools):
    """By each kind of evidence alone; () shows none but the times."""
    for seed in range(100):
        # The session is about 32 s of work.
        heat = Heat(limit=random.Random(seed).uniform(13, 19), cools=cools)
        phone = SimulatedPhone(truth_ms=TRUTH_MS, seed=seed, heat=heat, shows=frozenset(evidence))
        records = measured(phone)
        assert any(record.throttled for record in records)
        slow = [record for record in records if record.is_latency and phone.was_throttled(record)]
        assert all(record.throttled or record.replaced for record in slow)
        if cools:
            assert not any(record.throttled for record in records if not record.replaced)


@pytest.mark.parametrize("noise", [0.03, 0.06])
def test_a_noisy_phone_that_does_not_throttle_is_marked_in_0_of_100_sessions(noise):
    for seed in range(100):
        phone = SimulatedPhone(truth_ms=TRUTH_MS, seed=seed, noise=noise, spikes=0.04, shows=frozenset(EVIDENCE))
        assert not any(record.throttled for record in measured(phone))
