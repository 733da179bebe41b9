"""The two Keras flavours: Keras 3 on TensorFlow, and tf_keras, which is Keras 2."""

from __future__ import annotations

import os
from typing import Any, Literal

from mobile_deploy.errors import KerasBackendError, UnreadableFileError

KerasFlavour = Literal["keras3", "keras2"]

_PACKAGES: dict[str, KerasFlavour] = {"keras": "keras3", "tf_keras": "keras2"}


def import_keras(flavour: KerasFlavour) -> Any:  # noqa: ANN401  # Keras has no types
    """Imports a flavour, which takes seconds the first time.

    Args:
        flavour: "keras3" or "keras2".

    Returns:
        The module `keras` or `tf_keras`.

    Raises:
        KerasBackendError: Keras 3 was set to another backend than TensorFlow.
    """
    if flavour == "keras2":
        import tf_keras

        return tf_keras
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    if keras.backend.backend() != "tensorflow":
        raise KerasBackendError(backend=keras.backend.backend())
    return keras


def flavour_of(model: object) -> KerasFlavour:
    """Finds out which flavour a model in memory belongs to, without importing either.

    Args:
        model: A Keras model.

    Returns:
        Its flavour.

    Raises:
        UnreadableFileError: It is no Keras model.
    """
    ancestors = [f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(model).__mro__]
    for package, flavour in _PACKAGES.items():
        if f"{package}.Model" in ancestors:
            return flavour
    raise UnreadableFileError(
        path=repr(type(model).__name__), problem="it is no Keras model, .keras or .h5 file, or SavedModel"
    )
