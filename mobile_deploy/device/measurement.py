"""What is measured, and what a place must offer where a model can be timed.

Configuration   a model with threads and a delegate: one row of the result
RunRequest      one process that shall run
Measurement     what that process said
Condition       how hot and how fast the place was at a moment
Target          the place: a phone over adb, the app on it, this machine
Clock           time that tests can turn
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["trial", "latency", "memory", "profile"]
"""What a process runs for. A trial is short and cold: it tells whether the configuration works at all."""

DELEGATES: Mapping[str, str] = {
    "cpu": "the CPU with XNNPACK",
    "cpu-plain": "the CPU with the runtime's own kernels, without XNNPACK; needs the Interpreter tool",
    "gpu": "the GPU",
}
"""What `--delegate` may name, with what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One row of the result.

    Attributes:
        model: Name of the model, unique in a session.
        threads: Threads of an inference, at least 1.
        delegate: One of `DELEGATES`.
    """

    model: str
    threads: int
    delegate: str = "cpu"

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        return f"{self.model}, {threads}, {self.delegate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One process that shall run.

    Both phases go on until the least number of inferences and the least time are reached.

    Attributes:
        configuration: What to run.
        kind: What for.
        runs: Least number of timed inferences.
        seconds: Least time of timed inferences in seconds.
        warmup_seconds: Least time of inferences before them in seconds.
    """

    configuration: Configuration
    kind: Kind = "latency"
    runs: int = 50
    seconds: float = 1.0
    warmup_seconds: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of one process in MB; None where the tool does not say.

    Attributes:
        init_mb: Growth of the peak resident size until the model stood.
        overall_mb: Growth until the end.
        peak_mb: Peak that was seen by polling.
    """

    init_mb: float | None
    overall_mb: float | None
    peak_mb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTime:
    """One operator of a profile.

    Attributes:
        name: Name of the operator or tensor.
        kind: Kind of node, such as "CONV_2D" or "Convolution (NHWC, QC8) IGEMM".
        mean_ms: Mean time of an inference spent in it, in ms.
        share: Share of the whole, in [0, 1].
        calls: Calls in an inference.
    """

    name: str
    kind: str
    mean_ms: float
    share: float
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one process said. Times are in ms; None means that the tool does not say.

    Attributes:
        centre_ms: Median of the timed inferences; their mean where `centre` says so.
        centre: Which of both; tools before LiteRT 1.2 give no median.
        runs: Timed inferences.
        init_ms: Until the model stood.
        first_ms: The first inference of all.
        warmup_ms: Mean of the inferences before the timed ones.
        mean_ms: Mean of the timed inferences.
        min_ms: The fastest.
        max_ms: The slowest.
        std_ms: Standard deviation of the population.
        p5_ms: Fifth percentile.
        p95_ms: Ninety-fifth percentile.
        memory: Memory, of a run that was made for it.
        used: What ran the model as far as the log tells, such as "XNNPACK, 65 of 67 operators"; empty if it does not.
        doubts: What speaks against the number, such as "partially executed by the GPU delegate".
        profile: Time by operator, of a run that was made for it.
        log: All that the process printed.
    """

    centre_ms: float
    centre: Literal["median", "mean"] = "median"
    runs: int
    init_ms: float | None = None
    first_ms: float | None = None
    warmup_ms: float | None = None
    mean_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    std_ms: float | None = None
    p5_ms: float | None = None
    p95_ms: float | None = None
    memory: Memory | None = None
    used: str = ""
    doubts: tuple[str, ...] = ()
    profile: tuple[OpTime, ...] = ()
    log: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a place is at a moment; whatever it does not tell is None or empty.

    Attributes:
        thermal_status: Android's thermal status, from 0 (none) over 1 (light) to 6 (shutdown).
        temperatures_c: Temperature in °C by sensor, such as "SKIN", "CPU", "BATTERY".
        battery_percent: Charge.
        clock_cap_khz: Highest clock that each core may take now, by core.
        ticks: Time that each core has spent at each clock since it started, in 10 ms: by core, by kHz.
        awake: Whether its screen is on.
    """

    thermal_status: int | None = None
    temperatures_c: Mapping[str, float] = field(default_factory=dict)
    battery_percent: float | None = None
    clock_cap_khz: Mapping[int, int] = field(default_factory=dict)
    ticks: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    awake: bool | None = None

    @property
    def hottest_c(self) -> float | None:
        """The highest temperature in °C."""
        return max(self.temperatures_c.values(), default=None)


class Target(Protocol):
    """A place where models can be timed. The models are there before it is asked to run one."""

    @property
    def name(self) -> str:
        """What people call it, such as "Pixel 8"."""
        ...

    def cores(self, threads: int) -> tuple[int, ...]:
        """Gives the cores that a process with so many threads is bound to; empty where it is not bound."""
        ...

    def condition(self) -> Condition:
        """Says how it is now.

        Raises:
            PhoneLostError: It no longer answers.
        """
        ...

    def run(self, request: RunRequest) -> Measurement:
        """Runs one process to its end.

        Raises:
            RunFailedError: The process failed, or what it printed is no result; others may go on.
            PhoneLostError: The place no longer answers; nothing can go on.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """Gives all that identifies the place and what it runs, as JSON values."""
        ...


class Clock(Protocol):
    """Time that passes, in seconds."""

    def now(self) -> float:
        """Gives the time since some fixed moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Gives the time since some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        time.sleep(seconds)
