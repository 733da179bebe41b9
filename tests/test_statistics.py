"""Intervals and p-values against scipy, an independent implementation."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from mobile_deploy.statistics import Proportion, mcnemar_exact, wilson

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


def test_a_proportion_is_shown_in_percent_with_its_interval():
    assert str(Proportion(count=897, total=1000, low=0.876_4, high=0.914_1)) == "89.7% [87.6%, 91.4%]"
