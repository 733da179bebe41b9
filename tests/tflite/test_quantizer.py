from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from fakes.tflite_file import RELU, TfliteFile

from mobile_deploy.contract import Fit, InputContract, Quantization
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.recipes import RECIPES, resolve_recipes
from mobile_deploy.tflite import quantize as quantize_module
from mobile_deploy.tflite.audit import float_ops_of
from mobile_deploy.tflite.calibrate import measure_ranges
from mobile_deploy.tflite.graph import WEIGHTED_OPS, load_model, read_graph
from mobile_deploy.tflite.quantize import QuantizerError, input_quantization, quantize
from mobile_deploy.tflite.write import serialize

ENDS = [(name, io) for name, recipe in RECIPES.items() for io in recipe.io_types]


def float_input(low=-1.0, high=1.0, side=8) -> InputContract:
    return InputContract(side=side, dtype="float32", low=low, high=high, fit=Fit(kind="stretch"))


def end_tensors(data: bytes):
    graph = read_graph(data)
    return graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]


def kernels(data: bytes):
    graph = read_graph(data)
    return [(op, graph.tensors[op.inputs[1]]) for op in graph.ops if op.name in WEIGHTED_OPS]


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (-1.0, 1.0, 2 / 255, 127),
        (0.0, 1.0, 1 / 255, 0),
        (0.0, 255.0, 1.0, 0),
        (-1.0, 0.0, 1 / 255, 255),
        (-2.117904, 2.64, 4.757904 / 255, 114),
        (-128.0, 127.0, 1.0, 128),
    ],
)
def test_the_integers_of_the_input_are_the_pixels(low, high, scale, zero_point):
    given = float_input(low, high)
    assert input_quantization(given, "float32") is None
    assert input_quantization(given, "uint8") == Quantization(scale=pytest.approx(scale), zero_point=zero_point)
    assert input_quantization(given, "int8") == Quantization(scale=pytest.approx(scale), zero_point=zero_point - 128)
    pixels = np.arange(256)
    assert (pixels - zero_point) * scale == pytest.approx(low + pixels * scale, abs=scale / 2 + 1e-9)


@pytest.mark.parametrize(("low", "high"), [(0.5, 1.5), (-3.0, -1.0), (1.0, 256.0)])
def test_a_range_without_zero_has_no_integer_input(low, high):
    with pytest.raises(BadOptionError, match="must have a zero") as caught:
        input_quantization(float_input(low, high), "uint8")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("quant", ["int8", "int16x8"])
def test_integer_recipes_refuse_a_range_without_zero(v2_network, quant):
    with pytest.raises(BadOptionError, match=r"0\.5 to 1\.5"):
        quantize(
            v2_network.data,
            resolve_recipes([quant])[0],
            replace(v2_network.input, low=0.5, high=1.5),
            ranges=v2_network.ranges,
        )


@pytest.mark.parametrize(("quant", "io"), ENDS)
def test_the_ends_have_the_type_that_was_asked_for(v2_network, quant, io):
    first, last = end_tensors(v2_network.quantized(quant, io).data)
    assert (first.dtype, last.dtype) == (io, io)
    assert (first.shape, last.shape) == ((1, 64, 64, 3), (1, 10))


@pytest.mark.parametrize(("io", "zero_point"), [("uint8", 127), ("int8", -1)])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)])
def test_the_contract_fixes_the_input_whatever_the_pictures_showed(v2_network, io, zero_point, low, high):
    given = replace(v2_network.input, low=low, high=high)
    ranges = measure_ranges(v2_network.data, v2_network.pictures[:2] // 3, given)  # dark: no pixel above 85
    made = quantize(v2_network.data, resolve_recipes(["int8"], io=io)[0], given, ranges=ranges)
    first, last = end_tensors(made.data)
    assert first.scales == pytest.approx([(high - low) / 255], rel=1e-6)
    assert first.zero_points == (zero_point - 127 * (low == 0),)
    assert (last.scales, last.zero_points) == ((1 / 256,), (0 if io == "uint8" else -128,))


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small", "v3-small-minimalistic"])
def test_the_given_ranges_arrive_in_the_file(small_network, variant):
    network = small_network(variant)
    before, after = read_graph(network.data), read_graph(network.quantized("int8").data)
    ops = [op for op in after.ops if op.name != "QUANTIZE"]
    assert [op.name for op in ops] == [op.name for op in before.ops]
    for was, now in zip(before.ops, ops, strict=True):
        if was.name in ("SOFTMAX", "RESHAPE"):
            continue
        low, high = network.ranges.limits[before.tensors[was.outputs[0]].name]
        low, high = min(low, 0.0), max(high, 0.0)
        made = after.tensors[now.outputs[0]]
        assert made.scales == pytest.approx([(high - low) / 255], rel=1e-5), made.name
        assert made.zero_points[0] == pytest.approx(-128 - low * 255 / (high - low), abs=0.51)


def test_int8_of_v2_has_its_operators_and_two_quantize(v2_network):
    names = Counter(op.name for op in read_graph(v2_network.quantized("int8").data).ops)
    assert (names.total(), names["QUANTIZE"]) == (67, 2)


def test_float32_ends_bridge_by_one_quantize_and_one_dequantize(v2_network):
    names = Counter(op.name for op in read_graph(v2_network.quantized("int8", "float32").data).ops)
    assert (names.total(), names["QUANTIZE"], names["DEQUANTIZE"]) == (67, 1, 1)


def test_int8_ends_need_no_bridge(v2_network):
    names = Counter(op.name for op in read_graph(v2_network.quantized("int8", "int8").data).ops)
    assert (names.total(), names["QUANTIZE"]) == (65, 0)


@pytest.mark.parametrize("quant", ["int8", "int16x8"])
def test_per_channel_gives_each_output_channel_its_scale(v2_network, quant):
    for op, kernel in kernels(v2_network.quantized(quant).data):
        axis = WEIGHTED_OPS[op.name]
        assert kernel.dtype == "int8"
        assert (len(kernel.scales), kernel.channel_axis) == (kernel.shape[axis], axis)
        assert set(kernel.zero_points) == {0}


def test_dynamic_leaves_depthwise_and_small_kernels_in_float(v2_network):
    for op, kernel in kernels(v2_network.quantized("dynamic").data):
        if op.name == "DEPTHWISE_CONV_2D" or math.prod(kernel.shape) < 1024:
            assert (kernel.dtype, kernel.scales) == ("float32", ())
        else:
            assert (kernel.dtype, len(kernel.scales)) == ("int8", kernel.shape[WEIGHTED_OPS[op.name]])


@pytest.mark.parametrize("quant", ["int8", "int16x8"])
def test_per_tensor_gives_each_kernel_one_scale(v2_network, quant):
    found = kernels(v2_network.quantized(quant, granularity="per-tensor").data)
    assert {len(kernel.scales) for _, kernel in found} == {1}
    assert len(found) == 53


def test_weight_scales_are_the_largest_weight_over_127(v2_network):
    before = read_graph(v2_network.data)
    after = dict(enumerate(kernels(v2_network.quantized("int8").data)))
    for number, op in enumerate(op for op in before.ops if op.name in WEIGHTED_OPS):
        values = np.abs(before.constant(op.inputs[1]))
        axis = WEIGHTED_OPS[op.name]
        largest = values.max(axis=tuple(i for i in range(values.ndim) if i != axis))
        assert after[number][1].scales == pytest.approx(largest / 127, rel=1e-5)


def test_float16_stores_half_the_bytes_and_computes_in_float(v2_network):
    data = v2_network.quantized("float16").data
    graph = read_graph(data)
    widened = {op.outputs[0]: graph.tensors[op.inputs[0]] for op in graph.ops if op.name == "DEQUANTIZE"}
    assert all(widened[kernel.index].dtype == "float16" for _, kernel in kernels(data))
    assert len(data) < 0.6 * len(v2_network.data)


def test_int16x8_of_v3_leaves_hard_swish_in_float_and_nothing_else(small_network):
    data = small_network("v3-small").quantized("int16x8").data
    assert float_ops_of(read_graph(data)) == {"HARD_SWISH": 19}
    assert float_ops_of(read_graph(small_network("v3-small").quantized("int8").data)) == {}


@pytest.mark.parametrize(("quant", "least_db"), [("float16", 40), ("int16x8", 16), ("dynamic", 12), ("int8", 9)])
def test_answers_stay_close_to_the_float_files(small_network, quant, least_db):
    network = small_network("v3-small-minimalistic")
    data = network.quantized(quant).data
    reference = read_logits(network.data, network.pictures, network.input)
    found = read_logits(data, network.pictures, network.contract(data, quant).input)
    assert logit_sqnr_db(reference, found) > least_db


def test_float32_is_the_canonical_file_itself(v2_network):
    made = v2_network.quantized("float32")
    assert made.data == v2_network.data == serialize(load_model(v2_network.data, source="t"))
    assert (made.floored_channels, made.corrected_biases) == (0, 0)


def empty_channel_network() -> bytes:
    """A convolution whose channel 1 has no weights and a bias of 3; its mean is the answer."""
    file = TfliteFile()
    rng = np.random.default_rng(2)
    kernel = rng.normal(size=(4, 1, 1, 3)).astype(np.float32)
    kernel[1] = 0
    image, made, mean = (file.tensor(shape, name=name) for shape, name in SHAPES)
    conv = [image, file.constant(kernel, name="kernel"), file.constant(np.float32([0.5, 3.0, -0.5, 0.1]), name="bias")]
    file.op("CONV_2D", conv, made, fusedActivationFunction=RELU)
    file.op("MEAN", [made, file.constant(np.array([1, 2], np.int32), name="axes")], mean)
    return serialize(load_model(file.ends([image], [mean]).to_bytes(), source="t"))


SHAPES = (((1, 8, 8, 3), "image"), ((1, 8, 8, 4), "made"), ((1, 4), "mean"))
PICTURES = np.random.default_rng(5).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)


def made_of(data: bytes, quant: str = "int8", **settings):
    ranges = measure_ranges(data, PICTURES, float_input())
    return quantize(data, resolve_recipes([quant])[0], float_input(), ranges=ranges, **settings)


def stored_biases(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The one convolution's int32 biases, and the real values they stand for."""
    graph = read_graph(data)
    (conv,) = (op for op in graph.ops if op.name == "CONV_2D")
    bias = graph.tensors[conv.inputs[2]]
    return graph.constant(bias.index), graph.constant(bias.index) * np.asarray(bias.scales)


@pytest.mark.parametrize("granularity", ["per-channel", "per-tensor"])
def test_a_channel_without_weights_keeps_its_bias(granularity):
    data = empty_channel_network()
    made = made_of(data, granularity=granularity)
    stored, real = stored_biases(made.data)
    assert np.abs(stored.astype(np.int64)).max() <= 2**30 * 1.001
    assert real[1] == pytest.approx(3.0, rel=1e-3)
    assert made.floored_channels == (granularity == "per-channel")
    answers = read_logits(made.data, PICTURES, replace(float_input(), dtype="uint8"))
    assert answers[:, 1] == pytest.approx(np.full(12, 3.0), abs=0.05)


def test_without_the_floor_that_bias_would_be_saturated(monkeypatch):
    monkeypatch.setattr(quantize_module, "_bias_floors", lambda graph, op, bounds, input_scale: np.zeros_like(bounds))
    stored, real = stored_biases(made_of(empty_channel_network()).data)
    assert abs(int(stored[1])) >= 2**31 - 1
    assert abs(real[1]) < 0.1


@pytest.mark.parametrize("granularity", ["per-channel", "per-tensor"])
def test_a_channel_without_weights_says_its_bias_in_16_bits_too(granularity):
    made = made_of(empty_channel_network(), "int16x8", granularity=granularity)
    assert read_logits(made.data, PICTURES, float_input())[:, 1] == pytest.approx(np.full(12, 3.0), rel=1e-3)


def silent_branch_network() -> bytes:
    """The picture, and beside it a convolution whose input is zero on every picture: only its biases are left."""
    file = TfliteFile()
    rng = np.random.default_rng(2)
    image, silent = (file.tensor((1, 8, 8, n), name=name) for n, name in ((3, "image"), (4, "silent")))
    made, total, mean = (
        file.tensor(shape, name=name)
        for shape, name in (((1, 8, 8, 3), "made"), ((1, 8, 8, 3), "total"), ((1, 3), "mean"))
    )
    kernels = [file.constant(rng.normal(size=shape).astype(np.float32)) for shape in ((4, 1, 1, 3), (3, 1, 1, 4))]
    biases = [file.constant(np.float32(values)) for values in ([-20] * 4, [0.1, 1, 3])]
    file.op("CONV_2D", [image, kernels[0], biases[0]], silent, fusedActivationFunction=RELU)
    file.op("CONV_2D", [silent, kernels[1], biases[1]], made)
    file.op("MEAN", [file.op("ADD", [image, made], total), file.constant(np.array([1, 2], np.int32))], mean)
    return serialize(load_model(file.ends([image], [mean]).to_bytes(), source="t"))


@pytest.mark.parametrize(("quant", "least_db"), [("int8", 35), ("int16x8", 60)])
def test_biases_behind_an_activation_that_is_always_zero_are_kept(quant, least_db):
    data = silent_branch_network()
    given = replace(float_input(), dtype=resolve_recipes([quant])[0].io)
    answers = read_logits(made_of(data, quant).data, PICTURES, given)
    assert logit_sqnr_db(read_logits(data, PICTURES, float_input()), answers) > least_db


def shared_kernel_network() -> bytes:
    """A picture, and the same enlarged, through one kernel whose channel 1 is empty; its biases are 3 and 0.001."""
    file = TfliteFile()
    kernel = np.random.default_rng(2).normal(size=(4, 1, 1, 3)).astype(np.float32)
    kernel[1] = 0
    image, large = (file.tensor((1, 8, 8, 3), name=name) for name in ("image", "large"))
    weights = file.constant(kernel, name="kernel")
    file.op("MUL", [image, file.constant(np.float32([50, 40, 30]))], large)
    made = []
    for source, bias in ((image, 3.0), (large, 0.001)):
        biases = file.constant(np.float32([0.5, bias, -0.5, 0.1]))
        made.append(file.op("CONV_2D", [source, weights, biases], file.tensor((1, 8, 8, 4), name=f"made {bias}")))
    total, mean = file.tensor((1, 8, 8, 4), name="total"), file.tensor((1, 4), name="mean")
    file.op("MEAN", [file.op("ADD", made, total), file.constant(np.array([1, 2], np.int32))], mean)
    return serialize(load_model(file.ends([image], [mean]).to_bytes(), source="t"))


@pytest.mark.parametrize(("quant", "least_db"), [("int8", 25), ("int16x8", 50)])
def test_a_shared_kernel_has_room_for_the_biases_of_all_that_read_it(quant, least_db):
    data = shared_kernel_network()
    made = made_of(data, quant)
    io = resolve_recipes([quant])[0].io
    answers = read_logits(made.data, PICTURES, replace(float_input(), dtype=io))
    assert made.floored_channels == 1
    assert logit_sqnr_db(read_logits(data, PICTURES, float_input()), answers) > least_db


def test_int8_without_ranges_is_the_callers_mistake(v2_network):
    with pytest.raises(ValueError, match="int8 needs activation ranges"):
        quantize(v2_network.data, resolve_recipes(["int8"])[0], v2_network.input)


def test_ranges_of_another_network_are_refused(v2_network):
    with pytest.raises(QuantizerError, match=r"m\.tflite cannot be quantized as int8") as caught:
        quantize(
            v2_network.data,
            resolve_recipes(["int8"])[0],
            v2_network.input,
            ranges=replace(v2_network.ranges, limits={}),
            source="m.tflite",
        )
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("quant", RECIPES)
def test_what_is_no_tflite_is_refused(v2_network, quant):
    with pytest.raises(UnreadableFileError):
        quantize(b"no model", resolve_recipes([quant])[0], v2_network.input, ranges=v2_network.ranges)


def test_the_quantizers_own_chatter_is_not_heard(v2_network, capfd, recwarn):
    v2_network.ranges  # noqa: B018  # LiteRT says something when it first runs
    capfd.readouterr()
    v2_network.quantized_anew("int8", None, "per-channel")
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)
