"""How long a file takes on this machine with LiteRT; called in the child process that untrusted files run in."""

from __future__ import annotations

import statistics
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.tflite.resident_memory import MemoryGrowth, PeakMemory
from mobile_deploy.tflite.runner import InterpreterError, open_interpreter

LONGEST_PHASE_S = 150.0
"""A phase ends after this time although the least number of inferences is not reached.

Source: TensorFlow Lite benchmark_model, max_secs.
"""

_SOURCE = "the .tflite"
_DELEGATE = "DELEGATE"  # how LiteRT names the node that stands for all that a delegate took


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkTimes:
    """What a benchmark of a file gave.

    Attributes:
        init_ms: Until the file was opened and its memory allocated.
        warmup_ms: Each inference before the timed ones.
        timed_ms: Each timed inference.
        ops: Operators of the file.
        delegated: How many of them XNNPACK runs.
        memory: Growth of the memory; None where it was not asked for or the system does not tell.
    """

    init_ms: float
    warmup_ms: array[float]
    timed_ms: array[float]
    ops: int
    delegated: int
    memory: MemoryGrowth | None


def time_file(data: bytes, *, seconds: float, threads: int = 1) -> dict[str, Any]:
    """Allocates a file and runs it at least once, again and again until `seconds` have passed in all.

    The input is seeded noise, since latency does not depend on what is in the picture; where it is float, between 0 and
    1, which lies in or near every range that pictures are scaled to: larger numbers could overflow a sound network.

    Args:
        data: A .tflite file.
        seconds: When to stop, counted from the beginning of the allocation.
        threads: XNNPACK threads.

    Returns:
        "latency_ms" (median; of the first run when time allows no second), "runs", "finite" (whether a float output
        holds finite numbers only).

    Raises:
        InterpreterError: LiteRT refuses the file or fails.
    """
    deadline = time.perf_counter() + seconds
    interpreter = open_interpreter(data, threads=threads, source=_SOURCE)
    _feed(interpreter)

    def is_done(times_ms: Sequence[float]) -> bool:
        return time.perf_counter() + times_ms[-1] / 1e3 >= deadline  # the next run shall fit too

    times_ms = _invoke_until(interpreter, is_done)
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    steady = times_ms[1:] or times_ms
    return {"latency_ms": statistics.median(steady), "runs": len(steady), "finite": bool(np.isfinite(output).all())}


def benchmark_file(
    data: bytes,
    *,
    threads: int,
    xnnpack: bool,
    runs: int,
    seconds: float,
    warmup_seconds: float,
    with_memory: bool = False,
) -> BenchmarkTimes:
    """Opens a file and times its inferences one by one, as benchmark_model does on a phone.

    Each phase goes on until its least number of inferences, 1 for the warm-up, and its least time are reached. Inputs
    are seeded noise, set once; the time of an inference includes no copying.

    Args:
        data: A .tflite file.
        threads: Threads of an inference.
        xnnpack: Whether XNNPACK takes the operators that it knows.
        runs: Least number of timed inferences, at least 1.
        seconds: Least time of timed inferences in seconds.
        warmup_seconds: Least time of inferences before them in seconds.
        with_memory: Whether to ask how the memory grows.

    Returns:
        The time of each inference.

    Raises:
        InterpreterError: LiteRT refuses the file or fails.
    """
    peak = PeakMemory(held_bytes=len(data)) if with_memory else None
    start = time.perf_counter()
    interpreter = open_interpreter(data, threads=threads, source=_SOURCE, xnnpack=xnnpack)
    init_ms = (time.perf_counter() - start) * 1e3
    if peak is not None:
        peak.note_init()
    ops, delegated = _coverage(interpreter)
    _feed(interpreter)
    warmup_ms = _invoke_until(interpreter, until(runs=1, seconds=warmup_seconds))
    timed_ms = _invoke_until(interpreter, until(runs=runs, seconds=seconds))
    memory = None if peak is None else peak.growth()
    return BenchmarkTimes(
        init_ms=init_ms, warmup_ms=warmup_ms, timed_ms=timed_ms, ops=ops, delegated=delegated, memory=memory
    )


def until(
    *, runs: int, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Callable[[Sequence[float]], bool]:
    """Gives the rule of when a phase that begins here ends.

    Args:
        runs: Least number of inferences.
        seconds: Least time in seconds.
        clock: Tells the time in seconds.

    Returns:
        A function of the times so far that says whether they are enough.
    """
    start = clock()

    def is_done(times_ms: Sequence[float]) -> bool:
        passed = clock() - start
        return (len(times_ms) >= runs and passed >= seconds) or passed >= max(seconds, LONGEST_PHASE_S)

    return is_done


def _invoke_until(interpreter: Any, is_done: Callable[[Sequence[float]], bool]) -> array[float]:  # noqa: ANN401
    invoke, times_ms = interpreter.invoke, array("d")
    try:
        while not times_ms or not is_done(times_ms):
            start = time.perf_counter()
            invoke()
            times_ms.append((time.perf_counter() - start) * 1e3)
    except (RuntimeError, ValueError) as error:
        raise InterpreterError(path=_SOURCE, reason=str(error).strip() or "it gave no reason") from error
    return times_ms


def _feed(interpreter: Any) -> None:  # noqa: ANN401
    inputs = interpreter.get_input_details()
    if not inputs:
        raise InterpreterError(path=_SOURCE, reason="it has no input")
    for given in inputs:
        interpreter.set_tensor(given["index"], _noise(given["shape"], np.dtype(given["dtype"])))


def _noise(shape: Sequence[int], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    pixels = np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)
    if dtype == np.float32:
        return pixels / np.float32(255)
    return pixels if dtype == np.uint8 else (pixels.astype(np.int16) - 128).astype(dtype)


def _coverage(interpreter: Any) -> tuple[int, int]:  # noqa: ANN401
    """Counts the operators of a file, and those that a delegate runs."""
    nodes = interpreter._get_ops_details()
    ops = [node for node in nodes if node["op_name"] != _DELEGATE]
    writers = {int(tensor): number for number, op in enumerate(ops) for tensor in op["outputs"]}
    taken: set[int] = set()
    for node in nodes:
        if node["op_name"] == _DELEGATE:
            taken |= _between(node, ops, writers)
    return len(ops), len(taken)


def _between(delegate: Any, ops: Sequence[Any], writers: dict[int, int]) -> set[int]:  # noqa: ANN401
    """Gives the operators on the ways back from what a delegate gives to what it is given."""
    given, found = {int(tensor) for tensor in delegate["inputs"]}, set[int]()
    waiting = [int(tensor) for tensor in delegate["outputs"]]
    while waiting:
        tensor = waiting.pop()
        if tensor not in given and tensor in writers and writers[tensor] not in found:
            found.add(writers[tensor])
            waiting += map(int, ops[writers[tensor]]["inputs"])
    return found
