"""The loss of a phase, by what the network's output means and whether there is a teacher."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_deploy.training.phase import Phase
from mobile_deploy.training.targets import losses

PHASE = Phase(name="all", epochs=1, batch_size=2, learning_rate=0.1)
LOGITS = np.array([[2.0, -1.0], [0.5, 0.25]], np.float32)


def told(loss, outputs=LOGITS, **batch) -> np.ndarray:
    given = {"label": np.array([0, 1], np.int32), **batch}
    return np.asarray(loss(PHASE)(np.asarray(outputs, np.float32), given))


def test_class_scores_are_held_against_the_label():
    chances = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    wanted = -np.log(chances[[0, 1], [0, 1]])
    for meaning in ("softmax", "logits"):
        np.testing.assert_allclose(told(losses(meaning=meaning, size=2)), wanted, rtol=1e-5)


def test_a_single_output_stands_for_the_second_class():
    outputs = np.array([[2.0], [0.5]])
    wanted = -np.log([1 / (1 + np.exp(2.0)), 1 / (1 + np.exp(-0.5))])
    np.testing.assert_allclose(told(losses(meaning="sigmoid", size=1), outputs), wanted, rtol=1e-5)


def test_a_single_output_is_smoothed_towards_one_half():
    smooth = Phase(name="all", epochs=1, batch_size=2, learning_rate=0.1, label_smoothing=0.2)
    loss = losses(meaning="logits", size=1)(smooth)
    said = np.asarray(loss(np.array([[3.0]], np.float32), {"label": np.array([1], np.int32)}))
    chance = 1 / (1 + np.exp(-3.0))
    assert said == pytest.approx(-0.9 * np.log(chance) - 0.1 * np.log(1 - chance), rel=1e-5)


def test_several_sigmoids_are_held_against_one_that_is_true():
    chances = 1 / (1 + np.exp(-LOGITS))
    truth = np.eye(2)
    wanted = -(truth * np.log(chances) + (1 - truth) * np.log(1 - chances)).sum(axis=1)
    np.testing.assert_allclose(told(losses(meaning="sigmoid", size=2)), wanted, rtol=1e-5)


def test_a_teacher_alone_makes_the_labels_not_matter():
    loss = losses(meaning="softmax", size=2, target="logits", temperature=1.0, teacher_share=1.0)
    said = told(loss, teacher=LOGITS)
    np.testing.assert_allclose(said, 0, atol=1e-6)
    assert told(loss, teacher=-LOGITS).min() > 0.01
