"""MobileNetV1 and the two networks its paper compares it with.

Source: "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", arXiv:1704.04861.
Layer names, padding, dropout and batch norm follow keras.applications.MobileNet, whose weights are published.
"""

from __future__ import annotations

from dataclasses import replace

from mobile_deploy.variants.rows import ConvRow, Family, Head, SeparableRow
from mobile_deploy.variants.rules import truncated

_STEM = ConvRow(name="conv1", norm="conv1_bn", filters=32, kernel=3, stride=2, activation="relu6", width_rule=truncated)

# Table 1; the output side is for a picture of 224.
# fmt: off
_BLOCKS = (
    SeparableRow(number=1,  stride=1, filters=64),    # 112
    SeparableRow(number=2,  stride=2, filters=128),   # 56
    SeparableRow(number=3,  stride=1, filters=128),   # 56
    SeparableRow(number=4,  stride=2, filters=256),   # 28
    SeparableRow(number=5,  stride=1, filters=256),   # 28
    SeparableRow(number=6,  stride=2, filters=512),   # 14
    SeparableRow(number=7,  stride=1, filters=512),   # 14
    SeparableRow(number=8,  stride=1, filters=512),   # 14
    SeparableRow(number=9,  stride=1, filters=512),   # 14
    SeparableRow(number=10, stride=1, filters=512),   # 14
    SeparableRow(number=11, stride=1, filters=512),   # 14
    SeparableRow(number=12, stride=2, filters=1024),  # 7
    SeparableRow(number=13, stride=1, filters=1024),  # 7
)
# fmt: on

V1 = Family(
    rows=(_STEM, *_BLOCKS),
    head=Head(classifier="conv_preds", as_convolution=True, dropout=0.001),
    width_rule=truncated,
    padding="after",
    norm_suffix="_bn",
    norm_momentum=0.99,
)


def _as_full_convolution(block: SeparableRow) -> ConvRow:
    return ConvRow(
        name=f"conv_full_{block.number}",
        norm=f"conv_full_{block.number}_bn",
        filters=block.filters,
        kernel=block.kernel,
        stride=block.stride,
        activation=block.activation,
        width_rule=V1.width_rule,
        padding=V1.padding,
    )


# Table 4, "Conv MobileNet": each depthwise and pointwise pair is one full convolution.
V1_CONV = replace(V1, rows=(_STEM, *map(_as_full_convolution, _BLOCKS)))

# Table 5, "Shallow MobileNet": without the five blocks of 14 x 14 x 512 that keep their input's size.
V1_SHALLOW = replace(V1, rows=(_STEM, *(block for block in _BLOCKS if block.number not in range(7, 12))))
