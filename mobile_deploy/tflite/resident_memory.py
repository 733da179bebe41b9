"""How much memory a file takes in the process that runs it, where the system tells (Linux)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # Source: proc(5), /proc/pid/clear_refs
_KB_PER_MB = 1024  # as benchmark_model counts
_BYTES_PER_MB = 1024 * _KB_PER_MB


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryGrowth:
    """Memory of a process, in MB.

    Attributes:
        init_mb: Growth of the peak resident size until the file was allocated.
        overall_mb: Growth until the end.
    """

    init_mb: float
    overall_mb: float


class PeakMemory:
    """Watches how the peak resident size of this process grows from here on.

    The resource module would be portable, but its peak does not shrink and begins with that of the parent process.

    Args:
        held_bytes: What is in memory already and shall count as growth: a file that a phone would read in between.
    """

    def __init__(self, *, held_bytes: int = 0) -> None:
        try:
            _CLEAR.write_text(_RESET_PEAK)
        except OSError:  # another system, or one that keeps the peak
            self._before_mb = None
        else:
            self._before_mb = _status_mb("VmRSS")
        self._held_mb = held_bytes / _BYTES_PER_MB
        self._init_mb: float | None = None

    def note_init(self) -> None:
        """Says that the file is allocated."""
        self._init_mb = self._growth_mb()

    def growth(self) -> MemoryGrowth | None:
        """Gives the growth so far; None where the system does not tell."""
        overall_mb = self._growth_mb()
        if self._init_mb is None or overall_mb is None:
            return None
        return MemoryGrowth(init_mb=self._init_mb, overall_mb=overall_mb)

    def _growth_mb(self) -> float | None:
        peak_mb = _status_mb("VmHWM")
        if peak_mb is None or self._before_mb is None:
            return None
        return max(0.0, peak_mb - self._before_mb) + self._held_mb


def _status_mb(field: str) -> float | None:
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    values = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(values[0]) / _KB_PER_MB if values else None
