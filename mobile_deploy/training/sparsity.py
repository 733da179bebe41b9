"""Pruning: kernels half full of zeros, through tensorflow-model-optimization.

    pruning = pruned(model, sparsity=0.5, steps=600)
    train_phase(phase, pruning.model, ..., hooks=[pruning.hook])
    model = pruning.strip()

`model` is a tf_keras network without batch norm, such as a twin's. Kernels of convolutions and fully connected layers
are pruned, depthwise ones are not: they hold a hundredth of the weights and bear it badly. Smallest weights go first
(magnitude pruning), more and more of them over the first two thirds of the steps; the last third heals.

The phase should keep its last weights: an epoch before the end is not pruned to the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.hooks import Hook
from mobile_deploy.training.phase import EpochRecord
from mobile_deploy.training.tfmot import import_tfmot

_LARGEST_SPARSITY = 0.95
_PRUNING_SHARE = 2 / 3  # of all steps
_MASKINGS = 20  # how often weights are chosen anew on the way to the full sparsity


class PruningHook(Hook):
    """Tells the pruned layers what `fit` would tell them through a Keras callback."""

    def __init__(self) -> None:
        self._callback = import_tfmot().sparsity.keras.UpdatePruningStep()

    def on_begin(self, model: Any) -> None:  # noqa: ANN401
        """Starts counting steps, or goes on where a resumed run stopped."""
        self._callback.set_model(model)
        self._callback.on_train_begin()

    def on_epoch_end(self, record: EpochRecord) -> bool:
        """Makes zero what the last step has moved."""
        self._callback.on_epoch_end(record.epoch)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """A network on its way to zeros.

    Attributes:
        model: What is trained, with the layer names of the original behind a prefix.
        hook: Must take part in its phase.
        layers: Names of the layers whose kernels are pruned.
        sparsity: Share of each kernel that becomes zero.
    """

    model: Any = field(repr=False)
    hook: PruningHook = field(repr=False)
    layers: tuple[str, ...]
    sparsity: float
    _original: Any = field(repr=False)

    def strip(self) -> Any:  # noqa: ANN401
        """Gives a network like the original, with the trained weights.

        Returns:
            A tf_keras model with the original's layer names; at least a share of `sparsity` of each pruned kernel is
            exactly zero.
        """
        import tf_keras

        plain = tf_keras.models.clone_model(self._original)
        for layer, trained in zip(plain.layers, self.model.layers, strict=True):
            weights = trained.get_weights()
            if layer.name in self.layers:
                ((kernel, mask, _),) = trained.pruning_vars
                weights[0] = with_zeros(np.where(mask.numpy() > 0, kernel.numpy(), 0.0), self.sparsity)
            layer.set_weights(weights)
        return plain


def pruned(model: Any, *, sparsity: float = 0.5, steps: int) -> Pruning:  # noqa: ANN401
    """Prepares a network for pruning; under a distribution strategy, within its scope.

    Source: Zhu, M. and Gupta, S. (2017), To prune, or not to prune, arXiv:1710.01878, equation 1: the share of zeros
    grows by a cubic polynomial.

    Args:
        model: A functional tf_keras network; it is not changed.
        sparsity: Share of each kernel that is to be zero, above 0 up to 0.95.
        steps: Length of the phase in optimizer steps.

    Returns:
        The network to train, and the way back.

    Raises:
        BadOptionError: The share is out of range.
    """
    import tf_keras

    if not 0 < sparsity <= _LARGEST_SPARSITY:
        raise BadOptionError(
            option="--sparsity", problem=f"{sparsity:g} is not allowed; allowed: above 0 up to {_LARGEST_SPARSITY:g}"
        )
    schedule = _schedule(sparsity, steps)
    tfmot = import_tfmot()

    def prepare(layer: Any) -> Any:  # noqa: ANN401
        copy = empty_copy(layer)
        if not is_compressible(layer):
            return copy
        return tfmot.sparsity.keras.prune_low_magnitude(copy, pruning_schedule=schedule)

    made = tf_keras.models.clone_model(model, clone_function=prepare)
    for layer, copy in zip(model.layers, made.layers, strict=True):
        copy.set_weights(layer.get_weights())
    names = tuple(layer.name for layer in model.layers if is_compressible(layer))
    return Pruning(model=made, hook=PruningHook(), layers=names, sparsity=sparsity, _original=model)


def is_compressible(layer: Any) -> bool:  # noqa: ANN401
    """Says whether a layer's kernel is one that is pruned or clustered: of a convolution, or fully connected."""
    import tf_keras

    return isinstance(layer, tf_keras.layers.Conv2D | tf_keras.layers.Dense)


def empty_copy(layer: Any, *, kind: Any = None) -> Any:  # noqa: ANN401
    """Copies a layer without its weights; the copy computes in float32, since the library mixes no precisions.

    Args:
        layer: The layer.
        kind: Class of the copy; None for the layer's own.
    """
    return (kind or type(layer)).from_config({**layer.get_config(), "dtype": "float32"})


def with_zeros(kernel: npt.NDArray[np.float32], sparsity: float) -> npt.NDArray[np.float32]:
    """Makes the smallest weights zero, so that no fewer than a share of them is.

    >>> with_zeros(np.array([3.0, -1.0, 2.0], np.float32), 0.5)
    array([3., 0., 0.], dtype=float32)
    """
    values = kernel.ravel().copy()
    smallest = np.argsort(np.abs(values), kind="stable")[: math.ceil(sparsity * values.size)]
    values[smallest] = 0.0
    return values.reshape(kernel.shape)


def _schedule(sparsity: float, steps: int) -> Any:  # noqa: ANN401
    """Ends on a step at which weights are chosen: the library chooses at multiples of the frequency alone."""
    pruning_steps = max(1, int(_PRUNING_SHARE * steps))
    frequency = max(1, pruning_steps // _MASKINGS)
    return import_tfmot().sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=0,
        end_step=frequency * (pruning_steps // frequency),
        frequency=frequency,
    )
