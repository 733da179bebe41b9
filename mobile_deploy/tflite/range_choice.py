"""Narrows activation ranges where a few far values cost all others their resolution.

True minima and maxima cut nothing off, and every value shares steps as wide as the farthest one asks for. A percentile
gives up a fixed share of the values at each end; "mse" gives up what makes the mean squared error least, cutting and
rounding taken together.

The scores that the answer is read from are never cut: the best of them is the farthest value, and two that are cut off
at the same height have no best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract
from mobile_deploy.tflite.calibrate import ActivationRanges, watch
from mobile_deploy.tflite.graph import Graph, read_graph

# Bins between the minimum and the maximum, four to a step of 8 bits; the outermost are centred on the two, where a
# ReLU6 piles its values up.
_BINS = 1021
# Between float32 values that are closer together there is no room for bins.
_LEAST_WIDTH = 1e-30
_STEPS = 255

# Source: 99.99 % is what TensorRT's and PyTorch's percentile calibration ship with, as one-sided tails.
_TAIL = 1e-4

# What share of its length each side of zero may be cut to.
_CUTS = np.linspace(1.0, 0.3, 36)
# Of the cuts, how many lie between those that are looked at first.
_COARSE = 5

# Operators between the class scores and the output.
_BEHIND_THE_SCORES = ("LOGISTIC", "RESHAPE", "SOFTMAX", "SQUEEZE")

# Distributions settle much sooner than extremes.
_MOST_PICTURES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How the values of one activation are spread.

    Attributes:
        low: Centre of the first bin, the smallest value.
        high: Centre of the last bin, the largest value.
        counts: (1021,) values in each bin.
    """

    low: float
    high: float
    counts: npt.NDArray[np.int64]

    def centres(self) -> npt.NDArray[np.float64]:
        """Gives the value in the middle of each bin, (1021,)."""
        return np.linspace(self.low, self.high, len(self.counts))

    def edges(self) -> npt.NDArray[np.float64]:
        """Gives the values between which the bins lie, (1022,)."""
        half = (self.high - self.low) / (len(self.counts) - 1) / 2
        return np.linspace(self.low - half, self.high + half, len(self.counts) + 1)


def measure_histograms(
    data: bytes,
    pictures: npt.NDArray[np.uint8],
    contract: InputContract,
    ranges: ActivationRanges,
    *,
    source: object = "the float .tflite",
) -> dict[str, Histogram]:
    """Counts how the values of each activation that may be cut are spread between their minimum and maximum.

    Args:
        data: Bytes of the float .tflite.
        pictures: (N, side, side, 3) uint8 RGB, fitted to the contract; 16 of them at most are run.
        contract: The float file's input.
        ranges: What was seen on the same pictures at least.
        source: What to name in errors: a path.

    Returns:
        Histograms by tensor name; a tensor that holds but one value has none, nor have the class scores.

    Raises:
        InterpreterError: LiteRT refuses the file.
    """
    scores = class_scores(read_graph(data, source=source))
    chosen = pictures[:: -(-len(pictures) // _MOST_PICTURES)]
    counts: dict[str, npt.NDArray[np.int64]] = {}
    for sight in watch(data, chosen, contract, source=source):
        for name, view in sight.views.items():
            low, high = ranges.limits[name]
            if high - low > _LEAST_WIDTH and name not in scores:
                places = (view() - np.float32(low)) * np.float32((_BINS - 1) / (high - low)) + np.float32(0.5)
                found = np.bincount(np.clip(places, 0, _BINS - 1).astype(np.int16).reshape(-1), minlength=_BINS)
                counts[name] = counts.get(name, 0) + found
    return {
        name: Histogram(low=ranges.limits[name][0], high=ranges.limits[name][1], counts=found)
        for name, found in counts.items()
    }


def class_scores(graph: Graph) -> set[str]:
    """Names the tensors that the answer is read from: the output and what leads to it from the last layer on.

    Args:
        graph: A float file.
    """
    makers = {i: op for op in graph.ops for i in op.outputs}
    here = graph.outputs[0]
    names = {graph.tensors[here].name}
    while here in makers and makers[here].name in _BEHIND_THE_SCORES:
        here = makers[here].inputs[0]
        names.add(graph.tensors[here].name)
    return names


def _cut_by_percentile(histogram: Histogram) -> tuple[float, float]:
    centres, passed = histogram.centres(), np.cumsum(histogram.counts) / histogram.counts.sum()
    first, last = np.searchsorted(passed, _TAIL, side="right"), np.searchsorted(passed, 1 - _TAIL)
    return float(centres[first]), float(centres[last])


def _cut_by_squared_error(histogram: Histogram) -> tuple[float, float]:
    """Finds both ends together: on a coarse grid of cuts, then on the fine one around the best."""
    lows, highs = _candidates(min(histogram.low, 0.0)), _candidates(max(histogram.high, 0.0))
    low, high = _best_pair(histogram, lows[::_COARSE], highs[::_COARSE])
    around = range(1 - _COARSE, _COARSE)
    return _best_pair(histogram, *(_near(ends, end, around) for ends, end in ((lows, low), (highs, high))))


def _near(ends: npt.NDArray[np.float64], end: float, around: Sequence[int]) -> npt.NDArray[np.float64]:
    place = int(np.argmin(np.abs(ends - end)))
    return np.asarray(ends[np.unique(np.clip(np.add(around, place), 0, len(ends) - 1))])


def _best_pair(
    histogram: Histogram, lows: npt.NDArray[np.float64], highs: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Gives the two ends of the least squared error; of equal ones the widest."""
    pairs = [grid.reshape(-1) for grid in np.meshgrid(lows, highs, indexing="ij")]
    best = int(np.argmin(_squared_errors(histogram, *pairs)))
    return float(pairs[0][best]), float(pairs[1][best])


def _candidates(end: float) -> npt.NDArray[np.float64]:
    return _CUTS * end if end else np.zeros(1)


def _squared_errors(
    histogram: Histogram, lows: npt.NDArray[np.float64], highs: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Gives the squared error over all values for pairs of ends, (pairs,); values lie evenly within a bin."""
    integrals = _squared_error_up_to(histogram.edges(), lows[:, None], highs[:, None])
    return np.asarray(np.diff(integrals, axis=1) @ histogram.counts)


def _squared_error_up_to(
    values: npt.NDArray[np.float64], lows: npt.NDArray[np.float64], highs: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Gives the integral of the squared error of rounding and cutting, (pairs, values), but for a constant.

    To look only at the middles of bins, a whole number of which lie in a step, would see some errors twice as often.
    """
    step = (highs - lows) / _STEPS
    lowest = np.round(lows / step)
    levels = np.clip(np.round(values / step), lowest, lowest + _STEPS)
    return np.asarray(levels * step**3 / 12 + (values - levels * step) ** 3 / 3)


_CHOICES: dict[str, Callable[[Histogram], tuple[float, float]]] = {
    "percentile-ranges": _cut_by_percentile,
    "mse-ranges": _cut_by_squared_error,
}


def narrow_ranges(ranges: ActivationRanges, histograms: Mapping[str, Histogram], method: str) -> ActivationRanges:
    """Cuts the limits of each activation.

    Args:
        ranges: True minima and maxima.
        histograms: What `measure_histograms` gave, on the same pictures or some of them.
        method: "percentile-ranges" or "mse-ranges", as in `recipes.REPAIRS`.

    Returns:
        The ranges with new limits; an end that is not worth cutting stays, and so does the input.

    >>> seen = ActivationRanges(limits={"t": (0.0, 100.0)}, channel_means={}, pictures=1)
    >>> counts = np.bincount([0] * 30 + [10] * 9970 + [1020], minlength=1021)
    >>> histogram = Histogram(low=0.0, high=100.0, counts=counts)
    >>> round(narrow_ranges(seen, {"t": histogram}, "percentile-ranges").limits["t"][1], 1)
    1.0
    """
    cut = _CHOICES[method]
    limits = dict(ranges.limits)
    for name, histogram in histograms.items():
        (low, high), (seen_low, seen_high) = cut(histogram), ranges.limits[name]
        limits[name] = (low if low > histogram.low else seen_low, high if high < histogram.high else seen_high)
    return replace(ranges, limits=limits)
