from __future__ import annotations

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite import quantize as quantize_module
from mobile_deploy.tflite.bias_correction import correct_biases, rounding_error
from mobile_deploy.tflite.calibrate import measure_ranges
from mobile_deploy.tflite.graph import ABSENT, graph_of, load_model, read_graph
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.tflite.write import serialize

RNG = np.random.default_rng(11)
# 200 pictures of 4 channels whose means are far from zero, as they are behind a ReLU.
IMAGES = RNG.uniform(0, [1.0, 4.0, 2.0, 8.0], (200, 3, 3, 4)).astype(np.float32)
MEANS = {"image": IMAGES.mean(axis=(0, 1, 2))}
COARSE = np.full((1, 1, 1, 1), 20.0, np.float32)  # a step of 20/127, about half of most weights below


def graph_with(name, kernel, bias, *, image=(1, 3, 3, 4), channels=None):
    """One operator; `bias` None leaves the input out, ABSENT marks it as absent."""
    file = TfliteFile()
    given = file.tensor(image, name="image")
    made = file.tensor((*image[:-1], channels or kernel.shape[0]), name="made")
    extra = [] if bias is None else [ABSENT] if bias is ABSENT else [file.constant(bias, name="bias")]
    file.op(name, [given, file.constant(kernel, name="kernel"), *extra], made)
    return read_graph(file.ends([given], [made]).to_bytes())


def corrected_bias(graph, bounds=COARSE, op=0):
    """The bias of an operator after the correction, and how many were corrected."""
    count = correct_biases(graph, {op: bounds}, MEANS)
    after = graph_of(graph.model, source="t")
    return after.constant(after.ops[op].inputs[2]), count


def test_rounding_error_is_rounded_minus_exact_weight():
    kernel = np.array([[0.0, 0.604, -0.406, 1.27], [9.0, -9.0, 0.053, 0.157]], np.float32)
    expected = [[0, -0.004, -0.004, 0], [1.27 - 9, 9 - 1.27, -0.003, 0.003]]  # steps of 0.01, clipped at 1.27
    assert rounding_error(kernel, np.float32(1.27)) == pytest.approx(np.array(expected), abs=1e-5)


def test_rounding_error_of_an_empty_channel_is_nothing():
    assert not rounding_error(np.zeros((2, 1, 1, 3), np.float32), np.zeros((2, 1, 1, 1), np.float32)).any()


@pytest.mark.parametrize("bounds", [COARSE, RNG.uniform(5, 30, (6, 1, 1, 1)).astype(np.float32)])
def test_the_mean_shift_of_every_convolution_channel_is_gone(bounds):
    kernel = RNG.normal(size=(6, 1, 1, 4)).astype(np.float32)
    bias = RNG.normal(size=6).astype(np.float32)
    after, count = corrected_bias(graph_with("CONV_2D", kernel, bias), bounds)
    exact = IMAGES @ kernel[:, 0, 0].T + bias
    rounded = IMAGES @ (kernel + rounding_error(kernel, bounds))[:, 0, 0].T
    shift_before = (rounded + bias - exact).mean(axis=(0, 1, 2))
    shift_after = (rounded + after - exact).mean(axis=(0, 1, 2))
    assert count == 1
    assert np.abs(shift_before).max() > 0.05
    assert np.abs(shift_after).max() < 1e-4


def test_a_larger_kernel_sums_its_window():
    kernel = RNG.normal(size=(2, 3, 3, 4)).astype(np.float32)
    after, _ = corrected_bias(graph_with("CONV_2D", kernel, np.zeros(2, np.float32)))
    error = rounding_error(kernel, COARSE)
    assert after == pytest.approx(-(error.sum(axis=(1, 2)) @ MEANS["image"]), abs=1e-4)


@pytest.mark.parametrize("multiplier", [1, 2, 3])
def test_a_depthwise_channel_reads_its_own_input_channel(multiplier):
    kernel = RNG.normal(size=(1, 1, 1, 4 * multiplier)).astype(np.float32)
    graph = graph_with("DEPTHWISE_CONV_2D", kernel, np.zeros(4 * multiplier, np.float32), channels=4 * multiplier)
    after, count = corrected_bias(graph)
    # Channels of one input lie side by side. Source: TensorFlow Lite's reference kernel, oc = m + ic * multiplier.
    rounded = np.repeat(IMAGES, multiplier, axis=-1) * rounding_error(kernel, COARSE)
    assert count == 1
    assert after == pytest.approx(-rounded.mean(axis=(0, 1, 2)), abs=1e-4)


def test_a_dense_layer_reads_all_inputs():
    kernel = RNG.normal(size=(5, 4)).astype(np.float32)
    graph = graph_with("FULLY_CONNECTED", kernel, np.ones(5, np.float32), image=(1, 4))
    after, _ = corrected_bias(graph, COARSE.reshape(1, 1))
    assert after == pytest.approx(1 - rounding_error(kernel, np.float32(20)) @ MEANS["image"], abs=1e-4)


@pytest.mark.parametrize("bias", [None, ABSENT])
def test_an_operator_without_bias_is_left_alone(bias):
    graph = graph_with("CONV_2D", RNG.normal(size=(6, 1, 1, 4)).astype(np.float32), bias)
    assert correct_biases(graph, {0: COARSE}, MEANS) == 0


def test_a_bias_that_is_computed_is_left_alone():
    file = TfliteFile()
    image, bias, made = file.tensor((1, 3, 3, 4), name="image"), file.tensor((6,)), file.tensor((1, 3, 3, 6))
    kernel = file.constant(RNG.normal(size=(6, 1, 1, 4)).astype(np.float32))
    file.op("CONV_2D", [image, kernel, bias], made)
    graph = read_graph(file.ends([image, bias], [made]).to_bytes())
    assert correct_biases(graph, {0: COARSE}, MEANS) == 0


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("CONV_2D", np.ones((6, 1, 1, 2))),
        ("FULLY_CONNECTED", np.ones((6, 36))),
        ("DEPTHWISE_CONV_2D", np.ones((1, 1, 1, 6))),
    ],
)
def test_shapes_that_do_not_say_how_the_input_is_read_are_left_alone(name, kernel):
    graph = graph_with(name, kernel.astype(np.float32) / 3, np.ones(6, np.float32), channels=6)
    assert corrected_bias(graph) == (pytest.approx(np.ones(6)), 0)


def test_an_input_that_was_not_measured_is_left_alone():
    graph = graph_with("CONV_2D", np.ones((6, 1, 1, 4), np.float32) / 3, np.ones(6, np.float32))
    assert correct_biases(graph, {0: COARSE}, {"another": MEANS["image"]}) == 0


def test_operators_that_share_a_bias_get_one_each():
    file = TfliteFile()
    image = file.tensor((1, 3, 3, 4), name="image")
    bias, ends = file.constant(np.ones(2, np.float32), name="shared"), []
    kernels = [RNG.normal(size=(2, 1, 1, 4)).astype(np.float32) for _ in range(2)]
    for number, kernel in enumerate(kernels):
        made = file.tensor((1, 3, 3, 2), name=f"made {number}")
        ends.append(file.op("CONV_2D", [image, file.constant(kernel, name=f"kernel {number}"), bias], made))
    graph = read_graph(file.ends([image], [file.op("ADD", ends, file.tensor((1, 3, 3, 2), name="sum"))]).to_bytes())
    assert correct_biases(graph, {0: COARSE, 1: COARSE}, MEANS) == 2
    after = graph_of(graph.model, source="t")
    for op, kernel in zip(after.ops, kernels, strict=False):
        expected = 1 - rounding_error(kernel, COARSE)[:, 0, 0] @ MEANS["image"]
        assert after.constant(op.inputs[2]) == pytest.approx(expected, abs=1e-4)
    names = [tensor.name for tensor in after.tensors]
    assert len(set(names)) == len(names)


def pooled_network() -> bytes:
    """A convolution with one large weight, which makes a common scale coarse for all others, and its mean."""
    file = TfliteFile()
    kernel = RNG.normal(size=(12, 1, 1, 3)).astype(np.float32)
    kernel[0, 0, 0, 0] = 60.0
    image, made = file.tensor((1, 8, 8, 3), name="image"), file.tensor((1, 8, 8, 12), name="made")
    file.op("CONV_2D", [image, file.constant(kernel), file.constant(RNG.normal(size=12).astype(np.float32))], made)
    mean = file.tensor((1, 12), name="mean")
    file.op("MEAN", [made, file.constant(np.array([1, 2], np.int32))], mean)
    return serialize(load_model(file.ends([image], [mean]).to_bytes(), source="t"))


def test_the_mean_shift_of_a_coarsely_quantized_file_shrinks(monkeypatch):
    data = pooled_network()
    given = InputContract(side=8, dtype="float32", low=0.0, high=1.0, fit=Fit(kind="stretch"))
    pictures = RNG.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
    ranges = measure_ranges(data, pictures, given)

    def shift() -> tuple[int, float]:
        request = resolve_recipes(["int16x8"])[0]  # fine activations: what is left is the weights' doing
        made = quantize(data, request, given, granularity="per-tensor", ranges=ranges)
        answers = read_logits(made.data, pictures, given) - read_logits(data, pictures, given)
        return made.corrected_biases, float(np.abs(answers.mean(axis=0)).max())

    corrected, small = shift()
    monkeypatch.setattr(quantize_module, "correct_biases", lambda *given: 0)
    uncorrected, large = shift()
    assert (corrected, uncorrected) == (1, 0)
    assert large > 0.1
    assert small < large / 20
