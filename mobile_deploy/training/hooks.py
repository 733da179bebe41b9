"""How something outside the loop takes part in a phase."""

from __future__ import annotations

from typing import Any

from mobile_deploy.training.phase import EpochRecord


class Hook:
    """Takes part in a phase; each method does nothing until it is overridden.

    A resumed run calls `on_begin` again and `on_step` from the first step that is done anew, so what a hook remembers
    must be in the model's weights or follow from the step.
    """

    def on_begin(self, model: Any) -> None:  # noqa: ANN401  # Keras has no types
        """Is called once before the first step, when a resume has already restored the weights.

        Args:
            model: The network in training; its `optimizer` is that of the phase until the phase ends.
        """

    def on_step(self, step: int) -> None:
        """Is called before each step, like a Keras callback's `on_train_batch_begin`.

        Args:
            step: Number of the step within the phase, from 0.
        """

    def on_epoch_end(self, record: EpochRecord) -> bool:
        """Is called after each epoch, before its checkpoint; the model holds the weights in training, not averages.

        Args:
            record: The epoch.

        Returns:
            Whether the phase shall end here.
        """
        return False
