"""A program that trains a tiny network as one of several workers, or on several replicas, and writes what came of it.

python one_worker.py RESULT [--folder FOLDER] [--batch-norm synchronized|frozen] [--replicas N] [--stop-at STEP]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tensorflow as tf  # noqa: TID253
import tf_keras  # noqa: TID253
from fakes.training_feeds import color_feed, cross_entropy, tiny_network

from mobile_deploy.tflite.affine import Affine
from mobile_deploy.training.distribution import choose_strategy, place_in
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.loop import Hook, train_phase
from mobile_deploy.training.phase import Phase
from mobile_deploy.training.seeded import with_seeded_layers

PHASE = Phase(name="all", epochs=4, batch_size=8, learning_rate=0.02, ema=0.9, clip_norm=1.0, optimizer="adam")


class StopAt(Hook):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step):
        if step == self.step:
            raise SystemExit(9)


def strategy_for(replicas: int):
    if replicas == 1:
        return choose_strategy()
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--batch-norm", default="synchronized")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--stop-at", type=int)
    asked = parser.parse_args()
    strategy = strategy_for(asked.replicas)
    place = place_in(strategy)
    with strategy.scope():
        model = with_seeded_layers(tiny_network(tf_keras), seed=0, synchronized=asked.batch_norm == "synchronized")
    if asked.batch_norm == "frozen":
        for name in ("bn1", "bn2"):
            model.get_layer(name).trainable = False
    folder = asked.folder and TrainingFolder(asked.folder, identity={}, resume=True, writes=place.is_chief)
    result = train_phase(
        PHASE,
        model,
        color_feed(),
        cross_entropy,
        pixels=Affine(scale=1 / 127.5, offset=-1.0),
        seed=0,
        folder=folder,
        validation=color_feed(9, seed=3),
        strategy=strategy,
        hooks=[] if asked.stop_at is None else [StopAt(asked.stop_at)],
    )
    outcome = {
        "replicas": strategy.num_replicas_in_sync,
        "losses": [record.loss for record in result.curve],
        "validation_losses": [record.validation_loss for record in result.curve],
        "accuracies": [record.accuracy for record in result.curve],
        "resumed": result.resumed_epochs,
        "weights": [np.asarray(weight, float).ravel().tolist() for weight in model.get_weights()],
    }
    asked.result.write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
