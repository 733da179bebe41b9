"""Progress is one line per finished stage on a terminal, and nothing anywhere else."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from mobile_deploy.cli.progress import TerminalProgress, make_progress
from mobile_deploy.pipeline.progress import SilentProgress


class FakeTerminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch) -> FakeTerminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return FakeTerminal()


def test_a_finished_stage_leaves_one_line_with_its_time(terminal):
    with TerminalProgress(Console(file=terminal)).stage("calibrate [on 3 pictures]") as advance:
        advance(1, 3)
        advance(3, 3)
    assert "3/3" in terminal.getvalue()
    assert terminal.getvalue().splitlines()[-1].endswith("0.0 s  calibrate [on 3 pictures]")


def test_a_stage_that_fails_leaves_the_word_to_the_error(terminal):
    with pytest.raises(ValueError, match="broken"), TerminalProgress(Console(file=terminal)).stage("convert"):
        raise ValueError("broken")
    assert " s  convert" not in terminal.getvalue()


def test_it_is_shown_only_on_a_terminal_and_not_when_asked_to_be_quiet(monkeypatch, terminal):
    monkeypatch.setattr("sys.stderr", terminal)
    assert isinstance(make_progress(quiet=False), TerminalProgress)
    assert isinstance(make_progress(quiet=True), SilentProgress)
    monkeypatch.setattr("sys.stderr", StringIO())
    assert isinstance(make_progress(quiet=False), SilentProgress)
