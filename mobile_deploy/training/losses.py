"""What training makes small, one number per example.

    cross_entropy(label_smoothing)                  labels
    soft_targets(temperature, teacher_share, ...)   a teacher's class scores, blended with labels
    sigmoid_targets(teacher_share, ...)             a teacher's attributes that are true independently of each other
    squared_distance()                              a teacher's embedding
    distillation(target, ...)                       the one of these three that a teacher's answers are for

All are factories that give a `Loss`. The network's output is logits, or the embedding itself; a single logit speaks for
the second of two classes. `batch["teacher"]` holds what `training.teachers.teacher_outputs` gives: logits for
`soft_targets`, probabilities for `sigmoid_targets`, embeddings for `squared_distance`. Labels are read only where they
count, so that examples without labels can be learnt from a teacher alone.

Source: Hinton, G., Vinyals, O. and Dean, J. (2015), Distilling the knowledge in a neural network, arXiv:1503.02531;
Howard, A. et al. (2017), MobileNets, arXiv:1704.04861, sections 4.5 and 4.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.phase import Batch, Loss

# Hinton et al., section 2: the best results came with "a considerably lower weight" on the labels. At these values
# Tian et al. (2020), Contrastive representation distillation, ICLR, measure it beside twelve other methods.
# Source: github.com/HobbitLong/RepDistiller, README.md (-r 0.1 -a 0.9) and train_student.py (kd_T 4).
TEACHER_SHARE = 0.9
TEMPERATURE = 4.0

Target = Literal["logits", "probabilities", "embedding"]
"""What a teacher's stored answers are."""


def distillation(
    target: Target,
    *,
    temperature: float = TEMPERATURE,
    teacher_share: float | None = None,
    label_smoothing: float = 0.0,
) -> Loss:
    """Gives the loss that fits what a teacher answers.

    Args:
        target: What that is.
        temperature: For logits.
        teacher_share: Weight of the teacher beside the labels; None for 0.9 with logits and for 1 with all others.
        label_smoothing: Of the labels' loss beside logits.

    Returns:
        A loss of `batch["teacher"]` and, below a share of 1, of `batch["label"]`.

    Raises:
        BadOptionError: A number is out of range, or labels are to be learnt beside an embedding.
    """
    match target:
        case "logits":
            share = TEACHER_SHARE if teacher_share is None else teacher_share
            return soft_targets(temperature, teacher_share=share, label_smoothing=label_smoothing)
        case "probabilities":
            return sigmoid_targets(teacher_share=1.0 if teacher_share is None else teacher_share)
        case "embedding":
            _check("--teacher-share", 1.0 if teacher_share is None else teacher_share, teacher_share in (None, 1), "1")
            return squared_distance()


def cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Gives the cross-entropy of the softmax to the labels.

    Args:
        label_smoothing: Share of the target that is spread evenly over all classes, the true one included, in [0, 1).

    Returns:
        A loss of `batch["label"]`.

    Raises:
        BadOptionError: The share is out of range.
    """
    _check("--label-smoothing", label_smoothing, 0.0 <= label_smoothing < 1.0, "0 up to, but not, 1")

    def loss(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401  # tensors have no types
        import tensorflow as tf

        log_chances = tf.nn.log_softmax(_class_logits(outputs))
        true = tf.gather(log_chances, tf.cast(batch["label"], tf.int32), axis=1, batch_dims=1)
        return -(1.0 - label_smoothing) * true - label_smoothing * tf.reduce_mean(log_chances, axis=1)

    return loss


def soft_targets(
    temperature: float = TEMPERATURE, *, teacher_share: float = TEACHER_SHARE, label_smoothing: float = 0.0
) -> Loss:
    """Gives how far the softened class scores are from the teacher's, blended with the loss of the labels.

    It is teacher_share * T^2 * KL(softmax(teacher / T) || softmax(student / T)) + (1 - teacher_share) * cross-entropy;
    T^2 keeps the size of the first term's gradient when T changes.

    Args:
        temperature: T, by which both kinds of logits are divided; above 0.
        teacher_share: Weight of the teacher, in [0, 1]; at 1 labels are not read, as in section 4.5 of the MobileNets
            paper.
        label_smoothing: Of the cross-entropy to the labels.

    Returns:
        A loss of `batch["teacher"]`, logits known but for a summand per example, and `batch["label"]`.

    Raises:
        BadOptionError: A number is out of range.
    """
    _check("--temperature", temperature, temperature > 0, "numbers above 0")

    def soft(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401
        import tensorflow as tf

        student = tf.nn.log_softmax(_class_logits(outputs) / temperature)
        teacher = tf.nn.log_softmax(_float32(batch["teacher"]) / temperature)
        return temperature**2 * tf.reduce_sum(tf.exp(teacher) * (teacher - student), axis=1)

    return _blended(soft, cross_entropy(label_smoothing), teacher_share)


def sigmoid_targets(*, teacher_share: float = 1.0) -> Loss:
    """Gives the binary cross-entropy to the teacher's probabilities, summed over the outputs, two at least.

    Args:
        teacher_share: Weight of the teacher, in [0, 1]; the rest goes to the binary cross-entropy to the labels, of
            which one output is true. At 1, as in section 4.5 of the MobileNets paper, labels are not read.

    Returns:
        A loss of `batch["teacher"]`, probabilities, and `batch["label"]`.

    Raises:
        BadOptionError: The share is out of range.
    """

    def from_teacher(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401
        return _binary_cross_entropy(batch["teacher"], outputs)

    def from_labels(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401
        import tensorflow as tf

        return _binary_cross_entropy(tf.one_hot(batch["label"], outputs.shape[1]), outputs)

    return _blended(from_teacher, from_labels, teacher_share)


def squared_distance() -> Loss:
    """Gives the squared Euclidean distance to the teacher's embedding.

    Source: MobileNets, section 4.7, which trains on the squared differences to FaceNet's output.

    Returns:
        A loss of `batch["teacher"]`, embeddings; a feature map is taken as one long row.
    """

    def loss(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401
        import tensorflow as tf

        teacher = _float32(batch["teacher"])
        return tf.reduce_sum(tf.square(tf.reshape(_float32(outputs), tf.shape(teacher)) - teacher), axis=1)

    return loss


def _blended(of_teacher: Callable[[Any, Batch], Any], of_labels: Callable[[Any, Batch], Any], share: float) -> Loss:
    """Weighs two losses; one of no weight is not computed, since its batch may lack what it reads."""
    _check("--teacher-share", share, 0.0 <= share <= 1.0, "0 to 1")
    if share in (0.0, 1.0):
        return of_teacher if share else of_labels

    def loss(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401
        return share * of_teacher(outputs, batch) + (1.0 - share) * of_labels(outputs, batch)

    return loss


def _binary_cross_entropy(chances: Any, logits: Any) -> Any:  # noqa: ANN401
    import tensorflow as tf

    each = tf.nn.sigmoid_cross_entropy_with_logits(labels=_float32(chances), logits=_float32(logits))
    return tf.reduce_sum(each, axis=1)


def _class_logits(outputs: Any) -> Any:  # noqa: ANN401
    """Gives one logit for each class: beside a single one, that of the other class is 0."""
    import tensorflow as tf

    logits = _float32(outputs)
    return tf.pad(logits, [[0, 0], [1, 0]]) if logits.shape[1] == 1 else logits


def _float32(tensor: Any) -> Any:  # noqa: ANN401
    """Leaves the half precision that a network may compute in: exponentials need more."""
    import tensorflow as tf

    return tf.cast(tensor, tf.float32)


def _check(option: str, value: float, is_allowed: bool, allowed: str) -> None:
    if not is_allowed:
        raise BadOptionError(option=option, problem=f"{value:g} is not allowed; allowed: {allowed}")
