"""What is shown while a phase trains: "loss 0.412, 88.1 % right, 214 images/s, 1:20 left"."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all and a note; what a stage of `pipeline.progress` yields is one."""

# Often enough to look alive; reading the loss waits for the device.
_BETWEEN_SHOWS_S = 0.25


class Meter:
    """Knows the speed of the steps, and shows it now and then.

    Args:
        progress: Who is told; nobody if None.
        steps: Of the whole phase.
        batch_size: Examples in a step.
        clock: Gives seconds.
    """

    def __init__(self, progress: Progress | None, *, steps: int, batch_size: int, clock: Callable[[], float]) -> None:
        self._progress = progress
        self._steps = steps
        self._batch_size = batch_size
        self._clock = clock
        self._shown = clock()
        self._busy_s = 0.0
        self._counted = 0

    def is_due(self) -> bool:
        """Says whether something new should be shown."""
        return self._progress is not None and self._clock() - self._shown >= _BETWEEN_SHOWS_S

    def count(self, steps: int, seconds: float) -> None:
        """Takes in that steps were done in some time, none of it compilation or validation."""
        self._counted += steps
        self._busy_s += seconds

    @property
    def examples_per_second(self) -> float:
        """Speed of the steps so far; 0 before any was counted."""
        return self._counted * self._batch_size / self._busy_s if self._busy_s else 0.0

    def show(self, done: int, *, loss: float, accuracy: float | None, longest_left_s: float | None = None) -> None:
        """Shows where the phase is.

        Args:
            done: Steps done of the phase.
            loss: Mean of the epoch so far.
            accuracy: Likewise; None without labels.
            longest_left_s: Seconds after which the phase ends in any case; None for no such limit.
        """
        self._shown = self._clock()
        if self._progress is None:
            return
        parts = [f"loss {loss:.3f}"]
        if accuracy is not None:
            parts.append(f"{100 * accuracy:.1f} % right")
        if speed := self.examples_per_second:
            left_s = (self._steps - done) * self._batch_size / speed
            parts += [f"{speed:.0f} images/s", f"{_clock_time(min(left_s, longest_left_s or left_s))} left"]
        self._progress(done, self._steps, ", ".join(parts))


def _clock_time(seconds: float) -> str:
    """Writes a time as people read it.

    >>> _clock_time(80), _clock_time(7265)
    ('1:20', '2:01:05')
    """
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
