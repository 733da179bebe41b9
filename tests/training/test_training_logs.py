"""What a run leaves to look at says what the curve says, once."""

from __future__ import annotations

import csv
import os
import subprocess
import sys

import pytest

from mobile_deploy.errors import OutputNotWritableError
from mobile_deploy.training.logs import EventLog, write_picture, write_table
from mobile_deploy.training.phase import EpochRecord


def record(epoch: int, **changes) -> EpochRecord:
    values = {
        "phase": "all",
        "epoch": epoch,
        "learning_rate": 0.1,
        "loss": 0.5**epoch,
        "accuracy": 0.5,
        "validation_loss": 2.0 / epoch,
        "validation_accuracy": 0.25,
        "seconds": 1.5,
    }
    return EpochRecord(**{**values, **changes})


CURVE = [record(1), record(2), record(3, accuracy=None, validation_loss=None, validation_accuracy=None)]


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard would show, by tag."""
    import tensorflow as tf

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for data in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(data.numpy())
            for value in event.summary.value:
                assert (value.metadata.plugin_data.plugin_name, value.metadata.data_class) in (("scalars", 1), ("", 0))
                found.setdefault(value.tag, []).append((event.step, float(tf.make_ndarray(value.tensor))))
    return found


def test_the_table_has_a_row_for_each_epoch_and_leaves_open_what_was_not_measured(tmp_path):
    write_table(tmp_path / "log.csv", CURVE)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [r.loss for r in CURVE]
    assert [row["accuracy"] for row in rows] == ["0.5", "0.5", ""]
    assert list(rows[0]) == list(EpochRecord.__dataclass_fields__)


def test_events_are_added_once(tmp_path):
    log = EventLog(tmp_path)
    for epochs in (1, 2, 3, 3):
        log.write(CURVE[:epochs])
    log.close()
    found = scalars(tmp_path)
    assert found["loss/train"] == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert found["accuracy/train"] == [(1, 0.5), (2, 0.5)]
    assert set(found) == {"loss/train", "loss/validation", "accuracy/train", "accuracy/validation", "learning_rate"}


def test_a_resumed_run_neither_repeats_nor_loses_an_epoch(tmp_path):
    first = EventLog(tmp_path)
    first.write(CURVE)  # and the process is killed; the checkpoint knows the first two epochs
    second = EventLog(tmp_path)
    second.write(CURVE[:2])
    second.write([*CURVE[:2], record(3, loss=0.75)])
    assert scalars(tmp_path)["loss/train"] == [(1, 0.5), (2, 0.25), (3, 0.75)]
    first.close()
    second.close()


def test_events_are_on_the_disk_while_the_run_goes_on(tmp_path):
    log = EventLog(tmp_path)
    log.write(CURVE[:1])
    assert scalars(tmp_path)["loss/train"] == [(1, 0.5)]
    log.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputNotWritableError, match="in the way"):
        EventLog(tmp_path / "file" / "tensorboard").write(CURVE)


def test_a_full_disk_is_named(tmp_path):
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a tiny disk takes root on Linux")
    mount = tmp_path / "tiny"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(mount)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(OutputNotWritableError):
            EventLog(mount / "tensorboard").write([record(epoch) for epoch in range(1, 400)])
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def test_the_picture_is_drawn_from_the_curve(tmp_path):
    write_picture(tmp_path / "a.png", CURVE, title="run")
    write_picture(tmp_path / "b.png", [*CURVE[:2], record(3)], title="run")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
