"""Which pictures activation ranges are measured on, decoded while TensorFlow starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit
from mobile_deploy.data.calibration import BUILTIN, MINIMUM_COUNT, CalibrationSet, load_calibration
from mobile_deploy.data.images import find_pictures
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.files import is_folder
from mobile_deploy.pipeline.progress import Advance, ProgressReporter

CalibrationSource = Path | str | Iterable[npt.NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRequest:
    """Which pictures to calibrate on.

    Attributes:
        source: A folder, "builtin" or (H, W, 3) uint8 RGB arrays.
        samples: Most pictures to take.
        seed: Of the choice.
    """

    source: CalibrationSource
    samples: int
    seed: int

    def load(self, *, side: int, fit: Fit, progress: Advance | None = None) -> CalibrationSet:
        """Decodes and fits the pictures.

        Raises:
            InputDataError: Too few can be used.
        """
        return load_calibration(
            self.source, side=side, fit=fit, samples=self.samples, seed=self.seed, progress=progress
        )


@dataclass(frozen=True, slots=True)
class PendingPictures:
    """Pictures that are being decoded."""

    future: Future[CalibrationSet]

    def wait(self, progress: ProgressReporter) -> CalibrationSet:
        """Gives them, or raises why they cannot be used."""
        with progress.stage("decode the calibration pictures"):
            return self.future.result()


def decode_now(request: PictureRequest, *, side: int, fit: Fit, progress: ProgressReporter) -> CalibrationSet:
    """Decodes where there is nothing else to do meanwhile."""
    with progress.stage("decode the calibration pictures") as advance:
        return request.load(side=side, fit=fit, progress=advance)


def decode_ahead(request: PictureRequest, *, side: int, fit: Fit, pool: ThreadPoolExecutor) -> PendingPictures:
    """Starts decoding on another thread."""
    return PendingPictures(pool.submit(request.load, side=side, fit=fit))


@contextmanager
def background_thread() -> Iterator[ThreadPoolExecutor]:
    """Gives a pool of one thread that is not waited for when the work in the block fails."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def choose_pictures(source: CalibrationSource | None, *, samples: int, seed: int, has_default: bool) -> PictureRequest:
    """Settles which pictures to calibrate on, and finds out early when a folder cannot do.

    Args:
        source: What the user asked for, or None.
        samples: Most pictures to take.
        seed: Of the choice.
        has_default: Whether the pictures that ship may stand in.

    Returns:
        The request.

    Raises:
        BadOptionError: Nothing was asked for and the pictures that ship would be a guess, or `samples` is too small.
        UnreadableFileError: The folder is not there.
        CalibrationTooSmallError: The folder holds too few pictures.
    """
    if source is None and not has_default:
        raise BadOptionError(
            option="--calibration",
            problem="needed: ranges measured on the wrong pictures ruin accuracy silently",
            hint="pass a folder of about 100 pictures like those of your task, or --calibration builtin",
        )
    if source is None:
        source = BUILTIN
    elif isinstance(source, str) and source != BUILTIN:
        source = Path(source)
    if samples < MINIMUM_COUNT:
        raise BadOptionError(option="--calibration-samples", problem=f"{samples} is below {MINIMUM_COUNT}")
    request = PictureRequest(source=source, samples=samples, seed=seed)
    if isinstance(source, Path):
        if not is_folder(source):
            problem = "it is a file, not a folder" if source.exists() else "there is no such folder"
            raise UnreadableFileError(
                path=source, problem=problem, hint="pass --calibration DIR or --calibration builtin"
            )
        if len(find_pictures(source)) < MINIMUM_COUNT:
            request.load(side=MINIMUM_COUNT, fit=Fit(kind="stretch"))  # raises, naming what was skipped
    return request
