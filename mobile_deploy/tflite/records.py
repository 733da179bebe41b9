"""What a .tflite says, as plain records: tensors, operators, and the graph of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.errors import UnreadableFileError

# Operators whose inputs are picture, kernel and bias, with the kernel axis that the output channels run along.
# Source: TensorFlow Lite schema and the 8-bit quantization specification.
WEIGHTED_OPS: dict[str, int] = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}

ABSENT = -1  # stands for an optional input that is not there; Source: TensorFlow Lite schema
# Operators that change the form of a tensor and not what it means.
_FORM_ONLY = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE")


def indices_of(raw: Any) -> tuple[int, ...]:  # noqa: ANN401  # the schema module is untyped
    """Gives a vector of the file as numbers; none where a writer left it out."""
    return () if raw is None else tuple(int(i) for i in raw)


# Types whose values NumPy reads as they are stored.
PLAIN_DTYPES = (
    *("float16", "float32", "float64", "complex64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)


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
    """The one subgraph of an inference file, or the first of several.

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
        """Gives the stored values of a constant tensor, read-only, in its shape and dtype.

        Raises:
            UnreadableFileError: It holds none, or values that are no plain numbers, such as texts or half bytes.
        """
        tensor = self.tensors[index]
        data = self.model.buffers[self.model.subgraphs[0].tensors[index].buffer].data
        problem = f"{tensor.name} holds no {tensor.dtype} numbers {list(tensor.shape)} that can be read"
        # Other libraries teach NumPy types of their own, such as int4, which are not stored as they say.
        if tensor.dtype not in PLAIN_DTYPES:
            raise UnreadableFileError(path="the .tflite", problem=problem)
        try:
            return np.frombuffer(bytes(data), dtype=tensor.dtype).reshape(tensor.shape)
        except (TypeError, ValueError) as error:
            raise UnreadableFileError(path="the .tflite", problem=problem) from error

    def option(self, op: OpRecord, name: str) -> Any:  # noqa: ANN401  # the schema module is untyped
        """Gives what the schema says of a builtin operator, such as its "strideH"; None where it has no such option."""
        return getattr(self.model.subgraphs[0].operators[op.index].builtinOptions, name, None)

    def open_axes(self, index: int) -> tuple[int, ...]:
        """Gives the axes of a tensor whose size is settled only when it runs."""
        # Where a writer names open sizes, `shape` holds a stand-in of 1 for them.
        signature = indices_of(self.model.subgraphs[0].tensors[index].shapeSignature)
        return tuple(axis for axis, size in enumerate(signature or self.tensors[index].shape) if size < 0)

    def consumers(self, index: int) -> tuple[OpRecord, ...]:
        """Gives the operators that read a tensor."""
        return tuple(op for op in self.ops if index in op.inputs)

    def deciding_op(self) -> OpRecord | None:
        """Gives the operator that makes the output, seen through those that change only its form; None for none."""
        makers = {i: op for op in self.ops for i in op.outputs}
        here = self.outputs[0]
        while here in makers and makers[here].name in _FORM_ONLY:
            here = next(iter(makers[here].inputs), ABSENT)
        return makers.get(here)
