"""Sums over pictures behind the error of one layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mobile_deploy.evaluation.probes import dequantize
from mobile_deploy.tflite.graph import TensorRecord

Values = npt.NDArray[np.float32]

# Hard-swish, x * relu6(x + 3) / 6, is below zero between these inputs.
# Source: Howard et al., Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
LOBE = (-3.0, 0.0)
# The share of values at each end that does not count as the bulk.
_TAIL = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """How close quantized values are to the float ones.

    Attributes:
        sqnr_db: 10 log10 of the power of the float values over the power of the difference; infinite when equal.
        cosine: Cosine of the angle between both; 1 where both are all zero.
    """

    sqnr_db: float
    cosine: float


@dataclass(slots=True)
class ErrorSum:
    """Powers of float values, of others and of their difference."""

    signal: float = 0.0
    other: float = 0.0
    product: float = 0.0
    noise: float = 0.0

    def add(self, exact: Values, other: Values) -> Values:
        """Takes in the values of one picture, and gives the difference."""
        difference = other - exact
        self.signal += power(exact)
        self.other += power(other)
        self.product += float(np.vdot(exact, other))
        self.noise += power(difference)
        return difference

    def closeness(self) -> Closeness:
        """Gives what the sums say."""
        length = math.sqrt(self.signal * self.other)
        cosine = self.product / length if length else float(self.signal == self.other)
        return Closeness(sqnr_db=decibels(self.signal, self.noise), cosine=min(cosine, 1.0))


def power(values: Values) -> float:
    """Gives the sum of squares."""
    return float(np.vdot(values, values))


def decibels(signal: float, noise: float) -> float:
    """Gives 10 log10 of a ratio of powers; infinite without noise.

    >>> decibels(100.0, 1.0), decibels(1.0, 0.0)
    (20.0, inf)
    """
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


@dataclass(slots=True, kw_only=True)
class ResultTally:
    """What one operator's result has shown so far.

    Attributes:
        tensor: The result in the integer file.
        is_hard_swish: Whether the negative lobe is looked at.
        cumulative: The whole integer file against the float file.
        local: The operator fed with float values, likewise; empty where it cannot be fed.
        weight_noise: Power of the error that the stored weights alone make.
        clipped: Values that stand at an end of the integer range and lie outside it in the float file.
        clip_noise: Power of what is cut off.
        values: How many values there were.
        codes: How often each stored integer came out of the operator fed with float values.
        largest: By channel, the largest absolute float value.
        is_moving: By channel, whether the operator fed with float values gave anything but zero.
        lobe_noise: Power of the local error where hard-swish is negative.
        lobe_values: How many values lie there.
    """

    tensor: TensorRecord
    is_hard_swish: bool = False
    cumulative: ErrorSum = field(default_factory=ErrorSum)
    local: ErrorSum = field(default_factory=ErrorSum)
    weight_noise: float = 0.0
    clipped: int = 0
    clip_noise: float = 0.0
    values: int = 0
    codes: npt.NDArray[np.int64] | None = None
    largest: Values | None = None
    is_moving: npt.NDArray[np.bool_] | None = None
    lobe_noise: float = 0.0
    lobe_values: int = 0

    def add_cumulative(self, exact: Values, stored: npt.NDArray[np.generic]) -> None:
        """Takes in a result of the whole integer file."""
        self.values += exact.size
        self.cumulative.add(exact, dequantize(stored, self.tensor))
        largest = np.abs(exact).reshape(-1, exact.shape[-1]).max(axis=0)
        self.largest = largest if self.largest is None else np.maximum(self.largest, largest)
        if self.tensor.scales:
            self._add_clipped(exact, stored)

    def _add_clipped(self, exact: Values, stored: npt.NDArray[np.generic]) -> None:
        limits, step = np.iinfo(self.tensor.dtype), self.tensor.scales[0]
        low, high = ((end - self.tensor.zero_points[0]) * step for end in (limits.min, limits.max))
        outside = (exact < low - step / 2) | (exact > high + step / 2)
        if outside.any():
            beyond, codes = exact[outside], stored[outside]
            self.clip_noise += power(beyond - np.clip(beyond, np.float32(low), np.float32(high)))
            self.clipped += int(((codes == limits.min) | (codes == limits.max)).sum())

    def add_local(self, exact: Values, stored: npt.NDArray[np.generic], given: Values) -> None:
        """Takes in what the operator makes of float values; `given` is its first input."""
        real = dequantize(stored, self.tensor)
        difference = self.local.add(exact, real)
        moving = (real != 0).reshape(-1, real.shape[-1]).any(axis=0)
        self.is_moving = moving if self.is_moving is None else self.is_moving | moving
        if self.tensor.dtype in ("int8", "uint8"):
            counted = np.bincount(stored.reshape(-1).view(np.uint8), minlength=256)
            self.codes = counted if self.codes is None else self.codes + counted
        if self.is_hard_swish:
            inside = (given > LOBE[0]) & (given < LOBE[1])
            self.lobe_noise += power(difference[inside])
            self.lobe_values += int(inside.sum())

    def bulk_steps(self) -> int | None:
        """Gives how many of the 256 steps hold all but a thousandth of the values; None for other types."""
        if self.codes is None:
            return None
        counts = np.roll(self.codes, 128) if self.tensor.dtype == "int8" else self.codes
        below = np.cumsum(counts) / counts.sum()
        first, last = np.searchsorted(below, [_TAIL, 1 - _TAIL])
        return int(last - first) + 1
