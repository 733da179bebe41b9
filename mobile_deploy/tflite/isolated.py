"""Runs a .tflite that nobody vouches for: the interpreter lives in a child process with bounded memory and time."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract
from mobile_deploy.tflite.bounds import TIMEOUT_S, check_size, memory_limit
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.graph import Graph, read_graph
from mobile_deploy.tflite.messages import Message, Payload
from mobile_deploy.tflite.runner import InterpreterError, PictureRunner

# Numbers as LiteRT gives them.
_DTYPES = ("float32", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float64")


class IsolatedRunner(PictureRunner):
    """Answers pictures in a child process; whatever the file does to the interpreter, this process goes on.

    The child starts when the runner is entered. Latencies are measured in the child.

    Args:
        data: The .tflite file.
        contract: How to feed it and read it.
        threads: XNNPACK threads.
        source: What to name in errors: a path.
        timeout_s: How long the file may take to load, and for each chunk of pictures.
        child: A child process to borrow, which saves the start of one; it holds one open file at a time.
        graph: The file as read, which saves reading it again.
    """

    def __init__(
        self,
        data: bytes,
        contract: ModelContract,
        *,
        threads: int = 1,
        source: object = "the .tflite",
        timeout_s: float = TIMEOUT_S,
        child: Child | None = None,
        graph: Graph | None = None,
    ) -> None:
        super().__init__(contract, source=source)
        self._data = data
        self._graph = graph
        self._threads = threads
        self._child = child or Child(timeout_s=timeout_s)
        self._is_borrowed = child is not None

    def __enter__(self) -> Self:
        graph = self._graph or read_graph(self._data, source=self._source)
        check_size(graph, source=self._source)
        if not self._is_borrowed:
            self._child.start()
        try:
            self._ask(
                {"do": "open", "threads": self._threads, "memory_bytes": memory_limit(self._data, graph)}, self._data
            )
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        if not self._is_borrowed:
            self._child.stop()

    def run_raw(self, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Does what `PictureRunner.run_raw` says, in the child."""
        answer = self._ask(
            {"do": "run", "dtype": inputs.dtype.name, "shape": inputs.shape}, np.ascontiguousarray(inputs).data
        )
        outputs, latencies_ms = self._parse(answer, count=len(inputs))
        self.latencies_ms += latencies_ms
        return outputs

    def _ask(self, says: dict[str, Any], payload: Payload) -> Message:
        answer = self._child.ask(says, payload)
        if "error" in answer.says:
            raise InterpreterError(path=self._source, reason=str(answer.says["error"]))
        return answer

    def _parse(self, answer: Message, *, count: int) -> tuple[npt.NDArray[Any], list[float]]:
        """Takes an answer apart and believes none of it before it fits."""
        match answer.says:
            case {"dtype": str(dtype), "shape": [int(rows), *sizes], "latencies_ms": [*latencies]} if (
                dtype in _DTYPES
                and rows == len(latencies) == count
                and all(type(size) is int and size >= 0 for size in sizes)
                and all(type(latency) is float for latency in latencies)
                and math.prod((rows, *sizes)) * np.dtype(dtype).itemsize == len(answer.payload)
            ):
                return np.frombuffer(answer.payload, dtype=dtype).reshape(rows, *sizes), latencies
            case _:
                raise InterpreterError(path=self._source, reason="its process gave an answer that does not fit")
