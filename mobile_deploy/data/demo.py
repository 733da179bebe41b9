"""The generated set: ten classes of rendered objects and textures to train on where no other pictures are at hand.

    python -m mobile_deploy.data.demo DIR --per-class 300

Colour tells nothing about the class, and place, size, turn, light, clutter and grain are drawn at random, so a network
must learn shapes. Equal seeds give equal files; the first pictures of a larger set are those of a smaller one.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from mobile_deploy.data.demo_objects import OBJECTS
from mobile_deploy.data.demo_scene import photograph_object, photograph_texture
from mobile_deploy.data.demo_textures import TEXTURES
from mobile_deploy.data.images import Picture
from mobile_deploy.errors import BadOptionError, MobileDeployError, OutputExistsError
from mobile_deploy.files.paths import hidden_sibling, refusals_named

DEMO_CLASSES = tuple(sorted((*OBJECTS, *TEXTURES)))
"""Names of the classes, which are the names of their folders."""

PER_CLASS = 300
SIDE = 128

_SIDES = (32, 1024)
_MOST_PER_CLASS = 100_000
_JPEG_QUALITY = 90
_MAX_THREADS = 4

Progress = Callable[[int, int], None]


def make_demo_pictures(
    folder: Path, *, per_class: int = PER_CLASS, seed: int = 0, side: int = SIDE, progress: Progress | None = None
) -> None:
    """Writes the generated set: one folder of JPEG files for each class; it appears whole or not at all.

    Args:
        folder: A folder that does not exist, or is empty.
        per_class: Pictures of each class, at least 1.
        seed: Equal seeds give equal bytes.
        side: Shorter side of the pictures in pixels, 32 to 1024.
        progress: Called with the number of pictures done and the number to do, after each one.

    Raises:
        BadOptionError: A number is out of range.
        OutputExistsError: There is something in the folder.
        OutputNotWritableError: The system refused.
    """
    _check(per_class=per_class, seed=seed, side=side)
    with refusals_named(folder):
        if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
            raise OutputExistsError(path=folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = hidden_sibling(folder)
        try:
            _write_all(staging, per_class=per_class, seed=seed, side=side, progress=progress)
            if folder.is_dir():
                folder.rmdir()
            staging.rename(folder)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise


def draw_demo_picture(name: str, index: int, *, seed: int = 0, side: int = SIDE) -> bytes:
    """Makes one picture of the set.

    Args:
        name: Its class, one of `DEMO_CLASSES`.
        index: Its number within the class, from 0.
        seed: Of the set.
        side: Shorter side in pixels.

    Returns:
        A JPEG file.
    """
    rng = np.random.default_rng((seed, DEMO_CLASSES.index(name), index))
    if name in OBJECTS:
        picture = photograph_object(rng, OBJECTS[name], side=side)
    else:
        picture = photograph_texture(rng, TEXTURES[name], side=side)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def draw_demo_pictures(count: int, *, seed: int, side: int = SIDE) -> Iterator[Picture]:
    """Draws pictures of all classes in turn, without writing them.

    Args:
        count: How many.
        seed: Of the set.
        side: Shorter side in pixels.

    Yields:
        (H, W, 3) uint8 RGB.
    """
    for number in range(count):
        index, place = divmod(number, len(DEMO_CLASSES))
        data = draw_demo_picture(DEMO_CLASSES[place], index, seed=seed, side=side)
        with Image.open(io.BytesIO(data)) as picture:
            yield np.asarray(picture)


def _check(*, per_class: int, seed: int, side: int) -> None:
    for option, value, least, most in (
        ("--per-class", per_class, 1, _MOST_PER_CLASS),
        ("--side", side, *_SIDES),
        ("--seed", seed, 0, 2**63 - 1),
    ):
        if not least <= value <= most:
            raise BadOptionError(option=option, problem=f"{value} is not from {least} to {most}")


def _write_all(folder: Path, *, per_class: int, seed: int, side: int, progress: Progress | None) -> None:
    jobs = [(name, index) for name in DEMO_CLASSES for index in range(per_class)]
    for name in DEMO_CLASSES:
        (folder / name).mkdir(parents=True)

    def make(job: tuple[str, int]) -> None:
        name, index = job
        picture = draw_demo_picture(name, index, seed=seed, side=side)
        (folder / name / f"{name}_{index:05}.jpg").write_bytes(picture)

    with ThreadPoolExecutor(max_workers=min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        for done, _ in enumerate(pool.map(make, jobs), start=1):
            if progress is not None:
                progress(done, len(jobs))


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the command line and writes the set; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mobile_deploy.data.demo", description="Write the generated set.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the class folders go; new or empty")
    parser.add_argument("--per-class", type=int, default=PER_CLASS, help="pictures of each class (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other pictures (%(default)s)")
    parser.add_argument("--side", type=int, default=SIDE, help="shorter side in pixels (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        make_demo_pictures(given.folder, per_class=given.per_class, seed=given.seed, side=given.side)
    except MobileDeployError as error:
        print(
            f"error: {error.message}\nhint: {error.hint}" if error.hint else f"error: {error.message}", file=sys.stderr
        )
        return error.exit_code
    print(f"{len(DEMO_CLASSES) * given.per_class} pictures of {len(DEMO_CLASSES)} classes in {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
