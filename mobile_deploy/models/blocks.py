"""One maker per kind of planned layer, for Keras 3 and tf_keras alike.

Only layers that both flavours have are used, each as a layer object and never an operator on tensors, so that a model
can be cloned, annotated for quantization and converted. Hard-swish and the gate's hard-sigmoid are spelled out as
shift, clip, scale: tf_keras has no hard-swish and its hard-sigmoid is another function, and the TFLite converter fuses
exactly this sequence into HARD_SWISH.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mobile_deploy.variants.layers import LayerKind, PlannedLayer

NORM_EPSILON = 0.001  # Source: keras.applications, MobileNet, MobileNetV2 and MobileNetV3 alike.

KerasTensor = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """The Keras to build in, and the seed to start from.

    Attributes:
        keras: The module `keras` or `tf_keras`.
        seed: Start of all initial weights and of the dropout.
    """

    keras: Any
    seed: int

    def seed_for(self, name: str) -> int:
        """Gives a layer a seed that depends on nothing but the model's seed and the layer's name."""
        return zlib.crc32(f"{self.seed}/{name}".encode()) & 0x7FFFFFFF

    def initializer(self, name: str, *, mode: Literal["fan_in", "fan_out"]) -> Any:  # noqa: ANN401  # a Keras object
        """Gives normal weights that keep the power of the signal through a ReLU.

        With Keras's default the logits of an untrained V1 come out near 1e-19, which no 8-bit range survives.

        Source: He et al., "Delving Deep into Rectifiers", arXiv:1502.01852, equation 10.
        """
        return self.keras.initializers.VarianceScaling(
            scale=2.0, mode=mode, distribution="truncated_normal", seed=self.seed_for(name)
        )


Maker = Callable[[Flavour, PlannedLayer, Sequence[KerasTensor]], KerasTensor]


def connect_layer(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    """Makes what a planned layer stands for and connects it.

    Args:
        flavour: The Keras to build in.
        layer: The planned layer.
        inputs: The symbolic tensors it reads, in the order of `layer.inputs`.

    Returns:
        The symbolic tensor it gives.
    """
    return _MAKERS[layer.kind](flavour, layer, inputs)


def _pad(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.ZeroPadding2D((layer.zeros, layer.zeros), name=layer.name)(inputs[0])


def _conv(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    make = flavour.keras.layers.Conv2D(
        layer.filters,
        layer.kernel,
        strides=layer.stride,
        padding="same" if layer.pads_itself else "valid",
        use_bias=False,
        kernel_initializer=flavour.initializer(layer.name, mode="fan_in"),
        name=layer.name,
    )
    return make(inputs[0])


def _depthwise(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    # Keras counts a depthwise kernel's fan-in over all channels although each output reads one; its fan-out is right.
    make = flavour.keras.layers.DepthwiseConv2D(
        layer.kernel,
        strides=layer.stride,
        padding="same" if layer.pads_itself else "valid",
        use_bias=False,
        depthwise_initializer=flavour.initializer(layer.name, mode="fan_out"),
        name=layer.name,
    )
    return make(inputs[0])


def _dense(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    initializer = flavour.initializer(layer.name, mode="fan_in")
    return flavour.keras.layers.Dense(layer.filters, kernel_initializer=initializer, name=layer.name)(inputs[0])


def _dense_1x1(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    initializer = flavour.initializer(layer.name, mode="fan_in")
    return flavour.keras.layers.Conv2D(layer.filters, 1, kernel_initializer=initializer, name=layer.name)(inputs[0])


def _batch_norm(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    make = flavour.keras.layers.BatchNormalization(momentum=layer.momentum, epsilon=NORM_EPSILON, name=layer.name)
    return make(inputs[0])


def _relu(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.ReLU(name=layer.name)(inputs[0])


def _relu6(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.ReLU(6.0, name=layer.name)(inputs[0])


def _hard_sigmoid(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return _shift_clip_scale(flavour, layer.name, inputs[0])


def _hard_swish(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    gate = _shift_clip_scale(flavour, f"{layer.name}_gate", inputs[0])
    return flavour.keras.layers.Multiply(name=layer.name)([inputs[0], gate])


def _shift_clip_scale(flavour: Flavour, name: str, value: KerasTensor) -> KerasTensor:
    """Computes relu6(x + 3) / 6.

    Source: "Searching for MobileNetV3", arXiv:1905.02244, section 5.2.
    """
    layers = flavour.keras.layers
    shifted = layers.Rescaling(1.0, offset=3.0, name=f"{name}_shift")(value)
    clipped = layers.ReLU(6.0, name=f"{name}_clip")(shifted)
    return layers.Rescaling(1.0 / 6.0, name=name)(clipped)


def _pool(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.GlobalAveragePooling2D(name=layer.name)(inputs[0])


def _pool_1x1(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.GlobalAveragePooling2D(keepdims=True, name=layer.name)(inputs[0])


def _multiply(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.Multiply(name=layer.name)(list(inputs))


def _add(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.Add(name=layer.name)(list(inputs))


def _dropout(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.Dropout(layer.rate, seed=flavour.seed_for(layer.name), name=layer.name)(inputs[0])


def _reshape(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.Reshape(layer.output_shape, name=layer.name)(inputs[0])


def _softmax(flavour: Flavour, layer: PlannedLayer, inputs: Sequence[KerasTensor]) -> KerasTensor:
    return flavour.keras.layers.Softmax(name=layer.name)(inputs[0])


_MAKERS: Mapping[LayerKind, Maker] = {
    "pad": _pad,
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "dense_1x1": _dense_1x1,
    "batch_norm": _batch_norm,
    "relu": _relu,
    "relu6": _relu6,
    "hard_swish": _hard_swish,
    "hard_sigmoid": _hard_sigmoid,
    "pool": _pool,
    "pool_1x1": _pool_1x1,
    "multiply": _multiply,
    "add": _add,
    "dropout": _dropout,
    "reshape": _reshape,
    "softmax": _softmax,
}
