"""In which types a file computes, and what one scale of its weights covers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from mobile_deploy.recipes import RECIPES
from mobile_deploy.tflite.graph import ABSENT, WEIGHTED_OPS, Graph, OpRecord, TensorRecord

_BYTE = ("int8", "uint8")
_HANDLE = "resource"  # a variable's name, not its values


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightGranularity:
    """What the scales of a file's 8-bit kernels cover.

    Attributes:
        per_channel: Kernels with one scale per output channel.
        per_tensor: Kernels with one scale for several channels.
    """

    per_channel: int
    per_tensor: int

    def __str__(self) -> str:
        if not self.per_channel or not self.per_tensor:
            return "per channel" if self.per_channel else "per tensor"
        return f"mixed ({self.per_channel} kernels per channel, {self.per_tensor} per tensor)"


def kernels_of(graph: Graph) -> tuple[tuple[OpRecord, TensorRecord], ...]:
    """Gives the operators with a kernel, each with the kernel as it is stored: before a float16 one is unpacked."""
    unpacked = {op.outputs[0]: op.inputs[0] for op in graph.ops if op.name == "DEQUANTIZE" and op.inputs}
    weighted = ((op, op.inputs[1]) for op in graph.ops if op.name in WEIGHTED_OPS and op.inputs[1] != ABSENT)
    return tuple((op, graph.tensors[unpacked.get(index, index)]) for op, index in weighted)


def weight_granularity(graph: Graph) -> WeightGranularity | None:
    """Counts what the scales of 8-bit kernels cover; None for a file without such kernels."""
    counts: Counter[bool] = Counter()
    for op, kernel in kernels_of(graph):
        if kernel.dtype in _BYTE and kernel.scales:
            channels = kernel.shape[WEIGHTED_OPS[op.name] :][:1]
            counts[len(kernel.scales) > 1 or channels == (1,)] += 1
    return WeightGranularity(per_channel=counts[True], per_tensor=counts[False]) if counts else None


def computing_types(graph: Graph) -> Mapping[int, str]:
    """Says in which types each operator computes.

    Args:
        graph: The file.

    Returns:
        By the operator's index: "int8", "float32 > uint8" where it converts, "float32 with int8 weights" where the
        weights are stored in another type; empty for one without inputs and outputs.
    """
    stored = {op.index: kernel.dtype for op, kernel in kernels_of(graph)}
    return {op.index: _types(graph, op, stored.get(op.index)) for op in graph.ops}


def _types(graph: Graph, op: OpRecord, kernel: str | None) -> str:
    given = (graph.tensors[i].dtype for i in op.inputs if i != ABSENT)
    # Who reads or writes a variable is given its handle first.
    first = next((dtype for dtype in given if dtype != _HANDLE), "")
    last = graph.tensors[op.outputs[0]].dtype if op.outputs else ""
    if op.name in ("QUANTIZE", "DEQUANTIZE", "CAST"):
        return f"{first} > {last}"
    # Some operators have a shape or axis for a first input.
    computed = (last if first == "int32" else first) or first or last
    return computed if kernel in (None, computed) else f"{computed} with {kernel} weights"


def _stays_float(op: OpRecord, kernel: TensorRecord) -> bool:
    """Says whether a kernel is float32 in dynamic files, too; those of TensorFlow's converter have a few such."""
    return kernel.dtype == "float32" and RECIPES["dynamic"].keeps_float(op.name, math.prod(kernel.shape))


_DYNAMIC = "float32 with int8 weights"
# What a file is called by the types of its convolutions and fully connected operators.
_NAMES = {
    _DYNAMIC: "dynamic",
    "float32 with float16 weights": "float16",
    "int16 with int8 weights": "int16x8",
}


def file_precision(graph: Graph) -> str:
    """Names the precision of a file in the words of the recipes.

    Args:
        graph: The file.

    Returns:
        "float32", "float16", "dynamic", "int8", "int16x8"; "uint8" for the older scheme; several with their count
        where they are mixed; the types of all operators where none has a kernel.
    """
    types = computing_types(graph)
    weighted = Counter(types[op.index] for op, kernel in kernels_of(graph) if not _stays_float(op, kernel))
    weighted = weighted if _DYNAMIC in weighted else Counter(types[op.index] for op, _ in kernels_of(graph))
    counts = weighted or Counter(name for name in types.values() if name not in ("", _HANDLE))
    named = [(_NAMES.get(name, name), count) for name, count in counts.most_common()]
    if len(named) == 1:
        return named[0][0]
    return "mixed: " + ", ".join(f"{count} {name}" for name, count in named) if named else "no operators"
