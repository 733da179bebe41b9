"""Progress on standard error: one line for each stage done, with its time, and a live one for the stage at work."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.text import Text

from mobile_deploy.pipeline.progress import Advance, ProgressReporter, SilentProgress
from mobile_deploy.report.tables import in_one_line

_BAR_COLUMNS = 20


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
    """Shows stages on a console: what is at work in one line, and what there is to say about it in another."""

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
        # The name gives way on a narrow terminal, as rich's columns would else vanish altogether.
        name = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True))
        columns = (SpinnerColumn(), name, _CountedBar(bar_width=_BAR_COLUMNS), _Count(), TimeElapsedColumn())
        return _NotedProgress(*columns, console=self._console, transient=True, expand=True)


class _NotedProgress(Progress):
    def get_renderables(self) -> Iterator[RenderableType]:
        for task in self.tasks:
            yield self.make_tasks_table([task])
            if task.fields["note"]:
                yield Text(f"  {task.fields['note']}", no_wrap=True, overflow="ellipsis")


# Without a known number of steps a bar says nothing and "0/?" less.
class _CountedBar(BarColumn):
    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override]  # any renderable will do
        return Text() if task.total is None else super().render(task)


class _Count(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)
