"""What a .tflite costs to run: mult-adds, bytes of weights, and the memory its activations need.

Everything is counted from the file; nothing is run. Definitions:

- A mult-add is one multiplication with its addition in a convolution, depthwise convolution or fully connected
  operator. Biases, activations, pooling, element-wise arithmetic and requantizing are not counted; positions at a
  padded border count as if the padding were values. The variants' own counts are made the same way.
- Constants are stored tensors and what operators make of constants alone, such as a float16 kernel turned to float32
  when the file is loaded. All other tensors are activations.
- An activation is alive from the operator that makes it to its last reader; an operator's inputs and outputs are alive
  together while it runs. Inputs of the graph are alive from the start, its outputs to the end. The peak is the largest
  sum of what is alive at once: what a perfect planner needs. Runtimes need more: they align, they may keep the input to
  the end, and kernels take scratch memory.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate

from mobile_deploy.tflite.graph import ABSENT, WEIGHTED_OPS, Graph, OpRecord, TensorRecord

# Bits of one value. Source: TensorFlow Lite schema, TensorType; int4 and int2 are packed.
_BITS = {
    "float32": 32,
    "float16": 16,
    "bfloat16": 16,
    "float64": 64,
    "complex64": 64,
    "complex128": 128,
    "int64": 64,
    "uint64": 64,
    "int32": 32,
    "uint32": 32,
    "int16": 16,
    "uint16": 16,
    "int8": 8,
    "uint8": 8,
    "bool": 8,
    "float8_e4m3fn": 8,
    "float8_e5m2": 8,
    "int4": 4,
    "uint4": 4,
    "int2": 2,
}

# Operators that multiply and add, and are not counted here.
_UNCOUNTED = (
    "BATCH_MATMUL",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "CONV_3D",
    "CONV_3D_TRANSPOSE",
    "LSTM",
    "RNN",
    "SVDF",
    "TRANSPOSE_CONV",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """What one operator costs.

    Attributes:
        op: The operator.
        output: The first tensor it makes; None for one that only changes state.
        mult_adds: Multiplications, each with its addition.
        constant_bytes: Bytes of the stored tensors it reads.
        alive_bytes: Bytes of the activations that are alive while it runs.
    """

    op: OpRecord
    output: TensorRecord | None
    mult_adds: int
    constant_bytes: int
    alive_bytes: int


def tensor_bytes(tensor: TensorRecord) -> int:
    """Gives the bytes of a tensor's values.

    Args:
        tensor: The tensor; a size that is settled only at run time counts as 1.

    Returns:
        The bytes; 0 for types whose size the file does not tell, such as strings.
    """
    return (_size(tensor.shape) * _BITS.get(tensor.dtype, 0) + 7) // 8


def _size(shape: tuple[int, ...]) -> int:
    return math.prod(length if length >= 0 else 1 for length in shape)


def mult_adds(graph: Graph, op: OpRecord) -> int:
    """Counts the mult-adds of one operator: every number of its kernel is used once at each position of the output.

    Args:
        graph: The file.
        op: The operator.

    Returns:
        The count; 0 for an operator that is no convolution and not fully connected.
    """
    if op.name not in WEIGHTED_OPS or len(op.inputs) < 2 or op.inputs[1] == ABSENT:
        return 0
    kernel, output = graph.tensors[op.inputs[1]], graph.tensors[op.outputs[0]]
    return _size(kernel.shape) * _size(output.shape[:-1])


def total_mult_adds(graph: Graph) -> int:
    """Counts the mult-adds of a file for one run."""
    return sum(mult_adds(graph, op) for op in graph.ops)


def uncounted_ops(graph: Graph) -> tuple[str, ...]:
    """Names the operators whose mult-adds are missing from the count: recurrent, three-dimensional and custom ones."""
    return tuple(sorted({op.name for op in graph.ops if op.is_custom or op.name in _UNCOUNTED}))


def constants_of(graph: Graph) -> AbstractSet[int]:
    """Gives the tensors that do not depend on the input: stored ones and what operators make of them alone."""
    known = {tensor.index for tensor in graph.tensors if tensor.is_constant}
    for op in graph.ops:
        if op.inputs and all(i in known or i == ABSENT for i in op.inputs):
            known.update(op.outputs)
    return known


def weight_bytes(graph: Graph) -> dict[str, int]:
    """Gives the bytes of the stored tensors by dtype; a buffer that several share counts once."""
    stored = graph.model.subgraphs[0].tensors
    by_buffer = {stored[t.index].buffer: t for t in graph.tensors if t.is_constant}
    totals: dict[str, int] = defaultdict(int)
    for buffer, tensor in by_buffer.items():
        totals[tensor.dtype] += len(graph.model.buffers[buffer].data)
    return dict(sorted(totals.items(), key=lambda item: -item[1]))


def unpacked_bytes(graph: Graph) -> int:
    """Gives the bytes that a plain runtime keeps beside the file for constants it computes when the file is loaded."""
    known = constants_of(graph)
    return sum(tensor_bytes(t) for t in graph.tensors if t.index in known and not t.is_constant)


def activation_bytes(graph: Graph) -> int:
    """Gives the bytes of all activations together, as if each had memory of its own."""
    return sum(tensor_bytes(graph.tensors[i]) for i in _lifetimes(graph))


def alive_bytes(graph: Graph) -> tuple[int, ...]:
    """Gives the bytes of the activations that are alive while each operator runs, in execution order."""
    changes = [0] * (len(graph.ops) + 1)
    for index, (first, last) in _lifetimes(graph).items():
        size = tensor_bytes(graph.tensors[index])
        changes[first] += size
        changes[min(last, len(graph.ops) - 1) + 1] -= size
    return tuple(accumulate(changes[:-1]))


def peak_activation_bytes(graph: Graph) -> int:
    """Gives the largest sum of activations that are alive at once."""
    return max(alive_bytes(graph), default=activation_bytes(graph))


def _lifetimes(graph: Graph) -> dict[int, tuple[int, int]]:
    """Gives the operators between which each activation is alive, both included."""
    known, end = constants_of(graph), max(len(graph.ops) - 1, 0)
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 0)
    for op in graph.ops:
        first.update(dict.fromkeys(op.outputs, op.index))
        last.update(dict.fromkeys((*op.inputs, *op.outputs), op.index))
    # What is read and never made is state that outlives the run.
    state = last.keys() - first.keys()
    last.update(dict.fromkeys((*graph.outputs, *state), end))
    return {i: (first.get(i, 0), last[i]) for i in last if i not in known and i != ABSENT}


def layer_costs(graph: Graph) -> tuple[LayerCost, ...]:
    """Gives what each operator costs, in execution order.

    Args:
        graph: The file.

    Returns:
        One record per operator.
    """
    return tuple(
        LayerCost(
            op=op,
            output=graph.tensors[op.outputs[0]] if op.outputs else None,
            mult_adds=mult_adds(graph, op),
            constant_bytes=sum(tensor_bytes(graph.tensors[i]) for i in {*op.inputs} if _is_stored(graph, i)),
            alive_bytes=alive,
        )
        for op, alive in zip(graph.ops, alive_bytes(graph), strict=True)
    )


def _is_stored(graph: Graph, index: int) -> bool:
    return index != ABSENT and graph.tensors[index].is_constant
