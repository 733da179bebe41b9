"""How much is measured in a session, and how long that takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from mobile_deploy.device.measurement import Configuration, Kind, RunRequest

OVERHEAD_S = 2.0
"""Rough time in seconds that a process takes beside its inferences: questions over adb, start, loading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        processes: Latency processes of each configuration, at least 1; an interval needs 2.
        runs: Least number of timed inferences of a process.
        seconds: Least time of them in seconds.
        warmup_seconds: Least time of inferences before them in seconds.
        memory: Whether to measure memory.
        profile: Whether to measure the time by operator.
        retries: How often throttled processes are repeated at most.
        cool_down_s: Longest wait for the place to cool, in seconds.
        cool_downs_s: Longest time spent so in the whole session, in seconds.
        seed: Start of the shuffling.
    """

    processes: int = 5
    runs: int = 50
    seconds: float = 1.0
    warmup_seconds: float = 0.5
    memory: bool = True
    profile: bool = False
    retries: int = 2
    cool_down_s: float = 300.0
    cool_downs_s: float = 1200.0
    seed: int = 0

    @classmethod
    def quick(cls, *, profile: bool = False, seed: int = 0) -> Self:
        """Gives the plan for a first look: two short processes, nothing repeated."""
        return cls(
            processes=2,
            runs=20,
            seconds=0.3,
            warmup_seconds=0.2,
            memory=False,
            profile=profile,
            retries=0,
            cool_down_s=60.0,
            cool_downs_s=120.0,
            seed=seed,
        )

    @property
    def extras(self) -> tuple[Kind, ...]:
        """Kinds of process that run once for each configuration at the end."""
        kinds: tuple[tuple[Kind, bool], ...] = (("memory", self.memory), ("profile", self.profile))
        return tuple(kind for kind, wanted in kinds if wanted)

    def request(self, configuration: Configuration, kind: Kind) -> RunRequest:
        """Gives what is asked of a process."""
        if kind == "trial":
            return RunRequest(configuration=configuration, kind=kind, runs=1, seconds=0.0, warmup_seconds=0.0)
        return RunRequest(
            configuration=configuration,
            kind=kind,
            runs=self.runs,
            seconds=self.seconds,
            warmup_seconds=self.warmup_seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """Gives all of it as JSON values."""
        return asdict(self)


def estimate_s(
    plan: Plan, configurations: Sequence[Configuration], centre_ms: Mapping[Configuration, float] | None = None
) -> float:
    """Estimates how long a session takes in seconds, without cool-downs.

    Args:
        plan: How much is measured.
        configurations: What.
        centre_ms: Latencies in ms, where they are known.
    """
    known = centre_ms or {}
    counts: dict[Kind, int] = {"trial": 1, "latency": plan.processes, **dict.fromkeys(plan.extras, 1)}
    return sum(
        count * _process_s(plan.request(configuration, kind), known.get(configuration, 0.0))
        for configuration in configurations
        for kind, count in counts.items()
    )


def _process_s(request: RunRequest, centre_ms: float) -> float:
    return OVERHEAD_S + request.warmup_seconds + max(request.seconds, request.runs * centre_ms / 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a session is.

    Attributes:
        done: Processes that ran.
        total: Processes that are planned; grows when some must be repeated.
        doing: What comes next, such as "latency of v2-int8, 1 thread, cpu".
        left_s: Estimate of the time that is left, in seconds.
    """

    done: int
    total: int
    doing: str
    left_s: float
