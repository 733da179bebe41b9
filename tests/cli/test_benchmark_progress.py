"""What `benchmark` shows on a terminal while it works: read from a real pseudo-terminal, narrow and wide."""

from __future__ import annotations

import os
import re
import struct
import sys
from pathlib import Path

import pytest
from fakes.network_file import float_network
from fakes.phone.benchmark_tool import FakeTool

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SETTINGS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "CI")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm")
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    Path("net.tflite").write_bytes(float_network())
    FakeTool().write(Path("tool"))


def on_terminal(*arguments: str, columns: int) -> tuple[int, list[str]]:
    """Runs the program under a terminal of its own; gives its exit code and every line that it ever showed."""
    import fcntl
    import pty
    import termios

    command = [sys.executable, "-m", "mobile_deploy", *arguments]
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        # Not what C code such as readline has put there behind Python's back: the size of another terminal.
        os.execve(command[0], command, dict(os.environ))
    shown = b""
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not read:
            break
        shown += read
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    lines = [_CONTROL.sub("", line) for line in re.split(r"[\r\n]+", shown.decode())]
    return code, [line.rstrip() for line in lines if line.strip()]


def check_live_lines(lines: list[str], *, columns: int, processes: int) -> None:
    """What is at work, how much of it is done, what comes next and how long it takes are all seen, none of it cut."""
    assert max(map(len, lines[: lines.index(next(line for line in lines if " s  measure" in line))])) <= columns
    for done in range(processes):
        assert any(re.search(rf"measure .* {done}/{processes} 0:00:\d\d$", line) for line in lines), done
    notes = [line for line in lines if re.fullmatch(r"  .*; (\d+ min )?\d+ s left", line)]
    assert {note.split(" of net")[0].split()[-1] for note in notes} == {"trial", "latency"}
    assert all("…" not in note for note in notes)


@pytest.mark.parametrize("columns", [60, 120])
def test_progress_on_this_machine_fits_narrow_and_wide_terminals(columns):
    code, lines = on_terminal("benchmark", "net.tflite", "--host", "--quick", columns=columns)
    assert code == 0, lines
    check_live_lines(lines, columns=columns, processes=3)
    (finished,) = (line for line in lines if re.match(r" +\d+\.\d s  measure 1 configuration on ", line))
    # The result stands below all progress.
    assert lines.index(finished) < next(at for at, line in enumerate(lines) if line.startswith("report: "))


def test_progress_on_several_phones_is_one_line_that_names_them(fake_phone):
    phones = fake_phone(), fake_phone()
    code, lines = on_terminal(
        *("benchmark", "net.tflite", "--all-devices", "--tool", "tool", "--quick", "--threads", "1"), columns=100
    )
    assert code == 0, lines
    live = "\n".join(lines)
    serials = "|".join(re.escape(phone.serial) for phone in phones)  # the line is drawn ten times a second
    assert re.search(rf"^  ({serials}): (trial|latency) of net, 1 thread, cpu; .* left$", live, re.MULTILINE)
    assert re.search(r"measure 1 configuration on each of 2 phones .* 0/6 ", live)
    assert len([line for line in lines if re.match(r" +\d+\.\d s  measure", line)]) == 1


def test_quiet_shows_the_result_alone():
    code, lines = on_terminal("benchmark", "net.tflite", "--host", "--quick", "--quiet", columns=100)
    assert code == 0
    assert not any("measure" in line or " left" in line for line in lines)
    assert any(line.split()[:2] == ["model", "threads"] for line in lines[:3])
