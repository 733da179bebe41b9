"""What a file takes of this process's memory, seen by the peak of its resident size."""

from __future__ import annotations

import mmap
import sys

import pytest

from mobile_deploy.tflite import resident_memory
from mobile_deploy.tflite.resident_memory import PeakMemory

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")


def take(size_mb: int) -> None:
    """Takes memory and gives it back to the system, which the allocator of a large process may put off."""
    with mmap.mmap(-1, size_mb * 1024**2) as memory:
        for page in range(0, len(memory), mmap.PAGESIZE):
            memory[page] = 1


@linux
def test_the_peak_counts_although_the_memory_was_given_back():
    take(100)  # an older peak, which shall not hide the next one
    peak = PeakMemory(held_bytes=5 * 1024**2)
    take(20)
    peak.note_init()
    take(60)
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
