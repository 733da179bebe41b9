"""Progress on standard error: one line for each stage done, with its time, and a live one for the stage at work."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress_bar import ProgressBar
from rich.text import Text

from mobile_deploy.pipeline.progress import Advance, ProgressReporter, SilentProgress
from mobile_deploy.report.tables import in_one_line


def make_progress(*, quiet: bool) -> ProgressReporter:
    """Chooses how a command shows its progress.

    Args:
        quiet: Whether the user asked for none.

    Returns:
        A live reporter if standard error is a terminal and may be used, else a silent one.
    """
    if quiet or not sys.stderr.isatty():
        return SilentProgress()
    return TerminalProgress(Console(stderr=True, highlight=False))


class TerminalProgress:
    """Shows stages on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, name: str) -> Iterator[Advance]:
        """Shows a live line, with a bar once steps are counted, and leaves the time it took.

        A stage that fails leaves no line: the error speaks for it.

        Args:
            name: What is being done.

        Yields:
            The callback for counted steps.
        """
        start = time.perf_counter()
        with self._live() as live:
            task = live.add_task(in_one_line(name), total=None, note="")

            def advance(done: int, total: int, note: str = "", /) -> None:
                live.update(task, completed=done, total=total, note=in_one_line(note))

            yield advance
        elapsed_s = time.perf_counter() - start
        self._console.print(Text(f"{elapsed_s:7.1f} s  {in_one_line(name)}"))

    def _live(self) -> Progress:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), _CountedBar(), _Count())
        note = TextColumn("{task.fields[note]}", markup=False)
        return Progress(*columns, TimeElapsedColumn(), note, console=self._console, transient=True)


# Without a known number of steps a bar says nothing and "0/?" less.
class _CountedBar(BarColumn):
    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override]  # any renderable will do
        return Text() if task.total is None else super().render(task)


class _Count(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)
