"""Runs fresh or untrusted files in a child process, so that an interpreter that crashes takes nothing else down.

The child is this module run as a program: it reads paths, runs each file and answers one JSON line a file.

    python -m mobile_deploy.tflite.trial SECONDS
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_RUN_TIMEOUT_S = 120.0


@dataclass(slots=True)
class TrialProcess:
    """A child process that runs untrusted or fresh files; started early, it imports LiteRT while others work.

    A context manager. A file that crashes or hangs the child is reported, and the next file gets a new child.

    Attributes:
        seconds: How long each file is run in all, allocation included; once at least.
        timeout_s: How long a file may take in all before the child is killed.
    """

    seconds: float = 0.3
    timeout_s: float = _RUN_TIMEOUT_S
    _child: subprocess.Popen[str] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        self._child = subprocess.Popen(
            # -P keeps the working folder, which may hold a json.py, out of the child's imports.
            [sys.executable, "-P", "-m", "mobile_deploy.tflite.trial", str(self.seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def run(self, path: Path) -> dict[str, Any]:
        """Allocates and runs a file in the child.

        Args:
            path: A .tflite file.

        Returns:
            What `runner.time_file` gives, or {"error": reason}.
        """
        if self._child is None:
            self._start()
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise RuntimeError("the child process has no pipes")
        watchdog = threading.Timer(self.timeout_s, child.kill)
        watchdog.start()
        try:
            child.stdin.write(json.dumps(str(path)) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:
            line = ""
        finally:
            watchdog.cancel()
        if line.endswith("\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = child.wait()
        self._stop()
        return {"error": f"the interpreter crashed or took over {self.timeout_s:.0f} s (exit status {status})"}


def _serve() -> None:
    """Is the child: answers requests from standard input until it closes."""
    import ai_edge_litert.interpreter  # noqa: F401  # the slow import, done while the parent still converts

    from mobile_deploy.tflite.runner import InterpreterError, time_file

    seconds = float(sys.argv[1])
    for line in sys.stdin:
        try:
            answer = time_file(Path(json.loads(line)), seconds=seconds)
        except InterpreterError as error:
            answer = {"error": error.reason}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
