"""Each optimizer's first steps against its paper's formula, and what weight decay touches."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.training_feeds import tiny_network

from mobile_deploy.training.optimizers import make_optimizer, optimizer_variables
from mobile_deploy.training.phase import Phase

RATE = 0.1


def phase(**changes) -> Phase:
    return Phase(**{"name": "all", "epochs": 1, "batch_size": 8, "learning_rate": RATE, **changes})


def moved(tf_keras, row: Phase, *gradients) -> list[np.ndarray]:
    """How far each step moves all trained variables when every gradient is the same number."""
    import tensorflow as tf

    model = tiny_network(tf_keras)
    optimizer = make_optimizer(row, model, scales_loss=False)
    steps = []
    for gradient in gradients:
        before = [variable.numpy() for variable in model.trainable_variables]
        pairs = [(tf.fill(variable.shape, gradient), variable) for variable in model.trainable_variables]
        optimizer.apply_gradients(pairs)
        steps.append([v.numpy() - start for v, start in zip(model.trainable_variables, before, strict=True)])
    return steps


def test_sgd_adds_up_momentum(tf_keras):
    first, second = moved(tf_keras, phase(optimizer="sgd", momentum=0.9), 1.0, 1.0)
    for one, two in zip(first, second, strict=True):
        np.testing.assert_allclose(one, -RATE, rtol=1e-5)
        np.testing.assert_allclose(two, -RATE * 1.9, rtol=1e-5)


def test_rmsprop_is_that_of_the_papers(tf_keras):
    gradient, square = 2.0, 0.0
    velocity, expected = 0.0, []
    for _ in range(2):
        square = 0.9 * square + 0.1 * gradient**2
        velocity = 0.9 * velocity + RATE * gradient / np.sqrt(square + 1.0)
        expected.append(-velocity)
    for step, value in zip(moved(tf_keras, phase(optimizer="rmsprop"), gradient, gradient), expected, strict=True):
        for change in step:
            np.testing.assert_allclose(change, value, rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_adam_starts_with_steps_of_the_rate(tf_keras, optimizer):
    (step,) = moved(tf_keras, phase(optimizer=optimizer), 3.0)
    for change in step:
        np.testing.assert_allclose(change, -RATE, rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_weight_decay_shrinks_kernels_alone(tf_keras, optimizer):
    import tensorflow as tf

    model = tiny_network(tf_keras)
    row = phase(optimizer=optimizer, weight_decay=0.5)
    before = {variable.name: variable.numpy() for variable in model.trainable_variables}
    make_optimizer(row, model, scales_loss=False).apply_gradients(
        [(tf.zeros(variable.shape), variable) for variable in model.trainable_variables]
    )
    shrunk = {v.name for v in model.trainable_variables if not np.array_equal(v.numpy(), before[v.name])}
    assert shrunk == {"c/kernel:0", "logits/kernel:0"}
    kernel = model.get_layer("logits").get_weights()[0]
    np.testing.assert_allclose(kernel, before["logits/kernel:0"] * (1 - 0.5 * RATE), rtol=1e-5)


def test_the_norm_of_all_gradients_together_is_clipped(tf_keras):
    (step,) = moved(tf_keras, phase(optimizer="sgd", momentum=0.0, clip_norm=1.0), 5.0)
    length = np.sqrt(sum(np.sum(np.square(change)) for change in step))
    assert length == pytest.approx(RATE, rel=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_all_that_an_optimizer_remembers_is_there_before_its_first_step(tf_keras, optimizer):
    import tensorflow as tf

    model = tiny_network(tf_keras)
    made = make_optimizer(phase(optimizer=optimizer), model, scales_loss=True)
    before = [variable.ref() for variable in optimizer_variables(made)]
    made.apply_gradients([(tf.ones(variable.shape), variable) for variable in model.trainable_variables])
    assert [variable.ref() for variable in optimizer_variables(made)] == before
    assert len(before) == len(set(before)) > len(model.trainable_variables)


def test_an_infinite_gradient_halves_the_factor_on_the_loss_and_moves_nothing(tf_keras):
    import tensorflow as tf

    model = tiny_network(tf_keras)
    optimizer = make_optimizer(phase(), model, scales_loss=True)
    weights, (scale, _) = model.get_weights(), optimizer_variables(optimizer)[-2:]
    factor = float(scale.numpy())
    optimizer.get_scaled_loss(tf.constant(1.0))
    gradients = optimizer.get_unscaled_gradients([tf.fill(v.shape, np.inf) for v in model.trainable_variables])
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    assert float(scale.numpy()) == factor / 2
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
