"""What a file takes of this process's memory, seen by the peak of its resident size."""

from __future__ import annotations

import sys

import pytest

from mobile_deploy.tflite import resident_memory
from mobile_deploy.tflite.resident_memory import PeakMemory

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")


@linux
def test_the_peak_counts_although_the_memory_was_given_back():
    bytes(100 * 1024**2)  # an older peak, which shall not hide the next one
    peak = PeakMemory(held_bytes=5 * 1024**2)
    bytearray(b"x") * (20 * 1024**2)
    peak.note_init()
    bytearray(b"x") * (60 * 1024**2)
    growth = peak.growth()
    assert growth is not None
    assert growth.init_mb == pytest.approx(25, abs=3)
    assert growth.overall_mb == pytest.approx(65, abs=3)


def test_a_system_that_tells_nothing_is_no_error(monkeypatch, tmp_path):
    for name in ("_STATUS", "_CLEAR"):
        monkeypatch.setattr(resident_memory, name, tmp_path / "absent" / name)
    peak = PeakMemory()
    peak.note_init()
    assert peak.growth() is None
