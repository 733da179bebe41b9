"""The one door to tensorflow-model-optimization, which changes the process that imports it.

On import it sets the environment variable that makes `tf.keras` mean tf_keras, for itself and, since children inherit
it, for every process that is started afterwards. It reads the variable only then, so it is put back at once.
`import keras` is Keras 3 before and after; `tf.keras`, which nothing here uses, is tf_keras in this process from then
on unless something had used it before.
"""

from __future__ import annotations

import os
from typing import Any

_SWITCH = "TF_USE_LEGACY_KERAS"


def import_tfmot() -> Any:  # noqa: ANN401  # the library has no types
    """Imports tensorflow-model-optimization and leaves the environment as it was.

    Returns:
        The module `tensorflow_model_optimization`.
    """
    before = os.environ.get(_SWITCH)
    try:
        import tensorflow_model_optimization
    finally:
        if before is None:
            os.environ.pop(_SWITCH, None)
        else:
            os.environ[_SWITCH] = before
    return tensorflow_model_optimization
