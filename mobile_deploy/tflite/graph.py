"""Reads a .tflite into plain records: tensors, operators, inputs, outputs, constants."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import reason_in_words
from mobile_deploy.tflite.extent import check_extent
from mobile_deploy.tflite.records import ABSENT, WEIGHTED_OPS, Graph, OpRecord, TensorRecord, indices_of
from mobile_deploy.tflite.soundness import check_soundness

# Whoever reads a file needs the words it is described in.
__all__ = [
    "ABSENT",
    "IDENTIFIER",
    "WEIGHTED_OPS",
    "Graph",
    "OpRecord",
    "TensorRecord",
    "graph_of",
    "load_model",
    "op_name",
    "read_file",
    "read_graph",
]

# Larger than any network for a phone; a file is held in memory a few times over.
_LARGEST_FILE_BYTES = 600_000_000

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite; Source: TensorFlow Lite schema, file_identifier


@cache
def _names_of(enumeration: str) -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    members = vars(getattr(schema, enumeration))
    return {value: name for name, value in members.items() if isinstance(value, int)}


def op_name(builtin_code: int) -> str:
    """Gives the schema's name of a builtin operator, such as "CONV_2D" for 3."""
    return _names_of("BuiltinOperator").get(builtin_code, f"BUILTIN_{builtin_code}")


def load_model(data: bytes, *, source: object, any_subgraphs: bool = False) -> Any:  # noqa: ANN401  # untyped schema
    """Parses a .tflite into the schema's mutable objects, every buffer inline.

    Args:
        data: The file's bytes.
        source: What to name in errors: a path.
        any_subgraphs: Whether there may be more subgraphs than one, as in files with loops or several signatures.

    Returns:
        The ModelT object.

    Raises:
        UnreadableFileError: The bytes are no .tflite or are damaged.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    if data[4:8] != IDENTIFIER:
        is_keras = str(source).lower().endswith((".keras", ".h5"))
        hint = f"make one of it: mobile-deploy export --model {source} --quant float32" if is_keras else ""
        raise UnreadableFileError(path=source, problem="it is not a .tflite file (no TFL3 mark)", hint=hint)
    try:
        check_extent(data)
        model = flatbuffer_utils.read_model_from_bytearray(data)
    except (struct.error, IndexError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        raise UnreadableFileError(path=source, problem=f"the .tflite is damaged ({error})") from error
    count = len(model.subgraphs or ())
    if count == 0 or (count > 1 and not any_subgraphs):
        raise UnreadableFileError(path=source, problem=f"it has {count} subgraphs; an inference file has one")
    for buffer in model.buffers or ():
        if isinstance(buffer.data, bytes | bytearray):  # came from outside the flatbuffer; packing bytes takes seconds
            buffer.data = np.frombuffer(buffer.data, dtype=np.uint8)
    _fill_gaps(model)
    return model


def _fill_gaps(model: Any) -> None:  # noqa: ANN401
    """Puts empty lists where a writer left vectors out and text where names are none, so that nobody has to ask."""
    model.buffers, model.operatorCodes = model.buffers or [], model.operatorCodes or []
    for subgraph in model.subgraphs:
        subgraph.tensors, subgraph.operators = subgraph.tensors or [], subgraph.operators or []
        subgraph.inputs, subgraph.outputs = indices_of(subgraph.inputs), indices_of(subgraph.outputs)
        for tensor in subgraph.tensors:
            tensor.name = _text(tensor.name).encode()  # which any code may decode
        for op in subgraph.operators:
            op.inputs, op.outputs = list(indices_of(op.inputs)), list(indices_of(op.outputs))


def _text(raw: bytes | str | None) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else (raw or "")


def _tensor_record(index: int, tensor: Any, buffers: list[Any]) -> TensorRecord:  # noqa: ANN401
    quantization = tensor.quantization
    scales = quantization.scale if quantization is not None and quantization.scale is not None else ()
    # A writer may leave zero points out when all are zero.
    zero_points = quantization.zeroPoint if quantization is not None and quantization.zeroPoint is not None else ()
    return TensorRecord(
        index=index,
        name=_text(tensor.name),
        shape=tuple(int(size) for size in (tensor.shape if tensor.shape is not None else ())),
        dtype=_names_of("TensorType").get(tensor.type, str(tensor.type)).lower(),
        is_constant=buffers[tensor.buffer].data is not None,
        scales=tuple(float(scale) for scale in scales),
        zero_points=tuple(int(zero_point) for zero_point in zero_points)[: len(scales)] or (0,) * len(scales),
        channel_axis=int(quantization.quantizedDimension) if len(scales) else 0,
    )


def _op_record(index: int, op: Any, codes: list[Any]) -> OpRecord:  # noqa: ANN401
    code = codes[op.opcodeIndex]
    # Old writers filled only the 8-bit field.
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    custom = _text(code.customCode)
    return OpRecord(
        index=index,
        name=custom or op_name(builtin),
        is_custom=bool(custom),
        version=int(code.version),
        inputs=indices_of(op.inputs),
        outputs=indices_of(op.outputs),
    )


def graph_of(model: Any, *, source: object, any_subgraphs: bool = False) -> Graph:  # noqa: ANN401
    """Describes a parsed model.

    Args:
        model: A ModelT from `load_model`.
        source: What to name in errors: a path.
        any_subgraphs: Whether there may be what comes with more subgraphs: operators without a result.

    Returns:
        Its records.

    Raises:
        UnreadableFileError: An index points outside its table, or an operator lacks what every runtime needs.
    """
    subgraph = model.subgraphs[0]
    try:
        tensors = tuple(_tensor_record(i, tensor, model.buffers) for i, tensor in enumerate(subgraph.tensors or ()))
        ops = tuple(_op_record(i, op, model.operatorCodes) for i, op in enumerate(subgraph.operators or ()))
    except (IndexError, TypeError, AttributeError) as error:
        raise UnreadableFileError(path=source, problem=f"the .tflite is damaged ({error})") from error
    graph = Graph(
        tensors=tensors,
        ops=ops,
        inputs=indices_of(subgraph.inputs),
        outputs=indices_of(subgraph.outputs),
        signatures=tuple(_text(signature.signatureKey) for signature in model.signatureDefs or ()),
        model=model,
    )
    check_soundness(graph, source=source, any_subgraphs=any_subgraphs)
    return graph


def read_file(path: Path) -> bytes:
    """Reads the bytes of a .tflite.

    Raises:
        UnreadableFileError: The file is not there, may not be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
    if len(data) > _LARGEST_FILE_BYTES:
        raise UnreadableFileError(
            path=path, problem=f"it holds more than {_LARGEST_FILE_BYTES // 10**6} MB; no network for a phone does"
        )
    return data


def read_graph(data: bytes, *, source: object = "the .tflite", any_subgraphs: bool = False) -> Graph:
    """Reads a .tflite file.

    Args:
        data: The file's bytes.
        source: What to name in errors: a path.
        any_subgraphs: Whether there may be more subgraphs than one, of which the first is described, and operators
            without a result, such as the one that sets variables by running another subgraph.

    Returns:
        Its tensors and operators.

    Raises:
        UnreadableFileError: The bytes are no .tflite or are damaged.
    """
    model = load_model(data, source=source, any_subgraphs=any_subgraphs)
    return graph_of(model, source=source, any_subgraphs=any_subgraphs)
