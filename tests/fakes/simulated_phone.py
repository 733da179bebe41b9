"""A phone made of numbers: true latencies, noise and heat, on a clock that runs by itself.

Noise of a process: its median is lognormal around the truth (`noise`), all of them follow a slow common drift, a share
of them (`spikes`) is 30 % slower because of work in the background, and the governor takes up to a quarter of the
process to raise the clock, which costs up to 2 %. Heat rises while a process runs and falls while none does; above its
limit the clock falls to `slow_clock` until the heat is below `relief`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mobile_deploy.device.measurement import Condition, Configuration, Measurement, Memory, RunRequest
from mobile_deploy.device.plan import Plan
from mobile_deploy.device.records import Record
from mobile_deploy.device.session import run_session

LATENCIES_ONLY = Plan(memory=False)
CLOCKS_KHZ = (500_000, 1_400_000, 1_800_000, 2_400_000)
CORES = (4, 5)
EVIDENCE = ("status", "caps", "ticks")
SPIKE = 1.3


@dataclass
class VirtualClock:
    """Time that passes only when it is told to."""

    seconds: float = 1000.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.seconds += seconds


@dataclass(kw_only=True)
class Heat:
    """Heat in seconds of work."""

    limit: float = math.inf
    relief: float = 0.5  # share of the limit
    cools: float = 0.5  # seconds of work that a second of rest takes away
    work: float = 0.0
    throttled: bool = False

    def pass_time(self, seconds: float, *, busy: bool) -> None:
        self.work = max(0.0, self.work + (seconds if busy else -self.cools * seconds))
        if self.work > self.limit:
            self.throttled = True
        elif self.work < self.relief * self.limit:
            self.throttled = False


@dataclass(kw_only=True)
class SimulatedPhone:
    """A `Target`; `truth_ms` is what each configuration takes on a cool phone without noise."""

    truth_ms: Mapping[Configuration, float]
    clock: VirtualClock = field(default_factory=VirtualClock)
    seed: int = 0
    noise: float = 0.03
    drift: float = 0.01
    spikes: float = 0.02
    heat: Heat = field(default_factory=Heat)
    slow_clock: float = 0.65
    shows: frozenset[str] = frozenset()
    before_run: Callable[[RunRequest], None] = lambda request: None
    name: str = "Simulated"
    requests: list[RunRequest] = field(default_factory=list)
    throttled_starts: set[float] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._begin = self.clock.now()
        self._phase = self._random.uniform(0, 2 * math.pi)
        self._seen = self.clock.now()
        self._ticks = dict.fromkeys(CLOCKS_KHZ, 0.0)

    def cores(self, threads: int) -> tuple[int, ...]:
        return CORES

    def condition(self) -> Condition:
        self._rest()
        self._pass(0.2, busy=False)
        cap = self._khz(CLOCKS_KHZ[-1])
        return Condition(
            thermal_status=(2 if self.heat.throttled else 0) if "status" in self.shows else None,
            clock_cap_khz=dict.fromkeys(CORES, cap) if "caps" in self.shows else {},
            ticks={core: {khz: int(ticks) for khz, ticks in self._ticks.items()} for core in CORES}
            if "ticks" in self.shows
            else {},
        )

    def run(self, request: RunRequest) -> Measurement:
        self._rest()
        self.requests.append(request)
        self.before_run(request)
        throttled = self.heat.throttled
        if throttled:
            self.throttled_starts.add(round(self.clock.now() - self._begin, 6))
        ramp = self._random.uniform(0, 0.25)
        centre_ms = round(self._latency_ms(request.configuration, ramp), 3)
        runs = max(request.runs, math.ceil(1000 * request.seconds / centre_ms))
        self._work(request.warmup_seconds + runs * centre_ms / 1000, ramp)
        return Measurement(
            centre_ms=centre_ms,
            runs=runs,
            min_ms=0.97 * centre_ms,
            p5_ms=0.98 * centre_ms,
            p95_ms=1.1 * centre_ms,
            first_ms=3 * centre_ms,
            init_ms=12.0,
            memory=Memory(init_mb=10.0, overall_mb=20.0, peak_mb=None) if request.kind == "memory" else None,
        )

    def was_throttled(self, record: Record) -> bool:
        """The truth about a process of the first session."""
        return round(record.started_s, 6) in self.throttled_starts

    def to_json(self) -> dict[str, object]:
        return {"name": self.name}

    def _latency_ms(self, configuration: Configuration, ramp: float) -> float:
        noise = math.exp(self._random.gauss(0, self.noise))
        drift = 1 + self.drift * math.sin(self._phase + self.clock.now() / 60)
        spike = SPIKE if self._random.random() < self.spikes else 1.0
        slow = 1 / self.slow_clock if self.heat.throttled else 1.0
        return self.truth_ms[configuration] * noise * drift * spike * slow * (1 + 0.08 * ramp)

    def _khz(self, khz: int) -> int:
        """The highest clock the phone has that heat allows."""
        allowed = khz * (self.slow_clock if self.heat.throttled else 1.0)
        return max(clock for clock in CLOCKS_KHZ if clock <= allowed)

    def _work(self, seconds: float, ramp: float) -> None:
        self._ticks[CLOCKS_KHZ[1]] += 100 * seconds * ramp
        self._ticks[self._khz(CLOCKS_KHZ[-1])] += 100 * seconds * (1 - ramp)
        self._pass(seconds, busy=True)

    def _rest(self) -> None:
        """Makes up for the time that others let pass."""
        passed = self.clock.now() - self._seen
        self._ticks[CLOCKS_KHZ[0]] += 100 * passed
        self.heat.pass_time(passed, busy=False)
        self._seen = self.clock.now()

    def _pass(self, seconds: float, *, busy: bool) -> None:
        self.clock.sleep(seconds)
        self._seen = self.clock.now()
        self.heat.pass_time(seconds, busy=busy)
        if not busy:
            self._ticks[CLOCKS_KHZ[0]] += 100 * seconds


def measured(phone: SimulatedPhone, plan: Plan = LATENCIES_ONLY) -> tuple[Record, ...]:
    """The records of a session with all configurations of a phone."""
    return run_session(phone, list(phone.truth_ms), plan, clock=phone.clock).records
