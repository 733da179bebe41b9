"""Losses against NumPy written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.losses import cross_entropy, distillation, sigmoid_targets, soft_targets, squared_distance

DRAW = np.random.default_rng(7)
STUDENT = 3 * DRAW.normal(size=(5, 4)).astype(np.float32)
TEACHER = 3 * DRAW.normal(size=(5, 4)).astype(np.float32)
LABELS = np.array([0, 3, 1, 1, 2], np.int32)
LABELLED = {"label": LABELS}
TAUGHT = {"teacher": TEACHER}
BOTH = {"label": LABELS, "teacher": TEACHER}


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def of_labels(smoothing: float = 0.0) -> np.ndarray:
    wanted = (1 - smoothing) * np.eye(4)[LABELS] + smoothing / 4
    return -(wanted * np.log(softmax(STUDENT))).sum(axis=1)


def of_teacher(temperature: float) -> np.ndarray:
    wanted, given = softmax(TEACHER / temperature), softmax(STUDENT / temperature)
    return temperature**2 * (wanted * np.log(wanted / given)).sum(axis=1)


def binary(wanted: np.ndarray, logits: np.ndarray) -> np.ndarray:
    given = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return -(wanted * np.log(given) + (1 - wanted) * np.log(1 - given)).sum(axis=1)


@pytest.fixture(scope="module")
def tf():
    import tensorflow as tf

    return tf


@pytest.fixture
def value(tf):
    """Gives a loss of a batch as a graph computes it, one number per example."""

    def value(loss, outputs, batch):
        run = tf.function(lambda outputs, batch: loss(outputs, batch))
        result = run(tf.constant(outputs), {name: tf.constant(values) for name, values in batch.items()})
        assert result.dtype == tf.float32
        assert result.shape == (len(outputs),)
        return result.numpy()

    return value


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_spreads_a_share_of_the_target_over_all_classes(value, smoothing):
    assert value(cross_entropy(smoothing), STUDENT, LABELLED) == pytest.approx(of_labels(smoothing), rel=1e-5)


def test_cross_entropy_is_finite_where_a_probability_underflows(value):
    far = np.array([[0.0, 1000.0]], np.float32)
    assert value(cross_entropy(), far, {"label": np.array([0], np.int32)}) == pytest.approx([1000.0])


def test_a_single_logit_speaks_for_the_second_class(value):
    logits = np.array([[2.0], [-1.0]], np.float32)
    wanted = binary(np.array([[1.0], [0.0]]), logits)
    assert value(cross_entropy(), logits, {"label": np.array([1, 0], np.int32)}) == pytest.approx(wanted, rel=1e-5)
    same = {"teacher": np.array([[0.0, 2.0], [5.0, 4.0]], np.float32)}
    assert value(soft_targets(2.0, teacher_share=1.0), logits, same) == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_soft_targets_are_the_divergence_of_softened_chances_times_the_squared_temperature(value, temperature):
    loss = soft_targets(temperature, teacher_share=1.0)
    assert value(loss, STUDENT, TAUGHT) == pytest.approx(of_teacher(temperature), rel=1e-4)


def test_teacher_and_labels_are_blended_by_the_share(value):
    loss = soft_targets(4.0, teacher_share=0.3, label_smoothing=0.1)
    wanted = 0.3 * of_teacher(4.0) + 0.7 * of_labels(0.1)
    assert value(loss, STUDENT, BOTH) == pytest.approx(wanted, rel=1e-5)


def test_by_default_nine_tenths_are_the_teachers_at_a_temperature_of_four(value):
    wanted = 0.9 * of_teacher(4.0) + 0.1 * of_labels()
    assert value(distillation("logits"), STUDENT, BOTH) == pytest.approx(wanted, rel=1e-5)


def test_labels_are_not_read_where_the_teacher_has_all_the_weight(value):
    value(soft_targets(teacher_share=1.0), STUDENT, TAUGHT)
    value(sigmoid_targets(), STUDENT, TAUGHT)
    with pytest.raises(KeyError, match="label"):
        value(soft_targets(), STUDENT, TAUGHT)
    assert value(soft_targets(teacher_share=0.0), STUDENT, LABELLED) == pytest.approx(of_labels(), rel=1e-5)


def test_a_summand_per_picture_does_not_change_what_a_teacher_says(value):
    moved = {"teacher": TEACHER + np.arange(5, dtype=np.float32)[:, None]}
    loss = soft_targets(teacher_share=1.0)
    assert value(loss, STUDENT, moved) == pytest.approx(value(loss, STUDENT, TAUGHT), rel=1e-4)


def test_the_gradient_keeps_its_size_when_the_temperature_changes(tf):
    """Hinton et al., section 2.1: at high temperatures it tends to the difference of the centred logits over N."""
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(soft_targets(1000.0, teacher_share=1.0)(student, {"teacher": tf.constant(TEACHER)}))
    centred = [logits - logits.mean(axis=1, keepdims=True) for logits in (STUDENT, TEACHER)]
    assert tape.gradient(loss, student).numpy() == pytest.approx((centred[0] - centred[1]) / 4, abs=0.02)


def test_sigmoid_targets_sum_the_binary_cross_entropies_to_the_teachers_chances(value):
    chances = DRAW.uniform(size=(5, 4)).astype(np.float32)
    assert value(distillation("probabilities"), STUDENT, {"teacher": chances}) == pytest.approx(
        binary(chances, STUDENT), rel=1e-5
    )
    half = value(sigmoid_targets(teacher_share=0.5), STUDENT, {"teacher": chances, "label": LABELS})
    assert half == pytest.approx((binary(chances, STUDENT) + binary(np.eye(4)[LABELS], STUDENT)) / 2, rel=1e-5)


def test_sigmoid_targets_bear_a_teacher_that_is_certain(value):
    certain = {"teacher": np.array([[0.0, 1.0]], np.float32)}
    assert value(sigmoid_targets(), np.array([[-50.0, 50.0]], np.float32), certain) == pytest.approx([0.0], abs=1e-6)


def test_embeddings_are_as_far_apart_as_the_sum_of_their_squared_differences(value):
    wanted = ((STUDENT.astype(np.float64) - TEACHER) ** 2).sum(axis=1)
    assert value(distillation("embedding"), STUDENT, TAUGHT) == pytest.approx(wanted, rel=1e-5)
    assert value(squared_distance(), STUDENT.reshape(5, 1, 2, 2), TAUGHT) == pytest.approx(wanted, rel=1e-5)


def test_half_precision_outputs_are_weighed_in_single_precision(tf):
    logits = np.array([[2.0, -2.0]], np.float16)
    loss = cross_entropy()(tf.constant(logits), {"label": tf.constant([0])})
    assert loss.dtype == tf.float32
    assert float(loss[0]) == pytest.approx(np.log1p(np.exp(-4.0)), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda: cross_entropy(1.0), "--label-smoothing"),
        (lambda: soft_targets(0.0), "--temperature"),
        (lambda: soft_targets(teacher_share=1.1), "--teacher-share"),
        (lambda: sigmoid_targets(teacher_share=-0.1), "--teacher-share"),
        (lambda: distillation("embedding", teacher_share=0.5), "--teacher-share"),
    ],
)
def test_a_number_out_of_range_is_refused_when_the_loss_is_made(make, option):
    with pytest.raises(BadOptionError, match=option):
        make()
