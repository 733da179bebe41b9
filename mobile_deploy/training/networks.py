"""A variant of the registry as a tf_keras network in training: made, frozen by phase, saved, converted.

build_network -> freeze(phase) -> train_phase ... -> weights_file, float_tflite
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from mobile_deploy.models.build import build_model
from mobile_deploy.models.flavours import import_keras
from mobile_deploy.models.weight_matching import expected_layers
from mobile_deploy.models.weights import WeightsOrigin, load_weights
from mobile_deploy.tflite.convert import convert_to_float
from mobile_deploy.variants.registry import ModelSpec

# Phases that train the layers after the feature map alone, and those that train batch norm too.
_HEAD_ONLY = ("head",)
_WITH_NORMS = ("scratch",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A variant in training.

    Attributes:
        spec: Which one.
        answers: From (N, side, side, 3) float32 in the variant's range to (N, classes) float32 probabilities.
        model: The same up to the logits; it shares all layers with `answers`.
        new_head: Whether layers after the feature map began untrained.
        note: What people should know of the weights, in a sentence; empty when there is nothing to say.
    """

    spec: ModelSpec
    answers: Any = field(repr=False)
    model: Any = field(repr=False)
    new_head: bool
    note: str


def build_network(spec: ModelSpec, origin: WeightsOrigin, *, seed: int) -> Network:
    """Builds a variant in tf_keras with its weights.

    Args:
        spec: The network, with its top.
        origin: Where its weights are.
        seed: Of initial weights and of dropout.

    Returns:
        The network.

    Raises:
        UnreadableFileError: The weight file is damaged or gone.
        WeightsMismatchError: The weight file belongs to another network.
    """
    keras = import_keras("keras2")
    answers = build_model(spec, keras=keras, seed=seed)
    loaded = load_weights(answers, origin, spec)
    logits = keras.Model(answers.input, answers.layers[-1].input, name=f"{spec.name}_logits")
    return Network(spec=spec, answers=answers, model=logits, new_head=loaded.new_head, note=loaded.note)


def freeze(model: Any, spec: ModelSpec, phase: str) -> None:  # noqa: ANN401  # Keras has no types
    """Says which layers a phase trains; a frozen batch norm keeps its statistics.

    Args:
        model: The network, or one with the same layer names.
        spec: Which one it is.
        phase: "head" for the layers after the feature map, "scratch" for everything, else all but batch norm.
    """
    norm = import_keras("keras2").layers.BatchNormalization
    head = {layer.name for layer in expected_layers(spec) if layer.in_head}
    for layer in model.layers:
        if phase in _HEAD_ONLY:
            layer.trainable = layer.name in head
        else:
            layer.trainable = phase in _WITH_NORMS or not isinstance(layer, norm)


def float_tflite(network: Network) -> bytes:
    """Converts a network to a float .tflite that ends in its probabilities.

    Args:
        network: The network, in whatever precision it was trained.

    Returns:
        Bytes of the float .tflite.

    Raises:
        ConversionError: An operation has no TFLite builtin.
    """
    # Made anew in float32: one trained in mixed precision is full of casts.
    plain = build_model(network.spec, keras=import_keras("keras2"))
    plain.set_weights(network.answers.get_weights())
    return convert_to_float(lambda image: plain(image, training=False), side=network.spec.side)


def weights_file(network: Network) -> bytes:
    """Gives the weights as a legacy Keras .h5 file, by layer name, which `--weights FILE` reads.

    Args:
        network: The network.

    Returns:
        Bytes of the file; equal weights give equal bytes.

    Source: save_weights_to_hdf5_group of tf_keras/src/saving/legacy/hdf5_format.py, tf_keras 2.21.
    """
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        layers = [layer for layer in network.answers.layers if layer.weights]
        root.attrs["layer_names"] = _ascii([layer.name for layer in layers])
        root.attrs["backend"] = b"tensorflow"
        for layer in layers:
            group = root.create_group(layer.name)
            # Within its layer a weight's own name is enough; "layer/kernel:0" would make a second group, of 1.6 kB.
            names = [weight.name.rpartition("/")[2] for weight in layer.weights]
            group.attrs["weight_names"] = _ascii(names)
            for name, weight in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=np.asarray(weight, np.float32))
    return file.getvalue()


def _ascii(names: list[str]) -> list[bytes]:
    return [name.encode("ascii") for name in names]
