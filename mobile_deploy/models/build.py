"""The one assembler: any plan becomes a Keras model."""

from __future__ import annotations

from typing import Any

from mobile_deploy.models.blocks import Flavour, connect_layer
from mobile_deploy.variants.layers import IMAGE
from mobile_deploy.variants.plan import plan_layers
from mobile_deploy.variants.registry import ModelSpec


def build_model(spec: ModelSpec, *, keras: Any, seed: int = 0) -> Any:  # noqa: ANN401  # two untyped flavours of Keras
    """Builds an untrained network.

    Args:
        spec: The network.
        keras: The module to build in: `keras` (Keras 3) or `tf_keras` (Keras 2).
        seed: Start of all initial weights; equal seeds give equal weights within one flavour.

    Returns:
        A functional model of that flavour. Input "image": (N, side, side, 3) float32 in the variant's value range.
        Output: (N, classes) float32 probabilities, or without the top the feature map (N, height, width, channels).
        Layers with weights have the names and the order of keras.applications.
    """
    flavour = Flavour(keras=keras, seed=seed)
    image = keras.Input(shape=(spec.side, spec.side, 3), name=IMAGE)
    tensors = {IMAGE: image}
    output = image
    for layer in plan_layers(spec):
        output = connect_layer(flavour, layer, [tensors[name] for name in layer.inputs])
        tensors[layer.name] = output
    return keras.Model(image, output, name=spec.name)
