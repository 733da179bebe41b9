"""Reads a .tflite into plain records: tensors, operators, inputs, outputs, constants."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import reason_in_words

# Operators whose inputs are picture, kernel and bias, with the kernel axis that the output channels run along.
# Source: TensorFlow Lite schema and the 8-bit quantization specification.
WEIGHTED_OPS: dict[str, int] = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}

# Types whose values NumPy reads as they are stored.
_PLAIN_DTYPES = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64")

ABSENT = -1  # stands for an optional input that is not there; Source: TensorFlow Lite schema
# Operators that change the form of a tensor and not what it means.
_FORM_ONLY = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE")

_IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite; Source: TensorFlow Lite schema, file_identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRecord:
    """One tensor of the file.

    Attributes:
        index: Position in the graph's tensor list.
        name: Name in the file.
        shape: Dimensions.
        dtype: Such as "float32", "int8".
        is_constant: Whether its values are stored in the file.
        scales: Quantization scales: () unquantized, one per tensor, or one per channel.
        zero_points: As many as scales.
        channel_axis: Axis that the scales run along.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    is_constant: bool
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    channel_axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRecord:
    """One operator of the file.

    Attributes:
        index: Position in execution order.
        name: Builtin name such as "CONV_2D", or the custom operator's own.
        is_custom: Whether it is no builtin (TensorFlow's Flex operators included).
        version: Operator version.
        inputs: Tensor indices; `ABSENT` for an optional input that is not there.
        outputs: Tensor indices.
    """

    index: int
    name: str
    is_custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The one subgraph of an inference file.

    Attributes:
        tensors: All tensors; `tensors[i].index == i`.
        ops: Operators in execution order.
        inputs: Tensor indices of the graph's inputs.
        outputs: Tensor indices of the graph's outputs.
        signatures: Names of the signatures.
        model: The schema object behind the records, for those that change it.
    """

    tensors: tuple[TensorRecord, ...]
    ops: tuple[OpRecord, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signatures: tuple[str, ...]
    model: Any

    def constant(self, index: int) -> npt.NDArray[Any]:
        """Gives the stored values of a constant tensor, read-only, in its shape and dtype."""
        tensor = self.tensors[index]
        data = self.model.buffers[self.model.subgraphs[0].tensors[index].buffer].data
        return np.frombuffer(bytes(data), dtype=tensor.dtype).reshape(tensor.shape)

    def consumers(self, index: int) -> tuple[OpRecord, ...]:
        """Gives the operators that read a tensor."""
        return tuple(op for op in self.ops if index in op.inputs)

    def deciding_op(self) -> OpRecord | None:
        """Gives the operator that makes the output, seen through those that change only its form; None for none."""
        makers = {i: op for op in self.ops for i in op.outputs}
        here = self.outputs[0]
        while here in makers and makers[here].name in _FORM_ONLY:
            here = makers[here].inputs[0]
        return makers.get(here)


@cache
def _names_of(enumeration: str) -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    members = vars(getattr(schema, enumeration))
    return {value: name for name, value in members.items() if isinstance(value, int)}


def op_name(builtin_code: int) -> str:
    """Gives the schema's name of a builtin operator, such as "CONV_2D" for 3."""
    return _names_of("BuiltinOperator").get(builtin_code, f"BUILTIN_{builtin_code}")


def load_model(data: bytes, *, source: object) -> Any:  # noqa: ANN401  # the schema module is untyped
    """Parses a .tflite into the schema's mutable objects, every buffer inline.

    Args:
        data: The file's bytes.
        source: What to name in errors: a path.

    Returns:
        The ModelT object.

    Raises:
        UnreadableFileError: The bytes are no .tflite or are damaged.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    if data[4:8] != _IDENTIFIER:
        raise UnreadableFileError(path=source, problem="it is not a .tflite file (no TFL3 mark)")
    try:
        model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    except (struct.error, IndexError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        raise UnreadableFileError(path=source, problem=f"the .tflite is damaged ({error})") from error
    if len(model.subgraphs or ()) != 1:
        count = len(model.subgraphs or ())
        raise UnreadableFileError(path=source, problem=f"it has {count} subgraphs; an inference file has one")
    for buffer in model.buffers or ():
        if isinstance(buffer.data, bytes | bytearray):  # came from outside the flatbuffer; packing bytes takes seconds
            buffer.data = np.frombuffer(buffer.data, dtype=np.uint8)
    return model


def _text(raw: bytes | str | None) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else (raw or "")


def _indices(raw: Any) -> tuple[int, ...]:  # noqa: ANN401
    return () if raw is None else tuple(int(i) for i in raw)


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
        inputs=_indices(op.inputs),
        outputs=_indices(op.outputs),
    )


def graph_of(model: Any, *, source: object) -> Graph:  # noqa: ANN401
    """Describes a parsed model.

    Args:
        model: A ModelT from `load_model`.
        source: What to name in errors: a path.

    Returns:
        Its records.

    Raises:
        UnreadableFileError: An index points outside its table.
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
        inputs=_indices(subgraph.inputs),
        outputs=_indices(subgraph.outputs),
        signatures=tuple(_text(signature.signatureKey) for signature in model.signatureDefs or ()),
        model=model,
    )
    _check_wiring(graph, source)
    _check_constants(graph, source)
    return graph


def _check_wiring(graph: Graph, source: object) -> None:
    """Refuses indices without a tensor and operators that read what is made later: following either never ends well."""
    used = {i for op in graph.ops for i in (*op.inputs, *op.outputs)} - {ABSENT} | {*graph.inputs, *graph.outputs}
    if not all(0 <= i < len(graph.tensors) for i in used):
        raise UnreadableFileError(path=source, problem="the .tflite is damaged (an index points to no tensor)")
    maker = {i: op.index for op in graph.ops for i in op.outputs}
    if any(maker.get(i, ABSENT) >= op.index for op in graph.ops for i in op.inputs):
        raise UnreadableFileError(path=source, problem="the .tflite is damaged (its operators are out of order)")
    if not graph.inputs or not graph.outputs or not all(op.outputs for op in graph.ops):
        raise UnreadableFileError(path=source, problem="it lacks an input, an output or an operator's result")


def _check_constants(graph: Graph, source: object) -> None:
    """Refuses constants that hold more or less than their shape."""
    stored = graph.model.subgraphs[0].tensors
    for tensor in graph.tensors:
        if tensor.is_constant and tensor.dtype in _PLAIN_DTYPES:
            size_bytes = len(graph.model.buffers[stored[tensor.index].buffer].data)
            if size_bytes != math.prod(tensor.shape) * np.dtype(tensor.dtype).itemsize:
                problem = f"{tensor.name} is {tensor.dtype} {list(tensor.shape)} and holds {size_bytes} bytes"
                raise UnreadableFileError(path=source, problem=problem)


def read_file(path: Path) -> bytes:
    """Reads the bytes of a .tflite.

    Raises:
        UnreadableFileError: The file is not there or may not be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error


def read_graph(data: bytes, *, source: object = "the .tflite") -> Graph:
    """Reads a .tflite file.

    Args:
        data: The file's bytes.
        source: What to name in errors: a path.

    Returns:
        Its tensors and operators.

    Raises:
        UnreadableFileError: The bytes are no .tflite or are damaged.
    """
    return graph_of(load_model(data, source=source), source=source)
