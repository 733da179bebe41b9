"""The folder that a training run leaves beside its bundles: what goes on, what it was, and what it came to.

mobilenet_v3_small_1.0_224-training/
    run.json, 01-head.npz, log.csv, curve.png, tensorboard/     see training/folder.py
    weights.h5          a variant's float weights, for --weights FILE
    validation/         labels.csv with the pictures that judged it, for evaluate --data DIR
    training.json       the manifest: data card, recipe, seed, versions, curve, hashes
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mobile_deploy.data.datasets import LABELS_FILE, LabelledPictures
from mobile_deploy.data.training_listing import TRAIN_FOLDER
from mobile_deploy.errors import (
    BadOptionError,
    NothingToResumeError,
    OutputNotWritableError,
    TrainingAtWorkError,
    TrainingExistsError,
)
from mobile_deploy.files import is_folder, refusals_named, write_file
from mobile_deploy.training.distribution import CLUSTER_VARIABLE

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

MANIFEST_NAME = "training.json"
WEIGHTS_NAME = "weights.h5"
VALIDATION_NAME = "validation"
SCHEMA_VERSION = 1

_RUN_NAME = "run.json"


def training_path(output: Path, model_name: str) -> Path:
    """Names the folder of a run, such as "build/my-model-training"."""
    return output / f"{model_name}-training"


def check_apart(output: Path, data: Path) -> None:
    """Refuses to write among class folders, where what is written would be a class of the next run.

    Args:
        output: Folder for the bundles and the folder of the run.
        data: Folder of pictures.

    Raises:
        BadOptionError: The one lies in the other.
    """
    is_inside = output.resolve().is_relative_to(data.resolve())
    if is_inside and not (data / LABELS_FILE).exists() and not (data / TRAIN_FOLDER).exists():
        raise BadOptionError(
            option="--output",
            problem=f"{output} lies in {data}, where every folder is a class",
            hint="pass -o DIR with a folder elsewhere",
        )


@contextmanager
def claimed(path: Path, *, resume: bool, overwrite: bool) -> Iterator[None]:
    """Makes the folder of a run its own, before anything slow begins; takes it away again when the run did not begin.

    Args:
        path: The folder.
        resume: Whether the run that is there shall go on. A folder in which none has begun yet is one that a kill left.
        overwrite: Whether the run that is there may be replaced.

    Raises:
        NothingToResumeError: There is no such folder.
        TrainingExistsError: A run is there, and neither `resume` nor `overwrite` is true.
        TrainingAtWorkError: Another process is at work there.
        OutputNotWritableError: The folder cannot be made.
    """
    if resume and not is_folder(path):
        raise NothingToResumeError(path=path)
    if not resume and not overwrite and (path / _RUN_NAME).is_file():
        raise TrainingExistsError(path=path)
    with refusals_named(path):
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        try:
            yield
        except BaseException as reason:
            with contextlib.suppress(OSError):  # where a run has begun they are not empty
                for folder in made:
                    folder.rmdir()
            if (path / _RUN_NAME).is_file():
                _say_how_to_go_on(reason, path)
            raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keeps other processes out of a folder; the system lifts the lock when this process ends, however it ends.

    Workers that train together share a folder, and so does everything on Windows, which cannot lock one.

    Raises:
        TrainingAtWorkError: Another process has the lock.
    """
    if fcntl is None or CLUSTER_VARIABLE in os.environ:
        yield
        return
    with refusals_named(path):
        descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Some file systems on networks know no locks.
            if isinstance(error, BlockingIOError):
                raise TrainingAtWorkError(path=path) from error
        yield
    finally:
        os.close(descriptor)


def _say_how_to_go_on(reason: BaseException, path: Path) -> None:
    """Adds to what stopped a run that it need not begin anew, where that is not said yet."""
    if isinstance(reason, KeyboardInterrupt) and not getattr(reason, "__notes__", ()):
        reason.add_note(f"{path} keeps what was trained; go on with --resume")
    if isinstance(reason, OutputNotWritableError) and "--resume" not in reason.hint:
        reason.hint = "free some space and run again with --resume; what was trained is kept"


def write_validation(path: Path, pictures: LabelledPictures, classes: tuple[str, ...]) -> Path:
    """Writes which pictures judged a run, so that `evaluate` can look at the very same ones.

    Args:
        path: The folder of the run.
        pictures: They.
        classes: Their class names in output order.

    Returns:
        A folder that `evaluate --data` takes.

    Raises:
        OutputNotWritableError: The system refused.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["filename", "class_index", "name"])
    for file, index in zip(pictures.paths, pictures.indices, strict=True):
        writer.writerow([file.resolve(), index, classes[index]])
    write_file(path / VALIDATION_NAME / LABELS_FILE, text.getvalue().encode())
    return path / VALIDATION_NAME


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Writes training.json.

    Args:
        path: The folder of the run.
        content: JSON values.

    Raises:
        OutputNotWritableError: The system refused.
    """
    text = json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2, ensure_ascii=False, allow_nan=False)
    write_file(path / MANIFEST_NAME, text.encode() + b"\n")
