"""Layers whose randomness follows from the step, so that a resumed run repeats what was lost, to the bit.

Keras's own Dropout draws from a generator that a checkpoint does not hold. Here the draw follows from the run's seed,
the layer's name, the step and the replica. The loop says which step it is while the network is called:

    with at_step(step):
        outputs = model(images, training=True)
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

_STEP: ContextVar[Any] = ContextVar("step")

# A batch norm forgets its start to e^-20 in this many times 1 / (1 - momentum) steps; a fast one is noisy.
_SETTLING_STEPS, _LOWEST_MOMENTUM = 20, 0.9


@contextmanager
def at_step(step: Any) -> Iterator[None]:  # noqa: ANN401  # tensors have no types
    """Says which step it is to the seeded layers that are called inside.

    Args:
        step: () int64, in the graph or not.
    """
    token = _STEP.set(step)
    try:
        yield
    finally:
        _STEP.reset(token)


def with_seeded_layers(
    model: Any,  # noqa: ANN401  # Keras has no types
    *,
    seed: int,
    batch_norm_momentum: float | None = None,
    synchronized: bool = False,
) -> Any:  # noqa: ANN401
    """Copies a network with what training needs in place of some layers; under a strategy, within its scope.

    Args:
        model: A functional tf_keras network.
        seed: Start of all dropout.
        batch_norm_momentum: The most that a batch norm's statistics keep of their past per step; None leaves each
            layer its own.
        synchronized: Whether batch norm takes its statistics over all replicas instead of within each.

    Returns:
        A network with the same layer names, frozen layers and weights. `Dropout` is replaced by a layer that works
        only inside `at_step`; other random layers stay as they are.
    """
    import tf_keras

    def copy(layer: Any) -> Any:  # noqa: ANN401
        config = layer.get_config()
        if type(layer) is tf_keras.layers.Dropout:
            key = zlib.crc32(f"{seed}/{layer.name}".encode()) & 0x7FFFFFFF
            return _dropout_class()(config["rate"], key, name=layer.name, dtype=config["dtype"])
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            momentum = min(config["momentum"], 1.0 if batch_norm_momentum is None else batch_norm_momentum)
            # The configuration does not say whether a layer is synchronized.
            config |= {"momentum": momentum, "synchronized": synchronized or layer.synchronized}
        return type(layer).from_config(config)

    made = tf_keras.models.clone_model(model, clone_function=copy)
    made.set_weights(model.get_weights())
    return made


def settling_momentum(steps: int) -> float:
    """Gives a momentum at which batch norm's statistics settle within a run.

    The published 0.99 to 0.999 keep a share of the initial statistics for thousands of steps: after 100 steps of 0.999
    nine tenths of the moving average is still its start, and the network that trains at 99 % answers at chance.

    Args:
        steps: Length of the run.

    Returns:
        A momentum that forgets the start at least twenty times over in the run; never below 0.9, where the statistics
        would be those of the last few batches.

    >>> settling_momentum(1000), settling_momentum(100)
    (0.98, 0.9)
    """
    return max(_LOWEST_MOMENTUM, 1.0 - _SETTLING_STEPS / max(1, steps))


def make_deterministic() -> None:
    """Makes TensorFlow compute equal things from equal things on a GPU too, for the rest of the process.

    A CPU does so anyway: 190 steps of V2 0.35 gave the same bits in five runs beside other work. There, the switch
    costs nothing that could be measured, but random operations without a seed then fail.
    """
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


@cache
def _dropout_class() -> Callable[..., Any]:
    """Makes the layer's class when it is first needed, since its base is in tf_keras."""
    import tensorflow as tf
    import tf_keras

    class SeededDropout(tf_keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
        """Sets a share of the features to zero in training and scales up the rest."""

        def __init__(self, rate: float, key: int, **options: Any) -> None:  # noqa: ANN401
            super().__init__(**options)
            self.rate = rate
            self.key = key

        def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401
            if not training or self.rate == 0:
                return inputs
            return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed=self._seed())

        def _seed(self) -> Any:  # noqa: ANN401
            step = _STEP.get(None)
            if step is None:
                raise RuntimeError(f"layer {self.name!r} was called in training outside at_step()")
            context = tf.distribute.get_replica_context()
            replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
            place = tf.cast(step, tf.int64) * context.num_replicas_in_sync + replica
            return tf.stack([tf.constant(self.key, tf.int64), place])

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "rate": self.rate, "key": self.key}

    return SeededDropout
