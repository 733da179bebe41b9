"""Quantization-aware training whose numbers are those of the file.

The twin of the float .tflite is made with the quantization of an int8 file that the one quantizer made of it: each
kernel is rounded as that file stores it, each activation as that file hands it on. So training starts where
post-training quantization ends. What is learned, weights and ranges, goes back to the same quantizer.

Kernels are symmetric in [-127, 127] with one scale for each output channel, depthwise ones included, or one for all;
biases stay float, since the file's int32 steps are far finer. A range is learned as a factor on what calibration found,
which keeps zero inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract
from mobile_deploy.recipes import Granularity
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.tflite.calibrate import ActivationRanges
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, OpRecord, read_graph
from mobile_deploy.tflite.quantize import QuantizeResult, input_quantization
from mobile_deploy.tflite.twins import pair_ops
from mobile_deploy.training.quantizers import KernelGrid, Limits, OperatorVariables, wrap_operator
from mobile_deploy.training.twin import LayerWeights, Twin, build_twin, with_weights
from mobile_deploy.training.twin_layers import kernel_to_file, kernel_to_layer

_INT8 = (-128, 127)
_LARGEST_WEIGHT = 127
# The quantizer gives these the quantization of what they read, or of what they make. Source: ai-edge-quantizer 0.10,
# algorithms/uniform_quantize/common_quantize.py, SAME_AS_INPUT_SCALE and SAME_AS_OUTPUT_SCALE.
_AS_THEIR_INPUT = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD", "RESHAPE", "SQUEEZE")
_AS_THEIR_OUTPUT = ("CONCATENATION",)
# Their results have a quantization that the kernels fix. Source: the 8-bit quantization specification of TFLite.
_FIXED = ("LOGISTIC", "SOFTMAX", "TANH")
# A bound is the largest weight unless the quantizer widened it for a bias.
_WIDER = 1 + 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """What quantization-aware training learned, in the quantizer's words.

    Attributes:
        data: Bytes of the float .tflite with the trained weights.
        ranges: Its activation ranges, on the integers' grid.
        kernel_bounds: By operator, the weight that 127 stands for, with the kernel's number of axes.
    """

    data: bytes = field(repr=False)
    ranges: ActivationRanges = field(repr=False)
    kernel_bounds: Mapping[int, npt.NDArray[np.float32]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedTwin:
    """A tf_keras network that computes as an int8 file does.

    Attributes:
        twin: The network, its file and graph.
        pixels: From a pixel to what the network takes: the very grid of the file's input.
        grids: By operator with weights, how its kernel is rounded.
        limits: By operator with a range of its own, that range at the start.
        variables: By operator, what training changes.
    """

    twin: Twin
    pixels: Affine
    grids: Mapping[int, KernelGrid] = field(repr=False)
    limits: Mapping[int, Limits] = field(repr=False)
    variables: Mapping[int, OperatorVariables] = field(repr=False)

    def trained(self, ranges: ActivationRanges) -> TrainedNetwork:
        """Reads what the network has learned.

        Args:
            ranges: What was calibrated on the float file that the twin was made from.

        Returns:
            What the quantizer needs to make the file that computes the same.
        """
        graph = self.twin.graph
        weights = {index: self._weights(graph.ops[index]) for index in self.grids}
        data = with_weights(self.twin.data, weights)
        found = {
            op.outputs[0]: self._snapped(op.index)
            for op in graph.ops
            if op.index in self.limits and self.limits[op.index].is_learned
        }
        names = _renamed(graph, read_graph(data))
        learned = {graph.tensors[index].name: limits for index, limits in found.items()}
        limits = {names.get(name, name): learned.get(name, given) for name, given in ranges.limits.items()}
        means = {names.get(name, name): mean for name, mean in ranges.channel_means.items()}
        return TrainedNetwork(
            data=data,
            ranges=replace(ranges, limits=limits, channel_means=means),
            kernel_bounds={
                index: _bounds(graph.ops[index], weights[index].kernel, grid.floors)
                for index, grid in self.grids.items()
            },
        )

    def _weights(self, op: OpRecord) -> LayerWeights:
        variables, mask = self.variables[op.index], self.grids[op.index].mask
        kernel = variables.kernel.numpy() * (1 if mask is None else mask)
        bias = None if variables.bias is None else variables.bias.numpy()
        return LayerWeights(kernel=kernel_to_file(op, kernel), bias=bias)

    def _snapped(self, index: int) -> tuple[float, float]:
        """Gives learned limits as the integers have them: with a whole zero point, as the simulation rounds."""
        limits, stretch = self.limits[index], np.maximum(self.variables[index].stretch.numpy().astype(np.float64), 0)
        low, high = limits.low * stretch[0], limits.high * stretch[1]
        scale = (high - low) / (_INT8[1] - _INT8[0])
        zero_point = _INT8[0] + np.floor(-low / scale + 0.5)
        return float((_INT8[0] - zero_point) * scale), float((_INT8[1] - zero_point) * scale)


def build_quantized_twin(
    float_data: bytes,
    made: QuantizeResult,
    contract: InputContract,
    *,
    granularity: Granularity,
    keeps_zeros: bool = False,
    source: object = "the float .tflite",
) -> QuantizedTwin:
    """Makes a network that computes as an int8 file does and can be trained.

    Args:
        float_data: Bytes of the float .tflite that the quantizer rounded: `made.rounded`, or one with equal operators.
        made: The int8 file.
        contract: The float file's input.
        granularity: What one weight scale covers.
        keeps_zeros: Whether weights that are exactly zero shall stay so.
        source: What to name in errors: a path.

    Returns:
        The network.

    Raises:
        UntrainableError: An operator has no layer.
        UnreadableFileError: The bytes are no .tflite or are damaged.
        NotTheTwinError: The int8 file was made from another network.
    """
    graph, stored = read_graph(float_data, source=source), read_graph(made.data)
    pairs = {pair.twin.index: pair.stored for pair in pair_ops(stored, graph, twin_source=source)}
    grids = {
        index: _grid(graph, graph.ops[index], stored, pair, granularity, keeps_zeros)
        for index, pair in pairs.items()
        if pair.name in WEIGHTED_OPS and stored.tensors[pair.inputs[1]].scales
    }
    limits = {
        index: found for index, pair in pairs.items() if (found := _limits(graph, index, stored, pair)) is not None
    }
    variables = {index: OperatorVariables() for index in pairs}

    def wrap(op: OpRecord, layer: Any) -> Any:  # noqa: ANN401
        return wrap_operator(layer, grids.get(op.index), limits.get(op.index), variables[op.index])

    twin = build_twin(float_data, source=source, wrap=wrap)
    pixels = input_quantization(contract, "uint8")
    if pixels is None:
        raise ValueError("an int8 file has a quantized input")
    return QuantizedTwin(
        twin=twin,
        pixels=Affine(scale=pixels.scale, offset=-pixels.scale * pixels.zero_point),
        grids=grids,
        limits=limits,
        variables=variables,
    )


def _grid(
    graph: Graph, op: OpRecord, stored: Graph, pair: OpRecord, granularity: Granularity, keeps_zeros: bool
) -> KernelGrid:
    kernel = graph.constant(op.inputs[1])
    told = np.array(stored.tensors[pair.inputs[1]].scales, np.float32) * _LARGEST_WEIGHT
    needed = _largest(op, kernel, granularity).ravel()
    mask = None
    if keeps_zeros:
        multiplier = kernel.shape[-1] // graph.tensors[op.inputs[0]].shape[-1] if op.name == "DEPTHWISE_CONV_2D" else 1
        mask = kernel_to_layer(op, (kernel != 0).astype(np.float32), multiplier)
    return KernelGrid(floors=np.where(told > needed * _WIDER, told, 0).astype(np.float32), mask=mask)


def _largest(op: OpRecord, kernel: npt.NDArray[np.float32], granularity: Granularity) -> npt.NDArray[np.float32]:
    """Gives the largest absolute weight of each output channel, or of all, with the kernel's number of axes."""
    axes = tuple(i for i in range(kernel.ndim) if granularity == "per-tensor" or i != WEIGHTED_OPS[op.name])
    return np.asarray(np.abs(kernel).max(axis=axes, keepdims=True), dtype=np.float32)


def _bounds(op: OpRecord, kernel: npt.NDArray[np.float32], floors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    largest = _largest(op, kernel, "per-tensor" if floors.size == 1 else "per-channel")
    return np.maximum(largest, floors.reshape(largest.shape))


def _limits(graph: Graph, index: int, stored: Graph, pair: OpRecord) -> Limits | None:
    """Gives the range of what an operator makes; None where it has none of its own."""
    made = stored.tensors[pair.outputs[0]]
    if pair.name in (*_AS_THEIR_INPUT, *_AS_THEIR_OUTPUT) or not made.scales:
        return None
    scale, zero_point = made.scales[0], made.zero_points[0]
    readers = graph.consumers(graph.ops[index].outputs[0])
    is_fixed = pair.name in _FIXED or any(reader.name in _AS_THEIR_OUTPUT for reader in readers)
    return Limits(low=(_INT8[0] - zero_point) * scale, high=(_INT8[1] - zero_point) * scale, is_learned=not is_fixed)


def _renamed(graph: Graph, written: Graph) -> dict[str, str]:
    """Gives by tensor name what the writer calls it: operators stay in order."""
    before = [graph.inputs[0], *(op.outputs[0] for op in graph.ops)]
    after = [written.inputs[0], *(op.outputs[0] for op in written.ops)]
    return {graph.tensors[old].name: written.tensors[new].name for old, new in zip(before, after, strict=True)}
