from __future__ import annotations

import random

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from fakes.tflite_file import TfliteFile

from mobile_deploy.contract import Fit
from mobile_deploy.errors import MobileDeployError, UnreadableFileError
from mobile_deploy.tflite.affine import fold_leading_affine
from mobile_deploy.tflite.graph import ABSENT, op_name, read_file, read_graph
from mobile_deploy.tflite.interface import infer_contract

KERNEL = np.arange(24, dtype=np.int8).reshape(2, 2, 2, 3)


def example() -> TfliteFile:
    """image -> CONV_2D without bias -> a custom operator."""
    file = TfliteFile()
    image = file.tensor((1, 8, 8, 3), name="image", dtype="int8", scales=(0.5,), zero_points=(-1,))
    kernel = file.constant(KERNEL, name="kernel", scales=(0.25, 0.125))
    made = file.tensor((1, 8, 8, 2), name="conv", dtype="int8", scales=(2.0,), zero_points=(7,))
    answer = file.tensor((1, 4), name="answer")
    file.op("CONV_2D", [image, kernel, ABSENT], made, version=3)
    file.op("FlexErf", [made], answer, custom=True)
    return file.ends([image], [answer])


def refused(file: TfliteFile, words: str) -> None:
    with pytest.raises(UnreadableFileError, match=words) as caught:
        read_graph(file.to_bytes(), source="m.tflite")
    assert "m.tflite" in caught.value.message


def test_records_say_what_is_in_the_file():
    graph = read_graph(example().to_bytes())
    image, kernel, made, answer = graph.tensors
    assert (graph.inputs, graph.outputs) == ((0,), (3,))
    assert (image.name, image.shape, image.dtype) == ("image", (1, 8, 8, 3), "int8")
    assert (image.scales, image.zero_points, image.is_constant) == ((0.5,), (-1,), False)
    assert (kernel.scales, kernel.zero_points, kernel.is_constant) == ((0.25, 0.125), (0, 0), True)
    assert (made.zero_points, answer.dtype, answer.scales) == ((7,), "float32", ())
    conv, custom = graph.ops
    assert (conv.index, conv.name, conv.is_custom, conv.version) == (0, "CONV_2D", False, 3)
    assert (conv.inputs, conv.outputs) == ((0, 1, ABSENT), (2,))
    assert (custom.name, custom.is_custom) == ("FlexErf", True)


def test_constants_come_in_their_shape_and_dtype():
    values = read_graph(example().to_bytes()).constant(1)
    assert values.dtype == np.int8
    assert np.array_equal(values, KERNEL)


@pytest.mark.parametrize(("index", "dtype"), [(0, "INT8"), (1, "STRING"), (1, "INT4"), (1, "BFLOAT16")])
def test_values_that_are_no_plain_numbers_are_refused(index, dtype):
    file = example()
    file.graph.tensors[index].type = getattr(schema.TensorType, dtype)
    with pytest.raises(UnreadableFileError, match=f"{'image' if index == 0 else 'kernel'} holds no {dtype.lower()}"):
        read_graph(file.to_bytes()).constant(index)


@pytest.mark.parametrize("dtype", ["FLOAT64", "UINT16", "BOOL"])
def test_a_constant_of_another_type_than_its_size_is_refused(dtype):
    file = example()
    tensor = file.graph.tensors[1]
    tensor.type, tensor.shape = getattr(schema.TensorType, dtype), [5, 1, 1, 1]
    refused(file, f"kernel is {dtype.lower()} .* and holds 24 bytes")


def test_consumers_are_the_operators_that_read_a_tensor():
    graph = read_graph(example().to_bytes())
    assert [op.name for op in graph.consumers(2)] == ["FlexErf"]
    assert graph.consumers(3) == ()


def test_the_channel_axis_is_read():
    file = example()
    quantization = file.graph.tensors[1].quantization
    quantization.scale, quantization.zeroPoint, quantization.quantizedDimension = [0.1, 0.2, 0.3], [0, 0, 0], 3
    assert read_graph(file.to_bytes()).tensors[1].channel_axis == 3


def test_zero_points_that_a_writer_left_out_are_zero():
    file = example()
    file.graph.tensors[1].quantization.zeroPoint = None
    assert read_graph(file.to_bytes()).tensors[1].zero_points == (0, 0)


def test_an_old_writers_eight_bit_operator_code_is_understood():
    file = example()
    code = file.model.operatorCodes[0]
    code.builtinCode, code.deprecatedBuiltinCode = 0, 3
    assert read_graph(file.to_bytes()).ops[0].name == "CONV_2D"


def test_a_newer_operator_is_named_by_its_full_code():
    assert op_name(150) == "GELU"
    assert op_name(99_999) == "BUILTIN_99999"


def test_an_empty_buffer_is_no_constant():
    assert not read_graph(example().to_bytes()).tensors[2].is_constant


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\x89PNG\r\n\x1a\n" * 9, b"PK\x03\x04" * 99])
def test_what_is_no_tflite_is_refused(data):
    with pytest.raises(UnreadableFileError, match=r"not a \.tflite"):
        read_graph(data)


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -0.5])
def test_a_scale_that_is_no_positive_number_is_refused(scale):
    file = example()
    file.graph.tensors[1].quantization.scale = [0.5, scale]
    refused(file, "kernel has a scale that is no positive number")


@pytest.mark.parametrize("axis", [1, 4, -1])
def test_scales_along_no_axis_are_refused(axis):
    file = example()
    quantization = file.graph.tensors[1].quantization
    quantization.scale, quantization.zeroPoint, quantization.quantizedDimension = [0.1] * 3, [0] * 3, axis
    refused(file, f"3 scales on axis {axis}")


@pytest.mark.parametrize("inputs", [[], [0], [0, ABSENT, ABSENT], [ABSENT, 1, ABSENT]])
def test_a_convolution_without_picture_or_kernel_is_refused(inputs):
    file = example()
    file.graph.operators[0].inputs = inputs
    refused(file, "its operator 0, CONV_2D, has no kernel")


def test_what_a_writer_left_out_is_empty_and_a_name_is_text():
    file = example()
    file.graph.tensors[0].name, file.graph.tensors[3].name = None, b"\xff\xfe"
    file.graph.operators[1].inputs = None
    graph = read_graph(file.to_bytes())
    assert graph.ops[1].inputs == ()
    assert graph.model.subgraphs[0].operators[1].inputs == []
    assert [tensor.name.decode() for tensor in graph.model.subgraphs[0].tensors] == [
        *("", "kernel", graph.tensors[2].name, "\ufffd\ufffd")
    ]


def test_a_form_changing_operator_without_input_decides_nothing():
    file = TfliteFile()
    image, made = file.tensor((1, 8, 8, 3), name="image"), file.tensor((1, 4), name="made")
    file.op("RESHAPE", [], made)
    assert read_graph(file.ends([image], [made]).to_bytes()).deciding_op() is None


def test_a_file_that_no_network_for_a_phone_fills_is_not_read(tmp_path):
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: it takes no space
    with pytest.raises(UnreadableFileError, match="more than 600 MB"):
        read_file(path)


@pytest.mark.parametrize("count", [0, 2])
def test_other_than_one_subgraph_is_refused(count):
    file = example()
    file.model.subgraphs = file.model.subgraphs * count
    refused(file, f"{count} subgraphs")


def test_the_first_of_several_subgraphs_is_described_where_that_is_allowed():
    file = example()
    file.model.subgraphs = file.model.subgraphs * 3
    assert len(read_graph(file.to_bytes(), any_subgraphs=True).ops) == 2
    file.model.subgraphs = []
    with pytest.raises(UnreadableFileError, match="0 subgraphs"):
        read_graph(file.to_bytes(), any_subgraphs=True)


def test_options_of_an_operator_are_read():
    file = example()
    file.graph.operators[0].builtinOptions.strideH = 3
    graph = read_graph(file.to_bytes())
    conv, custom = graph.ops
    assert (graph.option(conv, "strideH"), graph.option(conv, "strideW")) == (3, 1)
    assert (graph.option(conv, "beta"), graph.option(custom, "strideH")) == (None, None)


def test_open_sizes_are_known_by_their_axes():
    file = example()
    file.graph.tensors[0].shapeSignature = [-1, 8, -1, 3]
    file.graph.tensors[2].shape = [0, 8, 8, 2]
    file.graph.tensors[3].shape = [-1, 4]
    graph = read_graph(file.to_bytes())
    assert [graph.open_axes(i) for i in range(4)] == [(0, 2), (), (), (0,)]


def test_a_shape_of_absurd_length_is_refused():
    file = example()
    file.graph.tensors[3].shape = [1] * 65
    refused(file, "65 axes")


@pytest.mark.parametrize("index", [-2, 4, 2**31 - 1])
@pytest.mark.parametrize("where", ["inputs", "outputs"])
def test_an_index_without_a_tensor_is_refused(where, index):
    ends, ops = example(), example()
    setattr(ends.graph, where, [index])
    setattr(ops.graph.operators[1], where, [index])
    refused(ends, "points to no tensor")
    refused(ops, "points to no tensor")


def test_only_an_operators_input_may_be_absent():
    file = example()
    file.graph.outputs = [ABSENT]
    with pytest.raises(UnreadableFileError):
        read_graph(file.to_bytes())


def test_operators_out_of_order_are_refused():
    file = example()
    file.graph.operators.reverse()
    refused(file, "out of order")


def test_an_operator_that_reads_its_own_result_is_refused():
    file = example()
    file.graph.operators[0].outputs = [0]
    refused(file, "out of order")


@pytest.mark.parametrize("where", ["inputs", "outputs"])
def test_a_file_without_ends_is_refused(where):
    file = example()
    setattr(file.graph, where, [])
    refused(file, "lacks an input or an output")


def changing_state(name: str, *, custom: bool = False) -> bytes:
    """A file with an operator that gives nothing back."""
    file = example()
    file.op(name, [3], 3, custom=custom)
    file.graph.operators[-1].outputs = []
    return file.to_bytes()


@pytest.mark.parametrize(("name", "custom"), [("CALL_ONCE", False), ("ASSIGN_VARIABLE", False), ("FlexAssert", True)])
def test_an_operator_that_only_changes_state_is_read_where_that_is_allowed(name, custom):
    data = changing_state(name, custom=custom)
    assert read_graph(data, any_subgraphs=True).ops[-1].outputs == ()
    with pytest.raises(UnreadableFileError, match=f"its operator 2, {name}, has no result"):
        read_graph(data)


@pytest.mark.parametrize(("name", "custom"), [("SOFTMAX", False), ("DEQUANTIZE", False), ("SOFTMAX", True)])
def test_no_other_operator_may_lack_its_result(name, custom):
    with pytest.raises(UnreadableFileError, match=f"its operator 2, {name}, has no result"):
        read_graph(changing_state(name, custom=custom), any_subgraphs=True)


def test_a_constant_that_is_cut_short_is_refused():
    file = example()
    file.model.buffers[1].data = file.model.buffers[1].data[:-1]
    refused(file, r"kernel is int8 \[2, 2, 2, 3\] and holds 23 bytes")


def damaged(data: bytes, structure: list[int], seed: int) -> bytes:
    """Cuts a file short or changes up to three of the bytes that are no weights."""
    chance = random.Random(seed)
    if seed % 5 == 0:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        position = chance.choice(structure)
        changed[position] ^= 1 << chance.randrange(8)
    return bytes(changed)


def structure_of(data: bytes) -> list[int]:
    """Positions outside the large buffers."""
    inside = np.zeros(len(data), bool)
    for buffer in read_graph(data).model.buffers:
        if buffer.data is not None and len(buffer.data) > 64:
            start = data.find(buffer.data.tobytes())
            inside[start : start + len(buffer.data)] = True
    return np.flatnonzero(~inside).tolist()


@pytest.mark.parametrize("quant", ["float32", "int8"])
def test_a_damaged_file_is_read_or_refused_and_nothing_else(small_network, quant):
    data = small_network("v1").quantized(quant).data
    structure = structure_of(data)
    outcomes = {"read": 0, "refused": 0}
    for seed in range(60):
        try:
            changed = damaged(data, structure, seed)
            graph = read_graph(changed)
            fold_leading_affine(changed)
            infer_contract(graph, value_range=(0, 1), fit=Fit(kind="stretch"), meaning=None, labels=(), source="")
            outcomes["read"] += 1
        except MobileDeployError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10
