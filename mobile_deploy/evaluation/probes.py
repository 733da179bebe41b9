"""Copies of a .tflite that lay open what is inside: every result of a run, or every operator on its own."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, OpRecord, TensorRecord, read_graph
from mobile_deploy.tflite.runner import InterpreterError, open_interpreter
from mobile_deploy.tflite.twins import OpPair, activation_inputs
from mobile_deploy.tflite.write import pack

_THREADS = 2
# Types whose integers stand for real values by scale and zero point.
QUANTIZED_DTYPES = ("int8", "uint8", "int16")


def dequantize(values: npt.NDArray[Any], tensor: TensorRecord) -> npt.NDArray[np.float32]:
    """Gives the real values that a tensor holds.

    Args:
        values: What is stored, in the tensor's shape.
        tensor: Its scales and zero points, for the whole or along one axis.

    Returns:
        float32 in the same shape.
    """
    if not tensor.scales:
        return values.astype(np.float32)
    shape = [1] * values.ndim
    if len(tensor.scales) > 1:
        shape[tensor.channel_axis] = -1
    scales = np.array(tensor.scales, np.float32).reshape(shape)
    return (values.astype(np.float32) - np.array(tensor.zero_points, np.float32).reshape(shape)) * scales


def quantize_values(values: npt.NDArray[np.float32], tensor: TensorRecord) -> npt.NDArray[Any]:
    """Gives what a tensor of one scale stores for real values; what it cannot hold becomes the nearest it can."""
    if not tensor.scales:
        return values
    limits = np.iinfo(tensor.dtype)
    steps = np.rint(values / np.float32(tensor.scales[0])) + np.float32(tensor.zero_points[0])
    return np.asarray(np.clip(steps, limits.min, limits.max).astype(tensor.dtype))


class Probe:
    """An interpreter on a copy of a file, whose tensors are fed and read by their index in the file.

    Args:
        model: The schema objects of the copy.
        source: What to name in errors: a path.
    """

    def __init__(self, model: Any, *, source: object) -> None:  # noqa: ANN401  # the schema module is untyped
        model.signatureDefs = []
        self._interpreter = open_interpreter(pack(model), threads=_THREADS, source=source)
        self._source = source

    @classmethod
    def of_results(cls, data: bytes, tensors: Iterable[int], *, source: object) -> Self:
        """Opens a file so that some of its activations can be read after a run."""
        graph = read_graph(data, source=source)
        graph.model.subgraphs[0].outputs = list(tensors)
        return cls(graph.model, source=source)

    def run(self, given: Mapping[int, npt.NDArray[Any]]) -> None:
        """Feeds tensors and computes.

        Raises:
            InterpreterError: LiteRT failed.
        """
        try:
            for index, values in given.items():
                self._interpreter.set_tensor(index, values)
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise InterpreterError(path=self._source, reason=str(error).strip()) from error

    def read(self, index: int) -> npt.NDArray[Any]:
        """Gives a copy of what a tensor holds after a run."""
        values: npt.NDArray[Any] = self._interpreter.get_tensor(index)
        return values


class ApartProbe:
    """A file taken apart: each operator gets inputs of its own, so that one run answers for all of them.

    Attributes:
        inputs: By operator, the fresh tensors that stand for the activations it reads, in order.
    """

    def __init__(self, graph: Graph, ops: Sequence[OpRecord], *, source: object) -> None:
        subgraph = graph.model.subgraphs[0]
        self.inputs: dict[int, tuple[int, ...]] = {}
        for op in ops:
            fresh = {}
            for index in activation_inputs(graph, op):
                tensor = copy.copy(subgraph.tensors[index])
                tensor.name = f"{op.index}/{index}"
                subgraph.tensors.append(tensor)
                fresh[index] = len(subgraph.tensors) - 1
            operator = subgraph.operators[op.index]
            operator.inputs = [fresh.get(i, i) for i in operator.inputs]  # its constants may have been replaced
            self.inputs[op.index] = tuple(fresh[i] for i in activation_inputs(graph, op))
        subgraph.operators = [subgraph.operators[op.index] for op in ops]
        subgraph.inputs = [i for fresh_inputs in self.inputs.values() for i in dict.fromkeys(fresh_inputs)]
        subgraph.outputs = [i for op in ops for i in op.outputs]
        self._probe = Probe(graph.model, source=source)

    def run(self, given: Mapping[int, Sequence[npt.NDArray[Any]]]) -> None:
        """Computes all operators.

        Args:
            given: By operator, the values of `inputs`.
        """
        self._probe.run(
            {
                index: values
                for op, indices in self.inputs.items()
                for index, values in zip(indices, given[op], strict=True)
            }
        )

    def read(self, index: int) -> npt.NDArray[Any]:
        """Gives a copy of what an operator's result holds after a run."""
        return self._probe.read(index)


def use_stored_weights(pairs: Iterable[OpPair], stored: Graph, twin: Graph) -> None:
    """Gives operators of the float file, in place, the kernels and biases that the integer file stores for them.

    Args:
        pairs: Layers; those without a kernel of integers stay as they are.
        stored: The integer file.
        twin: The float file; its `model` is changed.
    """
    subgraph = twin.model.subgraphs[0]
    for pair in pairs:
        if not has_stored_weights(pair, stored):
            continue
        operator = subgraph.operators[pair.twin.index]
        for position, (theirs, ours) in enumerate(zip(pair.stored.inputs, pair.twin.inputs, strict=False)):
            if min(theirs, ours) < 0 or not stored.tensors[theirs].is_constant or not stored.tensors[theirs].scales:
                continue
            tensor, buffer = copy.copy(subgraph.tensors[ours]), copy.copy(twin.model.buffers[0])
            values = dequantize(stored.constant(theirs), stored.tensors[theirs])
            buffer.data = np.frombuffer(values.tobytes(), dtype=np.uint8)
            twin.model.buffers.append(buffer)
            tensor.buffer = len(twin.model.buffers) - 1
            subgraph.tensors.append(tensor)
            operator.inputs = [*operator.inputs]
            operator.inputs[position] = len(subgraph.tensors) - 1


def has_stored_weights(pair: OpPair, stored: Graph) -> bool:
    """Tells whether a layer has a kernel that the integer file stores as int8."""
    if pair.stored.name not in WEIGHTED_OPS:
        return False
    kernel = stored.tensors[pair.stored.inputs[1]]
    return kernel.is_constant and kernel.dtype == "int8" and bool(kernel.scales)
