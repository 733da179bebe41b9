"""The program of the child process that untrusted files run in: answers requests on standard input until it closes.

    python -P -m mobile_deploy.tflite.serve

Each request names what to do: "time" a file, "benchmark" one, "open" one, "run" input tensors through the open one.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from mobile_deploy.tflite.messages import Message, Payload, read_message, write_message
from mobile_deploy.tflite.runner import InterpreterError, TensorRunner
from mobile_deploy.tflite.timing import benchmark_file, time_file

_Answer = tuple[dict[str, Any], Payload]


class Server:
    """Does what requests ask for; holds one open file at a time."""

    def __init__(self) -> None:
        self._runner: TensorRunner | None = None

    def answer(self, request: Message) -> _Answer:
        """Answers one request; a file that LiteRT refuses or that needs too much memory is an answer too."""
        jobs = {"time": self._time, "benchmark": self._benchmark, "open": self._open, "run": self._run}
        try:
            if "memory_bytes" in request.says:
                limit_memory(request.says["memory_bytes"])
            return jobs[request.says["do"]](request)
        except InterpreterError as error:
            return {"error": error.reason}, b""
        except MemoryError:
            return {"error": "it needs more memory than a file of its size may take"}, b""
        except OSError as error:
            return {"error": error.strerror or str(error)}, b""
        except (IndexError, TypeError, ValueError) as error:  # a file without input, a tensor of strings
            return {"error": f"it cannot be fed or read ({error})"}, b""

    def _time(self, request: Message) -> _Answer:
        data = request.payload or Path(request.says["path"]).read_bytes()
        return time_file(data, seconds=request.says["seconds"]), b""

    def _benchmark(self, request: Message) -> _Answer:
        times = benchmark_file(request.payload, **request.says["settings"])
        says = {
            "init_ms": times.init_ms,
            "warmups": len(times.warmup_ms),
            "ops": times.ops,
            "delegated": times.delegated,
            "memory": None if times.memory is None else asdict(times.memory),
        }
        return says, (times.warmup_ms + times.timed_ms).tobytes()

    def _open(self, request: Message) -> _Answer:
        self._runner = None
        self._runner = TensorRunner(request.payload, threads=request.says["threads"])
        return {}, b""

    def _run(self, request: Message) -> _Answer:
        if self._runner is None:
            return {"error": "no file is open"}, b""
        inputs = np.frombuffer(request.payload, dtype=request.says["dtype"]).reshape(request.says["shape"])
        self._runner.latencies_ms.clear()
        outputs = np.ascontiguousarray(self._runner.run_raw(inputs))
        says = {"dtype": outputs.dtype.name, "shape": outputs.shape, "latencies_ms": self._runner.latencies_ms}
        return says, outputs.data


def limit_memory(size_bytes: int | None) -> None:
    """Caps the memory this process may allocate, where the system keeps such a limit (Linux); None lifts the cap."""
    try:
        import resource
    except ImportError:  # Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    ceilings = [limit for limit in (size_bytes, hard) if limit not in (None, resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(ceilings, default=resource.RLIM_INFINITY), hard))


def _own_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Gives the pipes, and turns what native code prints on standard output away from the answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, answers


def serve() -> None:
    """Is the child process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, and the parent ends this process
    requests, answers = _own_streams()
    import ai_edge_litert.interpreter  # noqa: F401  # the slow import, done while the parent still prepares

    server = Server()
    while True:
        try:
            request = read_message(requests)
        except EOFError:
            return
        # Without a parent to stop it, a file that never ends would run on for ever; this watchdog needs no Python.
        faulthandler.dump_traceback_later(request.says["timeout_s"], exit=True)
        says, payload = server.answer(request)
        faulthandler.cancel_dump_traceback_later()
        write_message(answers, says, payload)


if __name__ == "__main__":
    serve()
