"""Layers whose randomness follows from the step."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.training_feeds import SIDE, tiny_network

from mobile_deploy.training.seeded import at_step, settling_momentum, with_seeded_layers


def masks(tf_keras, *, seed=0, steps=(0,), name="drop", rate=0.25) -> list[np.ndarray]:
    """Which features are dropped in each step."""
    import tensorflow as tf

    image = tf_keras.Input((1000,))
    model = tf_keras.Model(image, tf_keras.layers.Dropout(rate, name=name)(image))
    seeded = with_seeded_layers(model, seed=seed)
    found = []
    for step in steps:
        with at_step(tf.constant(step, tf.int64)):
            found.append(seeded(tf.ones((8, 1000)), training=True).numpy())
    return found


def test_the_same_step_drops_the_same_features(tf_keras):
    first, second = masks(tf_keras), masks(tf_keras)
    np.testing.assert_array_equal(first[0], second[0])


@pytest.mark.parametrize("change", [{"steps": (1,)}, {"seed": 1}, {"name": "other"}])
def test_another_step_seed_or_layer_drops_others(tf_keras, change):
    one, other = masks(tf_keras)[0] == 0, masks(tf_keras, **change)[0] == 0
    # Independent masks agree where both keep or both drop: 0.75^2 + 0.25^2.
    assert np.mean(one == other) == pytest.approx(0.625, abs=0.03)


def test_the_share_is_dropped_and_the_rest_keeps_the_mean(tf_keras):
    (mask,) = masks(tf_keras)
    assert np.mean(mask == 0) == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(np.unique(mask), [0.0, 1 / 0.75], rtol=1e-6)


def test_examples_of_a_batch_are_dropped_apart(tf_keras):
    (mask,) = masks(tf_keras)
    assert not np.array_equal(mask[0], mask[1])


def test_names_weights_and_frozen_layers_stay(tf_keras):
    model = tiny_network(tf_keras, dropout=0.5)
    model.get_layer("bn1").trainable = False
    seeded = with_seeded_layers(model, seed=0)
    assert [layer.name for layer in seeded.layers] == [layer.name for layer in model.layers]
    assert [w.name for w in seeded.weights] == [w.name for w in model.weights]
    assert [layer.trainable for layer in seeded.layers] == [layer.trainable for layer in model.layers]
    image = np.random.default_rng(0).normal(size=(4, SIDE, SIDE, 3)).astype(np.float32)
    np.testing.assert_array_equal(seeded(image).numpy(), model(image).numpy())
    seeded.get_layer("logits").set_weights([np.zeros_like(w) for w in seeded.get_layer("logits").get_weights()])
    assert np.abs(model.get_layer("logits").get_weights()[0]).max() > 0  # nothing is shared


def test_dropout_outside_a_step_is_refused_in_training_alone(tf_keras):
    seeded = with_seeded_layers(tiny_network(tf_keras, dropout=0.5), seed=0)
    image = np.zeros((1, SIDE, SIDE, 3), np.float32)
    seeded(image, training=False)
    with pytest.raises(RuntimeError, match="outside at_step"):
        seeded(image, training=True)


def test_a_batch_norm_forgets_faster_never_slower(tf_keras):
    for own, asked, expected in ((0.999, 0.95, 0.95), (0.9, 0.95, 0.9), (0.999, None, 0.999)):
        seeded = with_seeded_layers(tiny_network(tf_keras, momentum=own), seed=0, batch_norm_momentum=asked)
        assert [seeded.get_layer(name).momentum for name in ("bn1", "bn2")] == [expected] * 2


def test_batch_norm_is_synchronized_when_asked(tf_keras):
    for asked in (True, False):
        seeded = with_seeded_layers(tiny_network(tf_keras), seed=0, synchronized=asked)
        assert seeded.get_layer("bn1").synchronized == asked
        assert with_seeded_layers(seeded, seed=0).get_layer("bn1").synchronized == asked


@pytest.mark.parametrize("steps", [0, 1, 100, 300, 10_000])
def test_the_settling_momentum_forgets_the_start_within_the_run(steps):
    momentum = settling_momentum(steps)
    assert 0.9 <= momentum < 1
    if steps >= 200:
        assert momentum**steps < 1e-8
