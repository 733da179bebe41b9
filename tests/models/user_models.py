"""Models as users save them: each builder takes a Keras flavour and gives a small model with random weights."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path

import numpy as np

SIDE = 64


def backbone(keras, side=SIDE):
    """The narrowest MobileNetV2 without its top; `side` may be None."""
    return keras.applications.MobileNetV2(input_shape=(side, side, 3), alpha=0.35, include_top=False, weights=None)


def augmentation(keras):
    layers = keras.layers
    return keras.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)], name="augmentation"
    )


def transfer_learning(keras, *, side=SIDE, units=5, activation="softmax"):
    """The model of the transfer-learning tutorials: augmentation, preprocessing by operators, backbone, head."""
    image = keras.Input((side, side, 3))
    x = augmentation(keras)(image)
    x = keras.applications.mobilenet_v2.preprocess_input(x)
    x = backbone(keras, side)(x, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(image, keras.layers.Dense(units, activation=activation, name="head")(x), name="flowers")


def one_sigmoid(keras):
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    x = backbone(keras)(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))


def logits_head(keras):
    return transfer_learning(keras, units=4, activation=None)


def mixed_precision(keras, policy="mixed_float16"):
    """A model built under a half-precision policy, its output included."""
    set_policy = keras.mixed_precision.set_global_policy
    set_policy(policy)
    try:
        return transfer_learning(keras)
    finally:
        set_policy("float32")


def any_size(keras):
    return transfer_learning(keras, side=None)


def sequential(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            augmentation(keras),
            layers.Rescaling(1 / 127.5, offset=-1),
            backbone(keras),
            layers.GlobalAveragePooling2D(),
            keras.Sequential([layers.Dropout(0.2), layers.Dense(3, activation="softmax")]),
        ]
    )


def backbone_only(keras):
    """A model that takes pictures its user has scaled to [-1, 1] before."""
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.GlobalAveragePooling2D()(backbone(keras)(image))
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))


def per_channel_normalization(keras):
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Normalization(mean=[123.7, 116.3, 103.5], variance=[3409.0, 3263.0, 3292.0])(image)
    x = layers.GlobalAveragePooling2D()(backbone(keras)(x))
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


def unit_embedding(keras):
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Dense(8)(layers.GlobalAveragePooling2D()(backbone(keras)(x)))
    return keras.Model(image, layers.UnitNormalization()(x))


def tiny(keras, *, channels=3, side=32, layer=None, **input_settings):
    """A few weights around one layer of the caller's; for tests of refusals."""
    layers = keras.layers
    image = keras.Input((side, side, channels), **input_settings)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image if layer is None else layer(image)))
    return keras.Model(image, layers.Dense(2, activation="softmax")(x))


def edit_config(path: Path, edit) -> Path:
    """Rewrites config.json of a .keras file as an attacker would."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    edit(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def with_lively_weights(model, seed=0):
    """Gives a model weights under which different pictures get clearly different answers, as fresh ones do not."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(_lively(random, getattr(variable, "path", variable.name), tuple(variable.shape), variable))
    return model


def with_telling_weights(model, images, seed=0):
    """Gives a model with a backbone weights under which pictures stay told apart after rounding to int8.

    A random network amplifies rounding until nothing of the picture is left. This one keeps its activations in the
    straight part of ReLU6. `images` are (N, side, side, 3) float32 as the backbone sees them.
    """
    with_lively_weights(model, seed)
    random = np.random.default_rng(seed)
    network = next(layer for layer in model.layers if "mobilenet" in layer.name)
    norms = [layer for layer in network.layers if hasattr(layer, "moving_mean")]
    for norm in norms:
        norm.gamma.assign(random.uniform(0.7, 1.3, norm.gamma.shape))
        norm.beta.assign(random.normal(1.5, 0.2, norm.beta.shape))
        norm.momentum = 0.0
    network(images, training=True)
    for norm in norms:
        norm.momentum = 0.99
    features = np.asarray(network(images, training=False), np.float32).mean(axis=(1, 2, 0))
    head = model.layers[-1]
    kernel = np.asarray(head.kernel, np.float32) * 6
    head.kernel.assign(kernel)
    head.bias.assign(-features @ kernel)  # so that no answer is nearly certain
    return model


def _lively(random, name, shape, variable):
    if "kernel" in name:
        fan_in = np.prod(shape[:2]) if "depthwise" in name else np.prod(shape[:-1])
        gain = 0.3 if len(shape) == 2 else np.sqrt(2)  # small in the head, so that no softmax saturates
        return random.normal(size=shape) * gain / np.sqrt(fan_in)
    if "gamma" in name or "moving_variance" in name:
        return random.uniform(0.5, 1.5, size=shape)
    if "beta" in name or "bias" in name or "moving_mean" in name:
        return random.normal(size=shape) * 0.2
    return variable


def save(model, path: Path) -> Path:
    """Saves without the advice against HDF5."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5.*")
        model.save(path)
    return path
