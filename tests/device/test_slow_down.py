"""A lasting slow-down is found in times alone, and chance is not taken for one."""

from __future__ import annotations

import math
import random
import time

import pytest

from mobile_deploy.device.measurement import Configuration
from mobile_deploy.device.slow_down import find_slow_down

FLOAT = Configuration(model="float", threads=1)
INT8 = Configuration(model="int8", threads=1)
LOADED = 3.0  # how much slower a busy machine may be
USUAL_MS = {FLOAT: 20.0, INT8: 5.0}


def times(*factors: float):
    """Processes of two configurations in turn, each a factor slower than usual."""
    order = (FLOAT, INT8) * len(factors)
    return [(configuration, USUAL_MS[configuration] * factor) for configuration, factor in zip(order, factors)]  # noqa: B905


def test_everything_slower_from_a_moment_on_is_found_with_the_moment():
    found = find_slow_down(times(1, 1, 1, 1, 1, 1.5, 1.5, 1.5, 1.5, 1.5))
    assert found.since == 5
    assert found.usual_ms == pytest.approx(USUAL_MS)
    assert found.factor(INT8, 7.5) == pytest.approx(1.5)


def test_one_process_of_usual_speed_among_five_slow_ones_changes_nothing():
    assert find_slow_down(times(1, 1, 1, 1, 1, 1.5, 1.5, 1.0, 1.5, 1.5)).since == 5


def test_a_configuration_that_was_not_there_before_the_moment_tells_nothing():
    late = Configuration(model="late", threads=1)
    found = find_slow_down([*times(1, 1, 1, 1), *[(late, 99.0)] * 6])
    assert found is None


@pytest.mark.parametrize(
    "factors",
    [
        (),
        (1, 1, 1, 1.5, 1.5, 1.5),  # too few on both sides
        (1, 1, 1, 1, 1, 1, 1, 1.5, 1.5, 1.5),  # three in a row
        (1.5, 1.5, 1.5, 1.5, 1.5, 1, 1, 1, 1, 1),  # faster
        (1, 1, 1, 1, 1, 1.15, 1.15, 1.15, 1.15, 1.15),  # small
        (1, 1, 1, 1, 1, 1.5, 1.5, 1, 1, 1.5),  # not lasting
    ],
)
def test_anything_less_is_none(factors):
    assert find_slow_down(times(*factors)) is None


def noisy_times(numbers: random.Random, *, noise: float, slow_after: int, slow: float = 1.0, rounds: int = 5):
    found = []
    for _ in range(rounds):
        order = [*USUAL_MS]
        numbers.shuffle(order)
        for configuration in order:
            spike = 1.3 if numbers.random() < 0.04 else 1.0
            factor = slow if len(found) >= slow_after else 1.0
            found.append((configuration, USUAL_MS[configuration] * math.exp(numbers.gauss(0, noise)) * spike * factor))
    return found


@pytest.mark.parametrize("noise", [0.03, 0.06])
def test_chance_and_work_in_the_background_give_a_finding_in_less_than_one_of_a_thousand_sessions(noise):
    numbers = random.Random(0)
    found = [find_slow_down(noisy_times(numbers, noise=noise, slow_after=10)) for _ in range(4000)]
    assert len(found) - found.count(None) <= 3


@pytest.mark.parametrize("noise", [0.03, 0.06])
def test_a_fall_to_two_thirds_of_the_clock_is_found_in_99_of_100_sessions(noise):
    numbers = random.Random(0)
    sessions = [noisy_times(numbers, noise=noise, slow_after=numbers.randint(4, 6), slow=1.5) for _ in range(1000)]
    assert sum(find_slow_down(session) is not None for session in sessions) >= 990


@pytest.mark.parametrize("since", [5, 40, 777, 1500, 1960, 1990])
def test_the_moment_is_found_to_a_few_processes_in_a_long_session_too(since):
    times = noisy_times(random.Random(since), noise=0.03, slow_after=since, slow=1.5, rounds=1000)
    assert abs(find_slow_down(times).since - since) <= 2


@pytest.mark.parametrize("slow", [1.0, 1.5])
def test_a_long_session_takes_no_long_time(slow):
    times = noisy_times(random.Random(0), noise=0.03, slow_after=1000, slow=slow, rounds=1000)
    begin = time.process_time()
    find_slow_down(times)
    assert time.process_time() - begin < 0.3 * LOADED


def test_long_sessions_without_a_slow_down_give_no_finding():
    numbers = random.Random(0)
    assert [find_slow_down(noisy_times(numbers, noise=0.06, slow_after=900, rounds=400)) for _ in range(20)] == [
        None
    ] * 20
