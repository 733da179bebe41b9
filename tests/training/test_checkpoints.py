"""A checkpoint holds everything, whole or not at all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.training.checkpoints import Checkpoint, Standing, from_bytes, to_bytes
from mobile_deploy.training.phase import EpochRecord

RECORD = EpochRecord(
    phase="all",
    epoch=1,
    learning_rate=0.1,
    loss=1 / 3,
    accuracy=None,
    validation_loss=math.nan,
    validation_accuracy=0.5,
    seconds=1.25,
)


def checkpoint(**changes) -> Checkpoint:
    values = {
        "settings": {"phase": {"name": "all"}, "seed": 0},
        "standing": Standing(epochs=1, steps=6, best_epoch=1, best_score=(0.5, -math.inf), seconds=2.5),
        "curve": (RECORD,),
        "weights": [np.arange(12, dtype=np.float32).reshape(3, 4), np.float16(0.1), np.zeros((0, 2), np.float32)],
        "optimizer": [np.int64(2**40), np.full(3, np.nextafter(np.float32(1), np.float32(2)))],
        "average": [np.array([True, False])],
        "best": [np.float32(-0.0)],
    }
    return Checkpoint(**{**values, **changes})


def test_what_is_unpacked_is_what_was_packed_to_the_bit():
    packed, unpacked = checkpoint(), from_bytes(to_bytes(checkpoint()), source="c.npz")
    for group in ("weights", "optimizer", "average", "best"):
        for before, after in zip(getattr(packed, group), getattr(unpacked, group), strict=True):
            assert (after.dtype, after.shape) == (np.asarray(before).dtype, np.shape(before))
            assert after.tobytes() == np.asarray(before).tobytes()
    assert (unpacked.settings, unpacked.standing) == (packed.settings, packed.standing)
    assert repr(unpacked.curve) == repr(packed.curve)  # NaN is not equal to itself


def test_equal_checkpoints_are_equal_files():
    assert to_bytes(checkpoint()) == to_bytes(checkpoint())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_is_refused(share):
    data = to_bytes(checkpoint())
    with pytest.raises(UnreadableFileError, match=r"c\.npz: it is no whole checkpoint"):
        from_bytes(data[: int(share * len(data))], source="c.npz")


def test_a_flipped_bit_in_an_array_is_found():
    data = bytearray(to_bytes(checkpoint()))
    position = bytes(data).index(np.float32(7).tobytes())
    data[position] ^= 1
    with pytest.raises(UnreadableFileError):
        from_bytes(bytes(data), source="c.npz")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x93NUMPY", b"not a zip at all" * 99])
def test_what_is_no_checkpoint_is_refused(data):
    with pytest.raises(UnreadableFileError):
        from_bytes(data, source="c.npz")


def test_an_archive_of_other_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "c.npz", a=np.zeros(3))
    with pytest.raises(UnreadableFileError, match="no whole checkpoint"):
        from_bytes((tmp_path / "c.npz").read_bytes(), source="c.npz")


def test_a_checkpoint_of_a_later_version_is_named(monkeypatch):
    monkeypatch.setattr("mobile_deploy.training.checkpoints.SCHEMA_VERSION", 99)
    data = to_bytes(checkpoint())
    monkeypatch.undo()
    with pytest.raises(UnreadableFileError, match="it has schema 99, known is 1"):
        from_bytes(data, source="c.npz")
