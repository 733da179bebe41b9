"""The one quantizer: from a float .tflite and activation ranges to any recipe, in a fraction of a second.

ai-edge-quantizer does the arithmetic. This module hands it the numbers that decide the quality: true minima and maxima,
an input range fixed by the contract, weight ranges with a floor that keeps every int32 bias representable, and biases
that make up for the rounding of the kernels.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract, Quantization
from mobile_deploy.errors import BadOptionError, ToolFailedError
from mobile_deploy.recipes import Granularity, IoType, Recipe, RecipeRequest
from mobile_deploy.tflite.bias_correction import LARGEST_WEIGHT, correct_biases
from mobile_deploy.tflite.calibrate import ActivationRanges
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, OpRecord, load_model, read_graph
from mobile_deploy.tflite.large_kernels import kernels_of_any_size
from mobile_deploy.tflite.write import pack, serialize

# A bias is stored as round(bias / (input_scale * weight_scale)), in int32 behind 8-bit activations. Keeping it under
# 2^30, half of what int32 holds, leaves the accumulator room for the products that are added to it. Behind 16-bit
# activations it is int64, but the kernels take a factor from accumulator to output below 2^-32 for zero, and the bias
# is lost. Source: QuantizeMultiplier in tensorflow/lite/kernels/internal/quantization_util.cc.
_LARGEST_BIAS = 2**30
_LARGEST_INT16 = 2**15 - 1
# An activation that was zero on all pictures needs some step: no bias fits behind a step of zero.
_RANGE_OF_NOTHING = (0.0, 1.0)
_UINT8_ZERO_SHIFT = 128


# By operator, with the kernel's number of axes.
KernelBounds = Mapping[int, npt.NDArray[np.float32]]


class QuantizerError(ToolFailedError):
    """ai-edge-quantizer could not quantize the file."""

    def __init__(self, *, source: object, recipe: str, reason: str) -> None:
        self.source = source
        self.recipe = recipe
        super().__init__(
            f"{source} cannot be quantized as {recipe}: {reason}", hint="try --quant dynamic or --quant float16"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeResult:
    """A quantized file.

    Attributes:
        data: Bytes of the .tflite.
        rounded: Bytes of the float .tflite that was rounded, its biases corrected.
        floored_channels: Weight channels whose range was widened so that their bias fits into int32.
        corrected_biases: Operators whose bias makes up for the rounding of their kernel.
    """

    data: bytes = field(repr=False)
    rounded: bytes = field(repr=False)
    floored_channels: int = 0
    corrected_biases: int = 0


def _pixel_quantization(contract: InputContract) -> Quantization:
    """Gives the quantization under which a uint8 tensor is the picture itself.

    The zero point of [-1, 1] would be 127.5; 127 leaves a slightly smaller error than 128.

    Raises:
        BadOptionError: Zero is outside the range; no integer could stand for it, and padding would be wrong.
    """
    scale = contract.pixel_scale
    zero_point = math.ceil(-contract.low / scale - 0.5 - 1e-6)
    if not 0 <= zero_point <= 255:
        raise BadOptionError(
            option="--quant",
            problem=f"the network sees pixels as {contract.low:g} to {contract.high:g}, "
            "and an integer input must have a zero",
            hint="choose --quant float32, float16 or dynamic",
        )
    return Quantization(scale=scale, zero_point=zero_point)


def input_quantization(contract: InputContract, io: IoType) -> Quantization | None:
    """Gives the quantization that makes the stored integers the raw pixels.

    Args:
        contract: The real range of the pixels.
        io: Type of the input tensor.

    Returns:
        Scale and zero point in the integers of `io`; None for float32.

    Raises:
        BadOptionError: Zero is outside the range.
    """
    if io == "float32":
        return None
    pixels = _pixel_quantization(contract)
    return pixels if io == "uint8" else replace(pixels, zero_point=pixels.zero_point - _UINT8_ZERO_SHIFT)


def _input_limits(contract: InputContract) -> tuple[float, float]:
    """Gives the real values of pixel 0 and 255 under the quantization of the input."""
    pixels = _pixel_quantization(contract)
    return (0 - pixels.zero_point) * pixels.scale, (255 - pixels.zero_point) * pixels.scale


def _weight_bounds(graph: Graph, op: OpRecord, granularity: Granularity) -> npt.NDArray[np.float32]:
    """Gives the largest absolute weight of each output channel, or of all, with the kernel's number of axes."""
    kernel = np.abs(graph.constant(op.inputs[1]))
    axis = WEIGHTED_OPS[op.name]
    reduced = tuple(i for i in range(kernel.ndim) if granularity == "per-tensor" or i != axis)
    return np.asarray(kernel.max(axis=reduced, keepdims=True), dtype=np.float32)


def _bias_floors(
    graph: Graph, op: OpRecord, bounds: npt.NDArray[np.float32], input_scale: float
) -> npt.NDArray[np.float32]:
    """Gives the smallest weight bound of each channel whose bias still fits into int32."""
    bias = np.abs(graph.constant(op.inputs[2])).astype(np.float64)
    if bounds.size == 1:
        bias = bias.max(keepdims=True)
    floors = LARGEST_WEIGHT * bias / (input_scale * _LARGEST_BIAS)
    return np.asarray(floors, dtype=np.float32).reshape(bounds.shape)


def _has_stored_bias(graph: Graph, op: OpRecord) -> bool:
    return len(op.inputs) > 2 and op.inputs[2] >= 0 and graph.tensors[op.inputs[2]].is_constant


def _activation_scale(limits: tuple[float, float], bits: int) -> float:
    """Gives the step of an activation: asymmetric in 8 bits, symmetric in 16."""
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    return (high - low) / 255 if bits == 8 else max(-low, high) / _LARGEST_INT16


def _kernel_bounds(
    graph: Graph,
    recipe: Recipe,
    granularity: Granularity,
    limits: Mapping[str, tuple[float, float]],
    given_bounds: KernelBounds,
) -> tuple[dict[int, npt.NDArray[np.float32]], int]:
    """Gives by operator the weight that 127 stands for, and how many channels were widened for their biases.

    Operators that share a kernel share its bound, the widest that one of them needs. A bound that was given stands.
    """
    weighted = [op for op in graph.ops if op.name in WEIGHTED_OPS and graph.tensors[op.inputs[1]].is_constant]
    exact = {op.inputs[1]: _weight_bounds(graph, op, granularity) for op in weighted}
    bounds = dict(exact)
    for op in weighted:
        given = limits.get(graph.tensors[op.inputs[0]].name)
        if given is not None and _has_stored_bias(graph, op):
            kernel, input_scale = op.inputs[1], _activation_scale(given, recipe.activation_bits)
            bounds[kernel] = np.maximum(bounds[kernel], _bias_floors(graph, op, bounds[kernel], input_scale))
    widened = sum(int((bound > exact[kernel]).sum()) for kernel, bound in bounds.items())
    return {op.index: given_bounds.get(op.index, bounds[op.inputs[1]]) for op in weighted}, widened


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What the quantizer is told.

    Attributes:
        data: The float file, its biases corrected for the rounding of the kernels.
        limits: Activation and weight ranges by tensor name, in the quantizer's own form.
        floored_channels: Weight channels whose range was widened.
        corrected_biases: Operators whose bias was corrected.
    """

    data: bytes
    limits: dict[str, Any]
    floored_channels: int
    corrected_biases: int


def _plan(
    data: bytes,
    recipe: Recipe,
    granularity: Granularity,
    contract: InputContract,
    seen: ActivationRanges,
    kernel_bounds: KernelBounds,
    corrects_biases: bool,
    source: object,
) -> _Plan:
    """Decides every range: true activation limits, the contract's input, floored weights."""
    graph = read_graph(data, source=source)
    limits = {name: given if any(given) else _RANGE_OF_NOTHING for name, given in seen.limits.items()}
    limits[graph.tensors[graph.inputs[0]].name] = _input_limits(contract)
    bounds, floored = _kernel_bounds(graph, recipe, granularity, limits, kernel_bounds)
    told: dict[str, Any] = {
        name: {"min": np.float32(low), "max": np.float32(high)} for name, (low, high) in limits.items()
    }
    told |= {graph.tensors[graph.ops[i].inputs[1]].name: {"min": -bound, "max": bound} for i, bound in bounds.items()}
    corrected = correct_biases(graph, bounds, seen.channel_means) if corrects_biases else 0
    return _Plan(data=pack(graph.model), limits=told, floored_channels=floored, corrected_biases=corrected)


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
    grain = (
        qtyping.QuantGranularity.CHANNELWISE if granularity == "per-channel" else qtyping.QuantGranularity.TENSORWISE
    )
    if recipe.weight_bits == 16:
        weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        )
        casting = algorithm_manager.AlgorithmName.FLOAT_CASTING
        quantizer.update_quantization_recipe(anywhere, every, config, casting)
        return
    if not recipe.is_integer:
        weights = qtyping.TensorQuantizationConfig(num_bits=recipe.weight_bits, granularity=grain)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.INTEGER,
            min_weight_elements=recipe.least_weights,
        )
        quantizer.update_quantization_recipe(anywhere, every, config)
        for name in recipe.float_operators:
            quantizer.update_quantization_recipe(
                anywhere,
                qtyping.TFLOperationName(name),
                algorithm_key=algorithm_manager.AlgorithmName.NO_QUANTIZE,
            )
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
    kernel_bounds: KernelBounds | None = None,
    corrects_biases: bool = True,
    source: object = "the float .tflite",
) -> QuantizeResult:
    """Makes a float .tflite into what a recipe asks for.

    Args:
        data: Bytes of a float .tflite from `convert_to_float` or `fold_leading_affine`.
        request: Recipe and input/output type.
        contract: The float file's input: its range fixes the input quantization.
        granularity: One weight scale per output channel, or one per tensor.
        ranges: Activation ranges; needed by recipes with `needs_calibration`.
        kernel_bounds: By operator, the weight that 127 stands for, where training has settled that.
        corrects_biases: Whether biases shall make up for the rounding of the kernels.
        source: What to name in errors: a path.

    Returns:
        The file and what was adjusted on the way.

    Raises:
        QuantizerError: The quantizer refused the file.
        BadOptionError: The input range holds no zero, which integers need.
        UnreadableFileError: The bytes are no .tflite.
    """
    if request.recipe.weight_bits == 32:
        return QuantizeResult(data=serialize(load_model(data, source=source)), rounded=data)
    from ai_edge_quantizer import quantizer as engine

    plan = _Plan(data=data, limits={}, floored_channels=0, corrected_biases=0)
    if request.recipe.needs_calibration:
        if ranges is None:
            raise ValueError(f"{request.recipe.name} needs activation ranges")
        plan = _plan(data, request.recipe, granularity, contract, ranges, kernel_bounds or {}, corrects_biases, source)
    else:
        load_model(data, source=source)  # the quantizer has no error for what is no .tflite
    try:
        with _quiet(), kernels_of_any_size():
            machine = engine.Quantizer(bytearray(plan.data))
            _configure(machine, request, granularity)
            made = machine.quantize(plan.limits or None, enable_progress_report=False).quantized_model
    except (ValueError, RuntimeError, KeyError) as error:
        reason = re.sub(r"\s+", " ", str(error)).strip()
        raise QuantizerError(source=source, recipe=request.recipe.name, reason=reason) from error
    return QuantizeResult(
        data=serialize(load_model(bytes(made), source=source)),
        rounded=plan.data,
        floored_channels=plan.floored_channels,
        corrected_biases=plan.corrected_biases,
    )
