"""The report of a benchmark on the disk: one folder with everything that was measured and how.

benchmark-20261121-201500/
    benchmark.json   places, settings, every process, the rows of the tables; schema_version
    latency.png      one box for each configuration
    logs.txt         what every process printed
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mobile_deploy
from mobile_deploy.device.measurement import Configuration
from mobile_deploy.device.records import Record
from mobile_deploy.device.regression import Results, Timing
from mobile_deploy.errors import OutputExistsError, UnreadableFileError
from mobile_deploy.files import reason_in_words, write_directory
from mobile_deploy.pipeline.benchmark_result import PlaceResult, place_names, short_names
from mobile_deploy.pipeline.benchmark_run import Job, Outcome
from mobile_deploy.report.latency_plot import LatencyBox, draw_latencies
from mobile_deploy.report.tables import counted

SCHEMA_VERSION = 1
REPORT_NAME = "benchmark.json"

_LARGEST_REPORT_BYTES = 200_000_000
# What a report may say, with room to spare: more would overflow where it is compared.
_LEAST_MS, _MOST_MS, _MOST_THREADS = 1e-9, 1e9, 10_000
# What must be the same for times to be compared, in words for people.
_SAME = {"name": "phone", "soc": "chip", "kind": "way of measuring", "runtime": "runtime", "settings": "setting"}


def write_report(
    parent: Path, job: Job, outcomes: Sequence[Outcome], places: Sequence[PlaceResult], *, complete: bool
) -> Path:
    """Writes a report into a folder of its own, named by the time; it appears whole or not at all.

    Args:
        parent: Folder to write it into.
        job: What was to be measured.
        outcomes: What was measured.
        places: The same, summed up.
        complete: Whether everything was measured that was asked for.

    Returns:
        The report's folder.

    Raises:
        OutputNotWritableError: The system refused.
    """
    content = {
        "schema_version": SCHEMA_VERSION,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "mobile_deploy": mobile_deploy.__version__,
        "complete": complete,
        "plan": {**job.plan.to_json(), "sustained_s": job.sustained_s},
        "models": [model.to_json() for model in job.models],
        "places": [
            {**place.to_json(), "records": [_without_logs(record) for record in outcome.records]}
            for place, outcome in zip(places, outcomes, strict=True)
        ],
    }
    files = {
        REPORT_NAME: (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(
            errors="backslashreplace"  # names that are no Unicode; JSON spells them alike
        ),
        "logs.txt": "".join(_logs(outcomes)).encode(errors="backslashreplace"),
    }
    boxes = tuple(_boxes(places, outcomes))
    if boxes:
        title = places[0].setting if len(places) == 1 else f"{len(places)} phones"
        files["latency.png"] = draw_latencies(boxes, title=title)
    return _write(parent / f"benchmark-{time.strftime('%Y%m%d-%H%M%S')}", files)


def results_of(place: PlaceResult) -> Results:
    """Takes from a place what is compared with an older report."""
    return Results(place=_identity(place.about), timings=tuple(map(Timing.of, place.summaries)))


def read_results(path: Path) -> tuple[Results, ...]:
    """Reads from an older report what is compared.

    Args:
        path: A benchmark.json, or the folder it lies in.

    Returns:
        One for each place.

    Raises:
        UnreadableFileError: It is no report, or one of another schema.
    """
    hint = f"name the {REPORT_NAME} of an earlier mobile-deploy benchmark"
    try:
        path = path / REPORT_NAME if path.is_dir() else path
        if not path.is_file():  # opening a pipe would wait for ever
            raise UnreadableFileError(path=path, problem="there is no such file", hint=hint)
        with path.open("rb") as file:
            data = file.read(_LARGEST_REPORT_BYTES + 1)
        if len(data) > _LARGEST_REPORT_BYTES:
            problem = f"it is larger than any report, over {_LARGEST_REPORT_BYTES / 1e6:g} MB"
            raise UnreadableFileError(path=path, problem=problem, hint=hint)
        content = json.loads(data)
        version = content["schema_version"]
        if version != SCHEMA_VERSION:
            problem = f"schema_version is {version!r}, this version of mobile-deploy reads {SCHEMA_VERSION}"
            raise UnreadableFileError(path=path, problem=problem, hint=hint)
        if not content["places"]:
            raise UnreadableFileError(path=path, problem="nothing was measured in it", hint=hint)
        return tuple(map(_results, content["places"]))
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error), hint=hint) from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UnreadableFileError(path=path, problem=f"it is no benchmark report ({error})", hint=hint) from error


def _results(place: Mapping[str, Any]) -> Results:
    return Results(place=_identity(place["about"]), timings=tuple(map(_timing, place["summaries"])))


def _timing(summary: Mapping[str, Any]) -> Timing:
    told = summary["configuration"]
    centres_ms = tuple(float(value) for value in summary["centres_ms"])
    if not all(_LEAST_MS <= value <= _MOST_MS for value in centres_ms):
        raise ValueError(f"{centres_ms} are no latencies")
    threads = int(told["threads"])
    if not 1 <= threads <= _MOST_THREADS:
        raise ValueError(f"{threads} threads")
    return Timing(
        configuration=Configuration(model=str(told["model"]), threads=threads, delegate=str(told["delegate"])),
        centres_ms=centres_ms,
        throttled=bool(summary["throttled"]),
    )


def _identity(about: Mapping[str, Any]) -> dict[str, str]:
    return {word: str(about.get(key) or "") for key, word in _SAME.items()}


def _without_logs(record: Record) -> dict[str, Any]:
    told = record.to_json()
    told.pop("failure_log")
    if told["measurement"] is not None:
        told["measurement"].pop("log")
    return told


def _logs(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        for record in outcome.records:
            log = record.failure_log if record.measurement is None else record.measurement.log
            place = f"{outcome.about['name']}: {record.kind} {record.round}, attempt {record.attempt}"
            yield f"==== {place}, {record.configuration}, at {record.started_s:.1f} s\n{log.rstrip()}\n"


def _boxes(places: Sequence[PlaceResult], outcomes: Sequence[Outcome]) -> Iterator[LatencyBox]:
    short = short_names(summary for place in places for summary in place.summaries)
    for place, outcome, name in zip(places, outcomes, place_names(places), strict=True):
        for summary in place.summaries:
            if summary.latency_ms is None:
                continue
            configuration = summary.configuration
            words = (
                name if len(places) > 1 else "",
                short[configuration.model],
                counted(configuration.threads, "thread"),
                configuration.delegate,
            )
            yield LatencyBox(
                name=", ".join(filter(None, words)),
                processes_ms=summary.centres_ms,
                throttled_ms=tuple(
                    record.centre_ms
                    for record in outcome.records
                    if record.configuration == configuration
                    and record.is_latency
                    and record.throttled
                    and not summary.throttled
                ),
                median_ms=summary.latency_ms,
                p5_ms=summary.p5_ms,
                p95_ms=summary.p95_ms,
            )


def _write(target: Path, files: Mapping[str, bytes]) -> Path:
    """Writes a folder; where another process has taken its name in the same second, under the next free one."""
    number = 1
    while True:
        path = target if number == 1 else target.with_name(f"{target.name}-{number}")
        try:
            write_directory(path, files, overwrite=False, marker=REPORT_NAME)
        except OutputExistsError:
            number += 1
        else:
            return path
