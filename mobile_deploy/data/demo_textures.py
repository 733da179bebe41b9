"""The textures of the generated set: patterns over an endless plane, one repetition a unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mobile_deploy.data.demo_shapes import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A pattern on the plane.

    Attributes:
        edge: (H, W) signed distance to the edge between its two colours, in units of the plane; the second colour
            where it is positive.
        tone: (H, W) how much lighter each tile is than the average, -1 to 1.
    """

    edge: Field
    tone: Field


Weaver = Callable[[np.random.Generator, Field, Field], Pattern]


def bricks(rng: np.random.Generator, u: Field, v: Field) -> Pattern:
    """Courses of bricks with mortar between them, each course shifted by half a brick."""
    long, joint = rng.uniform(1.7, 2.4), rng.uniform(0.09, 0.16)
    course = np.floor(v)
    along = u / long + course * 0.5
    ends = _from_edge(along) * long
    return Pattern(edge=joint - np.minimum(ends, _from_edge(v)), tone=_tile_tone(rng, np.floor(along), course))


def checkers(rng: np.random.Generator, u: Field, v: Field) -> Pattern:
    """A chessboard."""
    column, row = np.floor(u), np.floor(v)
    sign = 1.0 - 2.0 * np.mod(column + row, 2)
    return Pattern(edge=sign * np.minimum(_from_edge(u), _from_edge(v)), tone=0.3 * _tile_tone(rng, column, row))


def honeycomb(rng: np.random.Generator, u: Field, v: Field) -> Pattern:
    """Hexagonal cells with walls between them."""
    wall = rng.uniform(0.07, 0.13)
    high = np.sqrt(3.0)
    candidates = []
    for shift in (0.0, 0.5):
        column, row = np.floor(u + shift), np.floor(v / high + shift)
        candidates.append(
            (u + shift - column - 0.5, (v / high + shift - row - 0.5) * high, column + shift, row + shift)
        )
    (x0, y0, *cell0), (x1, y1, *cell1) = candidates
    first = np.hypot(x0, y0) < np.hypot(x1, y1)
    x, y = np.abs(np.where(first, x0, x1)), np.abs(np.where(first, y0, y1))
    inside = 0.5 - np.maximum(x, 0.5 * x + 0.5 * high * y)
    column, row = (np.where(first, *pair) for pair in zip(cell0, cell1, strict=True))
    return Pattern(edge=wall - inside, tone=_tile_tone(rng, 2 * column, 2 * row))


def waves(rng: np.random.Generator, u: Field, v: Field) -> Pattern:
    """Bands that run in waves."""
    swing, long, share = rng.uniform(0.25, 0.5), rng.uniform(1.8, 3.2), rng.uniform(0.2, 0.3)
    lifted = v + swing * np.sin(2 * np.pi * u / long)
    return Pattern(edge=share - _from_edge(lifted), tone=0.4 * _tile_tone(rng, np.zeros_like(u), np.floor(lifted)))


def _from_edge(value: Field) -> Field:
    """Distance to the nearest whole number."""
    return np.abs(value - np.rint(value))


def _tile_tone(rng: np.random.Generator, column: Field, row: Field) -> Field:
    """A number from -1 to 1 for each tile of the plane, which looks random and is the same wherever it is asked."""
    salt = int(rng.integers(1 << 20))
    mixed = column.astype(np.int64) * 73_856_093 + row.astype(np.int64) * 19_349_663 + salt
    mixed = (mixed ^ (mixed >> 13)) * 0x5BD1E995
    return ((mixed ^ (mixed >> 15)) & 1023) / 511.5 - 1.0


TEXTURES: Mapping[str, Weaver] = {
    "bricks": bricks,
    "checkers": checkers,
    "honeycomb": honeycomb,
    "waves": waves,
}
