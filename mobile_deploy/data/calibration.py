"""Calibration sets: pictures on which activation ranges are measured, from a folder, the shipped set or arrays."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit
from mobile_deploy.data.images import (
    PICTURE_SUFFIXES,
    Picture,
    check_held,
    decode_picture,
    find_files,
    fit_picture,
)
from mobile_deploy.data.manifest import (
    CalibrationFile,
    CalibrationManifest,
    SkippedFile,
    lint_pictures,
    measure_channels,
)
from mobile_deploy.errors import BadOptionError, BadPictureError, CalibrationTooSmallError, UnreadableFileError

BUILTIN = "builtin"
ARRAYS = "arrays"

# Fewer pictures leave whole channels unseen; no lint can make up for that.
MINIMUM_COUNT = 10

# Decoding is bound by memory, not by cores, from about four threads on.
_MAX_THREADS = 4

# What usually lies beside pictures and is not worth a word.
_COMPANION_SUFFIXES = frozenset({".csv", ".json", ".md", ".py", ".sha256", ".txt"})

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSet:
    """Pictures ready to be run through a model, and what they are.

    Attributes:
        images: (N, side, side, 3) uint8 RGB.
        manifest: Names, hashes, what was skipped and what looks wrong.
    """

    images: npt.NDArray[np.uint8]
    manifest: CalibrationManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    side: int
    fit: Fit
    samples: int | None
    seed: int
    progress: Progress | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usable:
    file: CalibrationFile
    picture: Picture
    shorter_side: int


def load_calibration(
    source: Path | str | Iterable[Picture],
    *,
    side: int,
    fit: Fit,
    samples: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> CalibrationSet:
    """Loads pictures to measure activation ranges on.

    Args:
        source: A folder with its subfolders, "builtin" for the pictures that ship, or (H, W, 3) uint8 RGB arrays.
        side: Height and width of the model's input in pixels.
        fit: How a picture becomes a square.
        samples: Most pictures to take; None for all. They are spread evenly over the sorted names, one drawn from
            each stretch, so that a folder ordered by class is not cut to its first classes.
        seed: Of that draw.
        progress: Called with the number of pictures done and the number to do, after each one.

    Returns:
        The pictures in the order of their names and the manifest.

    Raises:
        BadOptionError: `samples` is below 10, or an array is not a uint8 RGB picture.
        UnreadableFileError: The folder is missing.
        CalibrationTooSmallError: Fewer than 10 pictures could be used.
    """
    if samples is not None:
        check_samples(samples)
    request = _Request(side=side, fit=fit, samples=samples, seed=seed, progress=progress)
    if isinstance(source, str | Path):
        folder = builtin_calibration_dir() if source == BUILTIN else Path(source)
        name, loaded = BUILTIN if source == BUILTIN else folder.resolve().name, _load_folder(folder, request)
    else:
        name, loaded = ARRAYS, _load_arrays(source, request)
    usable = [item for item in loaded if isinstance(item, _Usable)]
    skipped = tuple(item for item in loaded if isinstance(item, SkippedFile))
    if len(usable) < MINIMUM_COUNT:
        raise CalibrationTooSmallError(
            source=source if isinstance(source, str | Path) else name,
            usable=len(usable),
            needed=MINIMUM_COUNT,
            skipped=(f"{file.name} ({file.reason})" for file in skipped),
        )
    return _assemble(name, usable, skipped, request)


def check_samples(samples: int) -> None:
    """Refuses to measure ranges on too few pictures.

    Args:
        samples: Most pictures to take.

    Raises:
        BadOptionError: Fewer than 10.
    """
    if samples < MINIMUM_COUNT:
        raise BadOptionError(option="--calibration-samples", problem=f"{samples} is below {MINIMUM_COUNT}")


def builtin_calibration_dir() -> Path:
    """Finds the folder with the calibration pictures that ship, in an installed wheel or a checkout.

    Raises:
        UnreadableFileError: The installation lacks them.
    """
    package = Path(__file__).resolve().parent.parent
    installed, checkout = package / "assets" / "calibration_data", package.parent / "calibration_data"
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise UnreadableFileError(
        path=installed, problem="the shipped pictures are missing", hint="reinstall mobile-deploy"
    )


def spread_choice(count: int, *, samples: int | None, seed: int) -> tuple[int, ...]:
    """Draws indices spread evenly over a sequence: one from each of `samples` equal stretches.

    Args:
        count: Length of the sequence.
        samples: How many to draw; None or too many for all.
        seed: Of the draw.

    Returns:
        Indices in rising order.

    >>> spread_choice(5, samples=None, seed=0)
    (0, 1, 2, 3, 4)
    """
    if samples is None or samples >= count:
        return tuple(range(count))
    draw = random.Random(seed)
    starts = [index * count // samples for index in range(samples + 1)]
    return tuple(draw.randrange(start, stop) for start, stop in pairwise(starts))


def _assemble(
    name: str, usable: Sequence[_Usable], skipped: tuple[SkippedFile, ...], request: _Request
) -> CalibrationSet:
    images = np.stack([item.picture for item in usable])
    files = tuple(item.file for item in usable)
    shorter_sides = [item.shorter_side for item in usable]
    manifest = CalibrationManifest(
        source=name,
        side=request.side,
        fit=request.fit,
        files=files,
        skipped=skipped,
        warnings=lint_pictures(images, files=files, shorter_sides=shorter_sides),
        channels=measure_channels(images),
    )
    return CalibrationSet(images=images, manifest=manifest)


def _load_folder(folder: Path, request: _Request) -> list[_Usable | SkippedFile]:
    files = find_files(folder)
    pictures = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]
    chosen = [pictures[index] for index in spread_choice(len(pictures), samples=request.samples, seed=request.seed)]

    check_held(len(chosen), side=request.side, option="--calibration-samples")

    def load(path: Path) -> _Usable | SkippedFile:
        return _load_file(path, path.relative_to(folder).as_posix(), request)

    with ThreadPoolExecutor(max_workers=min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        loaded = list(_counted(pool.map(load, chosen), total=len(chosen), progress=request.progress))
    return [*loaded, *_strangers(folder, files)]


def _strangers(folder: Path, files: Iterable[Path]) -> Iterator[SkippedFile]:
    for path in files:
        if path.suffix.lower() not in PICTURE_SUFFIXES | _COMPANION_SUFFIXES:
            yield SkippedFile(name=path.relative_to(folder).as_posix(), reason="not a picture by its name")


def _load_file(path: Path, name: str, request: _Request) -> _Usable | SkippedFile:
    try:
        decoded = decode_picture(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except BadPictureError as error:
        return SkippedFile(name=name, reason=error.problem)
    return _usable(decoded, CalibrationFile(name=name, sha256=digest), request)


def _load_arrays(source: Iterable[Picture], request: _Request) -> list[_Usable | SkippedFile]:
    fitted = [
        _usable(_checked(index, array), _describe_array(index, array), request) for index, array in enumerate(source)
    ]
    chosen = [fitted[index] for index in spread_choice(len(fitted), samples=request.samples, seed=request.seed)]
    return list(_counted(chosen, total=len(chosen), progress=request.progress))


def _checked(index: int, array: Picture) -> Picture:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        problem = f"picture {index} is {array.dtype} {array.shape}, not uint8 (height, width, 3)"
        raise BadOptionError(option="--calibration", problem=problem)
    return array


def _describe_array(index: int, array: Picture) -> CalibrationFile:
    digest = hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()
    return CalibrationFile(name=f"array-{index:05d}", sha256=digest)


def _usable(picture: Picture, file: CalibrationFile, request: _Request) -> _Usable:
    fitted = fit_picture(picture, side=request.side, fit=request.fit)
    return _Usable(file=file, picture=fitted, shorter_side=min(picture.shape[:2]))


def _counted(
    items: Iterable[_Usable | SkippedFile], *, total: int, progress: Progress | None
) -> Iterator[_Usable | SkippedFile]:
    for done, item in enumerate(items, start=1):
        yield item
        if progress is not None:
            progress(done, total)
