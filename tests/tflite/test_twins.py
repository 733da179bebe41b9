from __future__ import annotations

import pytest
from fakes.faults import position_of, with_kernel

from mobile_deploy.tflite.graph import graph_of, load_model, read_graph
from mobile_deploy.tflite.twins import CONVERSIONS, NotTheTwinError, check_weights, pair_ops


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small", "v3-small-minimalistic"])
@pytest.mark.parametrize("quant", ["int8", "int16x8"])
def test_each_layer_finds_its_twin(small_network, variant, quant):
    network = small_network(variant)
    stored, twin = read_graph(network.quantized(quant).data), read_graph(network.quantized("float32").data)
    pairs = pair_ops(stored, twin)
    assert [pair.twin for pair in pairs] == list(twin.ops)
    assert [pair.stored for pair in pairs] == [op for op in stored.ops if op.name not in CONVERSIONS]
    check_weights(pairs, stored, twin)


def test_the_names_of_tensors_do_not_matter(v2_network):
    stored, model = read_graph(v2_network.quantized("int8").data), load_model(v2_network.data, source="the twin")
    for number, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = f"tensor {number}"
    twin = graph_of(model, source="the twin")
    assert len(pair_ops(stored, twin)) == len(twin.ops)


def test_the_same_network_with_other_weights_is_no_twin(v2_network):
    def shuffle(kernel):
        kernel[:] = -kernel

    stored = read_graph(v2_network.quantized("int8").data)
    data = v2_network.quantized("float32").data
    for number in range(35):
        data = with_kernel(data, position_of(read_graph(data), "CONV_2D", number), shuffle)
    twin = read_graph(data)
    with pytest.raises(
        NotTheTwinError, match=r"b\.tflite is not the float twin of a\.tflite: only \d+ % of the weights"
    ):
        check_weights(pair_ops(stored, twin), stored, twin, source="a.tflite", twin_source="b.tflite")


def test_factors_on_channels_keep_the_twin(v2_network):
    def scale(kernel):
        kernel[::2] *= 8

    stored = read_graph(v2_network.quantized("int8").data)
    twin = read_graph(with_kernel(v2_network.quantized("float32").data, 2, scale))
    check_weights(pair_ops(stored, twin), stored, twin)


def test_the_first_layer_that_differs_is_named(small_network):
    stored = read_graph(small_network("v3-small").quantized("int8").data)
    twin = read_graph(small_network("v3-small-minimalistic").data)
    with pytest.raises(
        NotTheTwinError, match=r"layer 1 is HARD_SWISH .* there and DEPTHWISE_CONV_2D \[1, 32, 32, 16\]"
    ):
        pair_ops(stored, twin)
