"""Intervals and p-values against scipy, an independent implementation, and against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm, t, ttest_ind

from mobile_deploy.statistics import (
    Difference,
    Proportion,
    Ratio,
    finite_or_none,
    log_interval,
    mcnemar_exact,
    paired_difference,
    points_above,
    student_t_quantile,
    welch_ratio,
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


@pytest.mark.parametrize("degrees", [1, 1.5, 2, 2.25, 3, 4, 4.7, 8, 13.37, 30, 99.5, 250, 1000])
@pytest.mark.parametrize("probability", [1e-6, 0.025, 0.3, 0.5001, 0.75, 0.95, 0.975, 0.9995, 1 - 1e-9])
def test_students_quantile_is_scipys(probability, degrees):
    expected = t.ppf(probability, degrees)
    assert student_t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_half_of_students_variable_lies_below_0():
    assert student_t_quantile(0.5, 3) == 0.0


@pytest.mark.parametrize(
    ("probability", "degrees"),
    [(0.0, 5), (1.0, 5), (-0.1, 5), (math.nan, 5), (0.9, 0), (0.9, math.inf), (0.9, math.nan)],
)
def test_there_is_no_quantile_outside_the_range(probability, degrees):
    with pytest.raises(ValueError, match="no quantile"):
        student_t_quantile(probability, degrees)


def lognormal(seed: int, count: int, centre: float, spread: float) -> np.ndarray:
    return centre * np.exp(np.random.default_rng(seed).normal(0, spread, count))


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(
    ("counts", "spreads"), [((5, 5), (0.03, 0.03)), ((2, 9), (0.1, 0.01)), ((3, 40), (0.001, 0.3))]
)
def test_welchs_ratio_is_scipys_interval_on_logarithms(counts, spreads, confidence):
    first, second = lognormal(1, counts[0], 20.0, spreads[0]), lognormal(2, counts[1], 9.0, spreads[1])
    expected = ttest_ind(np.log(first), np.log(second), equal_var=False).confidence_interval(confidence)
    found = welch_ratio(first, second, confidence=confidence)
    assert (found.low, found.high) == pytest.approx((math.exp(expected.low), math.exp(expected.high)), rel=1e-9)
    assert found.value == pytest.approx(math.sqrt(found.low * found.high))


def test_the_ratio_turns_over_with_the_order():
    one, other = welch_ratio([3.0, 3.1, 3.3], [1.0, 1.2]), welch_ratio([1.0, 1.2], [3.0, 3.1, 3.3])
    assert (one.value, one.low, one.high) == pytest.approx((1 / other.value, 1 / other.high, 1 / other.low))


def test_equal_values_leave_the_ratio_no_width():
    assert welch_ratio([0.3] * 3, [0.1] * 5) == Ratio(
        value=pytest.approx(3), low=pytest.approx(3), high=pytest.approx(3)
    )


def test_a_group_of_equal_values_leaves_the_width_of_the_other():
    found = welch_ratio([1.0, 1.1, 0.9], [2.0] * 4)
    low, high = log_interval([1.0, 1.1, 0.9])
    assert (found.low, found.high) == pytest.approx((low / 2, high / 2))


def test_tiny_spreads_are_no_trouble():
    found = welch_ratio([1.0, 1.0 + 1e-15], [2.0, 2.0])
    assert found.low <= found.value <= found.high < 0.5000001


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 0.0], [1.0, -2.0], [1.0, math.nan], [1.0, math.inf]])
def test_a_ratio_or_an_interval_needs_two_positive_values(values):
    with pytest.raises(ValueError, match="two positive values"):
        welch_ratio(values, [1.0, 2.0])
    with pytest.raises(ValueError, match="two positive values"):
        log_interval(values)


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_the_interval_of_positive_values_is_scipys_on_logarithms(confidence):
    values = lognormal(3, 6, 12.0, 0.05)
    logs = np.log(values)
    expected = t.interval(confidence, 5, loc=logs.mean(), scale=logs.std(ddof=1) / math.sqrt(6))
    assert log_interval(values, confidence=confidence) == pytest.approx(tuple(np.exp(expected)), rel=1e-9)


@pytest.mark.parametrize(
    ("counts", "spreads"), [((5, 5), (0.03, 0.03)), ((5, 5), (0.02, 0.08)), ((5, 10), (0.05, 0.03))]
)
def test_welchs_interval_covers_the_true_ratio_95_percent_of_the_time(counts, spreads):
    numbers = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        first = 3.0 * np.exp(numbers.normal(0, spreads[0], counts[0]))
        found = welch_ratio(first, np.exp(numbers.normal(0, spreads[1], counts[1])))
        covered += found.low <= 3.0 <= found.high
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


def test_a_ratio_is_shown_with_its_interval():
    assert str(Ratio(value=2.312, low=2.249, high=2.381)) == "2.31x [2.25, 2.38]"
    assert Ratio(value=2.0, low=1.5, high=3.0).to_json() == {"value": 2.0, "low": 1.5, "high": 3.0}
