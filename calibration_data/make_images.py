"""Makes the calibration pictures of this folder, from random numbers alone.

    python make_images.py                    writes images/ and MANIFEST.sha256 (minutes)
    python make_images.py --check            makes every picture again in memory and compares it with the file
    python make_images.py --check sign_00    compares some

Each picture has its own seed, so one can be made without the others. With the same versions of numpy and Pillow on the
same kind of processor the files come out byte for byte; elsewhere the last bit of a sine or another JPEG encoder may
differ, so the check accepts a picture that differs by less than `TOLERANCE` grey levels on average.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from generator import planar, spatial
from generator.camera import Scene, photograph
from PIL import Image

HERE = Path(__file__).resolve().parent
IMAGES = HERE / "images"
MANIFEST = HERE / "MANIFEST.sha256"

SEED = 20
SHORTER_SIDE = 256
# Drawn larger and shrunk, so that edges are smooth.
RENDER_SCALE = 1.25
ASPECT_RATIOS = (1.0, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 3 / 4, 2 / 3, 16 / 9)
JPEG_QUALITY = 82
TOLERANCE = 1.0

FAMILIES: tuple[tuple[str, Callable[[np.random.Generator, tuple[int, int]], Scene], int], ...] = (
    ("animal", spatial.animal, 26),
    ("still_life", spatial.still_life, 14),
    ("product", spatial.product, 10),
    ("room", spatial.room, 8),
    ("street", spatial.street, 8),
    ("foliage", planar.foliage, 4),
    ("dead_leaves", planar.dead_leaves, 4),
    ("pebbles", planar.pebbles, 6),
    ("landscape", planar.landscape, 8),
    ("flower", planar.flower, 6),
    ("facade", planar.facade, 6),
    ("sign", planar.sign, 6),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One picture to make.

    Attributes:
        name: Of the file, without suffix.
        paint: Makes the scene.
        seed: Of this picture.
    """

    name: str
    paint: Callable[[np.random.Generator, tuple[int, int]], Scene]
    seed: tuple[int, int, int]


def plans() -> Iterator[Plan]:
    """Lists every picture."""
    for number, (name, paint, count) in enumerate(FAMILIES):
        for index in range(count):
            yield Plan(name=f"{name}_{index:02d}", paint=paint, seed=(SEED, number, index))


def make_jpeg(plan: Plan) -> bytes:
    """Makes one picture as the bytes of a JPEG file."""
    rng = np.random.default_rng(plan.seed)
    aspect = float(rng.choice(ASPECT_RATIOS))
    width, height = round(SHORTER_SIDE * max(1, aspect)), round(SHORTER_SIDE * max(1, 1 / aspect))
    scene = plan.paint(rng, (round(height * RENDER_SCALE), round(width * RENDER_SCALE)))
    file = io.BytesIO()
    photograph(rng, scene, size=(width, height)).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def write_all() -> None:
    """Writes images/ and the manifest in the format of sha256sum."""
    IMAGES.mkdir(exist_ok=True)
    lines = []
    for plan in plans():
        data = make_jpeg(plan)
        (IMAGES / f"{plan.name}.jpg").write_bytes(data)
        lines.append(f"{hashlib.sha256(data).hexdigest()}  images/{plan.name}.jpg\n")
        print(plan.name, len(data), flush=True)
    MANIFEST.write_text("".join(sorted(lines, key=lambda line: line.split()[1])), newline="\n")


def compare(plan: Plan) -> str:
    """Makes one picture again; gives "same bytes", "same picture" or what differs."""
    fresh, path = make_jpeg(plan), IMAGES / f"{plan.name}.jpg"
    if not path.is_file():
        return "DIFFERS: no such file"
    if path.read_bytes() == fresh:
        return "same bytes"
    with Image.open(io.BytesIO(fresh)) as made, Image.open(path) as stored:
        if made.size != stored.size:
            return f"DIFFERS: {stored.size} instead of {made.size}"
        difference = np.abs(np.asarray(made, np.float32) - np.asarray(stored, np.float32)).mean()
    return "same picture" if difference < TOLERANCE else f"DIFFERS: by {difference:.2f} grey levels on average"


def check(names: list[str]) -> int:
    """Compares the named pictures, or all; gives the exit code."""
    chosen = [plan for plan in plans() if not names or plan.name in names]
    failures = len(set(names) - {plan.name for plan in chosen})
    for plan in chosen:
        verdict = compare(plan)
        failures += verdict.startswith("DIFFERS")
        print(f"{plan.name}: {verdict}", flush=True)
    return 1 if failures else 0


def main() -> int:
    """Parses the command line and does what it says."""
    parser = argparse.ArgumentParser(description="Make the calibration pictures, or check them.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("names", nargs="*", help="pictures to check, such as sign_00; all if none")
    arguments = parser.parse_args()
    if arguments.check:
        return check(arguments.names)
    write_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
