"""Which loss a phase has: of the labels, of a teacher's answers or of both, as the network's output means it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mobile_deploy.contract import OutputMeaning
from mobile_deploy.training.losses import TEMPERATURE, Target, cross_entropy, distillation, sigmoid_targets
from mobile_deploy.training.phase import Batch, Loss, Phase


def losses(
    *,
    meaning: OutputMeaning,
    size: int,
    target: Target | None = None,
    temperature: float | None = None,
    teacher_share: float | None = None,
) -> Callable[[Phase], Loss]:
    """Gives the loss of each phase.

    Args:
        meaning: What the network's output means.
        size: Values that it gives.
        target: What a teacher answers; None for labels alone.
        temperature: Of the teacher's logits; None for the usual one.
        teacher_share: Weight of the teacher beside the labels; None for the usual one.

    Returns:
        From a phase to its loss.

    Raises:
        BadOptionError: A number is out of range; raised when the loss is made.
    """
    if target is not None:
        return lambda phase: distillation(
            target,
            temperature=TEMPERATURE if temperature is None else temperature,
            teacher_share=teacher_share,
            label_smoothing=phase.label_smoothing,
        )
    if size == 1:
        return lambda phase: _one_of_two(phase.label_smoothing)
    if meaning == "sigmoid":
        return lambda phase: sigmoid_targets(teacher_share=0.0)
    return lambda phase: cross_entropy(phase.label_smoothing)


def _one_of_two(label_smoothing: float) -> Loss:
    """Gives the binary cross-entropy of a single logit, which stands for the second class."""

    def loss(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401  # tensors have no types
        import tensorflow as tf

        truth = tf.cast(batch["label"], tf.float32) * (1 - label_smoothing) + label_smoothing / 2
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=tf.cast(outputs, tf.float32)[:, 0])

    return loss
