"""Flat shapes as signed distances: negative inside, positive outside, in the units of the coordinates.

All in float64: at that precision the libraries of different processors agree to far more digits than a pixel shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
"""(H, W) one number a pixel."""

Shape = Callable[[Field, Field], Field]
"""From x (to the right) and y (downwards) of each pixel to its distance from the shape's edge."""


def disc(x0: float, y0: float, radius: float) -> Shape:
    """A filled circle."""
    return lambda x, y: _length(x - x0, y - y0) - radius


def ring(x0: float, y0: float, radius: float, width: float) -> Shape:
    """A circular band, `width` across, around the line at `radius`."""
    return lambda x, y: np.abs(_length(x - x0, y - y0) - radius) - width / 2


def oval(x0: float, y0: float, across: float, down: float) -> Shape:
    """A filled ellipse by its half axes; the distance is exact near the edge alone."""

    def distance(x: Field, y: Field) -> Field:
        # The middle itself has no direction to its edge.
        u, v = (x - x0) / across + 1e-9, (y - y0) / down
        scaled = _length(u, v)
        return scaled * (scaled - 1) / _length(u / across, v / down)

    return distance


def box(x0: float, y0: float, across: float, down: float, *, round_by: float = 0.0) -> Shape:
    """A rectangle by its half sides, with rounded corners."""

    def distance(x: Field, y: Field) -> Field:
        u, v = np.abs(x - x0) - (across - round_by), np.abs(y - y0) - (down - round_by)
        return _length(np.maximum(u, 0), np.maximum(v, 0)) + np.minimum(np.maximum(u, v), 0) - round_by

    return distance


def stick(x0: float, y0: float, x1: float, y1: float, radius: float) -> Shape:
    """A line with a round brush."""
    across, down = x1 - x0, y1 - y0
    squared = across**2 + down**2

    def distance(x: Field, y: Field) -> Field:
        along = np.clip(((x - x0) * across + (y - y0) * down) / squared, 0, 1)
        return _length(x - x0 - along * across, y - y0 - along * down) - radius

    return distance


def polygon(corners: Sequence[tuple[float, float]], *, round_by: float = 0.0) -> Shape:
    """A convex polygon with its corners in clockwise order as seen on the screen, grown and rounded by `round_by`."""
    edges = tuple(zip(corners, (*corners[1:], corners[0]), strict=True))

    def distance(x: Field, y: Field) -> Field:
        sides, nearest = [], []
        for (x0, y0), (x1, y1) in edges:
            length = math.hypot(x1 - x0, y1 - y0)
            sides.append(((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length)
            nearest.append(stick(x0, y0, x1, y1, 0.0)(x, y))
        sign: Field = np.where(np.max(sides, axis=0) < 0, -1.0, 1.0)
        nearest_edge: Field = np.min(nearest, axis=0)
        return sign * nearest_edge - round_by

    return distance


def common(*shapes: Shape) -> Shape:
    """What lies in all of the shapes."""
    return lambda x, y: np.max([shape(x, y) for shape in shapes], axis=0)


def without(shape: Shape, hole: Shape) -> Shape:
    """A shape with a hole."""
    return lambda x, y: np.maximum(shape(x, y), -hole(x, y))


def above(y0: float) -> Shape:
    """Everything above a horizontal line."""
    return lambda x, y: y - y0


def _length(x: Field, y: Field) -> Field:
    # A third of the time of np.hypot, whose care for overflow no picture needs.
    return np.sqrt(x * x + y * y)
