"""MobileNetV2.

Source: "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381.
Layer names, padding and batch norm follow keras.applications.MobileNetV2, whose weights are published.
"""

from __future__ import annotations

from functools import partial

from mobile_deploy.variants.rows import BottleneckRow, ConvRow, Family, Head
from mobile_deploy.variants.rules import to_eight, truncated_to_eight, widened_only

_Conv = partial(ConvRow, activation="relu6")
_Block = partial(BottleneckRow, kernel=3, squeeze=0.0, activation="relu6")

# Table 2, with its repeated blocks written out; the output side is for a picture of 224.
# fmt: off
_ROWS = (
    _Conv(name="Conv1", norm="bn_Conv1", kernel=3, filters=32, stride=2, width_rule=to_eight),  # 112
    _Block(name="expanded_conv", expansion=1, filters=16,  stride=1),  # 112
    _Block(name="block_1",       expansion=6, filters=24,  stride=2),  # 56
    _Block(name="block_2",       expansion=6, filters=24,  stride=1),  # 56
    _Block(name="block_3",       expansion=6, filters=32,  stride=2),  # 28
    _Block(name="block_4",       expansion=6, filters=32,  stride=1),  # 28
    _Block(name="block_5",       expansion=6, filters=32,  stride=1),  # 28
    _Block(name="block_6",       expansion=6, filters=64,  stride=2),  # 14
    _Block(name="block_7",       expansion=6, filters=64,  stride=1),  # 14
    _Block(name="block_8",       expansion=6, filters=64,  stride=1),  # 14
    _Block(name="block_9",       expansion=6, filters=64,  stride=1),  # 14
    _Block(name="block_10",      expansion=6, filters=96,  stride=1),  # 14
    _Block(name="block_11",      expansion=6, filters=96,  stride=1),  # 14
    _Block(name="block_12",      expansion=6, filters=96,  stride=1),  # 14
    _Block(name="block_13",      expansion=6, filters=160, stride=2),  # 7
    _Block(name="block_14",      expansion=6, filters=160, stride=1),  # 7
    _Block(name="block_15",      expansion=6, filters=160, stride=1),  # 7
    _Block(name="block_16",      expansion=6, filters=320, stride=1),  # 7
    _Conv(name="Conv_1", norm="Conv_1_bn", kernel=1, filters=1280, stride=1, width_rule=widened_only),  # 7
)
# fmt: on

V2 = Family(
    rows=_ROWS,
    head=Head(classifier="predictions", as_convolution=False),
    width_rule=truncated_to_eight,
    padding="split",
    norm_suffix="_BN",
    norm_momentum=0.999,
)
