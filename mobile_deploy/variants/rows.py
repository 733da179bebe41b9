"""The kinds of rows that a family's table is made of.

A table lists what the paper lists: one row is one block. `plan.py` expands rows into single layers; a new kind of
block is one row type here and one expansion there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mobile_deploy.variants.rules import WidthRule

Activation = Literal["relu", "relu6", "hard_swish"]

StridedPadding = Literal["same", "after", "split"]
"""Where the zeros around a map go when a stride of 2 halves it.

- "same": left to the convolution, as TensorFlow's SAME.
- "after": one row and column at the bottom and right, whatever the size.
- "split": as many as SAME, but as a layer of their own.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvRow:
    """A full convolution, batch norm, activation.

    Attributes:
        name: Keras name of the convolution.
        norm: Keras name of the batch norm.
        filters: Output channels at width multiplier 1.
        kernel: Side of the square kernel in pixels.
        stride: Step of the kernel in pixels.
        activation: What follows.
        width_rule: How `filters` scales.
        padding: Where the zeros go when `stride` is 2.
    """

    name: str
    norm: str
    filters: int
    kernel: int
    stride: int
    activation: Activation
    width_rule: WidthRule
    padding: StridedPadding = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class WideningRow:
    """A 1x1 convolution to a multiple of the channels that arrive, batch norm, activation.

    Attributes:
        name: Keras name of the convolution.
        norm: Keras name of the batch norm.
        expansion: Output channels per input channel, rounded to a multiple of 8.
        activation: What follows.
    """

    name: str
    norm: str
    expansion: float
    activation: Activation


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparableRow:
    """A depthwise and a pointwise convolution, each with batch norm and activation: the block of MobileNetV1.

    Attributes:
        number: Block number, counted from 1, in the Keras names conv_dw_<number> and conv_pw_<number>.
        stride: Step of the depthwise kernel in pixels.
        filters: Output channels at width multiplier 1.
        kernel: Side of the depthwise kernel in pixels.
        activation: What follows each of the two.
    """

    number: int
    stride: int
    filters: int
    kernel: int = 3
    activation: Activation = "relu6"


@dataclass(frozen=True, slots=True, kw_only=True)
class BottleneckRow:
    """Widen by 1x1, depthwise, optional squeeze-and-excite, linear 1x1: the block of MobileNetV2 and V3.

    The input is added to the output where both have the same shape.

    Attributes:
        name: Start of the Keras names, such as "block_1".
        kernel: Side of the depthwise kernel in pixels.
        expansion: Channels of the depthwise layer per input channel, rounded to a multiple of 8; 1 means that there
            is no widening layer.
        filters: Output channels at width multiplier 1.
        squeeze: Channels inside the squeeze-and-excite gate per depthwise channel; 0 for no gate.
        activation: What follows the widening and the depthwise layer.
        stride: Step of the depthwise kernel in pixels.
    """

    name: str
    kernel: int
    expansion: float
    filters: int
    squeeze: float
    activation: Activation
    stride: int


Row = ConvRow | WideningRow | SeparableRow | BottleneckRow


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenLayer:
    """A fully connected layer with a bias, and its activation.

    Attributes:
        name: Its Keras name.
        units: Outputs at width multiplier 1.
        activation: What follows.
        width_rule: How `units` scales.
    """

    name: str
    units: int
    activation: Activation
    width_rule: WidthRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """From the feature map to the probabilities: average pool, optional hidden layer, dropout, classifier, softmax.

    Attributes:
        classifier: Keras name of the fully connected layer to the classes.
        as_convolution: Whether Keras stores the fully connected layers as 1x1 convolutions on the pooled map.
        dropout: Share of the features dropped in training, in [0, 1); 0 for no such layer.
        hidden: A layer between the pool and the classifier; None where there is none.
    """

    classifier: str
    as_convolution: bool
    dropout: float = 0.0
    hidden: HiddenLayer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A network as a table.

    Attributes:
        rows: The blocks from the image to the feature map.
        head: What classifies the feature map.
        width_rule: How the filters of separable and bottleneck rows scale.
        padding: Where the zeros of separable and bottleneck rows with stride 2 go.
        norm_suffix: What Keras appends to a block's convolution to name its batch norm.
        norm_momentum: Share of the old value that a moving statistic keeps per training step, in [0, 1).
    """

    rows: tuple[Row, ...]
    head: Head
    width_rule: WidthRule
    padding: StridedPadding
    norm_suffix: str
    norm_momentum: float
