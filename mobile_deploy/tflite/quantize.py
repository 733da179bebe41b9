"""The one quantizer: from a float .tflite and activation ranges to any recipe, in a fraction of a second.

ai-edge-quantizer does the arithmetic. This module hands it the numbers that decide the quality: true minima and maxima,
an input range fixed by the contract, and weight ranges with a floor that keeps every int32 bias representable.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract, Quantization
from mobile_deploy.errors import ToolFailedError
from mobile_deploy.recipes import Granularity, IoType, Recipe, RecipeRequest
from mobile_deploy.tflite.calibrate import ActivationRanges
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, OpRecord, load_model, read_graph
from mobile_deploy.tflite.write import serialize

# A bias is stored as round(bias / (input_scale * weight_scale)) in int32. Keeping it under 2^30, half of what int32 holds,
# leaves the accumulator room for the products that are added to it.
_LARGEST_BIAS = 2**30
_LARGEST_WEIGHT = 127  # int8 weights are symmetric and narrow: -127 to 127
_UINT8_ZERO_SHIFT = 128


class QuantizerError(ToolFailedError):
    """ai-edge-quantizer could not quantize the file."""

    def __init__(self, *, source: object, recipe: str, reason: str) -> None:
        self.source = source
        self.recipe = recipe
        super().__init__(f"{source} cannot be quantized as {recipe}: {reason}", hint="try --quant dynamic or --quant float16")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeResult:
    """A quantized file.

    Attributes:
        data: Bytes of the .tflite.
        floored_channels: Weight channels whose range was widened so that their bias fits into int32.
    """

    data: bytes
    floored_channels: int


def input_quantization(contract: InputContract, io: IoType) -> Quantization | None:
    """Gives the quantization that makes the stored integers the raw pixels.

    The zero point of [-1, 1] would be 127.5; 127 leaves a slightly smaller error than 128.

    Args:
        contract: The real range of the pixels.
        io: Type of the input tensor.

    Returns:
        Scale and zero point in the integers of `io`; None for float32.
    """
    if io == "float32":
        return None
    scale = contract.pixel_scale
    zero_point = int(np.clip(np.ceil(-contract.low / scale - 0.5 - 1e-6), 0, 255))
    return Quantization(scale=scale, zero_point=zero_point if io == "uint8" else zero_point - _UINT8_ZERO_SHIFT)


def _input_limits(contract: InputContract) -> tuple[float, float]:
    """Gives the real values of pixel 0 and 255 under the quantization of the input."""
    quantization = input_quantization(contract, "uint8")
    if quantization is None:
        raise ValueError("a uint8 input is always quantized")
    return tuple((pixel - quantization.zero_point) * quantization.scale for pixel in (0, 255))  # type: ignore[return-value]


def _weight_bounds(graph: Graph, op: OpRecord, granularity: Granularity) -> npt.NDArray[np.float32]:
    """Gives the largest absolute weight of each output channel, or of all, with the kernel's number of axes."""
    kernel = np.abs(graph.constant(op.inputs[1]))
    axis = WEIGHTED_OPS[op.name]
    reduced = tuple(i for i in range(kernel.ndim) if granularity == "per-tensor" or i != axis)
    return np.asarray(kernel.max(axis=reduced, keepdims=True), dtype=np.float32)


def _bias_floors(graph: Graph, op: OpRecord, bounds: npt.NDArray[np.float32], input_scale: float) -> npt.NDArray[np.float32]:
    """Gives the smallest weight bound of each channel whose bias still fits into int32."""
    bias = np.abs(graph.constant(op.inputs[2])).astype(np.float64)
    if bounds.size == 1:
        bias = bias.max(keepdims=True)
    return (_LARGEST_WEIGHT * bias / (input_scale * _LARGEST_BIAS)).astype(np.float32).reshape(bounds.shape)


def _limits_by_tensor(
    graph: Graph, recipe: Recipe, granularity: Granularity, contract: InputContract, ranges: ActivationRanges
) -> tuple[dict[str, Any], int]:
    """Builds the quantizer's calibration result: activation limits, fixed input, floored weights."""
    limits = {**ranges.limits, graph.tensors[graph.inputs[0]].name: _input_limits(contract)}
    result: dict[str, Any] = {name: {"min": np.float32(low), "max": np.float32(high)} for name, (low, high) in limits.items()}
    floored = 0
    for op in graph.ops:
        if op.name not in WEIGHTED_OPS or not graph.tensors[op.inputs[1]].is_constant:
            continue
        bounds = _weight_bounds(graph, op, granularity)
        has_bias = len(op.inputs) > 2 and op.inputs[2] >= 0 and graph.tensors[op.inputs[2]].is_constant
        source = graph.tensors[op.inputs[0]].name
        if has_bias and recipe.activation_bits == 8 and source in limits:
            low, high = limits[source]
            floors = _bias_floors(graph, op, bounds, (max(high, 0.0) - min(low, 0.0)) / 255)
            floored += int((floors > bounds).sum())
            bounds = np.maximum(bounds, floors)
        result[graph.tensors[op.inputs[1]].name] = {"min": -bounds, "max": bounds}
    return result, floored


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides the quantizer's own progress bar and its remarks on dividing all-zero channels."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _configure(quantizer: Any, request: RecipeRequest, granularity: Granularity) -> None:  # noqa: ANN401
    """Writes the recipe into the quantizer's own terms."""
    from ai_edge_quantizer import algorithm_manager, qtyping

    recipe = request.recipe
    every, anywhere = qtyping.TFLOperationName.ALL_SUPPORTED, ".*"
    grain = qtyping.QuantGranularity.CHANNELWISE if granularity == "per-channel" else qtyping.QuantGranularity.TENSORWISE
    if recipe.weight_bits == 16:
        weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        )
        casting = algorithm_manager.AlgorithmName.FLOAT_CASTING
        quantizer.update_quantization_recipe(anywhere, every, config, casting)
        return
    if not recipe.is_integer:
        quantizer.add_dynamic_config(anywhere, every, recipe.weight_bits, grain)
        return
    quantizer.add_static_config(anywhere, every, recipe.activation_bits, recipe.weight_bits, grain)
    for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        if request.io == "float32":
            quantizer.update_quantization_recipe(
                anywhere, end, algorithm_key=algorithm_manager.AlgorithmName.NO_QUANTIZE
            )
        elif request.io == "uint8":
            unsigned = qtyping.TensorQuantizationConfig(num_bits=8, symmetric=False, dtype=qtyping.TensorDataType.UINT)
            config = qtyping.OpQuantizationConfig(
                activation_tensor_config=unsigned, compute_precision=qtyping.ComputePrecision.INTEGER
            )
            quantizer.update_quantization_recipe(anywhere, end, config)


def quantize(
    data: bytes,
    request: RecipeRequest,
    contract: InputContract,
    *,
    granularity: Granularity = "per-channel",
    ranges: ActivationRanges | None = None,
    source: object = "the float .tflite",
) -> QuantizeResult:
    """Makes a float .tflite into what a recipe asks for.

    Args:
        data: Bytes of a float .tflite from `convert_to_float` or `fold_leading_affine`.
        request: Recipe and input/output type.
        contract: The float file's input: its range fixes the input quantization.
        granularity: One weight scale per output channel, or one per tensor.
        ranges: Activation ranges; needed by recipes with `needs_calibration`.
        source: What to name in errors: a path.

    Returns:
        The file and what was adjusted on the way.

    Raises:
        QuantizerError: The quantizer refused the file.
        UnreadableFileError: The bytes are no .tflite.
    """
    if request.recipe.weight_bits == 32:
        return QuantizeResult(data=serialize(load_model(data, source=source)), floored_channels=0)
    from ai_edge_quantizer import quantizer as engine

    limits, floored = None, 0
    if request.recipe.needs_calibration:
        if ranges is None:
            raise ValueError(f"{request.recipe.name} needs activation ranges")
        limits, floored = _limits_by_tensor(read_graph(data, source=source), request.recipe, granularity, contract, ranges)
    try:
        with _quiet():
            machine = engine.Quantizer(bytearray(data))
            _configure(machine, request, granularity)
            made = machine.quantize(limits, enable_progress_report=False).quantized_model
    except (ValueError, RuntimeError, KeyError) as error:
        reason = re.sub(r"\s+", " ", str(error)).strip()
        raise QuantizerError(source=source, recipe=request.recipe.name, reason=reason) from error
    return QuantizeResult(data=serialize(load_model(bytes(made), source=source)), floored_channels=floored)
