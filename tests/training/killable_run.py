"""A program that trains, is killed, goes on, and says whether the weights came out the same.

    python killable_run.py FOLDER KILLS SEED [half:2 ...]

KILLS times it is killed at random moments; before, in another folder, once for each further word: in the middle of that
write of its process (half written), after it (whole) or after the rename (renamed).
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

from mobile_deploy.files import paths
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


def die_in_write(moment: str, number: int) -> None:
    """Lets this process be killed in a write of a file: half of it written, all of it, or renamed as well."""
    write, rename, writes = paths.write_durably, Path.replace, []

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def dying_write(path: Path, data: bytes) -> None:
        writes.append(path)
        is_last = len(writes) == number
        write(path, data[: len(data) // 2] if is_last and moment == "half" else data)
        if is_last and moment in ("half", "whole"):
            die()

    def dying_rename(path: Path, target: Path) -> Path:
        made = rename(path, target)
        if len(writes) == number:
            die()
        return made

    paths.write_durably, Path.replace = dying_write, dying_rename


def started(folder: Path, *, dies: tuple[str, int] | None = None) -> int:
    process = os.fork()
    if not process:
        code = 1
        try:
            if dies is not None:
                die_in_write(*dies)
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
            if os.WIFSIGNALED(status):
                return False
            if status:
                raise SystemExit(f"a training process failed with status {status}")
            return True
        time.sleep(0.002)
    return False


def worst_difference(first: Path, second: Path) -> float:
    with np.load(first.with_suffix(".result.npz")) as a, np.load(second.with_suffix(".result.npz")) as b:
        assert a.files == b.files
        return max(float(np.abs(a[name] - b[name]).max()) for name in a.files)


def checked(root: Path, folder: Path) -> float:
    """Gives how far a run ended from the whole one, and insists that nothing half-written is left."""
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["01-head.npz", "02-all.npz", "curve.png", "log.csv", "run.json", "tensorboard"], left
    return worst_difference(root / "whole", folder)


def killed_in_writes(folder: Path, deaths: list[str]) -> None:
    """Trains to the end through a process for each death and one more."""
    for death in deaths:
        moment, number = death.split(":")
        assert not ended_within(started(folder, dies=(moment, int(number))), 300), f"{death} did not come"
    assert ended_within(started(folder), 300)


def killed_at_random(folder: Path, moments: random.Random, kills: int, length_s: float) -> int:
    """Trains to the end, through as many kills at most; gives how many there were."""
    done = 0
    while True:
        process = started(folder)
        if ended_within(process, moments.uniform(0, length_s) if done < kills else 300):
            return done
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        done += 1


def main(root: Path, kills: int, seed: int, deaths: list[str]) -> None:
    moments, done, differences = random.Random(seed), 0, []
    start = time.monotonic()
    assert ended_within(started(root / "whole"), 300)
    length_s = time.monotonic() - start
    folder = root / "written"
    if deaths:
        killed_in_writes(folder, deaths)
        differences.append(checked(root, folder))
    while done < kills:
        folder = root / f"killed{len(differences)}"
        done += killed_at_random(folder, moments, kills - done, length_s)
        differences.append(checked(root, folder))
    rows = (folder / "log.csv").read_text().splitlines()
    print(json.dumps({"kills": done, "differences": differences, "rows": len(rows), "length_s": length_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
