from __future__ import annotations

import numpy as np
import pytest
from fakes.small_networks import LABELS, SIZES
from fakes.tflite_file import TfliteFile

from mobile_deploy.tflite.cost import (
    activation_bytes,
    alive_bytes,
    constants_of,
    layer_costs,
    mult_adds,
    peak_activation_bytes,
    tensor_bytes,
    total_mult_adds,
    uncounted_ops,
    unpacked_bytes,
    weight_bytes,
)
from mobile_deploy.tflite.graph import Graph, read_graph
from mobile_deploy.variants.counts import count
from mobile_deploy.variants.registry import make_spec

RECIPES = ("float32", "float16", "dynamic", "int8")


def network(*ops, tensors, ends) -> Graph:
    """A file of RELU-like operators from sizes in bytes: each operator is (inputs, output)."""
    file = TfliteFile()
    for size in tensors:
        file.tensor((size,), dtype="int8", name=f"t{size}")
    for inputs, output in ops:
        file.op("ADD", list(inputs), output)
    return read_graph(file.ends(*ends).to_bytes())


def kernel_file(name, *, kernel, output, picture=(1, 8, 8, 4), **options) -> Graph:
    file = TfliteFile()
    image, made = file.tensor(picture, name="image"), file.tensor(output, name="made")
    bias = file.constant(np.zeros(output[-1], np.float32), name="bias")
    file.op(name, [image, file.constant(np.zeros(kernel, np.float32), name="kernel"), bias], made, **options)
    return read_graph(file.ends([image], [made]).to_bytes())


@pytest.mark.parametrize(
    ("name", "kernel", "output", "expected"),
    [
        ("CONV_2D", (6, 3, 3, 4), (1, 8, 8, 6), 8 * 8 * 6 * 3 * 3 * 4),
        ("CONV_2D", (6, 3, 3, 4), (1, 4, 4, 6), 4 * 4 * 6 * 3 * 3 * 4),
        # Two groups: each kernel sees half of the channels.
        ("CONV_2D", (6, 1, 1, 2), (1, 8, 8, 6), 8 * 8 * 6 * 2),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 4), (1, 8, 8, 4), 8 * 8 * 4 * 3 * 3),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 8), (1, 8, 8, 8), 8 * 8 * 8 * 3 * 3),
        ("FULLY_CONNECTED", (10, 256), (1, 10), 10 * 256),
        ("FULLY_CONNECTED", (10, 4), (1, 8, 8, 10), 8 * 8 * 10 * 4),
        ("CONV_2D", (6, 3, 3, 4), (2, 8, 8, 6), 2 * 8 * 8 * 6 * 3 * 3 * 4),
    ],
)
def test_each_number_of_a_kernel_counts_once_a_position_and_biases_do_not(name, kernel, output, expected):
    graph = kernel_file(name, kernel=kernel, output=output)
    assert mult_adds(graph, graph.ops[0]) == expected


def test_operators_without_a_kernel_count_nothing():
    assert total_mult_adds(network(((0, 0), 1), tensors=(9, 9), ends=([0], [1]))) == 0


@pytest.mark.parametrize("variant", SIZES)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_file_costs_what_its_variant_costs_in_every_recipe(small_network, variant, recipe):
    alpha, side = SIZES[variant]
    spec = make_spec(variant, width_multiplier=alpha, side=side, classes=len(LABELS))
    graph = read_graph(small_network(variant).quantized(recipe).data)
    assert total_mult_adds(graph) == count(spec).mult_adds
    assert sum(layer.mult_adds for layer in layer_costs(graph)) == count(spec).mult_adds
    assert uncounted_ops(graph) == ()


def test_operators_that_multiply_uncounted_are_named():
    file = TfliteFile()
    image, made, answer = (file.tensor((1, 4, 4), name=name) for name in ("image", "made", "answer"))
    file.op("BATCH_MATMUL", [image, image], made)
    file.op("Turbo", [made], answer, custom=True)
    assert uncounted_ops(read_graph(file.ends([image], [answer]).to_bytes())) == ("BATCH_MATMUL", "Turbo")


def test_inputs_and_outputs_of_an_operator_are_alive_together():
    graph = network(((0,), 1), ((1,), 2), tensors=(10, 200, 3000), ends=([0], [2]))
    assert alive_bytes(graph) == (210, 3200)
    assert peak_activation_bytes(graph) == 3200
    assert activation_bytes(graph) == 3210


def test_a_shortcut_is_alive_until_it_is_added():
    graph = network(((0,), 1), ((1,), 2), ((2,), 3), ((3, 1), 4), tensors=(1, 10, 100, 1000, 10_000), ends=([0], [4]))
    assert alive_bytes(graph) == (11, 110, 1110, 11_010)


def test_an_input_is_alive_from_the_start_to_its_last_reader():
    early = network(((0,), 2), ((2, 1), 3), ((3,), 4), tensors=(1, 10, 100, 1000, 10_000), ends=([0, 1], [4]))
    assert alive_bytes(early) == (111, 1110, 11_000)


def test_an_output_is_alive_to_the_end():
    graph = network(((0,), 1), ((0,), 2), ((2,), 3), tensors=(1, 10, 100, 1000), ends=([0], [1, 3]))
    assert alive_bytes(graph) == (11, 111, 1110)


def test_a_result_that_nobody_reads_is_alive_while_it_is_made():
    graph = network(((0,), 1), ((0,), 2), tensors=(1, 10, 100), ends=([0], [2]))
    assert alive_bytes(graph) == (11, 101)


def test_what_is_read_and_never_made_is_state_and_always_alive():
    early = network(((0, 2), 1), ((1,), 3), tensors=(1, 10, 100, 1000), ends=([0], [3]))
    late = network(((0,), 1), ((1, 2), 3), tensors=(1, 10, 100, 1000), ends=([0], [3]))
    assert alive_bytes(early) == alive_bytes(late) == (111, 1110)


def test_an_input_that_nobody_reads_is_there_at_the_start():
    graph = network(((0,), 2), ((2,), 3), tensors=(1, 10, 100, 1000), ends=([0, 1], [3]))
    assert alive_bytes(graph) == (111, 1100)


def test_a_tensor_that_is_read_twice_counts_once():
    assert alive_bytes(network(((0, 0), 1), tensors=(1, 10), ends=([0], [1]))) == (11,)


def test_a_file_without_operators_holds_its_ends():
    graph = network(tensors=(1, 10), ends=([0], [1]))
    assert (alive_bytes(graph), peak_activation_bytes(graph)) == ((), 11)


def test_constants_and_what_is_made_of_them_alone_are_no_activations():
    file = TfliteFile()
    image, made = file.tensor((1, 8, 8, 3)), file.tensor((1, 8, 8, 6))
    stored = file.constant(np.zeros((6, 1, 1, 3), np.float16))
    kernel = file.op("DEQUANTIZE", [stored], file.tensor((6, 1, 1, 3)))
    bias = file.constant(np.zeros(6, np.float32))
    file.op("CONV_2D", [image, kernel, bias], made)
    graph = read_graph(file.ends([image], [made]).to_bytes())
    assert constants_of(graph) == {stored, kernel, bias}
    assert alive_bytes(graph) == (4 * 192, 4 * (192 + 384))
    assert unpacked_bytes(graph) == 4 * 18
    assert weight_bytes(graph) == {"float16": 36, "float32": 24}
    assert [layer.constant_bytes for layer in layer_costs(graph)] == [36, 24]


def test_a_buffer_that_two_tensors_share_counts_once():
    file = TfliteFile()
    image, made = file.tensor((4,)), file.tensor((4,))
    first, second = (file.constant(np.zeros(4, np.float32)) for _ in range(2))
    file.graph.tensors[second].buffer = file.graph.tensors[first].buffer
    file.op("ADD", [image, first, second, first], made)
    graph = read_graph(file.ends([image], [made]).to_bytes())
    assert weight_bytes(graph) == {"float32": 16}
    assert layer_costs(graph)[0].constant_bytes == 32


@pytest.mark.parametrize(
    ("dtype", "shape", "expected"),
    [
        ("float32", (2, 3), 24),
        ("int64", (3,), 24),
        ("bool", (5,), 5),
        ("int4", (5,), 3),
        ("int2", (5,), 2),
        ("string", (5,), 0),
        ("float32", (), 4),
        ("int8", (0, 7), 0),
        ("int8", (-1, 7), 7),
    ],
)
def test_bytes_follow_from_type_and_shape(dtype, shape, expected):
    file = TfliteFile()
    image = file.tensor(shape, dtype=dtype)
    graph = read_graph(file.ends([image], [image]).to_bytes())
    assert tensor_bytes(graph.tensors[0]) == expected


def test_int8_takes_a_quarter_of_the_memory_of_float(v2_network):
    float_peak, int8_peak = (
        peak_activation_bytes(read_graph(v2_network.quantized(quant).data)) for quant in ("float32", "int8")
    )
    # At the first depthwise layer with stride 2: 48 channels of 32x32 before it, of 16x16 behind it.
    assert (float_peak, int8_peak) == (4 * 61_440, 61_440)
    assert 48 * (32**2 + 16**2) == 61_440
