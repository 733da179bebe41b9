from __future__ import annotations

import numpy as np
import pytest
from fakes.layered_file import RELU, LayeredFile

from mobile_deploy.tflite.channel_groups import find_channel_groups
from mobile_deploy.tflite.channel_weights import ChannelWeights, give_own_constant
from mobile_deploy.tflite.graph import Graph, graph_of, read_graph

KERNEL = np.array([[1.0, -2.0], [0.5, 0.25], [-4.0, 3.0]], np.float32)  # (outputs, inputs)
BIAS = np.array([1.0, -1.0, 2.0], np.float32)
DEEP = np.array([[[[1.0, 2.0, -3.0], [4.0, -5.0, 6.0]]]], np.float32)  # (1, 1, width, channels)


def network(*, bias=BIAS) -> Graph:
    """first (2) -> second (3, the numbers above) -> depthwise (3) -> last."""
    file = LayeredFile()
    first = file.conv(file.image, 2, name="first", fused=RELU)
    second = file.conv(first, KERNEL.reshape(3, 1, 1, 2), bias, name="second", fused=RELU)
    deep = file.depthwise(second, DEEP, np.float32([0.1, 0.2, 0.3]), fused=RELU)
    return read_graph(file.ending_at(file.conv(deep, 4, name="last")))


def stored(graph: Graph, op: int, position: int) -> np.ndarray:
    """A constant as the schema objects now hold it."""
    after = graph_of(graph.model, source="a file under test")
    return after.constant(after.ops[op].inputs[position])


def test_the_span_of_a_channel_is_its_widest_weight_on_either_side():
    graph = network()
    weights = ChannelWeights(graph)
    assert weights.spans(graph.ops[1], "out").tolist() == [2.0, 0.5, 4.0]
    assert weights.spans(graph.ops[1], "in").tolist() == [4.0, 3.0]
    assert weights.spans(graph.ops[2], "out").tolist() == [4.0, 5.0, 6.0]
    assert weights.spans(graph.ops[2], "in").tolist() == [4.0, 5.0, 6.0]


def test_factors_divide_where_channels_are_made_and_multiply_where_they_are_read():
    graph = network()
    factors = np.array([2.0, 4.0, 0.5])
    weights = ChannelWeights(graph)
    weights.scale(find_channel_groups(graph)[1], factors)
    weights.store()
    assert stored(graph, 1, 1)[:, 0, 0] == pytest.approx(KERNEL / factors[:, None])
    assert stored(graph, 1, 2) == pytest.approx(BIAS / factors)
    assert stored(graph, 2, 1) == pytest.approx(DEEP * factors)
    assert stored(graph, 2, 2) == pytest.approx(np.float32([0.1, 0.2, 0.3]))  # what it adds is in its own channels


def test_factors_multiply_up_and_spans_follow():
    graph = network()
    weights = ChannelWeights(graph)
    group = find_channel_groups(graph)[1]
    weights.scale(group, np.array([2.0, 1.0, 1.0]))
    weights.scale(group, np.array([2.0, 1.0, 8.0]))
    assert weights.spans(graph.ops[1], "out").tolist() == [0.5, 0.5, 0.5]
    assert weights.spans(graph.ops[2], "in").tolist() == [16.0, 5.0, 48.0]


def test_the_graph_stays_as_it_is_until_the_weights_are_stored():
    graph = network()
    before = len(graph.model.subgraphs[0].tensors)
    weights = ChannelWeights(graph)
    weights.scale(find_channel_groups(graph)[1], np.array([2.0, 4.0, 0.5]))
    weights.silence(graph.ops[1], "out", np.array([0]))
    assert len(graph.model.subgraphs[0].tensors) == before
    assert stored(graph, 1, 1)[:, 0, 0] == pytest.approx(KERNEL)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_more_or_fewer_factors_than_channels_are_refused(count):
    graph = network()
    with pytest.raises(ValueError, match=f"{count} factors for 3 channels"):
        ChannelWeights(graph).scale(find_channel_groups(graph)[1], np.ones(count))


def test_a_silenced_channel_is_made_of_nothing_and_its_bias_does_not_speak_in_its_place():
    graph = network()
    weights = ChannelWeights(graph)
    weights.silence(graph.ops[1], "out", np.array([1, 2]))
    weights.store()
    assert stored(graph, 1, 1)[:, 0, 0].tolist() == [[1.0, -2.0], [0.0, 0.0], [0.0, 0.0]]
    assert stored(graph, 1, 2).tolist() == [1.0, -1.0, 0.0]


def test_a_silenced_channel_is_read_with_no_weight_and_the_bias_stays():
    graph = network()
    weights = ChannelWeights(graph)
    weights.silence(graph.ops[1], "in", np.array([0]))
    weights.store()
    assert stored(graph, 1, 1)[:, 0, 0].tolist() == [[0.0, -2.0], [0.0, 0.25], [0.0, 3.0]]
    assert stored(graph, 1, 2) == pytest.approx(BIAS)


def test_a_layer_without_bias_can_be_scaled_and_silenced():
    graph = network(bias=False)
    weights = ChannelWeights(graph)
    weights.silence(graph.ops[1], "out", np.array([0]))
    weights.scale(find_channel_groups(graph)[1], np.array([1.0, 2.0, 1.0]))
    weights.store()
    assert stored(graph, 1, 1)[:, 0, 0].tolist() == [[0.0, 0.0], [0.25, 0.125], [-4.0, 3.0]]


def test_a_channel_that_is_not_there_cannot_be_silenced():
    graph = network()
    with pytest.raises(IndexError):
        ChannelWeights(graph).silence(graph.ops[1], "out", np.array([3]))


def test_operators_that_share_a_constant_are_changed_one_by_one():
    file = LayeredFile()
    bias, here = file.constant(np.ones(4, np.float32), name="shared"), file.conv(file.image, 4)
    for name in ("one", "two"):
        kernel = file.constant(file.weights(4, 1, 1, 4), name=f"{name}/kernel")
        here = file.op("CONV_2D", [here, kernel, bias], file.tensor((1, 8, 8, 4), name=name))
    graph = read_graph(file.ending_at(file.conv(here, 4)))
    give_own_constant(graph.model, graph.ops[1], 2, np.float32([2, 3, 4, 5]))
    assert stored(graph, 1, 2).tolist() == [2, 3, 4, 5]
    assert stored(graph, 2, 2).tolist() == [1, 1, 1, 1]
    names = [tensor.name for tensor in graph_of(graph.model, source="a file under test").tensors if tensor.name]
    assert len(set(names)) == len(names)
