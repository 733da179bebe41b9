"""Single layers: `PlannedLayer`, and the writer that chains them and works out their shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mobile_deploy.variants.rows import Activation, StridedPadding

LayerKind = Literal[
    "pad",
    "conv",
    "depthwise",
    "dense",
    "dense_1x1",
    "batch_norm",
    "relu",
    "relu6",
    "hard_swish",
    "hard_sigmoid",
    "pool",
    "pool_1x1",
    "multiply",
    "add",
    "dropout",
    "reshape",
    "softmax",
]
"""What a layer computes.

Convolutions have no bias, fully connected layers have one. `dense_1x1` is a fully connected layer that Keras stores as
a 1x1 convolution on a map of one pixel. `pool` averages a map to a vector, `pool_1x1` to a map of one pixel.
"""

IMAGE = "image"
"""The name under which layers refer to the input picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLayer:
    """One layer, its place in the network and its shapes.

    Attributes:
        kind: What it computes.
        name: Its name, unique in the plan; where it has weights, the name keras.applications gives it.
        inputs: Names of the layers it reads, `IMAGE` for the picture.
        input_shape: Shape of the last of them, without the batch.
        output_shape: Shape of what it gives, without the batch: (height, width, channels) or (channels,).
        kernel: Side of a convolution's square kernel in pixels.
        stride: Step of a convolution in pixels.
        pads_itself: Whether a convolution adds the zeros around its input, as TensorFlow's SAME.
        zeros: For a pad, the rows added above and below, and so the columns left and right.
        momentum: For a batch norm, the share of the old statistic kept per training step, in [0, 1).
        rate: For a dropout, the share of the features dropped in training, in [0, 1).
    """

    kind: LayerKind
    name: str
    inputs: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    kernel: int = 1
    stride: int = 1
    pads_itself: bool = True
    zeros: tuple[int, int] = (0, 0)
    momentum: float = 0.0
    rate: float = 0.0

    @property
    def filters(self) -> int:
        """Output channels."""
        return self.output_shape[-1]


class LayerWriter:
    """Writes a plan: each method appends a layer that reads the one before it.

    Attributes:
        layers: What was written, in order.
        last: Name of the last layer.
        shape: Its output shape, without the batch.
    """

    def __init__(self, *, side: int) -> None:
        self.layers: list[PlannedLayer] = []
        self.last = IMAGE
        self.shape: tuple[int, ...] = (side, side, 3)

    @property
    def channels(self) -> int:
        """Output channels of the last layer."""
        return self.shape[-1]

    def _next(self, kind: LayerKind, name: str, *, shape: tuple[int, ...] | None = None) -> PlannedLayer:
        return PlannedLayer(
            kind=kind,
            name=name,
            inputs=(self.last,),
            input_shape=self.shape,
            output_shape=self.shape if shape is None else shape,
        )

    def _append(self, layer: PlannedLayer) -> None:
        self.layers.append(layer)
        self.last, self.shape = layer.name, layer.output_shape

    def convolve(
        self,
        kind: Literal["conv", "depthwise"],
        name: str,
        *,
        filters: int,
        kernel: int = 1,
        stride: int = 1,
        padding: StridedPadding = "same",
    ) -> None:
        """Appends a convolution, after a pad where the zeros are a layer of their own."""
        pads_itself = stride == 1 or padding == "same"
        if not pads_itself:
            self.pad(f"{name}_pad", zeros=_zeros_around(kernel, side=self.shape[0], padding=padding))
        positions = self.shape[0] if pads_itself else self.shape[0] - kernel + 1
        side = -(-positions // stride)
        layer = self._next(kind, name, shape=(side, side, filters))
        self._append(replace(layer, kernel=kernel, stride=stride, pads_itself=pads_itself))

    def pad(self, name: str, *, zeros: tuple[int, int]) -> None:
        """Appends zeros above and left, below and right."""
        side = self.shape[0] + sum(zeros)
        self._append(replace(self._next("pad", name, shape=(side, side, self.channels)), zeros=zeros))

    def normalize(self, name: str, *, momentum: float) -> None:
        """Appends a batch norm."""
        self._append(replace(self._next("batch_norm", name), momentum=momentum))

    def activate(self, name: str, activation: Activation | Literal["hard_sigmoid", "softmax"]) -> None:
        """Appends an activation."""
        self._append(self._next(activation, name))

    def average(self, name: str, *, keeps_map: bool) -> None:
        """Appends the average over a map: a map of one pixel, or a vector."""
        if keeps_map:
            self._append(self._next("pool_1x1", name, shape=(1, 1, self.channels)))
        else:
            self._append(self._next("pool", name, shape=(self.channels,)))

    def connect(self, name: str, *, units: int) -> None:
        """Appends a fully connected layer on a vector or on a map of one pixel."""
        kind: LayerKind = "dense" if len(self.shape) == 1 else "dense_1x1"
        self._append(self._next(kind, name, shape=(*self.shape[:-1], units)))

    def drop(self, name: str, *, rate: float) -> None:
        """Appends a dropout."""
        self._append(replace(self._next("dropout", name), rate=rate))

    def flatten(self, name: str) -> None:
        """Appends a reshape of a map of one pixel to a vector."""
        self._append(self._next("reshape", name, shape=(self.channels,)))

    def join(self, kind: Literal["add", "multiply"], name: str, *, other: str, shape: tuple[int, ...]) -> None:
        """Appends a sum or product of an earlier output, which has `shape`, and the last one's."""
        self._append(replace(self._next(kind, name, shape=shape), inputs=(other, self.last)))


def _zeros_around(kernel: int, *, side: int, padding: StridedPadding) -> tuple[int, int]:
    """Gives the rows of zeros above and below for a stride of 2.

    Source: keras.applications, `MobileNet` for "after" and `correct_pad` for "split".
    """
    if padding == "after":
        return (0, 1)
    half = kernel // 2
    return (half - 1 + side % 2, half)
