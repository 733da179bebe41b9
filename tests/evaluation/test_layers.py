from __future__ import annotations

import math

import numpy as np
import pytest
from fakes.faults import kill_channel, position_of, with_bias, with_kernel, with_ranges
from fakes.tflite_file import TfliteFile

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.evaluation.bench import FilePair
from mobile_deploy.evaluation.layers import measure_layers
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import InterpreterError, encode_pictures, open_interpreter
from mobile_deploy.tflite.twins import NotTheTwinError, pair_ops
from mobile_deploy.tflite.write import pack

RNG = np.random.default_rng(3)
# Pixels are integers of scale 1, so that an int8 input holds them exactly.
PIXELS = {"low": -128.0, "high": 127.0, "fit": Fit(kind="stretch")}


def doubling(*scales: float | None) -> bytes:
    """Additions of a value to itself, each with this scale of its result; None for the float file."""
    file = TfliteFile()
    is_float = scales[0] is None
    kind = {"dtype": "float32"} if is_float else {"dtype": "int8", "zero_points": (0,), "scales": (1.0,)}
    image = here = file.tensor((1, 4, 4, 3), name="image", **kind)
    for number, scale in enumerate(scales):
        made = kind if is_float else {**kind, "scales": (scale,)}
        here = file.op("ADD", [here, here], file.tensor((1, 4, 4, 3), name=f"double_{number}", **made))
    return file.ends([image], [here]).to_bytes()


def pair(*scales: float) -> FilePair:
    return FilePair(
        data=doubling(*scales),
        given=InputContract(side=4, dtype="int8", **PIXELS),
        float_data=doubling(*[None] * len(scales)),
        float_given=InputContract(side=4, dtype="float32", **PIXELS),
    )


def small_pair(network, data: bytes) -> FilePair:
    return FilePair(
        data=data,
        given=network.contract(data, "int8").input,
        float_data=network.quantized("float32").data,
        float_given=network.input,
    )


@pytest.fixture
def pictures() -> np.ndarray:
    """Values from -64 to 63 under the contract."""
    return RNG.integers(64, 192, (3, 4, 4, 3), dtype=np.uint8)


def test_a_layer_that_loses_nothing_has_no_noise(pictures):
    (layer,) = measure_layers(pair(2.0), pictures)
    assert (layer.local.sqnr_db, layer.local.cosine) == (math.inf, 1.0)
    assert (layer.cumulative.sqnr_db, layer.clipped, layer.output_scale) == (math.inf, 0.0, 2.0)


def test_sqnr_is_the_power_of_the_values_over_that_of_the_error(pictures):
    (layer,) = measure_layers(pair(4.0), pictures)
    exact = 2 * (pictures.astype(float) - 128)
    noise = 4.0 * (pictures % 2).sum()  # an odd pixel lies between two steps, 2 from either
    expected = 10 * math.log10((exact**2).sum() / noise)
    assert layer.local.sqnr_db == pytest.approx(expected)
    assert layer.cumulative.sqnr_db == pytest.approx(expected)
    assert 0.9 < layer.local.cosine < 1


def test_what_lies_outside_the_integers_is_clipped(pictures):
    (layer,) = measure_layers(pair(0.5), pictures)  # from -64 to 63.5
    exact = 2 * (pictures.astype(float) - 128)
    beyond = np.maximum(exact - 63.5, 0) + np.maximum(-64 - exact, 0)
    assert layer.clipped == pytest.approx((beyond > 0.25).mean())
    assert layer.clip_noise_share == pytest.approx(1.0)
    assert layer.local.sqnr_db == pytest.approx(10 * math.log10((exact**2).sum() / (beyond**2).sum()))


def test_what_an_early_layer_clips_does_not_spoil_the_local_error_of_a_later_one(pictures):
    first, second, third = measure_layers(pair(0.25, 4.0, 8.0), pictures)  # the first holds -32 to 31.75
    assert first.local.sqnr_db < 5
    assert third.cumulative.sqnr_db == pytest.approx(first.local.sqnr_db, abs=0.1)
    assert third.local.sqnr_db == math.inf
    assert second.local.sqnr_db < 5  # it reads the clipped tensor


def test_local_error_includes_the_rounding_of_what_the_layer_reads(pictures):
    """The second layer adds nothing of its own, but its input has steps of 4."""
    first, second = measure_layers(pair(4.0, 8.0), pictures)
    assert second.local.sqnr_db == pytest.approx(first.local.sqnr_db)


@pytest.mark.parametrize("quant", ["int8", "int16x8"])
def test_the_local_run_of_an_operator_is_the_files_own_operator(v2_network, quant):
    """Feeding the integer file's own values back to each operator gives its own results, bit by bit."""
    from mobile_deploy.evaluation.probes import ApartProbe, Probe
    from mobile_deploy.tflite.twins import activation_inputs

    data = v2_network.quantized(quant, "float32").data
    graph = read_graph(data)
    ops = [op for op in graph.ops if op.name not in ("QUANTIZE", "DEQUANTIZE")]
    made = [i for op in graph.ops for i in op.outputs]
    whole = Probe.of_results(data, made, source="a file under test")
    whole.run({graph.inputs[0]: encode_pictures(v2_network.pictures[:1], v2_network.input)})
    apart = ApartProbe(read_graph(data), ops, source="a file under test")
    apart.run({op.index: [whole.read(i) for i in activation_inputs(graph, op)] for op in ops})
    for op in ops:
        assert np.array_equal(apart.read(op.outputs[0]), whole.read(op.outputs[0])), op.name


def test_cumulative_error_at_the_end_is_that_of_the_answers(v2_network):
    data = v2_network.quantized("int8", "float32").data
    files = FilePair(
        data=data,
        given=v2_network.input,
        float_data=v2_network.quantized("float32").data,
        float_given=v2_network.input,
    )
    pictures = v2_network.pictures[:4]
    last = measure_layers(files, pictures)[-1]
    exact, answers = (logits_free_answers(d, pictures, v2_network.input) for d in (files.float_data, data))
    expected = 10 * math.log10((exact**2).sum() / ((answers - exact) ** 2).sum())
    assert last.cumulative.sqnr_db == pytest.approx(expected, abs=1e-3)
    assert (last.op, last.index) == ("SOFTMAX", 64)


def logits_free_answers(data, pictures, given):
    interpreter = open_interpreter(data, threads=1, source="a file under test")
    ends = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    answers = []
    for picture in encode_pictures(pictures, given):
        interpreter.set_tensor(ends[0], picture[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(ends[1]).astype(float))
    return np.stack(answers)


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small"])
def test_a_sound_file_is_sound_in_every_layer(small_network, variant):
    network = small_network(variant)
    layers = measure_layers(small_pair(network, network.quantized("int8").data), network.pictures[:4])
    reference = read_graph(network.quantized("float32").data)
    assert [layer.index for layer in layers] == list(range(len(reference.ops)))
    assert [layer.op for layer in layers] == [op.name for op in reference.ops]
    assert len({layer.name for layer in layers}) == len(layers)
    assert min(layer.local.sqnr_db for layer in layers) > 25
    assert {layer.dead_channels for layer in layers if layer.weights and layer.weights.zero_channels} == set()
    assert all(layer.weights.saturated_biases == () for layer in layers if layer.weights)


def test_kernels_of_one_scale_lose_more_and_the_loss_is_laid_to_them(v2_network):
    pictures = v2_network.pictures[:4]
    fine, coarse = (
        measure_layers(small_pair(v2_network, v2_network.quantized("int8", granularity=g).data), pictures)
        for g in ("per-channel", "per-tensor")
    )
    worst = min((layer for layer in coarse if layer.weights), key=lambda layer: layer.local.sqnr_db)
    beside = fine[worst.index]
    assert worst.op == "DEPTHWISE_CONV_2D"
    assert worst.weights.shares_scale
    assert not beside.weights.shares_scale
    assert worst.weights.range_ratio == beside.weights.range_ratio
    assert worst.weights.noise_share > 0.8 > 2 * beside.weights.noise_share
    assert worst.local.sqnr_db < beside.local.sqnr_db - 3


def test_range_ratio_is_the_widest_over_the_narrowest_channel_of_the_float_kernel(v2_network):
    graph = read_graph(v2_network.quantized("float32").data)
    layers = measure_layers(small_pair(v2_network, v2_network.quantized("int8").data), v2_network.pictures[:1])
    depthwise, conv = graph.ops[1], graph.ops[2]
    for op, axes in ((depthwise, (0, 1, 2)), (conv, (1, 2, 3))):
        widest = np.abs(graph.constant(op.inputs[1])).max(axis=axes)
        assert layers[op.index].weights.range_ratio == pytest.approx(widest.max() / widest.min(), rel=1e-5)


@pytest.mark.parametrize("op", ["DEPTHWISE_CONV_2D", "CONV_2D", "FULLY_CONNECTED"])
def test_a_channel_whose_stored_weights_are_zero_is_dead(v2_network, op):
    data = v2_network.quantized("int8").data
    graph = read_graph(data)
    broken = with_kernel(data, position_of(graph, op), kill_channel(3, op=op))
    layers = measure_layers(small_pair(v2_network, broken), v2_network.pictures[:2])
    (layer,) = (layer for layer in layers if layer.weights and layer.weights.zero_channels)
    assert (layer.op, layer.lost_channels, layer.weights.zero_in_float) == (op, (3,), ())
    assert 3 in layer.dead_channels
    assert layer.weights.range_ratio < 1000  # of the float file's channels, none of which is zero


def test_a_channel_that_is_zero_in_the_float_file_too_is_told_apart(v2_network):
    twin = with_kernel(v2_network.quantized("float32").data, 1, kill_channel(3, op="DEPTHWISE_CONV_2D"))
    data = with_kernel(v2_network.quantized("int8").data, 2, kill_channel(3, op="DEPTHWISE_CONV_2D"))
    files = FilePair(
        data=data, given=v2_network.contract(data, "int8").input, float_data=twin, float_given=v2_network.input
    )
    layer = measure_layers(files, v2_network.pictures[:1])[1]
    assert (layer.weights.zero_channels, layer.weights.zero_in_float) == ((3,), (3,))
    assert math.isfinite(layer.weights.range_ratio)


def test_a_channel_that_a_coarse_step_rounds_to_zero_is_silenced(v2_network):
    name = read_graph(v2_network.data).tensors[read_graph(v2_network.data).ops[2].outputs[0]].name
    sound = measure_layers(small_pair(v2_network, v2_network.quantized("int8").data), v2_network.pictures[:2])[2]
    assert sound.silent_channels == ()
    coarse = with_ranges(v2_network, {name: 200.0})
    layer = measure_layers(small_pair(v2_network, coarse), v2_network.pictures[:2])[2]
    assert len(layer.silent_channels) > 0
    assert layer.bulk_steps < 4 < sound.bulk_steps


def test_a_bias_at_the_end_of_int32_is_counted(v2_network):
    def saturate(bias):
        bias[[2, 5]] = -(2**31), 2**31 - 1

    broken = with_bias(v2_network.quantized("int8").data, 1, saturate)
    layers = measure_layers(small_pair(v2_network, broken), v2_network.pictures[:1])
    assert layers[0].weights.saturated_biases == (2, 5)
    assert all(layer.weights.saturated_biases == () for layer in layers[1:] if layer.weights)


def test_the_lobe_of_a_hard_swish_is_looked_at(small_network):
    network = small_network("v3-small")
    layers = measure_layers(small_pair(network, network.quantized("int8").data), network.pictures[:2])
    swishes = [layer for layer in layers if layer.op == "HARD_SWISH"]
    assert len(swishes) == sum(op.name == "HARD_SWISH" for op in read_graph(network.data).ops)
    for layer in swishes:
        assert layer.lobe.steps == pytest.approx(0.375 / layer.output_scale)
        assert 0.3 < layer.lobe.value_share < 0.7
    assert all(layer.lobe is None for layer in layers if layer.op != "HARD_SWISH")


def test_a_float_operator_in_an_integer_file_has_no_local_error(small_network):
    network = small_network("v3-small")
    data = network.quantized("int16x8").data  # which has no HARD_SWISH
    files = FilePair(
        data=data, given=network.input, float_data=network.quantized("float32").data, float_given=network.input
    )
    layers = measure_layers(files, network.pictures[:1])
    assert {layer.local.sqnr_db for layer in layers if layer.op == "HARD_SWISH"} == {math.inf}
    assert {layer.bulk_steps for layer in layers} == {None}
    assert all(math.isfinite(layer.cumulative.sqnr_db) for layer in layers)


def test_an_operator_whose_result_is_no_real_value_is_left_out():
    def with_index(dtype: str) -> bytes:
        def kind(scale):
            return {} if dtype == "float32" else {"dtype": dtype, "scales": (scale,), "zero_points": (0,)}

        file = TfliteFile()
        image, more = (
            file.tensor((1, 4, 4, 3), name=name, **kind(scale)) for name, scale in (("image", 1), ("more", 2))
        )
        axis, best = file.constant(np.array(3, np.int32)), file.tensor((1, 4, 4), name="best", dtype="int64")
        file.op("ARG_MAX", [image, axis], best, outputType=4)  # INT64
        file.op("ADD", [image, image], more)
        return file.ends([image], [more, best]).to_bytes()

    files = FilePair(
        data=with_index("int8"),
        given=InputContract(side=4, dtype="int8", **PIXELS),
        float_data=with_index("float32"),
        float_given=InputContract(side=4, dtype="float32", **PIXELS),
    )
    layers = measure_layers(files, RNG.integers(64, 192, (1, 4, 4, 3), dtype=np.uint8))
    assert [(layer.op, layer.index) for layer in layers] == [("ADD", 1)]


def test_numbers_that_are_not_finite_are_an_error(v2_network):
    def overflow(kernel):
        kernel[:] = 3e38

    twin = with_kernel(v2_network.quantized("float32").data, 2, overflow)
    files = small_pair(v2_network, v2_network.quantized("int8").data)
    broken = FilePair(data=files.data, given=files.given, float_data=twin, float_given=files.float_given)
    with pytest.raises(InterpreterError, match="not finite"):
        measure_layers(broken, v2_network.pictures[:1])


def test_another_network_is_refused(small_network):
    v1, v2 = small_network("v1"), small_network("v2")
    files = FilePair(
        data=v2.quantized("int8").data,
        given=v2.contract(v2.quantized("int8").data, "int8").input,
        float_data=v1.data,
        float_given=v1.input,
    )
    with pytest.raises(NotTheTwinError):
        measure_layers(files, v2.pictures[:1])


def test_progress_counts_pictures(pictures):
    told = []
    measure_layers(pair(2.0), pictures, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_pairs_and_copies_leave_the_files_as_they_are(pictures):
    files = pair(4.0)
    assert measure_layers(files, pictures) == measure_layers(files, pictures)
    assert pack(read_graph(files.data).model) == files.data
    assert len(pair_ops(*files.graphs())) == 1
