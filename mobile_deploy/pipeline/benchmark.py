"""Measures latency on phones over adb, through the sample app, or on this machine, and reports it with its doubt."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mobile_deploy.bundle import record_latencies
from mobile_deploy.device.finishing import finishing
from mobile_deploy.device.measurement import Clock, SystemClock
from mobile_deploy.device.regression import Comparison, Results
from mobile_deploy.device.regression import compare as compare_results
from mobile_deploy.device.summary import Summary, speed_ups, summarize
from mobile_deploy.device.sustained import by_minute
from mobile_deploy.errors import (
    MobileDeployError,
    OutputNotWritableError,
    UnreadableFileError,
)
from mobile_deploy.files import check_writable
from mobile_deploy.pipeline.benchmark_models import baseline, open_models
from mobile_deploy.pipeline.benchmark_options import (
    check_bar,
    check_sustained,
    check_wishes,
    make_plan,
    take_threads,
    take_via,
)
from mobile_deploy.pipeline.benchmark_report import read_results, results_of, write_report
from mobile_deploy.pipeline.benchmark_result import BenchmarkResult, PlaceResult, place_names
from mobile_deploy.pipeline.benchmark_run import Job, Opener, Outcome, Watch
from mobile_deploy.pipeline.benchmark_targets import Wishes, find_phones, open_host, open_phone
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress

DEFAULT_PERCENT = 5.0
"""How much slower a model may be than in the older report where nobody says otherwise.

Source: the bar of ExecuTorch's benchmark dashboard.
"""


class BenchmarkInterrupted(KeyboardInterrupt):
    """The user stopped a benchmark; what was measured by then is written.

    Attributes:
        report: The report's folder.
    """

    def __init__(self, report: Path) -> None:
        self.report = report
        super().__init__()


def benchmark(
    models: Sequence[Path | str] | Path | str,
    *,
    threads: Sequence[int] | int | None = None,
    delegates: Sequence[str] = ("cpu",),
    serial: str | None = None,
    all_devices: bool = False,
    host: bool = False,
    via: str = "tool",
    tool: Path | str | None = None,
    tool_arguments: Sequence[str] = (),
    processes: int | None = None,
    quick: bool = False,
    sustained_s: float | None = None,
    profile: bool = False,
    fixed_performance: bool = False,
    force: bool = False,
    compare: Path | str | None = None,
    fail_on_regression: float | None = None,
    output: Path | str = "build",
    seed: int = 0,
    clock: Clock | None = None,
    progress: ProgressReporter | None = None,
) -> BenchmarkResult:
    """Measures the latency of models on a connected phone, on several, or on this machine.

    Every configuration runs in several processes, interleaved in shuffled order; the median of a process is the unit.
    On a phone the processes are bound to the big cores, heat is waited for, and throttled processes are repeated.

    Args:
        models: Bundles or .tflite files.
        threads: Numbers of threads of an inference; None for the place's own choice: as many as there are big cores, 4
            at most; 1 on this machine.
        delegates: What runs the model: "cpu", "cpu-plain" (without XNNPACK), "gpu".
        serial: The phone; None for the environment variable ANDROID_SERIAL, else for the only one.
        all_devices: Whether to measure on all connected phones at once.
        host: Whether to measure on this machine.
        via: What runs the model on a phone: "tool" for benchmark_model, "app" for the sample app.
        tool: A benchmark_model for the phone; None to take LiteRT's published one from the cache or the network.
        tool_arguments: Further arguments for it, each --name=value.
        processes: Processes of each configuration; None for 5, or 2 when `quick`.
        quick: Whether a first look is enough.
        sustained_s: How long one configuration shall run without a pause in seconds; None for rounds of processes.
        profile: Whether to measure the time by operator, too.
        fixed_performance: Whether to hold the phone's clocks steady below their peak.
        force: Whether to measure although battery, power saver or space speak against it.
        compare: A benchmark.json of an earlier benchmark to hold the figures against.
        fail_on_regression: How much slower in percent is allowed before it is an error; needs `compare`.
        output: Folder to write the report's folder into.
        seed: Of the order of processes.
        clock: The time; the system's if None.
        progress: Who listens; nobody if None.

    Returns:
        The latencies. Where some of the work failed and some did not, `errors` says what; all that was measured is in
        the report.

    Raises:
        BadOptionError: Options contradict each other or are out of range.
        UnreadableFileError: A model or the older report cannot be used.
        EnvironmentMissingError: There is no phone, no adb, no tool, or the phone is not fit to be measured.
        ToolFailedError: The phone was lost or refused before anything was measured.
        OutputNotWritableError: No report can be written there, as is found out before anything is measured.
    """
    paths = [Path(path) for path in ([models] if isinstance(models, Path | str) else models)]
    wishes = Wishes(
        via=take_via(via),
        tool=None if tool is None else Path(tool),
        tool_arguments=tuple(tool_arguments),
        delegates=tuple(delegates),
        profile=profile,
        fixed_performance=fixed_performance,
        force=force,
    )
    check_wishes(wishes, host=host, serial=serial, all_devices=all_devices)
    check_bar(fail_on_regression, has_older=compare is not None)
    counts, kinds = take_threads(threads), tuple(dict.fromkeys(delegates))
    configurations = len(paths) * max(len(counts), 1) * len(kinds)
    check_sustained(sustained_s, configurations=configurations, processes=processes, profile=profile)
    plan = make_plan(
        processes, cools=not host and not force, quick=quick, profile=profile, seed=seed, sustained_s=sustained_s
    )
    check_writable(Path(output))
    job = Job(
        models=open_models(paths), threads=counts, delegates=kinds, plan=plan, sustained_s=sustained_s, is_quick=quick
    )
    older = () if compare is None else read_results(Path(compare))
    clock, progress, stop = clock or SystemClock(), progress or SilentProgress(), threading.Event()
    openers, names, notes = _openers(
        job, wishes, host=host, serial=serial, all_devices=all_devices, clock=clock, progress=progress, stop=stop
    )
    watch = Watch(names, job, clock=clock, stop=stop)
    try:
        watch.measure_all(openers, progress=progress)
    except KeyboardInterrupt as error:
        raise _interrupted(job, watch, Path(output)) from error
    outcomes = watch.outcomes()
    broken = [outcome.error for outcome in outcomes if outcome.error is not None]
    if broken and not any(outcome.has_latencies for outcome in outcomes):
        raise _with_others(broken)
    return _finish(job, outcomes, older, Path(output), percent=fail_on_regression, notes=notes)


def _openers(
    job: Job,
    wishes: Wishes,
    *,
    host: bool,
    serial: str | None,
    all_devices: bool,
    clock: Clock,
    progress: ProgressReporter,
    stop: threading.Event,
) -> tuple[tuple[Opener, ...], tuple[str, ...], tuple[str, ...]]:
    """Gives what opens the places, what to call them until then, and notes."""
    if host:
        return (partial(open_host, job.models),), ("this machine",), ()
    with progress.stage("ask adb for phones"):
        adb, phones, notes = find_phones(serial=serial, all_devices=all_devices, clock=clock, stop=stop)
    told = progress if len(phones) == 1 else SilentProgress()  # threads have no lines of their own
    openers = tuple(partial(open_phone, adb, phone, job.models, wishes, told) for phone in phones)
    return openers, tuple(phone.serial for phone in phones), notes


def _with_others(broken: Sequence[MobileDeployError]) -> MobileDeployError:
    """Gives the first error, whose hint names what ended the other phones."""
    first, *others = broken
    if others:
        first.hint = "; ".join(filter(None, (first.hint, *(f"also: {error.message}" for error in others))))
    return first


def _interrupted(job: Job, watch: Watch, output: Path) -> KeyboardInterrupt:
    """Writes what was measured until the user stopped it, if anything was."""
    outcomes = watch.outcomes()
    if not any(outcome.has_latencies for outcome in outcomes):
        return KeyboardInterrupt()
    with finishing():
        return BenchmarkInterrupted(write_report(output, job, outcomes, _places(job, outcomes), complete=False))


def _finish(
    job: Job,
    outcomes: tuple[Outcome, ...],
    older: tuple[Results, ...],
    output: Path,
    *,
    percent: float | None,
    notes: tuple[str, ...],
) -> BenchmarkResult:
    places = _places(job, outcomes)
    complete = all(place.error is None and not place.failures for place in places)
    folder, unwritten = None, None
    with finishing():  # what took minutes to measure is not lost to a late Ctrl-C, nor to a disk that is full by now
        try:
            folder = write_report(output, job, outcomes, places, complete=complete)
        except OutputNotWritableError as error:
            unwritten = error
    attached, more = _attach(job, places) if job.is_lasting else ((), ())
    return BenchmarkResult(
        folder=folder,
        unwritten=unwritten,
        places=places,
        comparisons=_compare(older, places, percent),
        percent=percent,
        attached=attached,
        notes=(*notes, *more),
    )


def _places(job: Job, outcomes: Sequence[Outcome]) -> tuple[PlaceResult, ...]:
    return tuple(_place(job, outcome) for outcome in outcomes)


def _place(job: Job, outcome: Outcome) -> PlaceResult:
    summaries = summarize(outcome.records, all_count=job.sustained_s is not None)
    return PlaceResult(
        about=outcome.about,
        summaries=summaries,
        speed_ups=speed_ups(summaries, baseline=baseline(job.models)),
        minutes=() if job.sustained_s is None else by_minute(outcome.records),
        notes=outcome.notes,
        error=outcome.error,
    )


def _compare(
    older: tuple[Results, ...], places: tuple[PlaceResult, ...], percent: float | None
) -> tuple[Comparison, ...]:
    """Compares each place with the same one of the older report; with the only one where there is no same."""
    if not older:
        return ()
    found: list[Comparison] = []
    for place, name in zip(places, place_names(places), strict=True):
        new = results_of(place)
        old = next((results for results in older if results.place == new.place), older[0])
        compared = compare_results(old, new, percent=DEFAULT_PERCENT if percent is None else percent)
        found += (replace(comparison, place=name if len(places) > 1 else "") for comparison in compared)
    return tuple(found)


def _attach(job: Job, places: Sequence[PlaceResult]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Writes latencies into the bundles they belong to; one that cannot be written is a note, the report has them."""
    attached, notes = [], []
    for model in job.models:
        entries = [
            _entry(place, summary)
            for place in places
            for summary in place.summaries
            if summary.configuration.model == model.name and summary.latency_ms is not None and not summary.failure
        ]
        if model.bundle is None or not entries:
            continue
        try:
            record_latencies(model.bundle.directory, entries)
        except (OutputNotWritableError, UnreadableFileError) as error:
            notes.append(f"the latencies are not in the bundle: {error.message}")
        else:
            attached.append(model.bundle.directory)
    return tuple(attached), tuple(notes)


def _entry(place: PlaceResult, summary: Summary) -> dict[str, Any]:
    about, configuration = place.about, summary.configuration
    return {
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "device": place.name,
        "soc": about.get("soc", ""),
        "system": about.get("system", ""),
        "runtime": about.get("runtime", ""),
        "settings": about.get("settings", ""),
        "threads": configuration.threads,
        "delegate": configuration.delegate,
        "latency_ms": summary.latency_ms,
        "low_ms": summary.low_ms,
        "high_ms": summary.high_ms,
        "p5_ms": summary.p5_ms,
        "p95_ms": summary.p95_ms,
        "first_ms": summary.first_ms,
        "init_ms": summary.init_ms,
        "processes": len(summary.centres_ms),
        "spread": summary.spread,
        "throttled": summary.throttled,
        "doubts": list(summary.doubts),
    }
