from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from fakes.small_networks import SIZES
from fakes.tflite_file import TfliteFile

from mobile_deploy.recipes import RECIPES
from mobile_deploy.tflite.graph import load_model, read_graph
from mobile_deploy.tflite.runner import Runner
from mobile_deploy.tflite.slim import pack_slim
from mobile_deploy.tflite.write import pack

SAME = np.arange(64, dtype=np.float32)
OTHER = np.arange(1, 65, dtype=np.float32)


def adding(*constants: np.ndarray, scales=(), zero_points=None) -> TfliteFile:
    """A file that adds one constant after the other to its input."""
    file = TfliteFile()
    image = here = file.tensor((1, 64), name="in")
    for values in constants:
        stored = file.constant(values, name="c", scales=scales, zero_points=zero_points)
        here = file.op("ADD", [here, stored], file.tensor((1, 64), name="sum"))
    return file.ends([image], [here])


def model_of(data: bytes) -> schema.Model:
    return schema.Model.GetRootAs(data)


def places(data: bytes, constants: int) -> dict[str, list[int]]:
    """Where the values, scales and zero points of the constants lie in the file."""
    model = model_of(data)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(1 + 2 * i) for i in range(constants)]
    quantizations = [tensor.Quantization() for tensor in tensors if tensor.Quantization() is not None]
    return {
        "values": [model.Buffers(t.Buffer())._tab.Vector(model.Buffers(t.Buffer())._tab.Offset(4)) for t in tensors],
        "scales": [q._tab.Vector(q._tab.Offset(8)) for q in quantizations],
        "zero_points": [q._tab.Vector(q._tab.Offset(10)) for q in quantizations],
    }


def test_equal_constants_lie_in_the_file_once():
    packed = pack_slim(adding(SAME, OTHER, SAME).model)
    first, second, third = places(packed, 3)["values"]
    assert first == third != second
    assert np.array_equal(read_graph(packed).constant(5), SAME)
    assert np.array_equal(read_graph(packed).constant(3), OTHER)


def test_equal_scales_and_zero_points_lie_in_the_file_once():
    scales, zero_points = np.full(64, 0.5, np.float32), np.zeros(64, np.int64)
    packed = pack_slim(adding(SAME, OTHER, scales=scales, zero_points=zero_points).model)
    # The lists of this fake are written one by one; those of a file that was read are arrays.
    packed = pack_slim(load_model(packed, source="t"))
    found = places(packed, 2)
    assert len(set(found["scales"])) == len(set(found["zero_points"])) == 1
    assert read_graph(packed).tensors[3].scales == (0.5,) * 64


def test_vectors_of_equal_bytes_and_another_type_are_not_mixed_up():
    """Two zeros of float32 are eight bytes, and a zero point of zero is eight bytes."""
    file = adding(np.zeros(2, np.float32), scales=(0.5,), zero_points=(0,))
    model = load_model(pack_slim(load_model(file.to_bytes(), source="t")), source="t")
    constant = model.subgraphs[0].tensors[1]
    assert (len(model.buffers[constant.buffer].data), list(constant.quantization.zeroPoint)) == (8, [0])


def test_what_is_shared_cannot_be_changed_in_place_by_mistake():
    model = load_model(pack_slim(adding(SAME, SAME).model), source="t")
    stored = model.buffers[model.subgraphs[0].tensors[1].buffer]
    with pytest.raises(ValueError, match="read-only"):
        stored.data[:] = 0


@pytest.mark.parametrize("length", [1, 3, 15, 16, 17, 1001])
def test_constants_begin_at_multiples_of_sixteen(length):
    file = TfliteFile()
    image = file.tensor((1, 1), name="in")
    stored = [file.constant(np.full(length, i, np.int8), name="c") for i in range(5)]
    ends = [file.op("ADD", [image, c], file.tensor((1, 1), name="sum")) for c in stored]
    data = pack_slim(file.ends([image], ends[-1:]).model)
    model = model_of(data)
    starts = [model.Buffers(i)._tab.Vector(model.Buffers(i)._tab.Offset(4)) for i in range(1, model.BuffersLength())]
    assert len(starts) == 5
    assert [start % 16 for start in starts] == [0] * 5


@pytest.mark.parametrize("quant", RECIPES)
@pytest.mark.parametrize("variant", SIZES)
def test_a_slim_file_answers_as_the_whole_one(small_network, variant, quant):
    network = small_network(variant)
    data = network.quantized(quant).data
    whole = pack(load_model(data, source="t"))
    assert len(data) < len(whole)
    contract = network.contract(data, quant)
    with Runner(data, contract) as slim, Runner(whole, contract) as full:
        assert np.array_equal(slim.run(network.pictures), full.run(network.pictures))


def test_the_zero_points_of_an_int8_file_are_stored_once_for_each_length(v2_network):
    model = model_of(v2_network.quantized("int8").data)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(i).Quantization() for i in range(graph.TensorsLength())]
    channelwise = [q for q in tensors if q is not None and q.ZeroPointLength() > 1]
    lengths = {q.ZeroPointLength() for q in channelwise}
    assert len(channelwise) > 2 * len(lengths)
    assert len({q._tab.Vector(q._tab.Offset(10)) for q in channelwise}) == len(lengths)
