"""How a long job tells what it is doing, without knowing who listens.

A stage is one line of work with a name. Where its steps are counted it reports them through the callback that the
context manager yields, so that lower floors take a plain `Callable[[int, int], None]` and know nothing of reporters:

    with progress.stage("calibrate on 100 pictures") as advance:
        ranges = calibrate(pictures, on_step=advance)

Where there is more to say than a count, a note goes with it: `advance(done, total, "loss 0.412, 1:20 left")`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Advance(Protocol):
    """Is told how far a stage is."""

    def __call__(self, done: int, total: int, note: str = "", /) -> None:
        """Takes the steps done so far, the steps in all, and what to show beside them."""


class ProgressReporter(Protocol):
    """Someone who listens to a job."""

    def stage(self, name: str) -> AbstractContextManager[Advance]:
        """Marks the work inside the `with` block as one stage.

        Args:
            name: What is being done, such as "convert to float32".

        Returns:
            A context manager that yields the callback for counted steps.
        """
        ...


class SilentProgress:
    """Says nothing: the default of every job."""

    def stage(self, name: str) -> AbstractContextManager[Advance]:
        """Gives a stage that nobody hears of."""
        return nullcontext(_ignore)


def _ignore(done: int, total: int, note: str = "", /) -> None:
    pass
