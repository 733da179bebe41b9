"""One network in detail: its layers, where its cost lies, and what depthwise separation saves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mobile_deploy.variants.counts import VariantCounts, count_layer, sum_counts
from mobile_deploy.variants.layers import LayerKind, PlannedLayer
from mobile_deploy.variants.plan import plan_layers
from mobile_deploy.variants.registry import ModelSpec, Variant, get_variant

_CONVOLUTIONS = ("conv", "depthwise")
_DENSE = ("dense", "dense_1x1")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDetail:
    """One layer for display.

    Attributes:
        name: Its name.
        kind: What it computes.
        output_shape: Shape of what it gives, without the batch.
        counts: Its cost.
    """

    name: str
    kind: LayerKind
    output_shape: tuple[int, ...]
    counts: VariantCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTypeShare:
    """What one type of layer has of the whole cost, as Table 2 of the MobileNetV1 paper has it.

    Attributes:
        layer_type: Such as "conv 1x1", "conv dw 3x3" or "fully connected".
        mult_adds_percent: Share of the network's mult-adds, in [0, 100].
        parameters_percent: Share of the network's kernel parameters, in [0, 100].
    """

    layer_type: str
    mult_adds_percent: float
    parameters_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationCost:
    """A depthwise and pointwise pair against the full convolution it stands for.

    Source: arXiv:1704.04861, section 3.1: the ratio is 1/N + 1/k^2 for N output channels and a k x k kernel.

    Attributes:
        depthwise: Name of the depthwise layer.
        pointwise: Name of the pointwise layer.
        kernel: Side of the kernel in pixels, k.
        filters: Output channels, N.
        pair_mult_adds: Mult-adds of the two.
        full_mult_adds: Mult-adds of one full convolution with the same input, kernel, stride and output.
    """

    depthwise: str
    pointwise: str
    kernel: int
    filters: int
    pair_mult_adds: int
    full_mult_adds: int

    @property
    def predicted_ratio(self) -> float:
        """The paper's formula, 1/N + 1/k^2."""
        return 1 / self.filters + 1 / self.kernel**2

    @property
    def counted_ratio(self) -> float:
        """The counted mult-adds of the pair over those of the full convolution."""
        return self.pair_mult_adds / self.full_mult_adds


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantDetail:
    """One network in detail.

    Attributes:
        spec: The network.
        variant: Its entry in the registry.
        counts: Its cost.
        layers: Its layers in the order of computation.
        shares: What each type of layer has of the cost, largest share of mult-adds first.
        layer_count_paper: Convolutions and fully connected layers, depthwise and pointwise counted apart.
        separation: The pair that occurs most often; None for a network without depthwise layers.
    """

    spec: ModelSpec
    variant: Variant
    counts: VariantCounts
    layers: tuple[LayerDetail, ...]
    shares: tuple[LayerTypeShare, ...]
    layer_count_paper: int
    separation: SeparationCost | None


def describe(spec: ModelSpec) -> VariantDetail:
    """Describes a network layer by layer.

    Args:
        spec: The network.

    Returns:
        Its layers, their cost, and where the cost lies.
    """
    plan = plan_layers(spec)
    return VariantDetail(
        spec=spec,
        variant=get_variant(spec.variant),
        counts=sum_counts(map(count_layer, plan)),
        layers=tuple(map(_detail, plan)),
        shares=_shares(plan),
        layer_count_paper=sum(layer.kind in _CONVOLUTIONS + _DENSE for layer in plan),
        separation=_typical_separation(plan),
    )


def _detail(layer: PlannedLayer) -> LayerDetail:
    return LayerDetail(name=layer.name, kind=layer.kind, output_shape=layer.output_shape, counts=count_layer(layer))


def _layer_type(layer: PlannedLayer) -> str:
    if layer.kind in _DENSE:
        return "fully connected"
    return f"conv {'dw ' if layer.kind == 'depthwise' else ''}{layer.kernel}x{layer.kernel}"


def _shares(plan: Sequence[PlannedLayer]) -> tuple[LayerTypeShare, ...]:
    by_type: dict[str, list[VariantCounts]] = {}
    for layer in plan:
        if layer.kind in _CONVOLUTIONS + _DENSE:
            by_type.setdefault(_layer_type(layer), []).append(count_layer(layer))
    total = sum_counts(map(count_layer, plan))
    shares = [_share(layer_type, sum_counts(counts), total) for layer_type, counts in by_type.items()]
    return tuple(sorted(shares, key=lambda share: -share.mult_adds_percent))


def _share(layer_type: str, part: VariantCounts, total: VariantCounts) -> LayerTypeShare:
    return LayerTypeShare(
        layer_type=layer_type,
        mult_adds_percent=100 * part.mult_adds / total.mult_adds,
        parameters_percent=100 * part.parameters_paper / total.parameters_paper,
    )


def _typical_separation(plan: Sequence[PlannedLayer]) -> SeparationCost | None:
    convolutions = [layer for layer in plan if layer.kind in _CONVOLUTIONS]
    pairs = [pair for pair in pairwise(convolutions) if pair[0].kind == "depthwise"]
    if not pairs:
        return None
    repeats = Counter(map(_pair_shape, pairs))
    return _separation(*max(pairs, key=lambda pair: repeats[_pair_shape(pair)]))


def _pair_shape(pair: tuple[PlannedLayer, PlannedLayer]) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    depthwise, pointwise = pair
    return depthwise.kernel, depthwise.input_shape, pointwise.output_shape


def _separation(depthwise: PlannedLayer, pointwise: PlannedLayer) -> SeparationCost:
    positions = math.prod(pointwise.output_shape[:-1])
    return SeparationCost(
        depthwise=depthwise.name,
        pointwise=pointwise.name,
        kernel=depthwise.kernel,
        filters=pointwise.filters,
        pair_mult_adds=count_layer(depthwise).mult_adds + count_layer(pointwise).mult_adds,
        full_mult_adds=positions * depthwise.kernel**2 * depthwise.filters * pointwise.filters,
    )
