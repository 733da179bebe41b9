"""A table expanded into single layers: what the Keras builder builds and what the counts count."""

from __future__ import annotations

from typing import assert_never

from mobile_deploy.variants.layers import LayerWriter, PlannedLayer
from mobile_deploy.variants.registry import ModelSpec, get_variant
from mobile_deploy.variants.rows import (
    Activation,
    BottleneckRow,
    ConvRow,
    Family,
    Head,
    Row,
    SeparableRow,
    WideningRow,
)
from mobile_deploy.variants.rules import round_to_eight


def plan_layers(spec: ModelSpec) -> tuple[PlannedLayer, ...]:
    """Expands a network's table into its layers, in the order of computation.

    Args:
        spec: The network.

    Returns:
        The layers; the output of the last one is the network's output.

    >>> [layer.name for layer in plan_layers(ModelSpec(variant="v1", width_multiplier=1.0, side=224))][:3]
    ['conv1', 'conv1_bn', 'conv1_relu6']
    """
    family = get_variant(spec.variant).family
    expansion = _Expansion(family, side=spec.side, width_multiplier=spec.width_multiplier)
    for row in family.rows:
        expansion.expand(row)
    if spec.include_top:
        expansion.finish(family.head, classes=spec.classes)
    return tuple(expansion.writer.layers)


class _Expansion:
    """Turns rows into layers, one method per kind of row."""

    def __init__(self, family: Family, *, side: int, width_multiplier: float) -> None:
        self.family = family
        self.width_multiplier = width_multiplier
        self.writer = LayerWriter(side=side)

    def expand(self, row: Row) -> None:
        match row:
            case ConvRow():
                self._convolution(row)
            case WideningRow():
                self._widening(row)
            case SeparableRow():
                self._separable(row)
            case BottleneckRow():
                self._bottleneck(row)
            case _:
                assert_never(row)

    def finish(self, head: Head, *, classes: int) -> None:
        writer = self.writer
        writer.average("average", keeps_map=head.as_convolution)
        if head.hidden is not None:
            writer.connect(head.hidden.name, units=head.hidden.width_rule(head.hidden.units, self.width_multiplier))
            writer.activate(f"{head.hidden.name}_{head.hidden.activation}", head.hidden.activation)
        if head.dropout:
            writer.drop("dropout", rate=head.dropout)
        writer.connect(head.classifier, units=classes)
        if head.as_convolution:
            writer.flatten("flatten")
        writer.activate("softmax", "softmax")

    def _convolution(self, row: ConvRow) -> None:
        self.writer.convolve(
            "conv",
            row.name,
            filters=row.width_rule(row.filters, self.width_multiplier),
            kernel=row.kernel,
            stride=row.stride,
            padding=row.padding,
        )
        self._normalize(row.norm)
        self._activate(row.name, row.activation)

    def _widening(self, row: WideningRow) -> None:
        self.writer.convolve("conv", row.name, filters=round_to_eight(self.writer.channels * row.expansion))
        self._normalize(row.norm)
        self._activate(row.name, row.activation)

    def _separable(self, row: SeparableRow) -> None:
        depthwise, pointwise = f"conv_dw_{row.number}", f"conv_pw_{row.number}"
        self._depthwise(depthwise, kernel=row.kernel, stride=row.stride)
        self._activate(depthwise, row.activation)
        self._pointwise(pointwise, filters=self.family.width_rule(row.filters, self.width_multiplier))
        self._activate(pointwise, row.activation)

    def _bottleneck(self, row: BottleneckRow) -> None:
        entry, entry_shape = self.writer.last, self.writer.shape
        if row.expansion != 1:
            self._pointwise(f"{row.name}_expand", filters=round_to_eight(self.writer.channels * row.expansion))
            self._activate(f"{row.name}_expand", row.activation)
        self._depthwise(f"{row.name}_depthwise", kernel=row.kernel, stride=row.stride)
        self._activate(f"{row.name}_depthwise", row.activation)
        if row.squeeze:
            self._gate(f"{row.name}_squeeze_excite", squeeze=row.squeeze)
        self._pointwise(f"{row.name}_project", filters=self.family.width_rule(row.filters, self.width_multiplier))
        if self.writer.shape == entry_shape:
            self.writer.join("add", f"{row.name}_add", other=entry, shape=entry_shape)

    def _gate(self, name: str, *, squeeze: float) -> None:
        writer, features, shape = self.writer, self.writer.last, self.writer.shape
        writer.average(f"{name}_average", keeps_map=True)
        writer.connect(f"{name}_conv", units=round_to_eight(shape[-1] * squeeze))
        writer.activate(f"{name}_relu", "relu")
        writer.connect(f"{name}_conv_1", units=shape[-1])
        writer.activate(f"{name}_hard_sigmoid", "hard_sigmoid")
        writer.join("multiply", f"{name}_multiply", other=features, shape=shape)

    def _depthwise(self, name: str, *, kernel: int, stride: int) -> None:
        self.writer.convolve(
            "depthwise",
            name,
            filters=self.writer.channels,
            kernel=kernel,
            stride=stride,
            padding=self.family.padding,
        )
        self._normalize(f"{name}{self.family.norm_suffix}")

    def _pointwise(self, name: str, *, filters: int) -> None:
        self.writer.convolve("conv", name, filters=filters)
        self._normalize(f"{name}{self.family.norm_suffix}")

    def _normalize(self, name: str) -> None:
        self.writer.normalize(name, momentum=self.family.norm_momentum)

    def _activate(self, name: str, activation: Activation) -> None:
        self.writer.activate(f"{name}_{activation}", activation)
