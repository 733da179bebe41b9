"""What a network costs: parameters and mult-adds, counted layer by layer from its plan."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mobile_deploy.errors import BadOptionError
from mobile_deploy.variants.layers import PlannedLayer
from mobile_deploy.variants.plan import plan_layers
from mobile_deploy.variants.registry import ModelSpec

# Offsets in a flatbuffer are signed 32-bit: 2 GiB. Source: https://flatbuffers.dev/internals
_MOST_PARAMETERS = 2**31 // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantCounts:
    """Cost of a layer or a network.

    Attributes:
        parameters_total: All stored numbers, the moving statistics of batch norms included; what Keras prints.
        parameters_trainable: Those that training changes.
        parameters_paper: Kernels of convolutions and fully connected layers alone, as the MobileNetV1 paper counts.
        mult_adds: Multiplications, each with its addition, in convolutions and fully connected layers for one picture.
    """

    parameters_total: int
    parameters_trainable: int
    parameters_paper: int
    mult_adds: int


def count(spec: ModelSpec) -> VariantCounts:
    """Counts a whole network.

    Args:
        spec: The network.

    Returns:
        The sums over its layers.

    >>> from mobile_deploy.variants.registry import make_spec
    >>> count(make_spec("v1")).mult_adds
    568740352
    """
    return sum_counts(map(count_layer, plan_layers(spec)))


def check_fits_tflite(spec: ModelSpec) -> None:
    """Refuses a network whose float weights do not fit in one .tflite.

    Raises:
        BadOptionError: They do not.
    """
    parameters = count(spec).parameters_total
    if parameters > _MOST_PARAMETERS:
        raise BadOptionError(
            option="--variant",
            problem=f"{spec.name} with {spec.classes:,} classes has {parameters:,} parameters; "
            f"a .tflite holds at most {_MOST_PARAMETERS:,} in float32",
            hint="pass a smaller --alpha or fewer --classes",
        )


def count_layer(layer: PlannedLayer) -> VariantCounts:
    """Counts one layer.

    Args:
        layer: A layer of a plan.

    Returns:
        Its cost; zeros for a layer that has no weights.
    """
    kernel = _kernel_size(layer)
    bias = layer.filters if layer.kind in ("dense", "dense_1x1") else 0
    gamma_and_beta = 2 * layer.filters if layer.kind == "batch_norm" else 0
    mean_and_variance = gamma_and_beta
    trainable = kernel + bias + gamma_and_beta
    return VariantCounts(
        parameters_total=trainable + mean_and_variance,
        parameters_trainable=trainable,
        parameters_paper=kernel,
        mult_adds=kernel * math.prod(layer.output_shape[:-1]),
    )


def sum_counts(counts: Iterable[VariantCounts]) -> VariantCounts:
    """Adds costs up.

    Args:
        counts: The costs.

    Returns:
        Their sum, field by field.
    """
    counts = tuple(counts)
    return VariantCounts(
        parameters_total=sum(one.parameters_total for one in counts),
        parameters_trainable=sum(one.parameters_trainable for one in counts),
        parameters_paper=sum(one.parameters_paper for one in counts),
        mult_adds=sum(one.mult_adds for one in counts),
    )


def _kernel_size(layer: PlannedLayer) -> int:
    """Numbers in the kernel; every one is used once at each position of the output."""
    match layer.kind:
        case "conv" | "dense" | "dense_1x1":
            return layer.kernel**2 * layer.input_shape[-1] * layer.filters
        case "depthwise":
            return layer.kernel**2 * layer.filters
        case _:
            return 0
