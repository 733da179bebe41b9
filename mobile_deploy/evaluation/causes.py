"""Why a layer of an integer file loses accuracy: rules as data, each with the number that speaks for it.

A rule fires where its evidence passes its threshold. Thresholds lie between what sound int8 files of MobileNet V1, V2
and V3 show and what an injected fault shows: sound files have residual scales of at most 1 to 2, 100 steps at least for
the bulk of the values, 8 steps for the lobe of a hard-swish, and a clipped share of the noise under one half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mobile_deploy.evaluation.layers import LayerError

_SHOWN_CHANNELS = 3
# A rule about one source of noise speaks only where that source is most of it.
_MOST = 0.5
_LOBE_NOISE = 0.25
_FIXED_STEP_OPS = ("SOFTMAX", "LOGISTIC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason why a layer loses accuracy.

    Attributes:
        name: Name of the rule.
        evidence: The number that speaks for it.
        text: It in a few words, with the number.
        remedy: What helps; empty where nothing is wrong.
    """

    name: str
    evidence: float
    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a cause is named.

    Attributes:
        name: Name of the cause.
        measure: Gives the evidence; None where the rule says nothing about a layer.
        least: Evidence from which on the rule fires.
        tell: Says it in a few words.
        remedy: What helps; empty where nothing is wrong.
        source: Where the rule comes from.
    """

    name: str
    measure: Callable[[LayerError], float | None]
    least: float
    tell: Callable[[LayerError, float], str]
    remedy: str
    source: str


def _channel_ranges(layer: LayerError) -> float | None:
    weights = layer.weights
    if weights is None or not weights.shares_scale or weights.noise_share < _MOST:
        return None
    return weights.range_ratio


def _tell_lost(layer: LayerError, count: float) -> str:
    lost = layer.lost_channels
    in_float = set(layer.weights.zero_in_float) if layer.weights is not None else set()
    too = ", in the float file too" if in_float.issuperset(lost) else ""
    return f"dead channel{'s' if count > 1 else ''} {listed(lost)}{too}"


def listed(channels: tuple[int, ...]) -> str:
    """Lists a few channels, and how many there are if that is not all.

    >>> listed((3, 7)), listed((3, 7, 11, 12, 13))
    ('3, 7', '3, 7, 11 and 2 more')
    """
    rest = len(channels) - _SHOWN_CHANNELS
    shown = ", ".join(map(str, channels[:_SHOWN_CHANNELS]))
    return f"{shown} and {rest} more" if rest > 0 else shown


def _saturated_biases(layer: LayerError) -> float | None:
    return None if layer.weights is None else float(len(layer.weights.saturated_biases))


def _lobe(layer: LayerError) -> float | None:
    """Gives the width of a step relative to the depth of the lobe."""
    return None if layer.lobe is None or layer.lobe.noise_share < _LOBE_NOISE else 1 / layer.lobe.steps


def _residual_scales(layer: LayerError) -> float | None:
    if layer.op not in ("ADD", "SUB") or len(layer.input_scales) < 2 or layer.output_scale is None:
        return None
    return max(*layer.input_scales, layer.output_scale) / min(layer.input_scales)


def _wide_range(layer: LayerError) -> float | None:
    if layer.bulk_steps is None or layer.op in _FIXED_STEP_OPS:
        return None
    return 256 / layer.bulk_steps


def _fixed_step(layer: LayerError) -> float | None:
    return layer.output_scale if layer.op in _FIXED_STEP_OPS else None


def _kernel_rounding(layer: LayerError) -> float | None:
    return None if layer.weights is None else layer.weights.noise_share


def _activation_rounding(layer: LayerError) -> float | None:
    if layer.local is None or layer.output_scale is None:
        return None
    return 1 - min(layer.weights.noise_share, 1.0) if layer.weights is not None else 1.0


# The gravest first. The last two say where the noise of a sound layer comes from.
RULES: tuple[Rule, ...] = (
    Rule(
        name="saturated bias",
        measure=_saturated_biases,
        least=1,
        tell=lambda layer, count: f"{count:.0f} saturated bias{'es' if count > 1 else ''}",
        remedy="the int32 bias does not fit behind so small a weight scale: quantize again with this version",
        source="TensorFlow Lite 8-bit quantization specification: bias scale is input scale times weight scale",
    ),
    Rule(
        name="channel ranges",
        measure=_channel_ranges,
        least=16,  # the narrowest channel keeps 127 / 16, about 8 steps
        tell=lambda layer, ratio: f"channel ranges 1:{ratio:.0f}",
        remedy="one weight scale serves channels of very different ranges: use --granularity per-channel, "
        "or equalize the channels first",
        source="Nagel et al., arXiv:1906.04721, figure 2; Krishnamoorthi, arXiv:1806.08342, section 3",
    ),
    Rule(
        name="dead channel",
        measure=lambda layer: float(len(layer.lost_channels)),
        least=1,
        tell=_tell_lost,
        remedy="a channel without weights or without signal carries nothing: where it lives in the float file, its "
        "range is too narrow beside the others; where it does not, prune it",
        source="Sheng et al., A Quantization-Friendly Separable Convolution for MobileNets, arXiv:1803.08607",
    ),
    Rule(
        name="clipped tail",
        measure=lambda layer: layer.clip_noise_share if layer.op not in _FIXED_STEP_OPS else None,
        least=_MOST,
        tell=lambda layer, share: f"clipped tail {100 * share:.0f} %",
        remedy="the range cuts large values off: calibrate on pictures like these, or widen the range",
        source="Krishnamoorthi, arXiv:1806.08342, section 2.1: the clamp of the affine quantizer",
    ),
    Rule(
        name="hard-swish lobe",
        measure=_lobe,
        least=1 / 4,  # fewer than 4 steps for all of the lobe
        tell=lambda layer, width: f"hard-swish lobe in {1 / width:.1f} steps",
        remedy="a wide output range leaves few steps for the negative lobe of hard-swish: "
        "use 16-bit activations or another activation",
        source="Howard et al., Searching for MobileNetV3, arXiv:1905.02244, section 5.2: the minimum is -0.375",
    ),
    Rule(
        name="residual scales",
        measure=_residual_scales,
        least=4,  # the finer input loses two of its bits
        tell=lambda layer, ratio: f"residual scales 1:{ratio:.1f}",
        remedy="the branches of the addition have very different ranges, so the finer one is rounded away: "
        "look at the layer that feeds the wider one",
        source="TensorFlow Lite kernels/internal/reference/integer_ops/add.h: the sum is rounded to one scale",
    ),
    Rule(
        name="wide range",
        measure=_wide_range,
        least=4,  # two bits lost
        tell=lambda layer, ratio: f"wide range, bulk in {256 / ratio:.0f} steps",
        remedy="a few large values widen the range for all: choose a percentile or MSE range, or look at the pictures",
        source="Wu et al., Integer Quantization for Deep Learning Inference, arXiv:2004.09602",
    ),
    Rule(
        name="fixed output step",
        measure=_fixed_step,
        least=1 / 256,
        tell=lambda layer, step: f"fixed step {'1/256' if step == 1 / 256 else f'{step:.2g}'}",
        remedy="",
        source="TensorFlow Lite 8-bit quantization specification: SOFTMAX and LOGISTIC give steps of 1/256",
    ),
    Rule(
        name="kernel rounding",
        measure=_kernel_rounding,
        least=_MOST,
        tell=lambda layer, share: f"kernel rounding {100 * min(share, 1.0):.0f} %",
        remedy="",
        source="measured: the float layer with the stored kernel and bias",
    ),
    Rule(
        name="activation rounding",
        measure=_activation_rounding,
        least=_MOST,
        tell=lambda layer, share: f"activation rounding {100 * share:.0f} %",
        remedy="",
        source="measured: what the stored kernel and bias leave unexplained",
    ),
)


def causes_of(layer: LayerError) -> tuple[Cause, ...]:
    """Names what speaks against a layer, the gravest first; where nothing is wrong, where its noise comes from.

    Args:
        layer: What was measured.

    Returns:
        One or more causes; none for a layer that computes in float.
    """
    found = []
    for rule in RULES:
        evidence = rule.measure(layer)
        if evidence is not None and evidence >= rule.least:
            text = rule.tell(layer, evidence)
            found.append(Cause(name=rule.name, evidence=evidence, text=text, remedy=rule.remedy))
    faults = tuple(cause for cause in found if cause.remedy)
    return faults or tuple(found[:1])
