"""Measures on one place or on several at once, and loses nothing of it when one breaks off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from mobile_deploy.device.failures import PhoneNotReadyError
from mobile_deploy.device.gates import cool_down, heat_of
from mobile_deploy.device.measurement import Clock, Condition, Configuration, Measurement, RunRequest, Target
from mobile_deploy.device.plan import Plan, Progress, estimate_s
from mobile_deploy.device.records import Record
from mobile_deploy.device.session import run_session
from mobile_deploy.device.sustained import run_sustained
from mobile_deploy.device.verdicts import judged
from mobile_deploy.errors import MobileDeployError
from mobile_deploy.pipeline.benchmark_models import BenchmarkModel
from mobile_deploy.pipeline.benchmark_targets import OpenTarget
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.report.tables import counted

_STEP_S = 1.0  # of a sleep, until the next look whether to stop

Opener = Callable[[], AbstractContextManager[OpenTarget]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is measured on each place.

    Attributes:
        models: The models.
        threads: Threads of an inference; empty for the place's own default.
        delegates: Delegates.
        plan: How much is measured.
        sustained_s: How long the one configuration runs without a pause in seconds; None for a session of rounds.
        is_quick: Whether it is only a first look.
    """

    models: tuple[BenchmarkModel, ...] = field(repr=False)
    threads: tuple[int, ...]
    delegates: tuple[str, ...]
    plan: Plan
    sustained_s: float | None = None
    is_quick: bool = False

    @property
    def is_lasting(self) -> bool:
        """Whether the figures are good enough to be kept in the bundles."""
        return self.sustained_s is None and not self.is_quick

    def configurations(self, default_threads: int) -> tuple[Configuration, ...]:
        """Gives the rows of the result: models side by side, for each number of threads and each delegate."""
        return tuple(
            Configuration(model=model.name, threads=threads, delegate=delegate)
            for delegate in self.delegates
            for threads in self.threads or (default_threads,)
            for model in self.models
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one place.

    Attributes:
        about: What identifies it and what it runs, as JSON values.
        records: All processes in the order they ran, judged.
        notes: What the user should know, one sentence each.
        error: What broke it off; None if it came to its end.
    """

    about: dict[str, Any]
    records: tuple[Record, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    error: MobileDeployError | None = None

    @property
    def has_latencies(self) -> bool:
        """Whether anything was measured."""
        return any(record.is_latency for record in self.records)


Shown = Callable[[OpenTarget, tuple[Configuration, ...]], AbstractContextManager[Callable[[Progress], None]]]
"""Shows how the measuring on a place goes on; begins when the place is open."""


class Watch:
    """Collects what is measured on the places, so that it is there when the measuring is interrupted.

    Args:
        names: What to call the places until they tell their names.
        job: What is measured on each.
        clock: The time.
        stop: Is set when the user stops it, for what the threads of several places wait for.
    """

    def __init__(self, names: Sequence[str], job: Job, *, clock: Clock, stop: threading.Event) -> None:
        self._job = job
        self._stop = stop
        self._patient_clock = _StoppableClock(clock, self._stop)
        self._records: list[list[Record]] = [[] for _ in names]
        self._notes: list[list[str]] = [[] for _ in names]
        self._about: list[dict[str, Any]] = [{"name": name} for name in names]
        self._errors: list[MobileDeployError | None] = [None for _ in names]

    def outcomes(self) -> tuple[Outcome, ...]:
        """Gives what there is by now."""
        return tuple(
            Outcome(about=about, records=judged(records), notes=tuple(dict.fromkeys(notes)), error=error)
            for about, records, notes, error in zip(self._about, self._records, self._notes, self._errors, strict=True)
        )

    def measure_all(self, openers: Sequence[Opener], *, progress: ProgressReporter) -> None:
        """Measures on all places at once, each in a thread of its own where there are several.

        An error of the toolkit ends its own place and is kept.

        Args:
            openers: Open the places, in the order of the names.
            progress: Who listens.

        Raises:
            KeyboardInterrupt: The user stopped it; the places are cleaned up by then.
        """
        if len(openers) == 1:
            self._measure(0, openers[0], _shown_alone(progress, self._job))
            return
        with _shown_together(progress, self._job, len(openers)) as shown, ThreadPoolExecutor(len(openers)) as pool:
            left = {pool.submit(self._measure, *numbered, shown) for numbered in enumerate(openers)}
            try:
                while left:
                    # In steps, since a signal that another thread takes does not wake one that waits.
                    done, left = wait(left, timeout=_STEP_S, return_when=FIRST_COMPLETED)
                    for work in done:
                        work.result()
            finally:
                self._stop.set()  # whatever ends this ends all, and leaving the pool waits until they have cleaned up

    def _measure(self, number: int, opener: Opener, shown: Shown) -> None:
        try:
            with opener() as place:
                self._notes[number] = place.notes
                self._about[number] = {**place.target.to_json(), **place.about}
                configurations = self._job.configurations(place.default_threads)
                target = _Stoppable(place.target, self._stop)
                with shown(place, configurations) as on_progress:
                    place.notes.extend(self._let_cool(target, on_progress, force=place.force))
                    cooled_s = self._run(target, configurations, self._records[number], on_progress)
                # The app tells its runtime with its first answer.
                self._about[number] = {**place.target.to_json(), **place.about, "cooled_s": cooled_s}
        except MobileDeployError as error:
            self._errors[number] = error

    def _let_cool(self, target: Target, on_progress: Callable[[Progress], None], *, force: bool) -> tuple[str, ...]:
        """Waits until the place is cool; gives a note for each sign of heat that is left and put aside.

        Raises:
            PhoneNotReadyError: It stays hot.
        """
        limit_s = self._job.plan.cool_down_s

        def waiting(heat: tuple[str, ...]) -> None:
            on_progress(Progress(done=0, total=1, doing="; ".join(("a cool-down", *heat)), left_s=limit_s))

        cooled = cool_down(target, self._patient_clock, signs=heat_of, limit_s=limit_s, on_wait=waiting)
        heat = cooled.heat
        if heat and not force:
            serial = str(target.to_json().get("serial", target.name))
            objections = (*heat, f"after {time_words(cooled.waited_s)} of waiting")
            raise PhoneNotReadyError(serial=serial, objections=objections, remedies=("let it cool down",))
        return tuple(f"measured although {sign}" for sign in heat)

    def _run(
        self,
        target: Target,
        configurations: tuple[Configuration, ...],
        records: list[Record],
        on_progress: Callable[[Progress], None],
    ) -> float:
        """Measures, and gives how long the place was waited for to cool, in seconds."""
        plan, clock = self._job.plan, self._patient_clock
        if self._job.sustained_s is None:
            return run_session(
                target, configurations, plan, clock=clock, on_record=records.append, on_progress=on_progress
            ).cooled_s
        run_sustained(
            target,
            configurations[0],
            self._job.sustained_s,
            plan,
            clock=clock,
            on_record=records.append,
            on_progress=on_progress,
        )
        return 0.0


class _Stoppable:
    """A place that ends at its next step once it was told to stop."""

    def __init__(self, target: Target, stop: threading.Event) -> None:
        self._target = target
        self._stop = stop

    @property
    def name(self) -> str:
        return self._target.name

    def cores(self, threads: int) -> tuple[int, ...]:
        return self._target.cores(threads)

    def condition(self) -> Condition:
        _check(self._stop)
        return self._target.condition()

    def run(self, request: RunRequest) -> Measurement:
        _check(self._stop)
        return self._target.run(request)

    def to_json(self) -> dict[str, Any]:
        return self._target.to_json()


class _StoppableClock:
    """A clock whose sleep ends soon after it was told to stop."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        while (left := end - self._clock.now()) > 0:
            _check(self._stop)
            self._clock.sleep(min(left, _STEP_S))


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise KeyboardInterrupt


def _shown_alone(progress: ProgressReporter, job: Job) -> Shown:
    @contextmanager
    def shown(place: OpenTarget, configurations: tuple[Configuration, ...]) -> Iterator[Callable[[Progress], None]]:
        what = f"measure {counted(len(configurations), 'configuration')} on {place.target.name}"
        with progress.stage(what) as advance:
            advance(*_before(job, configurations))
            yield lambda at: advance(at.done, at.total, f"{at.doing}; {time_words(at.left_s)} left")

    return shown


@contextmanager
def _shown_together(progress: ProgressReporter, job: Job, places: int) -> Iterator[Shown]:
    """Shows one line for all places, since their threads go on side by side."""
    latest: dict[str, Progress] = {}
    lock = threading.Lock()
    configurations = job.configurations(default_threads=1)  # how many there are is the same everywhere
    what = f"measure {counted(len(configurations), 'configuration')} on each of {places} phones"
    with progress.stage(what) as advance:
        advance(*_before(job, configurations, places))

        def told(name: str, at: Progress) -> None:
            with lock:
                latest[name] = at
                steps = latest.values()
                left_s = max(step.left_s for step in steps)
                done, total = sum(step.done for step in steps), sum(step.total for step in steps)
                advance(done, total, f"{name}: {at.doing}; {time_words(left_s)} left")

        def shown(
            place: OpenTarget, configurations: tuple[Configuration, ...]
        ) -> AbstractContextManager[Callable[[Progress], None]]:
            name = str(place.target.to_json().get("serial") or place.target.name)
            return nullcontext(lambda at: told(name, at))

        yield shown


def _before(job: Job, configurations: tuple[Configuration, ...], places: int = 1) -> tuple[int, int, str]:
    """Gives what to show before anything is measured: nothing done, how much there is to do, and how long it takes."""
    if job.sustained_s is not None:
        return 0, places, f"about {time_words(job.sustained_s)}"
    each = 1 + job.plan.processes + len(job.plan.extras)
    return 0, places * each * len(configurations), f"about {time_words(estimate_s(job.plan, configurations))}"


def time_words(seconds: float) -> str:
    """Writes a time for people.

    >>> time_words(42.3), time_words(200)
    ('42 s', '3 min 20 s')
    """
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
