"""Intervals and tests, so that neither an accuracy nor a latency is shown without its doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times larger one positive quantity is than another, with its interval.

    Attributes:
        value: First over second.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Gives the ratio and its interval as JSON values."""
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.2f}x [{self.low:.2f}, {self.high:.2f}]"


def welch_ratio(first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95) -> Ratio:
    """Gives the ratio of two geometric means with Welch's interval on the logarithms.

    Times vary by a factor rather than by an amount, and differently from model to model. Where no value differs from
    the others of its group, the interval has no width.

    Source: Welch, B. L. (1947), The generalization of "Student's" problem when several different population variances
    are involved, Biometrika 34; degrees of freedom after Satterthwaite, F. E. (1946), Biometrics Bulletin 2.

    Args:
        first: At least two positive values.
        second: At least two positive values.
        confidence: Probability that the interval covers the truth.

    Returns:
        First over second.

    Raises:
        ValueError: There are fewer than two values in a group, or one is not positive.

    >>> print(welch_ratio([20.1, 20.9, 20.4, 21.0, 20.2], [9.0, 9.1, 8.8, 9.2, 8.9]))
    2.28x [2.22, 2.34]
    """
    groups = (_Logarithms.of(first), _Logarithms.of(second))
    centre = groups[0].mean - groups[1].mean
    shares = [group.variance / group.count for group in groups]
    error = math.sqrt(sum(shares))
    if error == 0:
        return Ratio(value=math.exp(centre), low=math.exp(centre), high=math.exp(centre))
    # In shares of their sum, since the squares of tiny variances would vanish.
    degrees = 1 / sum((share / error**2) ** 2 / (group.count - 1) for share, group in zip(shares, groups, strict=True))
    half = student_t_quantile((1 + confidence) / 2, degrees) * error
    return Ratio(value=math.exp(centre), low=math.exp(centre - half), high=math.exp(centre + half))


def log_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """Gives Student's interval of the centre of positive values, taken on their logarithms.

    Args:
        values: At least two positive values.
        confidence: Probability that the interval covers the geometric mean, which is the median where values vary
            by symmetric factors.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: There are fewer than two values, or one is not positive.
    """
    logarithms = _Logarithms.of(values)
    error = math.sqrt(logarithms.variance / logarithms.count)
    half = student_t_quantile((1 + confidence) / 2, logarithms.count - 1) * error
    return math.exp(logarithms.mean - half), math.exp(logarithms.mean + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Logarithms:
    count: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: Sequence[float]) -> _Logarithms:
        if len(values) < 2 or not all(math.isfinite(value) and value > 0 for value in values):
            raise ValueError(f"an interval needs at least two positive values, not {list(values)}")
        logarithms = [math.log(value) for value in values]
        mean = math.fsum(logarithms) / len(logarithms)
        variance = math.fsum((value - mean) ** 2 for value in logarithms) / (len(logarithms) - 1)
        # Equal values differ from their mean by rounding only.
        return cls(count=len(values), mean=mean, variance=variance if len(set(values)) > 1 else 0.0)


def student_t_quantile(probability: float, degrees: float) -> float:
    """Gives the value that a Student t variable stays below with a probability.

    Source: the distribution as an incomplete beta function, NIST Digital Library of Mathematical Functions, 8.17.

    Args:
        probability: In (0, 1).
        degrees: Degrees of freedom, above 0; need not be whole.

    Raises:
        ValueError: An argument is out of range.

    >>> round(student_t_quantile(0.975, 8), 4)
    2.306
    """
    if not 0 < probability < 1 or not 0 < degrees < math.inf:
        raise ValueError(f"no quantile of Student's t for probability {probability} and {degrees} degrees of freedom")
    beyond = min(probability, 1 - probability)
    # The tail is convex and heavier than the normal one: Newton's method starts below the root and never leaps over it.
    value = -NormalDist().inv_cdf(beyond)
    for _ in range(_NEWTON_STEPS):
        step = (_student_t_tail(value, degrees) - beyond) / _student_t_density(value, degrees)
        value += step
        if abs(step) <= 1e-13 * value:
            break
    return math.copysign(value, probability - 0.5)


_NEWTON_STEPS = 200
_FRACTION_TERMS = 10_000


def _student_t_density(value: float, degrees: float) -> float:
    scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    return math.exp(scale - (degrees + 1) / 2 * math.log1p(value * value / degrees))


def _student_t_tail(value: float, degrees: float) -> float:
    """Probability beyond a value of 0 or more."""
    square = value * value
    return _incomplete_beta(degrees / 2, 0.5, degrees / (degrees + square), square / (degrees + square)) / 2


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularized incomplete beta function I_x(a, b); `rest` is 1 - x without the rounding."""
    if rest == 0.0:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only below
        return 1 - _incomplete_beta(b, a, rest, x)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    return math.exp(logarithm) / (a * _beta_fraction(a, b, x))


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction 1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22, by the modified method of Lentz."""
    tiny = 1e-300
    value, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, _FRACTION_TERMS):
        m = term // 2
        if term % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / ((1 + d * lower) or tiny)
        upper = (1 + d / upper) or tiny
        value *= upper * lower
        if abs(upper * lower - 1) < 1e-16:
            break
    return value
