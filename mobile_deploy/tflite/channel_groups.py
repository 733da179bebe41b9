"""Finds the tensors of a float network whose channels may be scaled, since what reads them can undo it.

A group is a set of tensors that must share their factors: those that an addition, a mean, padding or pooling links.
It is scalable when every operator that makes one of them is a convolution or dense layer with no activation, ReLU or
ReLU6, and every operator that reads one is of the same kind.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mobile_deploy.tflite.graph import ABSENT, WEIGHTED_OPS, Graph, OpRecord

KernelSide = Literal["out", "in"]
"""Whether a kernel's channels are those it makes or those it reads."""

# The kernel axis that the input channels run along; that of the output channels is in WEIGHTED_OPS.
# Source: TensorFlow Lite schema.
_INPUT_AXES = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 1}

# Operators that give each channel's own values back, scaled as they came. A mean keeps its channels when it is over
# height and width, the axes 1 and 2.
_LINKS = ("ADD", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "PAD")

# Source: ActivationFunctionType of the TensorFlow Lite schema.
_NONE, _RELU, _RELU6 = 0, 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGroup:
    """Tensors that share their channel factors.

    Attributes:
        makers: Convolutions and dense layers that make one of them, in order.
        readers: Those that read one.
        is_rectified: Whether none of the tensors is ever below zero.
        is_capped: Whether one of the makers caps its output at 6.
    """

    makers: tuple[OpRecord, ...]
    readers: tuple[OpRecord, ...]
    is_rectified: bool
    is_capped: bool

    def sides(self) -> Iterator[tuple[OpRecord, KernelSide]]:
        """Gives every kernel of the group with the side on which it has the group's channels."""
        for op in self.makers:
            yield op, "out"
        for op in self.readers:
            yield op, "in"


def channel_axis(op: OpRecord, side: KernelSide) -> int:
    """Gives the axis of an operator's kernel that the channels of a side run along."""
    return WEIGHTED_OPS[op.name] if side == "out" else _INPUT_AXES[op.name]


class _Sets:
    """Disjoint sets of tensors."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, tensor: int) -> int:
        while self._parent[tensor] != tensor:
            tensor = self._parent[tensor]
        return tensor

    def join(self, one: int, other: int) -> None:
        self._parent[self.find(one)] = self.find(other)


def _fused(graph: Graph, op: OpRecord) -> int:
    options = graph.model.subgraphs[0].operators[op.index].builtinOptions
    return int(getattr(options, "fusedActivationFunction", _NONE))


def _activations(graph: Graph, op: OpRecord) -> list[int]:
    return [i for i in op.inputs if i != ABSENT and not graph.tensors[i].is_constant]


def _links_channels(graph: Graph, op: OpRecord) -> bool:
    """Says whether an operator's inputs and output have the same channels, in the same scale."""
    if op.name not in _LINKS or _fused(graph, op) not in (_NONE, _RELU):
        return False
    given = _activations(graph, op)
    if op.name == "ADD":
        return len(given) == 2 and len({graph.tensors[i].shape for i in given}) == 1
    if given != list(op.inputs[:1]):  # axes or paddings that are computed
        return False
    if op.name in ("MEAN", "PAD"):
        numbers = graph.constant(op.inputs[1]) if len(op.inputs) > 1 else None
        return numbers is not None and _keeps_channels(op, numbers, axes=len(graph.tensors[given[0]].shape))
    return True


def _keeps_channels(op: OpRecord, numbers: npt.NDArray[np.int32], *, axes: int) -> bool:
    """Says whether a mean over these axes, or these paddings, leave the last of so many axes alone."""
    if op.name == "MEAN":
        return axes == 4 and sorted(numbers.reshape(-1).tolist()) == [1, 2]
    return not numbers[-1].any()


def _frozen_ends(graph: Graph, op: OpRecord, shared_kernels: set[int]) -> list[int]:
    """Gives the tensors at a convolution or dense layer that must keep their scale."""
    kernel = graph.tensors[op.inputs[1]]
    if not kernel.is_constant or kernel.index in shared_kernels:
        return [op.inputs[0], op.outputs[0]]
    frozen = []
    if _fused(graph, op) not in (_NONE, _RELU, _RELU6):
        frozen.append(op.outputs[0])
    if kernel.shape[channel_axis(op, "in")] != graph.tensors[op.inputs[0]].shape[-1]:
        frozen.append(op.inputs[0])  # a depthwise layer with several outputs a channel, a dense layer on a flat map
    if len(op.inputs) > 2 and op.inputs[2] != ABSENT and not graph.tensors[op.inputs[2]].is_constant:
        frozen.append(op.outputs[0])
    return frozen


def find_channel_groups(graph: Graph) -> tuple[ChannelGroup, ...]:
    """Finds the groups of a float network.

    Args:
        graph: The float file.

    Returns:
        The scalable groups, in the order of their first makers.
    """
    sets = _Sets(len(graph.tensors))
    frozen = {*graph.inputs, *graph.outputs}
    uses = Counter(op.inputs[1] for op in graph.ops if op.name in WEIGHTED_OPS)
    shared_kernels = {index for index, count in uses.items() if count > 1}
    for op in graph.ops:
        if op.name in WEIGHTED_OPS:
            frozen.update(_frozen_ends(graph, op, shared_kernels))
        elif _links_channels(graph, op):
            for index in _activations(graph, op):
                sets.join(index, op.outputs[0])
        else:
            frozen.update((*_activations(graph, op), *op.outputs))
    fixed = {sets.find(i) for i in frozen}
    makers, readers = defaultdict(list), defaultdict(list)
    for op in (op for op in graph.ops if op.name in WEIGHTED_OPS):
        makers[sets.find(op.outputs[0])].append(op)
        readers[sets.find(op.inputs[0])].append(op)
    return tuple(
        _group(graph, found, readers[root]) for root, found in makers.items() if root not in fixed and readers[root]
    )


def _group(graph: Graph, makers: list[OpRecord], readers: list[OpRecord]) -> ChannelGroup:
    fused = [_fused(graph, op) for op in makers]
    return ChannelGroup(
        makers=tuple(makers), readers=tuple(readers), is_rectified=_NONE not in fused, is_capped=_RELU6 in fused
    )
