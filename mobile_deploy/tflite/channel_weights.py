"""The kernels and biases of a float network, scaled and silenced channel by channel."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.tflite.channel_groups import ChannelGroup, KernelSide, channel_axis
from mobile_deploy.tflite.graph import ABSENT, Graph, OpRecord

_KERNEL, _BIAS = 1, 2  # positions among an operator's inputs; Source: TensorFlow Lite schema


class ChannelWeights:
    """Weights in double precision, read when needed; the graph changes only by `store`.

    Args:
        graph: A float file.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        # By operator and position: operators with equal biases may share one tensor.
        self._values: dict[tuple[int, int], npt.NDArray[np.float64]] = {}

    def _value(self, op: OpRecord, position: int) -> npt.NDArray[np.float64]:
        key = (op.index, position)
        if key not in self._values:
            self._values[key] = self._graph.constant(op.inputs[position]).astype(np.float64)
        return self._values[key]

    def spans(self, op: OpRecord, side: KernelSide) -> npt.NDArray[np.float64]:
        """Gives the largest absolute weight of each channel, (channels,)."""
        kernel, axis = np.abs(self._value(op, _KERNEL)), channel_axis(op, side)
        return np.asarray(kernel.max(axis=tuple(i for i in range(kernel.ndim) if i != axis)))

    def silence(self, op: OpRecord, side: KernelSide, channels: npt.NDArray[np.intp]) -> None:
        """Makes the weights of some channels zero; where they are made, no bias above zero may speak in their place.

        Raises:
            IndexError: There is no such channel.
        """
        np.moveaxis(self._value(op, _KERNEL), channel_axis(op, side), 0)[channels] = 0.0
        if side == "out" and _has_bias(op):
            bias = self._value(op, _BIAS)
            bias[channels] = np.minimum(bias[channels], 0.0)

    def scale(self, group: ChannelGroup, factors: npt.NDArray[np.float64]) -> None:
        """Divides the channels of a group where they are made and multiplies them where they are read.

        Args:
            group: Tensors that share their channels.
            factors: (channels,) positive.

        Raises:
            ValueError: There are more or fewer factors than channels.
        """
        for op, side in group.sides():
            kernel, axis = self._value(op, _KERNEL), channel_axis(op, side)
            if kernel.shape[axis] != factors.size:
                raise ValueError(f"{factors.size} factors for {kernel.shape[axis]} channels")
            along = factors.reshape([-1 if i == axis else 1 for i in range(kernel.ndim)])
            self._values[op.index, _KERNEL] = kernel / along if side == "out" else kernel * along
            if side == "out" and _has_bias(op):
                self._values[op.index, _BIAS] = self._value(op, _BIAS) / factors

    def store(self) -> None:
        """Writes the changed weights into the graph's schema objects."""
        for (op, position), values in self._values.items():
            give_own_constant(self._graph.model, self._graph.ops[op], position, values.astype(np.float32))


def _has_bias(op: OpRecord) -> bool:
    return len(op.inputs) > _BIAS and op.inputs[_BIAS] != ABSENT


def give_own_constant(model: Any, op: OpRecord, position: int, values: npt.NDArray[np.float32]) -> None:  # noqa: ANN401
    """Stores new values of a constant input for one operator alone: converters let operators share equal constants.

    Args:
        model: The schema object, changed in place.
        op: The operator.
        position: Of the input among its inputs.
        values: In the constant's shape.
    """
    subgraph = model.subgraphs[0]
    tensor, buffer = copy.copy(subgraph.tensors[op.inputs[position]]), copy.copy(model.buffers[0])
    buffer.data = np.frombuffer(values.tobytes(), dtype=np.uint8)
    tensor.buffer, tensor.name = len(model.buffers), f"{tensor.name.decode()}/{op.index}".encode()
    model.buffers.append(buffer)
    subgraph.tensors.append(tensor)
    subgraph.operators[op.index].inputs[position] = len(subgraph.tensors) - 1
