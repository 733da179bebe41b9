from __future__ import annotations

import numpy as np
import pytest
from fakes.layered_file import INPUT, RELU, RELU6, LayeredFile, pictures

from mobile_deploy.recipes import REPAIRS
from mobile_deploy.tflite.calibrate import ActivationRanges, measure_ranges
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.range_choice import Histogram, class_scores, measure_histograms, narrow_ranges
from mobile_deploy.tflite.runner import encode_pictures

BINS = 1021
METHODS = ("percentile-ranges", "mse-ranges")


def histogram_of(values: np.ndarray) -> Histogram:
    """How values are spread, bins centred on the smallest and the largest."""
    low, high = float(values.min()), float(values.max())
    places = np.round((values - low) / (high - low) * (BINS - 1)).astype(int).reshape(-1)
    return Histogram(low=low, high=high, counts=np.bincount(places, minlength=BINS))


def narrowed(values: np.ndarray, method: str, *, seen: tuple[float, float] | None = None) -> tuple[float, float]:
    limits = seen or (float(values.min()), float(values.max()))
    ranges = ActivationRanges(limits={"t": limits}, channel_means={}, pictures=1)
    return narrow_ranges(ranges, {"t": histogram_of(values)}, method).limits["t"]


def squared_error(values: np.ndarray, limits: tuple[float, float]) -> float:
    """What int8 loses under these limits, widened to hold zero."""
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    step = (high - low) / 255
    zero_point = np.round(-128 - low / step)
    stored = np.clip(np.round(values / step) + zero_point, -128, 127)
    return float(np.square((stored - zero_point) * step - values).sum())


def best_by_hand(values: np.ndarray) -> float:
    """The least error over all pairs of cuts to 30 % at most; an end on the far side of zero is not cut."""
    cuts = np.linspace(0.3, 1, 36)
    lows = values.min() * cuts if values.min() < 0 else [0.0]
    highs = values.max() * cuts if values.max() > 0 else [0.0]
    return min(squared_error(values, (low, high)) for low in lows for high in highs)


RANDOM = np.random.default_rng(8)
SPREADS = {
    "normal": RANDOM.normal(size=30_000),
    "long tail": RANDOM.laplace(size=30_000),
    "one far value": np.append(RANDOM.uniform(-1, 1, 30_000), 6.0),
    "rectified": np.maximum(RANDOM.normal(size=30_000), 0),
    "rectified, long tail": np.maximum(RANDOM.laplace(-1, 1, size=30_000), 0),
    "even": RANDOM.uniform(-1, 3, 30_000),
}


def test_the_methods_are_those_of_the_repairs():
    assert [name for name in REPAIRS if name.endswith("-ranges")] == list(METHODS)


@pytest.mark.parametrize("name", SPREADS)
def test_mse_limits_lose_as_little_as_the_best_that_a_search_over_the_values_themselves_finds(name):
    values = SPREADS[name]
    assert squared_error(values, narrowed(values, "mse-ranges")) <= 1.025 * best_by_hand(values)


def test_mse_limits_cut_a_far_value_when_enough_others_gain_by_it():
    """N values in steps of w lose N w^2 / 12 and a value cut off by d loses d^2: few others are not worth it."""
    few, many = (np.append(RANDOM.uniform(0, 1, count), 10.0) for count in (1_000, 3_000_000))
    assert narrowed(few, "mse-ranges") == (few.min(), 10.0)
    assert narrowed(many, "mse-ranges")[1] == pytest.approx(3.0)  # the most that may be cut


def test_mse_limits_weigh_each_side_of_zero_by_itself_and_cut_as_far_as_arithmetic_says():
    """N values and one at -6: N w^2 / 255^2 / 12 + d^2, w = 7 - d, is least at d = 7 / (1 + 780,300 / N)."""
    expected, found = [], []
    for count in (100_000, 150_000, 200_000, 250_000, 300_000):
        values = np.append(np.linspace(-1, 1, count), -6.0)
        low, high = narrowed(values, "mse-ranges")
        assert high > 0.95
        found.append(low)
        expected.append(7 / (1 + 780_300 / count) - 6)
    assert np.abs(np.subtract(found, expected)).max() < 0.2  # the cuts are 0.12 apart
    assert abs(np.mean(found) - np.mean(expected)) < 0.06


@pytest.mark.parametrize("sign", [1, -1])
def test_mse_limits_count_the_way_to_zero_where_all_values_are_on_one_side(sign):
    """As above with N = 234,090: a range of 60, not of 40, is what is shared."""
    values = sign * np.append(np.linspace(20, 21, 234_090), 60.0)
    limits = narrowed(values, "mse-ranges")
    assert max(limits, key=abs) * sign == pytest.approx(60 / (1 + 234_090 / 780_300), abs=1.3)


def test_percentile_limits_leave_a_ten_thousandth_beyond_each_end():
    values = RANDOM.permutation(np.linspace(-1, 1, 100_000) ** 7)  # dense at zero, thin at both ends
    low, high = narrowed(values, "percentile-ranges")
    bin_width = 2 / (BINS - 1)
    assert low == pytest.approx(np.quantile(values, 1e-4), abs=bin_width)
    assert high == pytest.approx(np.quantile(values, 1 - 1e-4), abs=bin_width)
    assert low > -1
    assert high < 1
    for beyond in ((values < low - bin_width / 2).mean(), (values > high + bin_width / 2).mean()):
        assert beyond <= 1e-4


@pytest.mark.parametrize(("others", "expected"), [(8_000, 100.0), (12_000, 10.0)])
def test_percentile_limits_cut_a_value_that_is_one_in_more_than_ten_thousand(others, expected):
    values = np.array([0.0] * 10 + [10.0] * others + [100.0])
    assert narrowed(values, "percentile-ranges")[1] == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_evenly_spread_values_keep_their_true_extremes_to_the_last_bit(method):
    values = np.linspace(-1 / 3, 2 / 3, 100_001)
    assert narrowed(values, method) == (values.min(), values.max())


@pytest.mark.parametrize("method", METHODS)
def test_an_end_that_is_not_cut_stays_where_all_pictures_had_it_though_the_histogram_saw_less(method):
    values = np.linspace(-1, 1, 50_001)
    assert narrowed(values, method, seen=(-1.5, 1.25)) == (-1.5, 1.25)


@pytest.mark.parametrize("method", METHODS)
def test_what_piles_up_at_six_is_not_cut(method):
    capped = np.clip(RANDOM.laplace(0, 1.2, 200_000), 0, 6)
    assert 1e-4 < (capped == 6).mean() < 0.01
    assert narrowed(capped, method) == (0.0, 6.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sign", [1, -1])
def test_an_end_on_the_far_side_of_zero_is_left_alone(method, sign):
    """Zero must be in the range anyway: values from 5 to 9 gain nothing by a range from 6."""
    values = sign * RANDOM.uniform(5, 9, 100_000)
    limits = narrowed(values, method)
    near, far = limits if sign > 0 else limits[::-1]
    assert abs(near) <= 5.01
    assert abs(far) >= 8.9


def network(*, fused=RELU6):
    file = LayeredFile()
    kernel = file.weights(4, 1, 1, 3)
    first = file.conv(file.image, kernel, np.float32([0.1, -0.2, 0.3, 0.4]), name="first", fused=fused)
    constant = file.conv(first, np.zeros((2, 1, 1, 4)), np.float32([2, 2]), name="constant")
    return file.ending_at(file.dense(file.mean(constant), 3, name="scores")), kernel


def test_histograms_count_the_values_of_every_activation_between_its_extremes():
    data, kernel = network(fused=RELU)
    given = pictures(5)
    ranges = measure_ranges(data, given, INPUT)
    found = measure_histograms(data, given, INPUT, ranges)
    values = np.maximum(encode_pictures(given, INPUT) @ kernel[:, 0, 0].T + np.float32([0.1, -0.2, 0.3, 0.4]), 0)
    assert found.keys() == {"first"}  # neither the input nor what never changes nor the scores
    assert (found["first"].low, found["first"].high) == ranges.limits["first"]
    assert found["first"].counts.sum() == values.size
    expected = histogram_of(values).counts
    assert np.abs(np.cumsum(found["first"].counts) - np.cumsum(expected)).max() <= 2  # rounding at bins' edges
    assert abs(found["first"].counts[0] - (values < values.max() / (BINS - 1) / 2).sum()) <= 1


@pytest.mark.parametrize("low", [-7.0, -5.0, -3.5, -1.0, -1 / 3, 0.0])
def test_evenly_spread_values_lose_nothing_by_what_is_cut(low):
    """Four bins lie in a step of the whole range: seen from their middles only, any other range would look better."""
    values = np.linspace(low, low + 7, 30_001)
    assert squared_error(values, narrowed(values, "mse-ranges")) <= squared_error(values, (low, low + 7))


def test_bins_are_centred_on_the_extremes_and_evenly_spaced():
    centres = Histogram(low=-1.0, high=3.0, counts=np.ones(BINS, np.int64)).centres()
    assert (centres[0], centres[-1], len(centres)) == (-1.0, 3.0, BINS)
    assert np.diff(centres) == pytest.approx(4 / (BINS - 1))


def test_the_edges_of_bins_lie_halfway_between_their_centres():
    histogram = Histogram(low=-1.0, high=3.0, counts=np.ones(BINS, np.int64))
    edges, centres = histogram.edges(), histogram.centres()
    assert len(edges) == BINS + 1
    assert (edges[:-1] + edges[1:]) / 2 == pytest.approx(centres, abs=1e-12)
    assert np.diff(edges) == pytest.approx(4 / (BINS - 1))


@pytest.mark.parametrize(("count", "used"), [(1, 1), (16, 16), (17, 9), (100, 15)])
def test_of_many_pictures_some_are_counted_evenly_apart(count, used):
    data, _ = network()
    given = pictures(count)
    found = measure_histograms(data, given, INPUT, measure_ranges(data, given, INPUT))
    assert found["first"].counts.sum() == used * 8 * 8 * 4


def test_values_beyond_the_extremes_count_at_the_ends():
    data, _ = network(fused=RELU)
    seen = measure_ranges(data, pictures(1), INPUT)
    tight = ActivationRanges(limits={**seen.limits, "first": (0.1, 0.2)}, channel_means={}, pictures=1)
    counts = measure_histograms(data, pictures(1), INPUT, tight)["first"].counts
    assert counts.sum() == 8 * 8 * 4
    assert counts[0] > 10
    assert counts[-1] > 10


@pytest.mark.parametrize("ending", [(), ("SOFTMAX",), ("LOGISTIC",), ("RESHAPE", "SOFTMAX"), ("SOFTMAX", "RESHAPE")])
def test_the_scores_that_the_answer_is_read_from_are_never_cut(ending):
    file = LayeredFile()
    before = file.conv(file.pool("MAX_POOL_2D", file.image), 4, name="before")
    here = file.conv(before, 4, name="scores")
    for op in ending:
        here = file.alone(op, here, shape=(1, 16, 4))
    data, given = file.ending_at(here), pictures(3)
    found = measure_histograms(data, given, INPUT, measure_ranges(data, given, INPUT))
    assert found.keys() == {"pool", "before"}
    assert class_scores(read_graph(data)) == {"scores", *(op.lower() for op in ending)}


def test_only_tensors_with_a_histogram_are_narrowed():
    limits = {"image": (-1.0, 1.0), "constant": (2.0, 2.0), "t": (0.0, 10.0)}
    means = {"t": np.float32([0.5])}
    ranges = ActivationRanges(limits=limits, channel_means=means, pictures=7)
    values = np.append(np.full(50_000, 1.0), [0.0] * 10 + [10.0])
    after = narrow_ranges(ranges, {"t": histogram_of(values)}, "percentile-ranges")
    assert {**after.limits, "t": None} == {**limits, "t": None}
    assert after.limits["t"][1] < 1.1
    assert (after.channel_means, after.pictures) == (means, 7)


def test_activations_that_hardly_move_are_counted_without_a_warning():
    data, _ = network(fused=RELU)
    given = pictures(2)
    ranges = measure_ranges(data, given, INPUT)
    tiny = ActivationRanges(limits={**ranges.limits, "first": (0.0, 1e-39)}, channel_means={}, pictures=1)
    found = measure_histograms(data, given, INPUT, tiny)
    for method in METHODS:
        assert narrow_ranges(tiny, found, method).limits["first"] == (0.0, 1e-39)
