from __future__ import annotations

import json

import numpy as np
import pytest
from fakes.layered_file import INPUT, NONE, RELU, RELU6, LayeredFile, pictures, scaled_unevenly, small_mobilenet

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.tflite.bias_correction import rounding_error
from mobile_deploy.tflite.calibrate import measure_ranges
from mobile_deploy.tflite.channel_weights import ChannelWeights
from mobile_deploy.tflite.equalize import (
    Equalization,
    apply_equalization,
    measure_peaks,
    plan_equalization,
    plan_silence,
)
from mobile_deploy.tflite.graph import Graph, read_graph
from mobile_deploy.tflite.runner import encode_pictures
from mobile_deploy.tflite.write import pack

NO_SILENCE = Equalization()


def planned(data: bytes, given=None) -> Equalization:
    peaks = measure_peaks(data, pictures() if given is None else given, INPUT)
    return plan_equalization(read_graph(data), peaks, NO_SILENCE)


def changed(data: bytes, given=None) -> bytes:
    return apply_equalization(data, planned(data, given))


def error_of(data: bytes, other: bytes, given=None) -> float:
    """Largest difference of the logits as a share of the largest logit."""
    given = pictures() if given is None else given
    exact, found = (read_logits(file, given, INPUT) for file in (data, other))
    return float(np.abs(exact - found).max() / np.abs(exact).max())


def unevenness(data: bytes) -> float:
    """How much wider the widest channel of a kernel is than the narrowest, the mean of the logarithms over kernels."""
    graph = read_graph(data)
    weights = ChannelWeights(graph)
    spans = [weights.spans(op, "out") for op in graph.ops[:-1] if op.name in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    return float(np.mean([np.log2(span.max() / span.min()) for span in spans]))


@pytest.mark.parametrize("seed", range(3))
def test_an_equalized_network_answers_as_before_also_pictures_it_was_not_measured_on(seed):
    data = scaled_unevenly(small_mobilenet(seed), seed=seed)
    evened = changed(data)
    assert evened != data
    assert error_of(data, evened) < 1e-5
    assert error_of(data, evened, pictures(40, first_seed=500)) < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_ranges_have_settled_over_long_chains(seed):
    """To equalize an equalized network again moves no channel by more than rounding its factor does."""
    again = planned(changed(scaled_unevenly(small_mobilenet(seed), seed=seed, most=30.0)))
    assert all(np.abs(exponents).max() <= 1 for exponents in again.exponents.values())


def test_a_network_of_the_variants_answers_as_before(v2_network):
    peaks = measure_peaks(v2_network.data, v2_network.pictures, v2_network.input)
    plan = plan_equalization(read_graph(v2_network.data), peaks, NO_SILENCE)
    evened = apply_equalization(v2_network.data, plan)
    exact, found = (read_logits(file, v2_network.pictures, v2_network.input) for file in (v2_network.data, evened))
    assert len(plan.exponents) > 20
    assert np.abs(found - exact).max() < 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("seed", range(3))
def test_kernels_become_more_even(seed):
    data = scaled_unevenly(small_mobilenet(seed), seed=seed, most=30.0)
    assert unevenness(changed(data)) < 0.65 * unevenness(data)


def pair(spans, reads, *, tops=None, fused=NONE) -> bytes:
    """first -> last; channel i has a weight spans[i] where it is made and reads[i] where it is read.

    `tops` are what the channels of `first` hold on a white picture before their activation; without them no bias.
    """
    file, spans = LayeredFile(), np.float32(spans)
    bias = np.zeros(3) if tops is None else np.float32(tops) - spans
    first = file.conv(file.image, np.diag(spans).reshape(3, 1, 1, 3), bias, name="first", fused=fused)
    return file.ending_at(file.conv(first, np.diag(np.float32(reads)).reshape(3, 1, 1, 3), np.zeros(3)))


WHITE = np.full((1, 8, 8, 3), 255, np.uint8)
EVEN = (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("spans", "reads", "exponents"),
    [
        # A channel that is 1/16 of its kernel where it is made and all of it where it is read becomes 1/4 on both
        # sides; four notches are a factor of two.
        ((1.0, 16.0, 16.0), EVEN, [-8, 0, 0]),
        (EVEN, (1.0, 16.0, 16.0), [8, 0, 0]),
        ((7.0, 7.0, 28.0), (3.0, 12.0, 3.0), [0, -4, 4]),
    ],
)
def test_channels_become_equally_wide_on_both_sides(spans, reads, exponents):
    plan = planned(pair(spans, reads))
    assert plan.exponents[0].tolist() == exponents


@pytest.mark.parametrize("far", [1e-3, 1e-12])
def test_no_factor_is_beyond_64(far):
    most = {1e-3: 20, 1e-12: 24}[far]  # the root of a thousand is five doublings
    assert planned(pair((far, 1, 1), EVEN)).exponents[0].tolist() == [-most, 0, 0]
    assert planned(pair(EVEN, (far, 1, 1))).exponents[0].tolist() == [most, 0, 0]


@pytest.mark.parametrize(("spans", "reads"), [((0, 4, 4), EVEN), (EVEN, (0, 4, 4)), ((0, 0, 0), EVEN)])
def test_channels_without_weights_keep_their_scale(spans, reads):
    data = pair(spans, reads)
    assert apply_equalization(data, planned(data)) == data


GROWING, SHRINKING = ((1e-4, 1e-4, 1.0), EVEN), ((1.0, 1.0, 1.0), (1e-4, 1e-4, 1.0))


@pytest.mark.parametrize(
    ("top", "exponent"),
    [
        (9.0, 0),  # it is at the cap
        (6.0, 0),
        (4.9, 0),  # other pictures may go a quarter higher, which is beyond the cap
        (4.0, -1),  # 5/6 lies between the notches -2 and -1
        (2.39, -4),  # it may double
        (0.01, -24),
    ],
)
def test_no_channel_grows_beyond_the_cap(top, exponent):
    plan = planned(pair(*GROWING, tops=(top, top, 1.0), fused=RELU6), WHITE)
    assert plan.exponents.get(0, np.zeros(3)).tolist() == [exponent, exponent, 0]


@pytest.mark.parametrize(("top", "exponent"), [(9.0, 0), (6.0, 0), (4.9, 0), (4.7, 24), (0.5, 24)])
def test_a_channel_that_may_reach_the_cap_never_shrinks(top, exponent):
    plan = planned(pair(*SHRINKING, tops=(top, top, 1.0), fused=RELU6), WHITE)
    assert plan.exponents.get(0, np.zeros(3)).tolist() == [exponent, exponent, 0]


@pytest.mark.parametrize("fused", [NONE, RELU])
@pytest.mark.parametrize(("spans_and_reads", "exponent"), [(GROWING, -24), (SHRINKING, 24)])
def test_without_a_cap_every_channel_is_free(fused, spans_and_reads, exponent):
    plan = planned(pair(*spans_and_reads, tops=(9.0, 7.0, 1.0), fused=fused), WHITE)
    assert plan.exponents[0].tolist() == [exponent, exponent, 0]


@pytest.mark.parametrize("spans_and_reads", [GROWING, SHRINKING])
def test_the_cap_cuts_what_it_cut_before(spans_and_reads):
    spans, reads = spans_and_reads
    data = pair(np.multiply(spans, (30, 9, 30)), reads, tops=(20.0, 3.0, 8.0), fused=RELU6)
    evened = changed(data)
    assert evened != data
    assert error_of(data, evened) < 1e-6


def test_an_addition_of_a_capped_and_a_free_branch_heeds_the_cap_for_both():
    file = LayeredFile()
    spans = np.diag(np.float32([1e-4, 1e-4, 1])).reshape(3, 1, 1, 3)
    capped = file.conv(file.image, spans, np.float32([9, 3, 0]), name="capped", fused=RELU6)
    free = file.conv(file.image, spans, np.float32([1, 1, 0]), name="free")
    plan = planned(file.ending_at(file.conv(file.add(capped, free), np.eye(3).reshape(3, 1, 1, 3))), WHITE)
    assert plan.exponents[0].tolist() == [0, -2, 0]  # 3.75/6 lies between the notches -3 and -2


def test_residual_branches_share_their_factors():
    data = scaled_unevenly(small_mobilenet())
    plan, graph = planned(data), read_graph(data)
    named = {graph.tensors[op.outputs[0]].name: op.index for op in graph.ops}
    assert named["narrow"] in plan.exponents
    assert named["narrow again"] not in plan.exponents  # it goes with the first maker
    before, after = (
        measure_ranges(file, pictures(), INPUT).channel_means for file in (data, apply_equalization(data, plan))
    )
    factors = 2.0 ** (plan.exponents[named["narrow"]] / 4)
    for name in ("narrow", "narrow again", "add"):
        assert after[name] * factors == pytest.approx(before[name], rel=1e-3, abs=1e-4)


def test_of_several_makers_the_one_in_which_a_channel_is_widest_counts():
    file = LayeredFile()
    branches = [
        file.conv(file.image, np.diag(np.float32(spans)).reshape(3, 1, 1, 3), np.zeros(3), name=f"branch {number}")
        for number, spans in enumerate([(1, 16, 16), (16, 1, 16)])
    ]
    last = file.conv(file.add(*branches), np.eye(3).reshape(3, 1, 1, 3), np.zeros(3))
    data = file.ending_at(last)
    assert apply_equalization(data, planned(data)) == data


@pytest.mark.parametrize("op", ["HARD_SWISH", "LOGISTIC"])
def test_a_layer_before_a_curve_is_left_alone(op):
    file = LayeredFile()
    first = file.conv(file.image, np.float32([[1, 0, 0], [50, 0, 0]]).reshape(2, 1, 1, 3), name="first")
    data = file.ending_at(file.conv(file.alone(op, first), 4))
    assert changed(data) == data


def test_peaks_are_the_largest_values_of_each_channel_over_all_pictures():
    file, given = LayeredFile(), pictures(7)
    kernel, bias = file.weights(4, 1, 1, 3), np.float32([0.1, -9, 0.3, 0.4])
    first = file.conv(file.image, kernel, bias, name="first", fused=RELU)
    data = file.ending_at(file.conv(first, 2, name="last"))
    peaks = measure_peaks(data, given, INPUT)
    expected = np.maximum(encode_pictures(given, INPUT) @ kernel[:, 0, 0].T + bias, 0).max(axis=(0, 1, 2))
    assert peaks.keys() == {"first"}  # nothing can be scaled behind `last`
    assert peaks["first"] == pytest.approx(expected, abs=1e-5)
    assert peaks["first"][1] == 0


def with_channels(kernel, bias, *, fused=RELU) -> Graph:
    """first, with these channels -> last."""
    file = LayeredFile()
    kernel = np.float32(kernel)
    first = file.conv(file.image, kernel.reshape(len(kernel), 1, 1, 3), bias, name="first", fused=fused)
    last = file.conv(first, np.float32([[1, 1, 9]]).reshape(1, 1, 1, 3), np.zeros(1), name="last")
    return read_graph(file.ending_at(last))


ROWS = [[1, 1, 1], [2, 0, 0], [5, 5, 5]]


def silence_of(graph: Graph, peaks) -> dict:
    return dict(plan_silence(graph, {"first": np.float32(peaks)}).silenced)


def test_a_dead_channel_wider_than_all_living_ones_is_silenced_on_the_side_where_it_is_wider():
    graph = with_channels(ROWS, [0, 0, -99])
    assert silence_of(graph, [3, 2, 0]) == {(0, "out"): (2,), (1, "in"): (2,)}


def test_a_dead_channel_that_is_no_wider_than_the_living_ones_is_left_alone():
    assert silence_of(with_channels(ROWS, [0, -99, 0]), [3, 0, 15]) == {}


@pytest.mark.parametrize("peak", [1e-30, 0.1, 15])
def test_a_channel_that_speaks_once_is_never_silenced(peak):
    assert silence_of(with_channels(ROWS, [0, 0, -14.9]), [3, 2, peak]) == {}


def test_a_layer_of_dead_channels_only_is_left_alone():
    assert silence_of(with_channels(ROWS, [-99] * 3), [0, 0, 0]) == {}


def test_a_channel_without_rectifier_is_never_dead():
    assert silence_of(with_channels(ROWS, [0, 0, -99], fused=NONE), [3, 2, -84]) == {}


def test_a_channel_is_dead_only_if_no_branch_of_an_addition_speaks():
    file = LayeredFile()
    kernel = np.float32(ROWS).reshape(3, 1, 1, 3)
    branches = [file.conv(file.image, kernel, np.zeros(3), name=name, fused=RELU) for name in ("first", "second")]
    graph = read_graph(file.ending_at(file.conv(file.add(*branches), 2, name="last")))

    def silenced(second):
        return plan_silence(graph, {"first": np.float32([3, 2, 0]), "second": np.float32(second)}).silenced

    assert silenced([3, 2, 1]) == {}
    assert silenced([3, 2, 0])[1, "out"] == (2,)


def test_silencing_changes_no_answer_even_where_a_high_bias_was_held_down():
    """The dead channel is 40 - 60 x, with x from 1 to 3, so that it never speaks; without weights 40 would."""
    file = LayeredFile()
    lifted = file.conv(file.image, np.eye(3).reshape(3, 1, 1, 3), np.full(3, 2.0), fused=RELU)
    kernel = np.float32([[1, 0, 0], [0, 1, 0], [-20, -20, -20]]).reshape(3, 1, 1, 3)
    first = file.conv(lifted, kernel, np.float32([0, 0, 40]), fused=RELU6)
    data = file.ending_at(file.conv(first, 4))
    plan = plan_silence(read_graph(data), measure_peaks(data, pictures(), INPUT))
    assert plan.silenced_channels > 0
    assert error_of(data, apply_equalization(data, plan)) == 0


def test_equalization_looks_at_kernels_after_the_silence():
    """Until it is silenced, the dead channel is the widest and all others are a small share of the kernel."""
    rows = [[1, 0, 0], [16, 0, 0], [1000, 1000, 1000]]
    graph = with_channels(rows, [0, 0, -1e6])
    peaks = {"first": np.float32([1, 16, 0])}
    silence = plan_silence(graph, peaks)
    plan = plan_equalization(graph, peaks, silence)
    assert plan.silenced == silence.silenced
    assert plan.exponents[0].tolist() == [-8, 0, 0]


def test_a_plan_survives_json():
    data = scaled_unevenly(small_mobilenet())
    plan = Equalization(
        exponents=planned(data).exponents, silenced={(1, "in"): (0, 3), (1, "out"): (0,), (7, "out"): (5,)}
    )
    read = Equalization.from_json(json.loads(json.dumps(plan.to_json())), source="model.json")
    assert read.silenced == plan.silenced
    assert read.exponents.keys() == plan.exponents.keys()
    assert all(read.exponents[op].tolist() == plan.exponents[op].tolist() for op in plan.exponents)
    assert apply_equalization(data, read) == apply_equalization(data, plan)
    assert read.silenced_channels == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.pop("exponents"),
        lambda record: record.pop("silenced"),
        lambda record: record.update(exponents=[1]),
        lambda record: record.update(exponents={"one": "AAA="}),
        lambda record: record.update(exponents={"1": "?"}),
        lambda record: record.update(exponents={"1": 7}),
        lambda record: record.update(silenced=5),
        lambda record: record.update(silenced=["out"]),
        lambda record: record.update(silenced=[{"op": 1, "side": "up", "channels": []}]),
        lambda record: record.update(silenced=[{"op": 1, "side": "out", "channels": [[]]}]),
        lambda record: record.update(silenced=[{"op": 1, "side": "out", "channels": ["a"]}]),
        lambda record: record.update(silenced=[{"op": 1, "side": "out", "channels": [-1]}]),
        lambda record: record.update(silenced=[{"op": -1, "side": "out", "channels": [1]}]),
        lambda record: record.update(silenced=[{"op": True, "side": "out", "channels": [1]}]),
        lambda record: record.update(silenced=[{"op": 1, "channels": [1]}]),
    ],
)
def test_a_damaged_record_is_named(damage):
    record = Equalization(exponents={0: np.int8([1, 2])}, silenced={(0, "out"): (1,)}).to_json()
    damage(record)
    with pytest.raises(UnreadableFileError, match=r"model\.json: its record of an equalization is damaged"):
        Equalization.from_json(record, source="model.json")


@pytest.mark.parametrize(
    "plan",
    [
        {"exponents": {0: np.int8([1] * 7)}},  # the stem has 8 channels
        {"exponents": {5: np.int8([1] * 8)}},  # the first maker of its tensors is another
        {"exponents": {99: np.int8([1] * 8)}},
        {"silenced": {(0, "in"): (0,)}},  # what reads the picture
        {"silenced": {(9, "out"): (0,)}},  # the mean has no kernel
        {"silenced": {(99, "out"): (0,)}},
        {"silenced": {(0, "out"): (8,)}},
        {"silenced": {(0, "out"): (10**30,)}},
    ],
)
def test_the_plan_of_another_network_is_refused(plan):
    with pytest.raises(UnreadableFileError, match=r"net\.tflite: it is not the network that the equalization was made"):
        apply_equalization(small_mobilenet(), Equalization(**plan), source="net.tflite")


def test_an_empty_plan_gives_the_same_bytes():
    data = small_mobilenet()
    assert apply_equalization(data, NO_SILENCE) is data


def test_a_network_without_groups_has_an_empty_plan():
    file = LayeredFile()
    data = file.ending_at(file.alone("SOFTMAX", file.mean(file.image)))
    assert planned(data) == NO_SILENCE
    assert plan_silence(read_graph(data), {}) == NO_SILENCE


def test_equal_pictures_give_equal_bytes():
    data = scaled_unevenly(small_mobilenet())
    assert changed(data) == changed(data)


def rounded(data: bytes) -> bytes:
    """The network with all kernels rounded to int8, one scale a kernel."""
    graph = read_graph(data)
    model = graph.model
    for op in graph.ops:
        if op.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            kernel = graph.constant(op.inputs[1])
            values = kernel + rounding_error(kernel, np.abs(kernel).max())
            buffer = model.buffers[model.subgraphs[0].tensors[op.inputs[1]].buffer]
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return pack(model)


@pytest.mark.parametrize("seed", range(3))
def test_a_common_scale_loses_less_of_even_channels(seed):
    data = scaled_unevenly(small_mobilenet(seed), seed=seed, most=40.0)
    lost = error_of(data, rounded(data))
    assert error_of(data, rounded(changed(data))) < lost / 2
