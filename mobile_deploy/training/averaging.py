"""Moving averages of a network's weights, which score better than the last weights themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class MovingAverages:
    """Averages of all weights of a network, batch-norm statistics included.

    Made within the scope of the strategy that the network was made in.

    Args:
        model: The tf_keras network; its weights are where the averages begin.
        decay: Share of the average that a step keeps, once there were many steps.
    """

    def __init__(self, model: Any, *, decay: float) -> None:  # noqa: ANN401  # Keras has no types
        import tensorflow as tf

        self._model = model
        self._decay = decay
        self._weights = [weight for weight in model.weights if weight.dtype.is_floating]
        # Each replica averages its own copy without asking the others; the mean of averages is the average of means.
        self.variables = [
            tf.Variable(
                weight.numpy(),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.MEAN,
                name=f"average_{number}",
            )
            for number, weight in enumerate(self._weights)
        ]

    def update(self, step: Any) -> None:  # noqa: ANN401  # tensors have no types
        """Takes in the weights after a step; called in a replica's context.

        The first steps are forgotten faster, or a short run would end near where it began.

        Source: tf.train.ExponentialMovingAverage, num_updates.

        Args:
            step: () int64, steps done before this one.
        """
        import tensorflow as tf

        done = tf.cast(step, tf.float32) + 1.0
        change = 1.0 - tf.minimum(self._decay, (1.0 + done) / (10.0 + done))
        for average, weight in zip(self.variables, self._weights, strict=True):
            average.assign_sub((average - weight) * tf.cast(change, average.dtype))

    def values(self) -> list[npt.NDArray[Any]]:
        """Gives the averages in the order of the model's weights; whole numbers among those are as they are now."""
        averages = {id(weight): average for weight, average in zip(self._weights, self.variables, strict=True)}
        return [np.asarray(averages.get(id(weight), weight).numpy()) for weight in self._model.weights]
