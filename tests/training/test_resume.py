"""A run that stopped anywhere goes on as if it never had, or says why it cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes.training_feeds import color_feed, cross_entropy, tiny_network

from mobile_deploy.errors import ResumeMismatchError, TrainingExistsError, UnreadableFileError
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.loop import Hook, PhaseResult, train_phase
from mobile_deploy.training.phase import Phase
from mobile_deploy.training.seeded import with_seeded_layers

HEAD = Phase(name="head", epochs=2, batch_size=8, learning_rate=0.02, optimizer="sgd")
ALL = Phase(
    name="all",
    epochs=4,
    batch_size=8,
    learning_rate=0.02,
    optimizer="adamw",
    weight_decay=0.01,
    warm_up_share=0.2,
    ema=0.9,
    patience=3,
    clip_norm=1.0,
)


class Crash(Hook):
    """Stops the program before a step, as a power cut does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step):
        if step == self.step:
            raise KeyboardInterrupt


def network(tf_keras):
    return with_seeded_layers(tiny_network(tf_keras, dropout=0.3), seed=1)


def train(model, phase=ALL, *, folder=None, feed=None, **options) -> PhaseResult:
    options = {"pixels": Affine(scale=1 / 127.5, offset=-1.0), "seed": 0, "validation": color_feed(9, seed=3)} | options
    return train_phase(phase, model, feed or color_feed(), cross_entropy, folder=folder, **options)


def run_in(path: Path, *, resume: bool = True, identity=None, **options) -> TrainingFolder:
    return TrainingFolder(path, identity=identity or {"data": "colors"}, resume=resume, **options)


@pytest.fixture(scope="module")
def uninterrupted(tf_keras):
    model = network(tf_keras)
    return train(model), model.get_weights()


@pytest.fixture(scope="module")
def stopped_once(tf_keras, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(KeyboardInterrupt):
        train(network(tf_keras), folder=run_in(path), hooks=[Crash(15)])
    return path


@pytest.fixture
def stopped(stopped_once, tmp_path) -> Path:
    """A run that stopped in its third epoch."""
    return shutil.copytree(stopped_once, tmp_path / "run")


def assert_equal(first, second) -> None:
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def without_seconds(curve):
    return [replace(record, seconds=0.0) for record in curve]


def test_dropout_average_optimizer_and_best_weights_go_on_to_the_bit(tf_keras, stopped, uninterrupted):
    result, weights = uninterrupted
    feed, model = color_feed(), network(tf_keras)
    resumed = train(model, folder=run_in(stopped), feed=feed)
    assert_equal(model.get_weights(), weights)
    assert without_seconds(resumed.curve) == without_seconds(result.curve)
    assert (resumed.resumed_epochs, resumed.steps, resumed.kept_epoch) == (2, result.steps, result.kept_epoch)
    assert feed.asked == [2, 3]  # what was done is not done again
    assert resumed.seconds > sum(record.seconds for record in resumed.curve[:2])


def test_a_finished_phase_is_loaded_and_the_next_one_goes_on(tf_keras, tmp_path):
    def both(path, *hooks):
        model, folder = network(tf_keras), run_in(path)
        feeds = [color_feed(), color_feed()]
        results = [
            train(model, phase, folder=folder, feed=feed, hooks=hooks if phase is ALL else ())
            for phase, feed in zip((HEAD, ALL), feeds, strict=True)
        ]
        return model.get_weights(), results, [feed.asked for feed in feeds], folder

    whole = both(tmp_path / "whole")[0]
    with pytest.raises(KeyboardInterrupt):
        both(tmp_path / "run", Crash(8))
    weights, (head, _), asked, folder = both(tmp_path / "run")
    assert_equal(weights, whole)
    assert asked == [[], [1, 2, 3]]
    assert (head.resumed_epochs, head.stopped, len(head.curve)) == (2, "epochs", 2)
    assert [record.phase for record in folder.curve] == ["head"] * 2 + ["all"] * 4
    table = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in table[1:]] == [[r.phase, str(r.epoch)] for r in folder.curve]
    # Everything is finished: nothing is trained, the weights are there.
    weights, _, asked, _ = both(tmp_path / "run")
    assert_equal(weights, whole)
    assert asked == [[], []]


def test_a_resume_with_nothing_there_starts_from_the_beginning(tf_keras, tmp_path, uninterrupted):
    model = network(tf_keras)
    train(model, folder=run_in(tmp_path / "new"))
    assert_equal(model.get_weights(), uninterrupted[1])


def test_each_other_setting_is_named_with_both_values(tf_keras, stopped):
    with pytest.raises(ResumeMismatchError) as caught:
        train(
            network(tf_keras),
            replace(ALL, learning_rate=0.01, ema=None),
            folder=run_in(stopped),
            feed=color_feed(56),
            seed=4,
        )
    assert caught.value.differences == (
        "phase.learning_rate: 0.02 -> 0.01",
        "phase.ema: 0.9 -> none",
        "seed: 0 -> 4",
        "examples: 48 -> 56",
    )
    assert "--overwrite" in caught.value.hint


def test_another_network_is_refused(tf_keras, stopped):
    frozen = network(tf_keras)
    frozen.get_layer("c").trainable = False
    with pytest.raises(ResumeMismatchError, match=r"network: 12 arrays \(8 trained\).* -> 12 arrays \(7 trained\)"):
        train(frozen, folder=run_in(stopped))


def test_another_phase_in_the_same_place_is_refused(tf_keras, stopped):
    with pytest.raises(ResumeMismatchError, match="phase 1: all -> head"):
        train(network(tf_keras), HEAD, folder=run_in(stopped))


def test_another_identity_is_refused_before_anything_is_trained(stopped):
    with pytest.raises(ResumeMismatchError, match=r"data: colors -> shapes; side: none -> 8"):
        run_in(stopped, identity={"data": "shapes", "side": 8})


def test_a_run_that_is_there_is_neither_continued_nor_lost_unasked(stopped):
    before = {path.name: path.read_bytes() for path in stopped.glob("*.npz")}
    with pytest.raises(TrainingExistsError) as caught:
        run_in(stopped, resume=False)
    assert all(word in caught.value.hint for word in ("--resume", "--overwrite"))
    assert {path.name: path.read_bytes() for path in stopped.glob("*.npz")} == before


def test_overwriting_starts_anew_and_leaves_nothing_of_the_old_run(tf_keras, stopped, uninterrupted):
    (stopped / "mine.txt").write_text("precious")
    folder, model = run_in(stopped, resume=False, overwrite=True, identity={"data": "other"}), network(tf_keras)
    assert sorted(path.name for path in stopped.iterdir()) == ["mine.txt", "run.json", "tensorboard"]
    assert train(model, folder=folder).resumed_epochs == 0
    assert_equal(model.get_weights(), uninterrupted[1])


def test_a_damaged_checkpoint_is_named_with_its_remedy(tf_keras, stopped, uninterrupted):
    path = stopped / "01-all.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UnreadableFileError, match=r"01-all\.npz: it is no whole checkpoint") as caught:
        train(network(tf_keras), folder=run_in(stopped))
    assert "delete it" in caught.value.hint
    path.unlink()
    model = network(tf_keras)
    train(model, folder=run_in(stopped))
    assert_equal(model.get_weights(), uninterrupted[1])


# The writes of a process are a probe, run.json where the run is new, then of each epoch the checkpoint and log.csv, and
# after the first also curve.png. Before the first checkpoint, in the middle of the first phase and of the second:
FEW = ("half:3", "whole:6", "half:8")
MORE = ("half:2", "half:3", "renamed:2", "whole:4", "half:2", "half:5", "renamed:5")


def killed(tmp_path: Path, kills: int, deaths: tuple[str, ...]) -> dict:
    program = Path(__file__).with_name("killable_run.py")
    command = [sys.executable, str(program), str(tmp_path), str(kills), "1", *deaths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="forks and kills")
@pytest.mark.parametrize(
    ("kills", "deaths"),
    [(0, FEW), pytest.param(10, MORE, marks=pytest.mark.slow)],
    ids=["in writes alone", "at ten moments too"],
)
def test_kill_9_at_random_moments_and_in_writes_changes_no_bit_of_the_result(tmp_path, kills, deaths):
    outcome = killed(tmp_path, kills, deaths)
    assert outcome["kills"] == kills
    assert set(outcome["differences"]) == {0.0}
    assert outcome["rows"] == 1 + 3 + 7
