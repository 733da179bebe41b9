"""Recovery: quantization-aware training without labels, on calibration pictures, with the float network as teacher.

The integer network learns to say what the float one says to the same picture, distorted alike for both. What counts is
the logit SQNR on pictures that were held back, and the best epoch by it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract, OutputMeaning
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.training.feed import ArrayPictures, TrainingFeed
from mobile_deploy.training.hooks import Hook
from mobile_deploy.training.loop import train_phase
from mobile_deploy.training.meter import Progress
from mobile_deploy.training.phase import Batch, EpochRecord, Loss, Phase
from mobile_deploy.training.qat import QuantizedTwin
from mobile_deploy.training.twin import build_twin

# A teacher that answers nothing but zeros has no power to compare with.
_EPSILON = 1e-12
_BATCH = 25
_EPOCHS = 24
# A file that is far from its float twin gains from large steps, one that is near loses by them. Measured with real
# weights: V1 0.25 at 11 dB gains 9 dB at 1e-4 and less at 3e-4; V2 at 22 dB gains 0.4 dB at 1e-5 and loses at 3e-5.
_NEAR_DB = 20.0
_RATE_FAR, _RATE_NEAR = 1e-4, 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverResult:
    """What recovery came to; the best weights are in the network.

    Attributes:
        start_db: Logit SQNR of the simulation on the pictures that were held back, before.
        best_db: After the best epoch; `start_db` where none was better.
        epochs: How many were run.
        best_epoch: Which was the best, from 1; 0 for the start.
        seconds: Time it took.
    """

    start_db: float
    best_db: float
    epochs: int
    best_epoch: int
    seconds: float


def recovery_phase(pictures: int, *, start_db: float) -> Phase:
    """Plans a recovery.

    Args:
        pictures: How many there are to learn from.
        start_db: Logit SQNR that the integer file starts from.

    Returns:
        The phase.
    """
    return Phase(
        name="recover",
        epochs=_EPOCHS,
        batch_size=min(_BATCH, pictures),
        learning_rate=_RATE_NEAR if start_db >= _NEAR_DB else _RATE_FAR,
        optimizer="adam",
        augment="zoom",
    )


def recover(
    twin: QuantizedTwin,
    loss: Loss,
    pictures: npt.NDArray[np.uint8],
    held_back: npt.NDArray[np.uint8],
    reference: npt.NDArray[np.float64],
    *,
    budget_s: float,
    seed: int,
    progress: Progress | None = None,
) -> RecoverResult:
    """Trains an integer network until it answers as the float one does.

    Args:
        twin: The network; its weights are changed.
        loss: What `imitation` gives.
        pictures: (N, side, side, 3) uint8 RGB to learn from, fitted to the contract.
        held_back: (M, side, side, 3) uint8 RGB to judge by.
        reference: (M, outputs) what the float network says to these, as logits.
        budget_s: Time to use at most, in seconds; where it runs out before 24 epochs, results differ between runs.
        seed: Of order and distortion.
        progress: Who listens.

    Returns:
        What it came to.
    """
    keeper = _BestKeeper(twin, held_back, reference)
    phase = recovery_phase(len(pictures), start_db=keeper.start_db)
    done = train_phase(
        phase,
        twin.twin.model,
        TrainingFeed(ArrayPictures(pictures), seed=seed),
        loss,
        pixels=twin.pixels,
        seed=seed,
        budget_s=budget_s,
        hooks=[keeper],
        progress=progress,
    )
    keeper.restore_best()
    return RecoverResult(
        start_db=keeper.start_db,
        best_db=keeper.best_db,
        epochs=len(done.curve),
        best_epoch=keeper.best_epoch,
        seconds=done.seconds,
    )


def imitation(data: bytes, contract: InputContract, meaning: OutputMeaning) -> Loss:
    """Gives the loss of a network that shall answer as a float .tflite does.

    Args:
        data: Bytes of the float .tflite.
        contract: Its input.
        meaning: What its output means.

    Returns:
        Cross-entropy to its class scores; squared error, relative to its own power, for an embedding.

    Raises:
        UntrainableError: An operator of the file has no layer.
    """
    teacher, pixels = build_twin(data).model, Affine(scale=contract.pixel_scale, offset=contract.low)
    distance = _DISTANCES[meaning]

    def loss(outputs: Any, batch: Batch) -> Any:  # noqa: ANN401  # tensors have no types
        import tensorflow as tf

        said = tf.stop_gradient(teacher(batch["image"] * pixels.scale + pixels.offset, training=False))
        return distance(said, outputs)

    return loss


def _class_distance(said: Any, outputs: Any) -> Any:  # noqa: ANN401
    import tensorflow as tf

    return tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(said), outputs)


def _attribute_distance(said: Any, outputs: Any) -> Any:  # noqa: ANN401
    import tensorflow as tf

    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.sigmoid(said), outputs), axis=-1)


def _embedding_distance(said: Any, outputs: Any) -> Any:  # noqa: ANN401
    import tensorflow as tf

    noise, signal = (tf.reduce_mean(tf.reshape(tf.square(x), (tf.shape(x)[0], -1)), 1) for x in (said - outputs, said))
    return noise / (signal + _EPSILON)


_DISTANCES: dict[OutputMeaning, Callable[[Any, Any], Any]] = {
    "softmax": _class_distance,
    "logits": _class_distance,
    "sigmoid": _attribute_distance,
    "embedding": _embedding_distance,
}


class _BestKeeper(Hook):
    """Measures the network after each epoch and remembers the best weights."""

    def __init__(
        self, twin: QuantizedTwin, held_back: npt.NDArray[np.uint8], reference: npt.NDArray[np.float64]
    ) -> None:
        self._model, self._reference = twin.twin.model, reference
        self._images = held_back.astype(np.float32) * np.float32(twin.pixels.scale) + np.float32(twin.pixels.offset)
        self._best, self._epoch, self.best_epoch = self._model.get_weights(), 0, 0
        self.start_db = self.best_db = self._measure()

    def _measure(self) -> float:
        said = self._model.predict(self._images, batch_size=_BATCH, verbose=0)
        return logit_sqnr_db(self._reference, said.reshape(len(said), -1).astype(np.float64))

    def on_epoch_end(self, record: EpochRecord) -> bool:
        """Measures and remembers; never stops the phase, whose rate comes down to the last epoch."""
        self._epoch += 1
        found = self._measure()
        if found > self.best_db:
            self.best_db, self.best_epoch, self._best = found, self._epoch, self._model.get_weights()
        return False

    def restore_best(self) -> None:
        """Puts the best weights back."""
        self._model.set_weights(self._best)
