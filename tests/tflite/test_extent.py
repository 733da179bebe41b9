"""A small file that stands for a huge one is refused by its lengths, before it is unpacked."""

from __future__ import annotations

import struct

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from fakes.network_file import float_network

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.tflite.extent import check_extent
from mobile_deploy.tflite.graph import load_model

# A vector of offsets, all to one table or text, may say so many times what is there once.
MANY = 50_000


def packed(builder, *, subgraphs=0, buffers=0) -> bytes:
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    if subgraphs:
        schema.ModelAddSubgraphs(builder, subgraphs)
    if buffers:
        schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def same(builder, table: int, *, times: int) -> int:
    builder.StartVector(4, times, 4)
    for _ in range(times):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def one_subgraph(builder, **vectors: int) -> int:
    schema.SubGraphStart(builder)
    for name, vector in vectors.items():
        getattr(schema, f"SubGraphAdd{name}")(builder, vector)
    return same(builder, schema.SubGraphEnd(builder), times=1)


def many_tensors_of_one_long_name() -> bytes:
    builder = flatbuffers.Builder(0)
    name = builder.CreateString("x" * 1_000_000)
    schema.TensorStart(builder)
    schema.TensorAddName(builder, name)
    tensors = same(builder, schema.TensorEnd(builder), times=MANY)
    return packed(builder, subgraphs=one_subgraph(builder, Tensors=tensors))


def many_operators_of_one_long_list_of_inputs() -> bytes:
    builder = flatbuffers.Builder(0)
    inputs = builder.CreateNumpyVector(schema.np.zeros(100_000, "int32"))
    schema.OperatorStart(builder)
    schema.OperatorAddInputs(builder, inputs)
    operators = same(builder, schema.OperatorEnd(builder), times=MANY)
    return packed(builder, subgraphs=one_subgraph(builder, Operators=operators))


def an_operator_whose_options_are_long() -> bytes:
    builder = flatbuffers.Builder(0)
    shape = builder.CreateNumpyVector(schema.np.zeros(100_000, "int32"))
    schema.ReshapeOptionsStart(builder)
    schema.ReshapeOptionsAddNewShape(builder, shape)
    options = schema.ReshapeOptionsEnd(builder)
    schema.OperatorStart(builder)
    schema.OperatorAddBuiltinOptionsType(builder, schema.BuiltinOptions.ReshapeOptions)
    schema.OperatorAddBuiltinOptions(builder, options)
    operators = same(builder, schema.OperatorEnd(builder), times=MANY)
    return packed(builder, subgraphs=one_subgraph(builder, Operators=operators))


def many_buffers_of_the_whole_file() -> bytes:
    builder = flatbuffers.Builder(0)
    schema.BufferStart(builder)
    schema.BufferAddOffset(builder, 1)
    schema.BufferAddSize(builder, 100_000)
    return packed(builder, buffers=same(builder, schema.BufferEnd(builder), times=MANY))


def more_tables_than_any_network_has() -> bytes:
    builder = flatbuffers.Builder(0)
    schema.BufferStart(builder)
    return packed(builder, buffers=same(builder, schema.BufferEnd(builder), times=150_000))


def a_vector_of_absurd_length() -> bytes:
    data = bytearray(many_buffers_of_the_whole_file())
    place = data.index(struct.pack("<I", MANY))
    data[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    return bytes(data)


BOMBS = [
    many_tensors_of_one_long_name,
    many_operators_of_one_long_list_of_inputs,
    an_operator_whose_options_are_long,
    many_buffers_of_the_whole_file,
    more_tables_than_any_network_has,
    a_vector_of_absurd_length,
]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_a_bomb_is_refused_before_it_goes_off(bomb, monkeypatch):
    data = bomb()
    monkeypatch.setattr(
        "ai_edge_litert.tools.flatbuffer_utils.read_model_from_bytearray", lambda _: pytest.fail("it was unpacked")
    )
    with pytest.raises(UnreadableFileError, match=r"damaged \((it unpacks to more than|its buffers hold more)"):
        load_model(data, source="m.tflite")


def test_sound_files_pass(v2_network):
    check_extent(float_network())
    for quant in ("float32", "int8"):
        check_extent(v2_network.quantized(quant).data)


def test_real_files_pass_with_room_to_spare(shared_dir, monkeypatch):
    monkeypatch.setattr("mobile_deploy.tflite.extent._MOST_VALUES", 100_000)
    for path in (shared_dir / "peers").glob("*.tflite"):
        check_extent(path.read_bytes())
