"""Intervals and p-values against scipy, an independent implementation, and against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from mobile_deploy.statistics import (
    Difference,
    Proportion,
    finite_or_none,
    mcnemar_exact,
    paired_difference,
    points_above,
    wilson,
)

SHARES = [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (1, 499), (250, 500), (4321, 50_000), (50_000, 50_000)]
SPLITS = [(0, 0), (0, 1), (1, 0), (0, 6), (5, 5), (3, 9), (9, 3), (1, 40), (130, 171), (900, 1100)]


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(("count", "total"), SHARES)
def test_wilson_interval_is_scipys(count, total, confidence):
    expected = binomtest(count, total).proportion_ci(confidence, method="wilson")
    found = wilson(count, total, confidence=confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.value == count / total


def test_wilson_intervals_are_of_95_percent_by_default():
    assert wilson(30, 50) == wilson(30, 50, confidence=0.95) != wilson(30, 50, confidence=0.9)


def test_wilson_interval_stays_in_0_to_1():
    assert wilson(0, 3).low == 0.0
    assert wilson(3, 3).high == 1.0


@pytest.mark.parametrize(("count", "total"), [(0, 0), (-1, 5), (6, 5), (1, -1)])
def test_wilson_refuses_what_is_no_share(count, total):
    with pytest.raises(ValueError, match=f"{count} of {total}"):
        wilson(count, total)


@pytest.mark.parametrize("total", [100, 500])
def test_a_wilson_interval_of_95_percent_covers_the_truth_95_percent_of_the_time(total):
    """Simulated: a thousand models of any accuracy, each measured a hundred times."""
    numbers = np.random.default_rng(0)
    truths = numbers.uniform(0.02, 0.98, (1000, 1))
    counts = numbers.binomial(total, truths, (1000, 100))
    intervals = [wilson(count, total) for count in range(total + 1)]
    low, high = np.array([i.low for i in intervals])[counts], np.array([i.high for i in intervals])[counts]
    covered = ((low <= truths) & (truths <= high)).mean()
    assert covered == pytest.approx(0.95, abs=0.004)
    # The textbook interval, share +- 1.96 standard errors, covers less.
    shares = counts / total
    half = 1.96 * np.sqrt(shares * (1 - shares) / total)
    assert (np.abs(shares - truths) <= half).mean() < covered - 0.002


@pytest.mark.parametrize(("only_first", "only_second"), SPLITS)
def test_mcnemar_is_scipys_binomial_test_on_the_disagreements(only_first, only_second):
    total = only_first + only_second
    expected = binomtest(only_first, total).pvalue if total else 1.0
    assert mcnemar_exact(only_first, only_second) == pytest.approx(expected, abs=1e-9)


def test_mcnemar_does_not_care_who_is_first():
    assert mcnemar_exact(3, 17) == mcnemar_exact(17, 3) < 0.05


@pytest.mark.parametrize("split", [(-1, 3), (3, -1)])
def test_mcnemar_refuses_negative_counts(split):
    with pytest.raises(ValueError, match="no counts"):
        mcnemar_exact(*split)


@pytest.mark.parametrize(("count", "total", "bar"), [(29, 50, 58), (161, 1000, 16.1), (57, 10_000, 0.57), (-3, 4, -75)])
def test_a_share_at_a_bar_is_not_beside_it_whatever_floating_point_makes_of_both(count, total, bar):
    assert points_above(count, total, bar) == 0
    assert points_above(count + 1, total, bar) > 0 > points_above(count - 1, total, bar)


def test_a_proportion_is_shown_in_percent_with_its_interval():
    assert str(Proportion(count=897, total=1000, low=0.876_4, high=0.914_1)) == "89.7% [87.6%, 91.4%]"


PAIRS = [(0, 0, 1), (0, 0, 500), (1, 0, 1), (6, 5, 500), (150, 86, 1600), (0, 40, 100), (30, 0, 50_000)]


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(("only_first", "only_second", "total"), PAIRS)
def test_the_paired_difference_is_a_normal_interval_on_trials_with_half_a_trial_added_to_each_outcome(
    only_first, only_second, total, confidence
):
    outcomes = np.array([1.0, -1.0, 0.0])
    weights = np.array([only_first + 0.5, only_second + 0.5, total - only_first - only_second + 1.0])
    mean = np.average(outcomes, weights=weights)
    error = np.sqrt(np.average((outcomes - mean) ** 2, weights=weights) / weights.sum())
    low, high = norm.interval(confidence, loc=mean, scale=error)
    found = paired_difference(only_first, only_second, total, confidence=confidence)
    assert (found.low, found.high) == pytest.approx((max(-1, low), min(1, high)), abs=1e-9)
    assert found.value == (only_first - only_second) / total


def coverage(total: int, first: float, second: float) -> float:
    """Exact probability that the interval holds the true difference of two shares of disagreement."""
    covered = 0.0
    for only_first in range(total + 1):
        rest = total - only_first
        likely = binom.pmf(only_first, total, first) * binom.pmf(range(rest + 1), rest, second / (1 - first))
        for only_second in np.flatnonzero(likely > 1e-9):
            found = paired_difference(only_first, int(only_second), total)
            covered += likely[only_second] * (found.low <= first - second <= found.high)
    return covered


@pytest.mark.parametrize(
    ("total", "first", "second"),
    [(50, 0.0, 0.0), (50, 0.02, 0.02), (100, 0.05, 0.0), (100, 0.05, 0.03), (100, 0.3, 0.1), (200, 0.012, 0.01)],
)
def test_the_interval_of_a_drop_covers_it_95_percent_of_the_time_or_more(total, first, second):
    assert coverage(total, first, second) >= 0.945


def test_two_models_that_never_differ_may_still_differ_a_little():
    same = paired_difference(0, 0, 100)
    assert same.value == 0.0
    assert -same.low == same.high == pytest.approx(1.96 / 102, abs=1e-5)


def test_the_difference_changes_its_sign_with_the_order():
    one, other = paired_difference(9, 3, 200), paired_difference(3, 9, 200)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


@pytest.mark.parametrize("counts", [(-1, 0, 5), (0, -1, 5), (3, 3, 5), (0, 0, 0)])
def test_the_paired_difference_refuses_counts_that_cannot_be(counts):
    with pytest.raises(ValueError, match="no counts of disagreement"):
        paired_difference(*counts)


def test_a_difference_is_shown_in_percentage_points_with_its_sign():
    assert str(Difference(value=0.002, low=-0.0115, high=0.0155)) == "+0.20 [-1.15, +1.55] points"


def test_json_has_a_difference_in_percentage_points():
    told = Difference(value=0.25, low=-0.5, high=0.75).to_json()
    assert told == {"value": 25.0, "low": -50.0, "high": 75.0}


@pytest.mark.parametrize("value", [0.0, -1.5, 1e300])
def test_a_finite_number_is_a_json_value(value):
    assert finite_or_none(value) == value


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_json_has_no_number_for_is_null(value):
    assert finite_or_none(value) is None
