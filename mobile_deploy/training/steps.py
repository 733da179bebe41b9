"""One step of training and one of validation, each compiled once and run on every replica."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.tflite.affine import Affine
from mobile_deploy.training.averaging import MovingAverages
from mobile_deploy.training.phase import Batch, Feed, Loss
from mobile_deploy.training.seeded import at_step
from mobile_deploy.training.tally import Totals


class Steps:
    """The compiled steps of one phase.

    Args:
        model: The tf_keras network, which gives logits.
        loss: What to make small.
        pixels: From pixels 0..255 to what the network takes.
        optimizer: As `make_optimizer` made it.
        averages: Averages to keep; None for none.
        strategy: How the work is shared.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401  # neither Keras nor TensorFlow has types
        loss: Loss,
        *,
        pixels: Affine,
        optimizer: Any,  # noqa: ANN401
        averages: MovingAverages | None,
        strategy: Any,  # noqa: ANN401
    ) -> None:
        import tensorflow as tf

        self._model = model
        self._loss = loss
        self._pixels = pixels
        self._optimizer = optimizer
        self._averages = averages
        self._strategy = strategy
        # A tensor for every argument, or each new number would compile the step anew.
        self.train = tf.function(self._train, autograph=False)
        self._judge = tf.function(self._validate, autograph=False)

    def validate(self, feed: Feed, *, batch_size: int) -> Totals:
        """Measures the network as it is on all examples of a feed.

        Every replica computes the same, so that none has to wait for another.

        Args:
            feed: The examples.
            batch_size: How many to look at together.
        """
        # A feed leaves out what does not fill a batch, so it is asked for batches that all examples fill.
        filled = max(size for size in range(1, batch_size + 1) if feed.examples % size == 0)
        batches = iter(feed.batches(0, batch_size=filled, augment="none").rebatch(batch_size))
        rows = [self._judge(batches) for _ in range(math.ceil(feed.examples / batch_size))]
        return Totals.of(np.sum([row.numpy() for row in rows], axis=0, dtype=np.float64))

    def _train(self, batches: Any, learning_rate: Any, step: Any) -> Any:  # noqa: ANN401
        """Takes the next batch and makes one step.

        Args:
            batches: An iterator.
            learning_rate: () float32.
            step: () int64, its number in the phase.

        Returns:
            (4,) float32: summed loss, summed weight, examples that were right (NaN without labels), examples.
        """
        import tensorflow as tf

        self._optimizer.learning_rate.assign(learning_rate)
        told = self._strategy.run(self._train_replica, args=(next(batches), step))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, told, axis=None)

    def _train_replica(self, batch: Batch, step: Any) -> Any:  # noqa: ANN401
        import tensorflow as tf

        variables = self._model.trainable_variables
        weight = _over_replicas(tf.reduce_sum(batch["weight"]))
        with tf.GradientTape() as tape, at_step(step):
            outputs, losses = self._outputs_and_losses(batch, training=True)
            # Its sum over the replicas is the weighted mean over the whole batch, and so is that of the gradients.
            loss = tf.math.divide_no_nan(tf.reduce_sum(losses * batch["weight"]), weight)
            scaled = self._optimizer.get_scaled_loss(loss) if self._scales_loss else loss
        gradients = tape.gradient(scaled, variables)
        if self._scales_loss:
            gradients = self._optimizer.get_unscaled_gradients(gradients)
        pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        self._optimizer.apply_gradients(pairs)
        if self._averages is not None:
            self._averages.update(step)
        return self._told(batch, outputs, losses)

    def _validate(self, batches: Any) -> Any:  # noqa: ANN401
        told = self._strategy.run(self._validate_replica, args=(next(batches),))
        return self._strategy.experimental_local_results(told)[0]

    def _validate_replica(self, batch: Batch) -> Any:  # noqa: ANN401
        outputs, losses = self._outputs_and_losses(batch, training=False)
        return self._told(batch, outputs, losses)

    def _outputs_and_losses(self, batch: Batch, *, training: bool) -> tuple[Any, Any]:
        import tensorflow as tf

        image = tf.cast(batch["image"], tf.float32) * self._pixels.scale + self._pixels.offset
        outputs = tf.cast(self._model(image, training=training), tf.float32)
        return outputs, self._loss(outputs, batch)

    @staticmethod
    def _told(batch: Batch, outputs: Any, losses: Any) -> Any:  # noqa: ANN401
        import tensorflow as tf

        weight, right = batch["weight"], tf.constant(math.nan)
        if "label" in batch:
            hits = tf.equal(tf.argmax(outputs, axis=-1, output_type=tf.int32), tf.cast(batch["label"], tf.int32))
            right = tf.reduce_sum(tf.cast(hits, tf.float32))
        count = tf.cast(tf.shape(weight)[0], tf.float32)
        return tf.stack([tf.reduce_sum(losses * weight), tf.reduce_sum(weight), right, count])

    @property
    def _scales_loss(self) -> bool:
        return hasattr(self._optimizer, "get_scaled_loss")


def _over_replicas(value: Any) -> Any:  # noqa: ANN401
    """Sums a value over all replicas; called in a replica's context."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


@contextmanager
def weights_of(model: Any, values: list[npt.NDArray[Any]] | None) -> Iterator[None]:  # noqa: ANN401
    """Puts other weights into a network for a while.

    Args:
        model: The network.
        values: The weights in its order; None leaves its own.
    """
    if values is None:
        yield
        return
    own = model.get_weights()
    model.set_weights(values)
    try:
        yield
    finally:
        model.set_weights(own)
