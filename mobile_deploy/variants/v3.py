"""MobileNetV3 Large and Small, and their minimalistic forms.

Source: "Searching for MobileNetV3", arXiv:1905.02244. Where the paper and the authors' code differ (Small: the hidden
layer has 1024 units, and the last convolution no squeeze-and-excite), the rows follow the code, as the published
weights do. Layer names, padding, dropout and batch norm follow keras.applications, without its Rescaling layer:
the input range is [-1, 1].
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from mobile_deploy.variants.rows import BottleneckRow, ConvRow, Family, Head, HiddenLayer, Row, WideningRow
from mobile_deploy.variants.rules import fixed, to_eight, widened_only

_STEM = ConvRow(name="conv", norm="conv_bn", filters=16, kernel=3, stride=2, activation="hard_swish", width_rule=fixed)
_LAST = WideningRow(name="conv_1", norm="conv_1_bn", expansion=6, activation="hard_swish")

# The paper's words for what follows a convolution.
_RE = partial(BottleneckRow, activation="relu")
_HS = partial(BottleneckRow, activation="hard_swish")

# Table 1; the output side is for a picture of 224. An expansion is the paper's "exp size" over the input channels.
# fmt: off
_LARGE = (
    _RE(name="expanded_conv",    kernel=3, expansion=1,   filters=16,  squeeze=0.0,  stride=1),  # 112
    _RE(name="expanded_conv_1",  kernel=3, expansion=4,   filters=24,  squeeze=0.0,  stride=2),  # 56
    _RE(name="expanded_conv_2",  kernel=3, expansion=3,   filters=24,  squeeze=0.0,  stride=1),  # 56
    _RE(name="expanded_conv_3",  kernel=5, expansion=3,   filters=40,  squeeze=0.25, stride=2),  # 28
    _RE(name="expanded_conv_4",  kernel=5, expansion=3,   filters=40,  squeeze=0.25, stride=1),  # 28
    _RE(name="expanded_conv_5",  kernel=5, expansion=3,   filters=40,  squeeze=0.25, stride=1),  # 28
    _HS(name="expanded_conv_6",  kernel=3, expansion=6,   filters=80,  squeeze=0.0,  stride=2),  # 14
    _HS(name="expanded_conv_7",  kernel=3, expansion=2.5, filters=80,  squeeze=0.0,  stride=1),  # 14
    _HS(name="expanded_conv_8",  kernel=3, expansion=2.3, filters=80,  squeeze=0.0,  stride=1),  # 14
    _HS(name="expanded_conv_9",  kernel=3, expansion=2.3, filters=80,  squeeze=0.0,  stride=1),  # 14
    _HS(name="expanded_conv_10", kernel=3, expansion=6,   filters=112, squeeze=0.25, stride=1),  # 14
    _HS(name="expanded_conv_11", kernel=3, expansion=6,   filters=112, squeeze=0.25, stride=1),  # 14
    _HS(name="expanded_conv_12", kernel=5, expansion=6,   filters=160, squeeze=0.25, stride=2),  # 7
    _HS(name="expanded_conv_13", kernel=5, expansion=6,   filters=160, squeeze=0.25, stride=1),  # 7
    _HS(name="expanded_conv_14", kernel=5, expansion=6,   filters=160, squeeze=0.25, stride=1),  # 7
)

# Table 2; the output side is for a picture of 224.
_SMALL = (
    _RE(name="expanded_conv",    kernel=3, expansion=1,       filters=16, squeeze=0.25, stride=2),  # 56
    _RE(name="expanded_conv_1",  kernel=3, expansion=72 / 16, filters=24, squeeze=0.0,  stride=2),  # 28
    _RE(name="expanded_conv_2",  kernel=3, expansion=88 / 24, filters=24, squeeze=0.0,  stride=1),  # 28
    _HS(name="expanded_conv_3",  kernel=5, expansion=4,       filters=40, squeeze=0.25, stride=2),  # 14
    _HS(name="expanded_conv_4",  kernel=5, expansion=6,       filters=40, squeeze=0.25, stride=1),  # 14
    _HS(name="expanded_conv_5",  kernel=5, expansion=6,       filters=40, squeeze=0.25, stride=1),  # 14
    _HS(name="expanded_conv_6",  kernel=5, expansion=3,       filters=48, squeeze=0.25, stride=1),  # 14
    _HS(name="expanded_conv_7",  kernel=5, expansion=3,       filters=48, squeeze=0.25, stride=1),  # 14
    _HS(name="expanded_conv_8",  kernel=5, expansion=6,       filters=96, squeeze=0.25, stride=2),  # 7
    _HS(name="expanded_conv_9",  kernel=5, expansion=6,       filters=96, squeeze=0.25, stride=1),  # 7
    _HS(name="expanded_conv_10", kernel=5, expansion=6,       filters=96, squeeze=0.25, stride=1),  # 7
)
# fmt: on


def _family(blocks: tuple[BottleneckRow, ...], *, hidden_units: int) -> Family:
    hidden = HiddenLayer(name="conv_2", units=hidden_units, activation="hard_swish", width_rule=widened_only)
    return Family(
        rows=(_STEM, *blocks, _LAST),
        head=Head(classifier="logits", as_convolution=True, dropout=0.2, hidden=hidden),
        width_rule=to_eight,
        padding="split",
        norm_suffix="_bn",
        norm_momentum=0.999,
    )


def _plain(row: Row) -> Row:
    if isinstance(row, BottleneckRow):
        return replace(row, kernel=3, squeeze=0.0, activation="relu")
    return replace(row, activation="relu")


def _minimalistic(family: Family) -> Family:
    """Takes out squeeze-and-excite, hard-swish and 5x5 kernels.

    Source: the `minimalistic` argument of keras.applications.MobileNetV3Large and MobileNetV3Small.
    """
    hidden = family.head.hidden
    plain_hidden = None if hidden is None else replace(hidden, activation="relu")
    return replace(family, rows=tuple(map(_plain, family.rows)), head=replace(family.head, hidden=plain_hidden))


V3_LARGE = _family(_LARGE, hidden_units=1280)
V3_SMALL = _family(_SMALL, hidden_units=1024)
V3_LARGE_MINIMALISTIC = _minimalistic(V3_LARGE)
V3_SMALL_MINIMALISTIC = _minimalistic(V3_SMALL)
