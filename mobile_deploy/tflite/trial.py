"""Runs fresh or untrusted files in a child process, so that an interpreter that crashes takes nothing else down."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mobile_deploy.tflite.bounds import TIMEOUT_S, check_size, memory_limit
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import InterpreterError


@dataclass(slots=True)
class TrialProcess:
    """A child process that runs untrusted or fresh files; started early, it imports LiteRT while others work.

    A context manager. A file that crashes or hangs the child is reported, and the next file gets a new child.

    Attributes:
        seconds: How long each file is run in all, allocation included; once at least.
        timeout_s: How long a file may take in all before the child is killed.
        child: The process, for others to borrow.
    """

    seconds: float = 0.3
    timeout_s: float = TIMEOUT_S
    child: Child = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Makes the child, not started yet."""
        self.child = Child(timeout_s=self.timeout_s)

    def __enter__(self) -> Self:
        self.child.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.child.stop()

    def run(self, path: Path) -> dict[str, Any]:
        """Allocates and runs a file in the child.

        Args:
            path: A .tflite file.

        Returns:
            What `timing.time_file` gives, or {"error": reason}.
        """
        return dict(
            self.child.ask({"do": "time", "path": str(path), "seconds": self.seconds, "memory_bytes": None}).says
        )

    def preflight(self, data: bytes, *, source: object, keeps_all: bool = False) -> None:
        """Loads and runs an untrusted file once in the child, for those that go on to run it in their own process.

        Args:
            data: The .tflite file, with one input.
            source: What to name in errors: a path.
            keeps_all: Whether all activations will be kept, as calibration does, instead of those alive at once.

        Raises:
            InterpreterError: It does not run, crashes, hangs or takes too much memory.
            UnreadableFileError: It is no .tflite.
        """
        graph = read_graph(data, source=source)
        check_size(graph, source=source, keeps_all=keeps_all)
        answer = self.child.ask({"do": "time", "seconds": 0, "memory_bytes": memory_limit(data, graph)}, data)
        if "error" in answer.says:
            raise InterpreterError(path=source, reason=str(answer.says["error"]))


def preflight(data: bytes, *, source: object, keeps_all: bool = False) -> None:
    """Does what `TrialProcess.preflight` does, in a child of its own.

    Raises:
        InterpreterError: The file does not run, crashes, hangs or takes too much memory.
        UnreadableFileError: It is no .tflite.
    """
    with TrialProcess() as trial:
        trial.preflight(data, source=source, keeps_all=keeps_all)
