from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile, ending_in

from mobile_deploy.tflite.graph import Graph, read_graph
from mobile_deploy.tflite.precision import (
    WeightGranularity,
    computing_types,
    file_precision,
    weight_granularity,
)


@pytest.mark.parametrize("quant", ["float32", "float16", "dynamic", "int8", "int16x8"])
def test_a_file_is_called_by_its_recipe(v2_network, quant):
    assert file_precision(read_graph(v2_network.quantized(quant).data)) == quant


def test_each_operator_says_what_it_computes_in(v2_network):
    graph = read_graph(v2_network.quantized("int8").data)
    assert Counter(computing_types(graph).values()) == {"int8": 65, "uint8 > int8": 1, "int8 > uint8": 1}
    graph = read_graph(v2_network.quantized("float16").data)
    assert Counter(computing_types(graph).values()) == {
        "float16 > float32": 53,
        "float32 with float16 weights": 53,
        "float32": 12,
    }


def dense(*kernels, width: int = 4) -> Graph:
    """One FULLY_CONNECTED after the other, of kernels given as (dtype of the picture, dtype of the kernel, scales)."""
    file = TfliteFile()
    first = None
    for dtype, kernel_dtype, scales in kernels:
        image = file.tensor((1, width), dtype=dtype)
        first = image if first is None else first
        kernel = file.constant(np.zeros((width, width), np.dtype(kernel_dtype)), scales=scales)
        made = file.op("FULLY_CONNECTED", [image, kernel], file.tensor((1, width), dtype=dtype))
    return read_graph(file.ends([first], [made]).to_bytes())


def test_a_mixed_file_counts_its_parts():
    graph = dense(("int8", "int8", (0.5,)), ("int8", "int8", (0.5,)), ("float32", "float32", ()))
    assert file_precision(graph) == "mixed: 2 int8, 1 float32"


@pytest.mark.parametrize(("width", "name"), [(4, "dynamic"), (31, "dynamic"), (32, "mixed: 1 dynamic, 1 float32")])
def test_small_float_kernels_are_a_part_of_dynamic(width, name):
    assert file_precision(dense(("float32", "int8", (0.5,)), ("float32", "float32", ()), width=width)) == name


def test_a_file_without_kernels_is_called_by_its_operators():
    assert file_precision(read_graph(ending_in("RELU", "SOFTMAX"))) == "float32"


def test_a_file_without_operators_says_so():
    file = TfliteFile()
    image = file.tensor((1, 4))
    graph = read_graph(file.ends([image], [image]).to_bytes())
    assert (file_precision(graph), weight_granularity(graph)) == ("no operators", None)


@pytest.mark.parametrize(
    ("granularity", "counts", "words"),
    [("per-channel", (53, 0), "per channel"), ("per-tensor", (0, 53), "per tensor")],
)
def test_granularity_is_that_of_the_recipe(v2_network, granularity, counts, words):
    found = weight_granularity(read_graph(v2_network.quantized("int8", granularity=granularity).data))
    assert (found.per_channel, found.per_tensor) == counts
    assert str(found) == words


def test_granularity_may_be_mixed():
    found = weight_granularity(dense(("int8", "int8", (0.5,)), ("int8", "int8", (0.5,) * 4)))
    assert str(found) == "mixed (1 kernels per channel, 1 per tensor)"
    assert found == WeightGranularity(per_channel=1, per_tensor=1)


def test_a_kernel_of_one_channel_is_per_channel_by_nature():
    file = TfliteFile()
    image = file.tensor((1, 4), dtype="int8")
    kernel = file.constant(np.zeros((1, 4), np.int8), scales=(0.5,))
    made = file.op("FULLY_CONNECTED", [image, kernel], file.tensor((1, 1), dtype="int8"))
    assert str(weight_granularity(read_graph(file.ends([image], [made]).to_bytes()))) == "per channel"


@pytest.mark.parametrize("quant", ["float32", "float16"])
def test_float_kernels_have_no_granularity(v2_network, quant):
    assert weight_granularity(read_graph(v2_network.quantized(quant).data)) is None
