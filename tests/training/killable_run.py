"""A program that trains, is killed at random moments, goes on, and says whether the weights came out the same.

    python killable_run.py FOLDER KILLS SEED

TensorFlow is imported once; each process of the run is a fork of this one that computes nothing before.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tensorflow as tf  # noqa: F401, TID253
import tf_keras  # noqa: TID253
from fakes.training_feeds import color_feed, cross_entropy, tiny_network

from mobile_deploy.tflite.affine import Affine
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.loop import train_phase
from mobile_deploy.training.phase import Phase
from mobile_deploy.training.seeded import with_seeded_layers

SHARED = {"batch_size": 8, "learning_rate": 0.02, "ema": 0.95}
PHASES = (
    Phase(name="head", epochs=3, optimizer="sgd", **SHARED),
    Phase(name="all", epochs=7, patience=6, optimizer="adamw", weight_decay=0.01, clip_norm=1.0, **SHARED),
)


def train(folder: Path) -> None:
    model = with_seeded_layers(tiny_network(tf_keras, dropout=0.3), seed=1)
    run = TrainingFolder(folder, identity={"data": "colors"}, resume=True)
    for phase in PHASES:
        model.get_layer("c").trainable = phase.name != "head"
        train_phase(
            phase,
            model,
            color_feed(),
            cross_entropy,
            pixels=Affine(scale=1 / 127.5, offset=-1.0),
            seed=0,
            folder=run,
            validation=color_feed(9, seed=3),
        )
    np.savez(folder.with_suffix(".result.npz"), *model.get_weights())


def started(folder: Path) -> int:
    process = os.fork()
    if not process:
        code = 1
        try:
            train(folder)
            code = 0
        finally:
            os._exit(code)
    return process


def ended_within(process: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            if status:
                raise SystemExit(f"a training process failed with status {status}")
            return True
        time.sleep(0.002)
    return False


def worst_difference(first: Path, second: Path) -> float:
    with np.load(first.with_suffix(".result.npz")) as a, np.load(second.with_suffix(".result.npz")) as b:
        assert a.files == b.files
        return max(float(np.abs(a[name] - b[name]).max()) for name in a.files)


def main(root: Path, kills: int, seed: int) -> None:
    moments, done, differences = random.Random(seed), 0, []
    start = time.monotonic()
    assert ended_within(started(root / "whole"), 300)
    length_s = time.monotonic() - start
    while done < kills:
        folder = root / f"killed{len(differences)}"
        while True:
            process = started(folder)
            if ended_within(process, moments.uniform(0, length_s) if done < kills else 300):
                break
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            done += 1
        differences.append(worst_difference(root / "whole", folder))
        left = sorted(path.name for path in folder.iterdir())
        assert left == ["01-head.npz", "02-all.npz", "curve.png", "log.csv", "run.json", "tensorboard"], left
    rows = (folder / "log.csv").read_text().splitlines()
    print(json.dumps({"kills": done, "differences": differences, "rows": len(rows), "length_s": length_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
