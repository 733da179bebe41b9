"""The folder of a run: what it holds at any moment, and who may write it."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_deploy.errors import OutputNotWritableError, UnreadableFileError
from mobile_deploy.files.paths import hidden_sibling
from mobile_deploy.training.checkpoints import Checkpoint, Standing
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.phase import EpochRecord


def checkpoint(epochs: int, *, finished=None, phase="all") -> Checkpoint:
    curve = tuple(
        EpochRecord(
            phase=phase,
            epoch=epoch,
            learning_rate=0.1,
            loss=1.0 / epoch,
            accuracy=0.5,
            validation_loss=None,
            validation_accuracy=None,
            seconds=1.0,
        )
        for epoch in range(1, epochs + 1)
    )
    standing = Standing(epochs=epochs, finished=finished)
    return Checkpoint(settings={}, standing=standing, curve=curve, weights=[np.full(100, float(epochs))])


def names(path):
    return sorted(p.name for p in path.iterdir())


def test_each_phase_has_one_checkpoint_the_newest(tmp_path):
    folder = TrainingFolder(tmp_path / "run", identity={})
    for phase in ("head", "all"):
        folder.begin(phase, {})
        for epochs in (1, 2, 3):
            folder.save(phase, checkpoint(epochs, phase=phase))
    assert names(tmp_path / "run") == ["01-head.npz", "02-all.npz", "curve.png", "log.csv", "run.json", "tensorboard"]
    again = TrainingFolder(tmp_path / "run", identity={}, resume=True)
    assert [again.begin(phase, {}).standing.epochs for phase in ("head", "all")] == [3, 3]
    assert again.saved_epochs == 3


def test_the_same_phase_may_come_twice(tmp_path):
    folder = TrainingFolder(tmp_path / "run", identity={})
    for epochs in (1, 2):
        folder.begin("all", {})
        folder.save("all", checkpoint(epochs))
    again = TrainingFolder(tmp_path / "run", identity={}, resume=True)
    assert [again.begin("all", {}).standing.epochs for _ in range(2)] == [1, 2]


def test_what_a_killed_process_left_is_removed(tmp_path):
    TrainingFolder(tmp_path, identity={})
    hidden_sibling(tmp_path / "01-all.npz").write_bytes(b"half a checkpoint")
    TrainingFolder(tmp_path, identity={}, resume=True)
    assert names(tmp_path) == ["run.json"]


def test_checkpoints_without_a_record_of_their_run_are_not_taken_for_ours(tmp_path):
    folder = TrainingFolder(tmp_path, identity={})
    folder.begin("all", {})
    folder.save("all", checkpoint(3))
    (tmp_path / "run.json").unlink()  # as when a process is killed while it overwrites a run
    assert TrainingFolder(tmp_path, identity={}, resume=True).begin("all", {}) is None


def test_a_worker_that_is_not_the_chief_reads_and_never_writes(tmp_path):
    chief = TrainingFolder(tmp_path / "run", identity={"seed": 0})
    chief.begin("all", {})
    chief.save("all", checkpoint(2))
    content = {path.name: path.read_bytes() for path in (tmp_path / "run").glob("*.*")}
    worker = TrainingFolder(tmp_path / "run", identity={"seed": 0}, resume=True, writes=False)
    assert worker.begin("all", {}).standing.epochs == 2
    worker.save("all", checkpoint(3))
    assert len(worker.curve) == 3
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").glob("*.*")} == content
    TrainingFolder(tmp_path / "other", identity={}, writes=False)
    assert not (tmp_path / "other").exists()


def test_lists_and_tuples_are_the_same_setting(tmp_path):
    TrainingFolder(tmp_path, identity={"sides": (96, 128), "rate": 0.1})
    TrainingFolder(tmp_path, identity={"sides": [96, 128], "rate": 0.1}, resume=True)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": 1}', b'{"schema_version": 9}'])
def test_a_record_that_cannot_be_read_is_named_with_its_remedy(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"run\.json") as caught:
        TrainingFolder(tmp_path, identity={}, resume=True)
    assert "--overwrite" in caught.value.hint
    TrainingFolder(tmp_path, identity={}, overwrite=True)


def test_a_folder_that_cannot_be_made_is_found_before_training(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputNotWritableError, match="a file is in the way"):
        TrainingFolder(tmp_path / "file" / "run", identity={})


def test_the_picture_is_drawn_at_once_and_at_the_end_of_a_phase(tmp_path):
    folder = TrainingFolder(tmp_path, identity={})
    folder.begin("all", {})
    pictures = []
    for epochs, finished in ((1, None), (2, None), (3, "epochs")):
        folder.save("all", checkpoint(epochs, finished=finished))
        pictures.append((tmp_path / "curve.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]
