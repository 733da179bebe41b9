"""This machine as a place where models are timed: LiteRT's interpreter, each run in a child process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.device.deadline import longest_s
from mobile_deploy.device.failures import RunFailedError, RunTimedOutError
from mobile_deploy.device.measurement import Condition, Configuration, Measurement, Memory, RunRequest
from mobile_deploy.errors import BadOptionError
from mobile_deploy.tflite.bounds import TIMEOUT_S, check_size, memory_limit
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.messages import Message

_DELEGATES = {"cpu": True, "cpu-plain": False}  # whether XNNPACK takes part
_CPU_INFO = Path("/proc/cpuinfo")
_APPLE_NAME = ("sysctl", "-n", "machdep.cpu.brand_string")
_ASKING_S = 5.0
_STACK_BYTES = 10_000_000  # of a thread, which the memory limit counts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    data: bytes
    memory_bytes: int


def check_offered(*, delegates: Iterable[str] = (), profile: bool = False) -> None:
    """Refuses what this machine cannot measure.

    Args:
        delegates: Those that were asked for.
        profile: Whether the time by operator was asked for.

    Raises:
        BadOptionError: The host has no such delegate, or no profile.
    """
    for delegate in delegates:
        if delegate not in _DELEGATES:
            allowed = ", ".join(_DELEGATES)
            raise BadOptionError(
                option="--delegate", problem=f"{delegate!r} is not on this machine; allowed: {allowed}"
            )
    if profile:
        raise BadOptionError(
            option="--profile",
            problem="this machine gives no time by operator",
            hint="measure on a phone: leave out --host",
        )


class HostTarget:
    """This machine.

    Files are untrusted: each child process has bounded memory and time.

    Args:
        models: The .tflite files by name.
        grace_s: How long a process may take beyond its two phases in seconds: to start, to open the file, and for the
            inference with which a phase ends.

    Raises:
        UnreadableFileError: One is no .tflite.
        InterpreterError: One would take too much memory.
    """

    def __init__(self, models: Mapping[str, bytes], *, grace_s: float = TIMEOUT_S) -> None:
        self._models = {name: _bounded(name, data) for name, data in models.items()}
        self._grace_s = grace_s

    @property
    def name(self) -> str:
        """The name of its processor."""
        return _cpu_name()

    def cores(self, threads: int) -> tuple[int, ...]:
        """Gives nothing: processes are not bound to cores here."""
        return ()

    def condition(self) -> Condition:
        """Tells nothing."""
        return Condition()

    def run(self, request: RunRequest) -> Measurement:
        """Runs one process to its end.

        Raises:
            BadOptionError: What was asked for is not on this machine.
            RunFailedError: LiteRT refused the file or failed, or the process died.
            RunTimedOutError: It did not end in time.
        """
        configuration = request.configuration
        check_offered(delegates=[configuration.delegate], profile=request.kind == "profile")
        answer = self._ask(request, timeout_s=self._grace_s + longest_s(request))
        return _measurement(answer, request)

    def to_json(self) -> dict[str, Any]:
        """Gives what identifies this machine and what it runs, with its load at the moment."""
        return {
            "kind": "host",
            "name": self.name,
            "soc": f"{os.cpu_count()} cores",
            "machine": platform.machine(),
            "system": f"{platform.system()} {platform.release()}",
            "runtime": f"LiteRT {version('ai-edge-litert')} for Python",
            "python": platform.python_version(),
            "load_average": _load_average(),
        }

    def _ask(self, request: RunRequest, *, timeout_s: float) -> Message:
        configuration = request.configuration
        model = self._models[configuration.model]
        says = {
            "do": "benchmark",
            "memory_bytes": model.memory_bytes + configuration.threads * _STACK_BYTES,
            "settings": {
                "threads": configuration.threads,
                "xnnpack": _DELEGATES[configuration.delegate],
                "runs": request.runs,
                "seconds": request.seconds,
                "warmup_seconds": request.warmup_seconds,
                "with_memory": request.kind == "memory",
            },
        }
        with Child(timeout_s=timeout_s) as child:
            answer = child.ask(says, model.data)
        if answer.says.get("timed_out"):
            raise RunTimedOutError(what=configuration, timeout_s=timeout_s)
        if "error" in answer.says:
            raise _failed(configuration, str(answer.says["error"]))
        return answer


def _failed(what: Configuration, reason: str) -> RunFailedError:
    return RunFailedError(
        what=what, reason=reason, hint="run: mobile-deploy inspect on the file, or: mobile-deploy doctor"
    )


def _bounded(name: str, data: bytes) -> _Model:
    graph = read_graph(data, source=name, any_subgraphs=True)
    check_size(graph, source=name)
    return _Model(data=data, memory_bytes=memory_limit(data, graph))


def _measurement(answer: Message, request: RunRequest) -> Measurement:
    """Takes an answer apart and believes none of it before it fits."""
    times_ms = np.frombuffer(answer.payload, np.float64) if len(answer.payload) % 8 == 0 else np.empty(0)
    match answer.says:
        case {"init_ms": float(init_ms), "warmups": int(warmups), "ops": int(ops), "delegated": int(delegated)} if (
            0 < warmups < len(times_ms) and np.isfinite(times_ms).all() and times_ms.min() >= 0
        ):
            used, doubts = _used(request.configuration.delegate, ops, delegated)
            return Measurement(
                init_ms=init_ms,
                first_ms=float(times_ms[0]),
                warmup_ms=float(times_ms[:warmups].mean()),
                memory=_memory(answer.says.get("memory")),
                used=used,
                doubts=doubts,
                **_figures(times_ms[warmups:]),
            )
    raise _failed(request.configuration, "its process gave an answer that does not fit")


def _figures(times_ms: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Summarizes timed inferences.

    Source: TensorFlow stats_calculator, whose percentile is the sample at position count x percent / 100, rounded down.
    """
    ordered, count = np.sort(times_ms), len(times_ms)
    p5_ms, centre_ms, p95_ms = (float(ordered[count * percent // 100]) for percent in (5, 50, 95))
    return {
        "centre_ms": centre_ms,
        "runs": count,
        "mean_ms": float(ordered.mean()),
        "min_ms": float(ordered[0]),
        "max_ms": float(ordered[-1]),
        "std_ms": float(ordered.std()),
        "p5_ms": p5_ms,
        "p95_ms": p95_ms,
    }


def _used(delegate: str, ops: int, delegated: int) -> tuple[str, tuple[str, ...]]:
    """Names what ran the model, and doubts a run that was not what was asked for."""
    used = f"XNNPACK, {delegated} of {ops} operators" if delegated else "the runtime's own kernels"
    if bool(delegated) == _DELEGATES[delegate]:
        return used, ()
    return used, (f"XNNPACK took {delegated or 'none'} of {ops} operators",)


def _memory(said: object) -> Memory | None:
    match said:
        case {"init_mb": float(init_mb), "overall_mb": float(overall_mb)}:
            return Memory(init_mb=init_mb, overall_mb=overall_mb, peak_mb=None)
    return None


def _cpu_name() -> str:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name"]
    return next(filter(None, names), "") or _apple_name() or platform.processor() or platform.machine()


def _apple_name() -> str:
    """Gives the chip's name on a Mac, where Python only knows its architecture; empty elsewhere."""
    if sys.platform != "darwin":
        return ""
    try:
        told = subprocess.run(_APPLE_NAME, capture_output=True, text=True, timeout=_ASKING_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip()


def _load_average() -> list[float] | None:
    """Gives the load of the last 1, 5 and 15 minutes; None where the system does not tell."""
    try:
        return [round(load, 2) for load in os.getloadavg()]
    except (AttributeError, OSError):  # Windows has none
        return None
