"""What a phase of training is, as data, and what it is given: the words that all of training shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

Batch = Mapping[str, Any]
"""Tensors of one batch: "image" (N, side, side, 3) float32 pixels from 0 to 255, whole numbers, augmented; "label" (N,)
int32 output index, where it is known; "weight" (N,) float32 weight of each example; and with a teacher "teacher"
(N, outputs) float32."""

Loss = Callable[[Any, Batch], Any]
"""From the network's output (N, outputs) float32 and its batch to one loss per example, (N,) float32, unweighted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training with one optimizer.

    Attributes:
        name: Such as "head", "all", "scratch", "qat", "prune", "cluster" or "recover".
        epochs: How often every picture is seen.
        batch_size: Examples in a step, over all replicas.
        learning_rate: The largest rate.
        optimizer: Which one.
        momentum: Of sgd and rmsprop.
        weight_decay: Decoupled, as a share of the weight per unit of learning rate; kernels only, none on depthwise.
        warm_up_share: Share of all steps in which the rate rises from 0.
        decay: How the rate goes on from there.
        label_smoothing: Share of the target that is spread over all classes.
        ema: Decay of the moving average of the weights that becomes the result; None for the last weights themselves.
        patience: Epochs without improvement on the validation pictures until training stops; None to go on to the end.
        clip_norm: Largest global norm of the gradients; None for any.
        augment: Level of augmentation, a name in `training.augment`.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: Literal["sgd", "rmsprop", "adam", "adamw"] = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    warm_up_share: float = 0.0
    decay: Literal["cosine", "constant"] = "cosine"
    label_smoothing: float = 0.0
    ema: float | None = None
    patience: int | None = None
    clip_norm: float | None = None
    augment: str = "none"

    def to_json(self) -> dict[str, Any]:
        """Gives the phase as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One epoch on the learning curve.

    Attributes:
        phase: Name of the phase.
        epoch: From 1, within the phase.
        learning_rate: At the end of the epoch.
        loss: Mean training loss.
        accuracy: Share of training examples that were right, augmentation included; None where nothing has labels.
        validation_loss: Mean loss on the validation pictures; None without them.
        validation_accuracy: Likewise.
        seconds: Time it took, which differs from run to run.
    """

    phase: str
    epoch: int
    learning_rate: float
    loss: float
    accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float


class Feed(Protocol):
    """Gives the examples of an epoch; the same epoch is the same to the bit, whenever it is asked for."""

    @property
    def examples(self) -> int:
        """How many examples an epoch has, before it is cut to whole batches."""
        ...

    def batches(self, epoch: int, *, batch_size: int, augment: str, worker: int = 0, workers: int = 1) -> Any:  # noqa: ANN401
        """Gives the batches of an epoch in its own order.

        Args:
            epoch: From 0.
            batch_size: Examples in a batch of all workers together; what does not fill a batch is left out.
            augment: Level of augmentation.
            worker: Whose share of each batch to give.
            workers: How many share a batch.

        Returns:
            A tf.data.Dataset of `Batch` dictionaries with batch_size / workers examples each.
        """
        ...


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Gives the whole batches in an epoch.

    >>> steps_per_epoch(70, 32)
    2
    """
    return examples // batch_size
