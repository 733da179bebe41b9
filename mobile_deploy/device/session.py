"""A session: which processes run on a place, in which order, and what is kept of each.

First a short cold trial of every configuration; one that fails it is left out. Then rounds with one process of every
configuration each, in shuffled order, so that whatever drifts meets all of them alike. Before each process the place
may cool down. What was throttled all the same is repeated at the end. Memory and profile have processes of their own,
since polling and profiling slow a process down.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mobile_deploy.device.gates import cool_down
from mobile_deploy.device.measurement import Clock, Condition, Configuration, Kind, Target
from mobile_deploy.device.plan import Plan, Progress, estimate_s
from mobile_deploy.device.process import run_process
from mobile_deploy.device.records import Record
from mobile_deploy.device.verdicts import heat_signs, judged, raise_caps

ATTEMPTS = 2
"""How often a process is tried that fails, before its configuration is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What came of a session.

    Attributes:
        plan: How much was to be measured.
        records: All processes in the order they ran, judged.
        cooled_s: Time in seconds that was waited for the place to cool.
    """

    plan: Plan
    records: tuple[Record, ...] = field(repr=False)
    cooled_s: float

    def to_json(self) -> dict[str, Any]:
        """Gives all of it as JSON values."""
        records = [record.to_json() for record in self.records]
        return {"plan": self.plan.to_json(), "cooled_s": self.cooled_s, "records": records}


def run_session(
    target: Target,
    configurations: Sequence[Configuration],
    plan: Plan,
    *,
    clock: Clock,
    on_record: Callable[[Record], None] = lambda record: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Session:
    """Measures configurations on a place.

    Args:
        target: The place.
        configurations: What to measure, each once.
        plan: How much.
        clock: The time.
        on_record: Gets each process as soon as it ended, so that nothing is lost if the session breaks off; apply
            `judged` to them then.
        on_progress: Is told before each process and each pause.

    Returns:
        All that was measured; a configuration that fails is among it with its reason, and the others go on.

    Raises:
        PhoneLostError: The place no longer answers.
    """
    work = _Work(target=target, plan=plan, clock=clock, on_record=on_record, on_progress=on_progress)
    work.planned = len(configurations) * work.each
    work.alive = list(configurations)
    for configuration in configurations:
        work.run_trial(configuration)
    order = random.Random(plan.seed)
    for number in range(plan.processes):
        for configuration in order.sample(work.alive, len(work.alive)):
            work.run_latency(configuration, number)
    work.repeat_throttled(order)
    for kind in plan.extras:
        for configuration in tuple(work.alive):
            work.run(configuration, kind)
    return Session(plan=plan, records=judged(work.records), cooled_s=work.cooled_s)


@dataclass(slots=True, kw_only=True)
class _Work:
    """A session that is under way."""

    target: Target
    plan: Plan
    clock: Clock
    on_record: Callable[[Record], None]
    on_progress: Callable[[Progress], None]
    alive: list[Configuration] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    usual_cap_khz: dict[int, int] = field(default_factory=dict)
    centre_ms: dict[Configuration, float] = field(default_factory=dict)
    planned: int = 0
    cooled_s: float = 0.0
    begin_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.begin_s = self.clock.now()

    @property
    def each(self) -> int:
        """Processes of a configuration that neither fails nor is repeated."""
        return 1 + self.plan.processes + len(self.plan.extras)

    def run_trial(self, configuration: Configuration) -> None:
        if self.run(configuration, "trial").measurement is None:
            self.give_up(configuration)

    def run_latency(self, configuration: Configuration, number: int) -> None:
        """Runs a process of a round, and once more if it fails; if that fails too, the configuration is given up."""
        for attempt in range(ATTEMPTS):
            if self.run(configuration, "latency", number, attempt).measurement is not None:
                return
        self.give_up(configuration)

    def give_up(self, configuration: Configuration) -> None:
        self.alive.remove(configuration)
        ran = sum(record.configuration == configuration for record in self.records)
        self.planned -= max(0, self.each - ran)

    def repeat_throttled(self, order: random.Random) -> None:
        """Runs throttled processes again on a cooler place, as long as that promises anything."""
        for _ in range(self.plan.retries):
            slow = [record for record in judged(self.records) if record.throttled and not record.replaced]
            slow = [record for record in slow if record.configuration in self.alive]
            if not slow or not self.rest():
                return
            self.planned += len(slow)
            for record in order.sample(slow, len(slow)):
                self.run(record.configuration, "latency", record.round, self.attempts_of(record))

    def attempts_of(self, record: Record) -> int:
        return sum(other.slot == record.slot for other in self.records)

    def rest(self) -> bool:
        """Lets the place cool, blindly where it shows no sign of heat; says whether it may have helped."""
        if not self.signs(self.target.condition()):
            seconds = self.patience_s
            if seconds <= 0:
                return False
            self.tell("a rest, since processes were throttled")
            self.clock.sleep(seconds)
            self.cooled_s += seconds
        return not self.signs(self.cool())

    @property
    def patience_s(self) -> float:
        """How long the place may be waited for at this moment."""
        return min(self.plan.cool_down_s, self.plan.cool_downs_s - self.cooled_s)

    def signs(self, condition: Condition, cores: tuple[int, ...] = ()) -> tuple[str, ...]:
        return heat_signs(condition, cores, self.usual_cap_khz)

    def cool(self, cores: tuple[int, ...] = ()) -> Condition:
        """Waits while the place shows heat, within the plan's limits, and says how it is then."""
        cooling = cool_down(
            self.target,
            self.clock,
            signs=lambda condition: self.signs(condition, cores),
            limit_s=self.patience_s,
            on_wait=lambda heat: self.tell("; ".join(("a cool-down", *heat))),
        )
        self.cooled_s += cooling.waited_s
        return cooling.condition

    def run(self, configuration: Configuration, kind: Kind, number: int = 0, attempt: int = 0) -> Record:
        """Runs one process and keeps what came of it, whatever it is."""
        before = self.cool(self.target.cores(configuration.threads))
        self.tell(f"{kind} of {configuration}")
        return run_process(
            self.target,
            self.plan.request(configuration, kind),
            before=before,
            started_s=self.clock.now() - self.begin_s,
            number=number,
            attempt=attempt,
            keep=self.keep,
        )

    def keep(self, record: Record) -> None:
        self.records.append(record)
        for condition in record.conditions:
            raise_caps(self.usual_cap_khz, condition)
        if record.measurement is not None:
            self.centre_ms[record.configuration] = record.centre_ms
        self.on_record(record)

    def tell(self, doing: str) -> None:
        done = len(self.records)
        total = max(self.planned, done + 1)
        whole_s = estimate_s(self.plan, self.alive, self.centre_ms)
        self.on_progress(Progress(done=done, total=total, doing=doing, left_s=whole_s * (total - done) / total))
