"""Intervals and paired tests, so that no accuracy is shown without its doubt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A share with its Wilson interval.

    Attributes:
        count: Successes.
        total: Trials.
        low: Lower end, in [0, 1].
        high: Upper end, in [0, 1].
    """

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself, in [0, 1]."""
        return self.count / self.total

    def to_json(self) -> dict[str, float]:
        """Gives the share, its interval and the counts as JSON values."""
        return {"value": self.value, "low": self.low, "high": self.high, "count": self.count, "total": self.total}

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


def wilson(count: int, total: int, *, confidence: float = 0.95) -> Proportion:
    """Gives a share and its Wilson score interval, which holds its promise at 0, at 1 and for few trials.

    Source: Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference, JASA 22.

    Args:
        count: Successes, 0 to total.
        total: Trials, at least 1.
        confidence: Probability that the interval covers the truth.

    Returns:
        The share with its interval.

    Raises:
        ValueError: `count` is outside 0 to `total`, or there is no trial.

    >>> print(wilson(90, 100))
    90.0% [82.6%, 94.5%]
    """
    if not 0 <= count <= total or total < 1:
        raise ValueError(f"{count} of {total} is no share")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return Proportion(count=count, total=total, low=max(0.0, centre - half), high=min(1.0, centre + half))


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Gives the two-sided p-value that two classifiers differ on the same pictures, from the pictures they disagree on.

    Source: McNemar, Q. (1947), Psychometrika 12; in its exact, binomial form.

    Args:
        only_first: Pictures that only the first got right.
        only_second: Pictures that only the second got right.

    Returns:
        Probability of so uneven a split if both were equally good, in (0, 1].

    Raises:
        ValueError: A count is negative.

    >>> mcnemar_exact(0, 6)
    0.03125
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"{only_first} and {only_second} are no counts")
    total = only_first + only_second
    ways = tail = 1  # each binomial coefficient from the one before: thousands of large ones take seconds otherwise
    for k in range(min(only_first, only_second)):
        ways = ways * (total - k) // (k + 1)
        tail += ways
    return min(1.0, float(Fraction(2 * tail, 2**total)))


def points_above(count: int, total: int, bar: float) -> float:
    """Gives how many percentage points a share lies above a bar; below it, the number is negative.

    Rounded to a billionth: 161 of 1000 are 16.1 percent, although in floating point they are less.

    Args:
        count: Successes; negative for a loss that is a gain.
        total: Trials, at least 1.
        bar: In percentage points.

    >>> points_above(161, 1000, 16.1), points_above(3, 4, 75.5)
    (0.0, -0.5)
    """
    return round(100 * count / total - bar, 9)


def finite_or_none(value: float | None) -> float | None:
    """Gives a number as a JSON value: None, JSON's null, where there is none or it is not finite.

    >>> finite_or_none(1.5), finite_or_none(math.inf)
    (1.5, None)
    """
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much larger one share is than another on the same trials, with its interval.

    Attributes:
        value: First share minus second, in [-1, 1].
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Gives the difference and its interval in percentage points, as JSON values."""
        return {"value": 100 * self.value, "low": 100 * self.low, "high": 100 * self.high}

    def __str__(self) -> str:
        return f"{100 * self.value:+.2f} [{100 * self.low:+.2f}, {100 * self.high:+.2f}] points"


def paired_difference(only_first: int, only_second: int, total: int, *, confidence: float = 0.95) -> Difference:
    """Gives the difference of two shares measured on the same trials, with the interval of Agresti and Min.

    Half a trial is added to each of the four outcomes before the variance is taken, so that the interval keeps its
    promise, and has a width, where few trials or none tell the two apart.

    Source: Agresti, A. and Min, Y. (2005), Simple improved confidence intervals for comparing matched proportions,
    Statistics in Medicine 24, 729-740.

    Args:
        only_first: Trials in which only the first succeeded.
        only_second: Trials in which only the second succeeded.
        total: All trials.
        confidence: Probability that the interval covers the truth.

    Returns:
        The first share minus the second.

    Raises:
        ValueError: A count is negative, there is no trial, or the counts exceed the trials.

    >>> print(paired_difference(150, 86, 1600))
    +4.00 [+2.12, +5.87] points
    """
    if min(only_first, only_second) < 0 or total < max(1, only_first + only_second):
        raise ValueError(f"{only_first} and {only_second} of {total} are no counts of disagreement")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    first, second, trials = only_first + 0.5, only_second + 0.5, total + 2
    centre = (first - second) / trials
    half = z * math.sqrt(first + second - (first - second) ** 2 / trials) / trials
    return Difference(
        value=(only_first - only_second) / total, low=max(-1.0, centre - half), high=min(1.0, centre + half)
    )
