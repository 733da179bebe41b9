"""tensorflow-model-optimization beside both Keras flavours, whatever comes first, and what children inherit."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mobile_deploy.training.tfmot import import_tfmot

SWITCH = "TF_USE_LEGACY_KERAS"
KERAS = """
import keras, numpy
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile(loss="mse")
model.fit(numpy.ones((2, 2)), numpy.ones((2, 1)), verbose=0)
"""
TFMOT = """
from mobile_deploy.training.tfmot import import_tfmot
import tf_keras
tfmot = import_tfmot()
layer = tfmot.sparsity.keras.prune_low_magnitude(tf_keras.layers.Dense(1))
assert isinstance(layer, tf_keras.layers.Layer)
"""
CHILD = """
import os, subprocess, sys
assert "TF_USE_LEGACY_KERAS" not in os.environ
assert keras.__version__.startswith("3.")
assert isinstance(model, keras.Model) and not isinstance(model, tf_keras.Model)
grandchild = "import os, sys; sys.exit('TF_USE_LEGACY_KERAS' in os.environ)"
sys.exit(subprocess.run([sys.executable, "-c", grandchild]).returncode)
"""


@pytest.mark.parametrize("order", [(TFMOT, KERAS), (KERAS, TFMOT)], ids=["tfmot first", "keras first"])
def test_keras_3_works_beside_it_in_either_order_and_children_inherit_nothing(order):
    environment = {name: value for name, value in os.environ.items() if name != SWITCH}
    run = subprocess.run(
        [sys.executable, "-c", "\n".join((*order, CHILD))], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.parametrize("before", [None, "0", "1"])
def test_the_switch_is_left_as_it_was(before, monkeypatch):
    if before is None:
        monkeypatch.delenv(SWITCH, raising=False)
    else:
        monkeypatch.setenv(SWITCH, before)
    for name in [name for name in sys.modules if name.startswith("tensorflow_model_optimization.python.core.keras")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "tensorflow_model_optimization", raising=False)
    import_tfmot()
    assert os.environ.get(SWITCH) == before
