"""Checks of a bundle that run it, and of the files that were made with it: golden vectors and the float twin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.bundle import MANIFEST_NAME, BundleRecord, check_hash, read_record
from mobile_deploy.contract import ModelContract
from mobile_deploy.errors import MobileDeployError
from mobile_deploy.evaluation.golden import INPUTS_NAME, OUTPUTS_NAME, read_tensors, replay
from mobile_deploy.evaluation.golden_record import GoldenRecord, GoldenTensors
from mobile_deploy.pipeline.bundle_checks import BundleParts
from mobile_deploy.pipeline.checks import Check, absent, guarded, held, unchecked
from mobile_deploy.pipeline.twin_files import float_folder_beside, recorded_twin
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.runner import InterpreterError, PictureRunner

RUNS, GOLDEN, TWIN = "runs", "golden vectors", "float twin"
_FLOAT = "float32"


def check_running(parts: BundleParts) -> tuple[Check, ...]:
    """Runs the .tflite in a child process and replays its golden vectors.

    Args:
        parts: What could be read.

    Returns:
        Whether it runs, then what `_check_golden` gives.
    """
    contract, data = parts.contract, parts.data
    if contract is None or data is None or not parts.is_runnable:
        why = "the .tflite and the contract do not fit together"
        return (unchecked(RUNS, why), *_check_golden(parts, None, why=why))
    try:
        with IsolatedRunner(data, contract, source=parts.record.tflite.name) as runner:
            runs = guarded(RUNS, lambda: _check_runs(runner, contract))
            opened = runner if runs.verdict == "ok" else None
            return (runs, *_check_golden(parts, opened, why="the .tflite does not run"))
    except InterpreterError as error:
        return (held(RUNS, [error.message], found=""), *_check_golden(parts, None, why="the .tflite does not run"))


def _check_runs(runner: PictureRunner, contract: ModelContract) -> Check:
    side = contract.input.side
    noise = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    problems = [] if np.isfinite(runner.run(noise)).all() else ["it gives numbers that are not finite"]
    return held(RUNS, problems, found="in a process of its own; its numbers are finite")


def _check_golden(parts: BundleParts, runner: PictureRunner | None, *, why: str) -> Iterator[Check]:
    """Checks the golden files and replays them, where the .tflite runs and both are as they were written.

    Args:
        parts: What could be read.
        runner: The opened .tflite; None where it does not run.
        why: Why not.

    Yields:
        One check for each file and one for the replay; the last alone where the bundle has no golden vectors.
    """
    recorded = parts.record.manifest.get("golden")
    if recorded is None:
        yield absent(GOLDEN, "write them with: mobile-deploy export --golden")
        return
    if parts.contract is None:
        yield unchecked(GOLDEN, why)
        return
    try:
        record = GoldenRecord.from_json(recorded, parts.contract, source=MANIFEST_NAME)
    except MobileDeployError as error:
        yield held(GOLDEN, [error.message], found="")
        return
    tensors: dict[str, npt.NDArray[Any]] = {}
    for name, described in ((INPUTS_NAME, record.inputs), (OUTPUTS_NAME, record.outputs)):
        yield _check_tensors(parts.record, name, described, record.count, tensors)
    if len(tensors) < 2 or runner is None:
        yield unchecked(GOLDEN, why if runner is None else "a file of theirs is not as it was written")
        return
    yield guarded(GOLDEN, lambda: _check_replay(runner, tensors, record))


def _check_tensors(
    record: BundleRecord,
    name: str,
    described: GoldenTensors,
    count: int,
    tensors: dict[str, npt.NDArray[Any]],
) -> Check:
    try:
        tensors[name] = read_tensors(record.directory / name, described, count=count)
    except MobileDeployError as error:
        return held(name, [error.message], found="")
    return held(name, [], found=f"{described.size_bytes(count):,} bytes, sha256 {described.sha256[:12]}")


def _check_replay(runner: PictureRunner, tensors: dict[str, npt.NDArray[Any]], record: GoldenRecord) -> Check:
    replayed = replay(runner, tensors[INPUTS_NAME], tensors[OUTPUTS_NAME], record)
    problems = [] if replayed.first_bad is None else [f"{replayed} (recorded with {' '.join(record.runtime)})"]
    return held(GOLDEN, problems, found=str(replayed))


def check_twin(record: BundleRecord) -> Check:
    """Checks that the float32 bundle beside is the one that this was made with."""
    expected = recorded_twin(record)
    if expected is None:
        return absent(TWIN, f"{MANIFEST_NAME} names none")
    if record.recipe == _FLOAT:
        problems = [] if record.sha256 == expected else [f"its sha256 is not the recorded one, {expected[:12]}"]
        return held(TWIN, problems, found="it is the float file itself")
    return guarded(TWIN, lambda: _check_beside(record, expected))


def _check_beside(record: BundleRecord, expected: str) -> Check:
    folder = float_folder_beside(record)
    if folder is None:
        return absent(TWIN, "no float32 bundle lies beside")
    twin = read_record(folder)
    check_hash(twin.tflite, twin.sha256)
    problem = f"{folder.name} is not what this was made with: sha256 {twin.sha256[:12]}, recorded {expected[:12]}"
    return held(TWIN, [] if twin.sha256 == expected else [problem], found=folder.name)
