"""A small network as the twins of training are: folded, layers named by operator; and a plain loop to train it."""

from __future__ import annotations

from typing import Any

import numpy as np

PICTURES = np.random.default_rng(5).normal(size=(64, 12, 12, 3)).astype(np.float32)
LABELS = np.random.default_rng(6).integers(0, 5, 64)


def small_twin(tf_keras, *, seed: int = 1) -> Any:
    """A convolution, a depthwise one, a pointwise one without bias, a mean and a dense layer; five logits."""
    layers, draw = tf_keras.layers, np.random.default_rng(seed)
    image = x = tf_keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="op000")(x)
    x = layers.DepthwiseConv2D(3, activation="relu", name="op001")(x)
    x = layers.Conv2D(24, 1, activation="relu", use_bias=False, name="op002")(x)
    x = layers.GlobalAveragePooling2D(name="op003")(x)
    model = tf_keras.Model(image, layers.Dense(5, name="op004")(x))
    for layer in model.layers:
        layer.set_weights([draw.normal(scale=0.4, size=values.shape) for values in layer.get_weights()])
    return model


def train(model: Any, *, steps: int, hook: Any = None, rate: float = 1e-3) -> None:
    """Trains with Adam on a batch of noise that is the same in every step."""
    import tensorflow as tf
    import tf_keras

    optimizer = tf_keras.optimizers.Adam(rate)

    def step() -> None:
        with tf.GradientTape() as tape:
            logits = model(PICTURES, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    # Making a graph takes as long as some twenty steps.
    step = tf.function(step) if steps > 20 else step
    if hook is not None:
        hook.on_begin(model)
    for number in range(steps):
        if hook is not None:
            hook.on_step(number)
        step()


def logits(model: Any) -> np.ndarray:
    """What it says to the pictures."""
    return model(PICTURES, training=False).numpy()


def kernels(model: Any) -> dict[str, np.ndarray]:
    """Kernels by layer."""
    return {layer.name: layer.get_weights()[0] for layer in model.layers if layer.weights}
