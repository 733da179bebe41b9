"""The child process that untrusted files run in, seen from the parent: start, ask, watch, end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from mobile_deploy.tflite.bounds import TIMEOUT_S
from mobile_deploy.tflite.messages import Message, Payload, read_message, write_message

_ENDING_S = 10.0  # how long a child may take to end after it closed its pipe: the system may be writing a core file

# -P keeps the working folder, which may hold a json.py, out of the child's imports.
_PROGRAM = ("-P", "-m", "mobile_deploy.tflite.serve")


@dataclass(slots=True)
class Child:
    """A child process that answers requests; a context manager.

    It is started anew for the next request after it crashed, hung or ended, and it ends when its parent does.

    Attributes:
        timeout_s: How long one request may take before the child is killed.
    """

    timeout_s: float = TIMEOUT_S
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the child, which then imports LiteRT while others work."""
        self._process = subprocess.Popen(
            [sys.executable, *_PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Its NumPy only moves bytes; a pool of threads would count against its memory limit on large machines.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )

    def stop(self) -> int:
        """Kills the child, if it still lives, and gives its exit status; 0 where there was none."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        process.communicate()
        return process.returncode

    def ask(self, says: Mapping[str, Any], payload: Payload = b"") -> Message:
        """Sends a request and waits for the answer.

        Args:
            says: The request: "do" and what that takes.
            payload: Raw bytes that go with it.

        Returns:
            The answer; {"error": reason} when the file or the child failed, with "timed_out" when the child did.
        """
        if self._process is None:
            self.start()
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the child process has no pipes")
        hung = threading.Event()

        def end() -> None:
            hung.set()
            process.kill()

        watchdog = threading.Timer(self.timeout_s, end)
        # Ctrl-C before it can be cancelled must not make the end of the program wait for its time to pass.
        watchdog.daemon = True
        watchdog.start()
        answer, trouble = None, ""
        try:
            write_message(process.stdin, {**says, "timeout_s": self.timeout_s + _ENDING_S}, payload)
            answer = read_message(process.stdout)
        except (OSError, EOFError):
            trouble = self._ending(process, hung=hung.is_set())
        except ValueError as error:
            trouble = f"the interpreter's process gave no readable answer ({error})"
        finally:
            watchdog.cancel()
            if answer is None:  # an interrupted request would leave its answer in the pipe for the next one
                self.stop()
        return answer if answer is not None else Message(says={"error": trouble, "timed_out": hung.is_set()})

    def _ending(self, process: subprocess.Popen[bytes], *, hung: bool) -> str:
        if hung:
            return f"the interpreter took over {self.timeout_s:.0f} s and was stopped"
        try:
            status = process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            return "the interpreter's process closed its pipe"
        return f"the interpreter crashed ({_named(status)})"


def _named(status: int) -> str:
    """Names an exit status, which is negative for a signal on POSIX systems.

    >>> _named(7)
    'exit status 7'
    """
    try:
        return f"exit status {status}, {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    except ValueError:  # the system has signals that Python has no name for
        return f"exit status {status}"
