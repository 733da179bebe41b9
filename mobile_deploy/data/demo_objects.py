"""The objects of the generated set, each a few flat parts in a box from -1 to 1, with proportions drawn at random.

Nothing but the shape tells them apart: every part takes one of four colours that are drawn anew for each picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mobile_deploy.data.demo_shapes import Shape, above, box, common, disc, oval, polygon, ring, stick

Paint = Literal["main", "second", "dark", "light"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of an object; later parts lie on top.

    Attributes:
        shape: Its outline.
        paint: Which of the picture's colours it has.
        bulge: Width of its rounded rim, in units of the object; 0 for a flat mark that throws no shadow.
    """

    shape: Shape
    paint: Paint
    bulge: float = 0.25


Maker = Callable[[np.random.Generator], tuple[Part, ...]]


def mug(rng: np.random.Generator) -> tuple[Part, ...]:
    """A mug with its handle to the right, seen a little from above."""
    wide, high, lip = rng.uniform(0.42, 0.58), rng.uniform(0.5, 0.72), rng.uniform(0.1, 0.17)
    middle = -0.18
    handle = ring(middle + wide, rng.uniform(-0.12, 0.12), rng.uniform(0.28, 0.4), rng.uniform(0.12, 0.18))
    body = box(middle, 0, wide, high, round_by=0.14)
    bands = _band(rng, middle, wide * 0.99, high)
    return (
        Part(shape=handle, paint="main", bulge=0.07),
        Part(shape=body, paint="main", bulge=0.22),
        *bands,
        Part(shape=oval(middle, -high + 0.03, wide, lip), paint="light", bulge=0.03),
        Part(shape=oval(middle, -high + 0.04, wide - 0.07, lip - 0.04), paint="dark", bulge=0.0),
    )


def _band(rng: np.random.Generator, middle: float, wide: float, high: float) -> tuple[Part, ...]:
    if rng.random() < 0.5:
        return ()
    return (
        Part(shape=box(middle, rng.uniform(0, 0.3) * high, wide, rng.uniform(0.06, 0.16)), paint="second", bulge=0),
    )


def house(rng: np.random.Generator) -> tuple[Part, ...]:
    """A house with a pitched roof, a door, one or two windows and perhaps a chimney."""
    wide, eaves, ground = rng.uniform(0.55, 0.75), rng.uniform(-0.2, 0.05), 0.8
    over, ridge, side = rng.uniform(0.1, 0.22), rng.uniform(0.45, 0.7), rng.choice((-1.0, 1.0))
    roof = polygon([(-wide - over, eaves), (0, eaves - ridge), (wide + over, eaves)], round_by=0.03)
    door = box(-side * wide * 0.45, ground - 0.24, 0.14, 0.24)
    window = box(side * wide * 0.42, (eaves + ground) / 2 - 0.05, 0.18, 0.16)
    chimney = Part(shape=box(side * wide * 0.55, eaves - ridge * 0.6, 0.1, 0.28), paint="second", bulge=0.08)
    return (
        *((chimney,) if rng.random() < 0.6 else ()),
        Part(shape=box(0, (eaves + ground) / 2, wide, (ground - eaves) / 2), paint="main", bulge=0.08),
        Part(shape=roof, paint="second", bulge=0.16),
        Part(shape=door, paint="dark", bulge=0.0),
        Part(shape=window, paint="light", bulge=0.0),
    )


def fish(rng: np.random.Generator) -> tuple[Part, ...]:
    """A fish that swims to the left."""
    long, fat, tail = rng.uniform(0.58, 0.7), rng.uniform(0.28, 0.46), rng.uniform(0.26, 0.42)
    body = oval(-0.15, 0, long, fat)
    tail_fin = polygon([(0.3, 0.0), (0.85, -tail), (0.72, 0.0)], round_by=0.03)
    lower_fin = polygon([(0.3, 0.0), (0.72, 0.0), (0.85, tail)], round_by=0.03)
    back_fin = polygon([(-0.35, -fat * 0.8), (0.1, -fat - rng.uniform(0.1, 0.3)), (0.25, -fat * 0.6)], round_by=0.02)
    belly = common(body, oval(-0.1, fat, long, fat * rng.uniform(0.3, 0.9)))
    eye = (-0.15 - long * 0.6, -fat * 0.2)
    return (
        Part(shape=tail_fin, paint="second", bulge=0.1),
        Part(shape=lower_fin, paint="second", bulge=0.1),
        Part(shape=back_fin, paint="second", bulge=0.08),
        Part(shape=body, paint="main", bulge=0.3),
        Part(shape=belly, paint="light", bulge=0.0),
        Part(shape=disc(*eye, 0.1), paint="light", bulge=0.0),
        Part(shape=disc(*eye, 0.055), paint="dark", bulge=0.0),
    )


def key(rng: np.random.Generator) -> tuple[Part, ...]:
    """A key with a ring for a bow and two or three teeth."""
    bow, metal, thick = rng.uniform(0.26, 0.36), rng.uniform(0.13, 0.2), rng.uniform(0.065, 0.095)
    tip, count = rng.uniform(0.75, 0.92), int(rng.integers(2, 4))
    teeth = (
        Part(
            shape=box(tip - 0.07 - 0.19 * i, 0.15, 0.055, rng.uniform(0.12, 0.2), round_by=0.02),
            paint="main",
            bulge=0.06,
        )
        for i in range(count)
    )
    return (
        Part(shape=stick(-0.55 + bow, 0, tip, 0, thick), paint="main", bulge=0.08),
        *teeth,
        Part(shape=ring(-0.55, 0, bow, metal), paint="main", bulge=0.09),
    )


def mushroom(rng: np.random.Generator) -> tuple[Part, ...]:
    """A toadstool, mostly with spots."""
    wide, high, rim = rng.uniform(0.68, 0.9), rng.uniform(0.6, 0.85), rng.uniform(-0.1, 0.12)
    cap = common(oval(0, rim, wide, high), above(rim))
    foot = rng.uniform(0.18, 0.28)
    stem = polygon([(-foot * 0.75, rim - 0.1), (foot * 0.75, rim - 0.1), (foot, 0.78), (-foot, 0.78)], round_by=0.06)
    spots = (
        Part(
            shape=common(cap, disc(wide * at, rim - high * rng.uniform(0.25, 0.6), rng.uniform(0.07, 0.15))),
            paint="light",
            bulge=0.0,
        )
        for at in (-0.5, 0.0, 0.45)
        if rng.random() < 0.8
    )
    return (
        Part(shape=stem, paint="second", bulge=0.18),
        Part(shape=oval(0, rim, wide * 0.97, 0.13), paint="dark", bulge=0.0),
        Part(shape=cap, paint="main", bulge=0.3),
        *spots,
    )


def boat(rng: np.random.Generator) -> tuple[Part, ...]:
    """A sailing boat with a mainsail and a smaller foresail."""
    deck, keel, long = rng.uniform(0.38, 0.48), rng.uniform(0.74, 0.86), rng.uniform(0.72, 0.9)
    top, mast = rng.uniform(-0.92, -0.75), rng.uniform(-0.1, 0.15)
    hull = polygon([(-long, deck), (long, deck), (long * 0.6, keel), (-long * 0.62, keel)], round_by=0.04)
    main_sail = polygon([(mast + 0.06, top + 0.05), (long * 0.85, deck - 0.14), (mast + 0.06, deck - 0.14)])
    fore_sail = polygon(
        [(mast - 0.07, top + rng.uniform(0.15, 0.4)), (mast - 0.07, deck - 0.14), (-long * 0.8, deck - 0.14)]
    )
    return (
        Part(shape=stick(mast, top, mast, deck, 0.035), paint="dark", bulge=0.03),
        Part(shape=main_sail, paint="light", bulge=0.14),
        Part(shape=fore_sail, paint="second", bulge=0.12),
        Part(shape=hull, paint="main", bulge=0.16),
    )


OBJECTS: Mapping[str, Maker] = {
    "boat": boat,
    "fish": fish,
    "house": house,
    "key": key,
    "mug": mug,
    "mushroom": mushroom,
}
