"""The programs that build the app: how they are found, run and reported."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from mobile_deploy.android.failures import BuildStepFailedError

Command = Sequence[str | Path]


def run_step(step: str, command: Command, *, joined: bool = False, hint: str = "") -> str:
    """Runs a program to its end; an interruption ends it, too.

    Args:
        step: What it does, such as "compiling core", for messages.
        command: The program and its arguments.
        joined: Whether what it prints on standard error counts, too.
        hint: What to do when it fails.

    Returns:
        What it printed on standard output.

    Raises:
        BuildStepFailedError: It does not start or does not end well.
    """
    # Files, not pipes: a pipe stays open while a child of a killed program lives.
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as complained:
        try:
            process = subprocess.Popen(
                [os.fspath(word) for word in command],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=complained,
            )
        except OSError as error:
            raise BuildStepFailedError(step=step, output=f"{command[0]}: {error.strerror}", hint=hint) from error
        code = _wait(process)
        output, complaints = (_text(file) for file in (told, complained))
    if code != 0:
        raise BuildStepFailedError(
            step=step, output=f"{complaints}\n{output}".strip() or f"exit code {code}", hint=hint
        )
    return complaints + output if joined else output


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    finally:
        process.kill()  # nothing happens to one that has ended
        process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _environment() -> dict[str, str]:
    """Gives the environment in which Java reads file names as UTF-8 whatever the user's language is."""
    return {**os.environ, "LC_ALL": "C.UTF-8"} if os.name == "posix" else dict(os.environ)
