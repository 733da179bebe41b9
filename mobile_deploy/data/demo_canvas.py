"""A picture that shapes are painted on, with light from one side: rims that shine, shadows beside things."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mobile_deploy.data.demo_objects import Paint, Part
from mobile_deploy.data.demo_shapes import Field

Color = npt.NDArray[np.float64]
"""(3, 1, 1) red, green and blue from 0 to 1, or (3, h, w) for each pixel its own."""

Window = tuple[slice, slice]
"""Rows and columns of a picture."""

WHOLE = (slice(None), slice(None))

# How far from its middle an object with its shadow reaches, in units of the object.
_REACH = 1.6
# Farther than any distance inside that reach.
_FAR = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Coordinates of pixels in an object's box or on a plane.

    Attributes:
        window: The part of the picture that is seen, h x w pixels.
        x: (h, w) to the right.
        y: (h, w) downwards.
        pixels: How many pixels a unit has.
    """

    window: Window
    x: Field
    y: Field
    pixels: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How an object's box lies in the picture.

    Attributes:
        at: Place of its middle, in units of half the picture's shorter side from the picture's middle.
        scale: Half its side in the same units.
        turn: In radians.
        bend: How much its straight lines curve.
        stretch: How much higher than wide it becomes.
        mirror: Whether left and right are swapped.
    """

    at: tuple[float, float]
    scale: float
    turn: float
    bend: float = 0.0
    stretch: float = 1.0
    mirror: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """The shadow of an object, in units of its box.

    Attributes:
        length: How far it is thrown.
        softness: Width of its edge.
        depth: Share of the light that it takes.
    """

    length: float
    softness: float
    depth: float


class Canvas:
    """A picture that layers are laid on.

    Args:
        height: In pixels.
        width: In pixels.
        light: Direction that the light comes from, in radians.
    """

    def __init__(self, height: int, width: int, *, light: float) -> None:
        self.side = min(height, width)
        self.light = (math.cos(light), math.sin(light))
        self.pixels = np.zeros((3, height, width))
        rows, columns = np.mgrid[:height, :width].astype(np.float64)
        # The middle of the picture is 0, the nearer edges are at -1 and 1.
        self.x = (columns + 0.5 - width / 2) * 2 / self.side
        self.y = (rows + 0.5 - height / 2) * 2 / self.side

    def lay(self, cover: Field, color: Color, window: Window = WHOLE) -> None:
        """Lays a colour, or one for each pixel, over a window (h, w) as far as `cover` (h, w) says."""
        self.pixels[:, *window] += cover * (color - self.pixels[:, *window])

    def darken(self, factor: Field, window: Window = WHOLE) -> None:
        """Multiplies each pixel of a window (h, w) with its factor (h, w)."""
        self.pixels[:, *window] *= factor

    def around(self, x: float, y: float, reach: float) -> Window:
        """Gives the pixels around a point, up to `reach` from it in each direction."""
        height, width = self.x.shape
        rows, columns = (
            [min(max(round((at + way * reach) * self.side / 2 + size / 2), 0), size) for way in (-1, 1)]
            for at, size in ((y, height), (x, width))
        )
        return slice(*rows), slice(*columns)

    def seen(self, pose: Pose) -> View:
        """Gives the coordinates in an object's box, for the pixels that it and its shadow may touch."""
        window = self.around(*pose.at, _REACH * pose.scale)
        x, y = (self.x[window] - pose.at[0]) / pose.scale, (self.y[window] - pose.at[1]) / pose.scale
        x, y = turned(x, y, pose.turn)
        x, y = x * pose.stretch * (-1 if pose.mirror else 1), y / pose.stretch
        return View(window=window, x=x + pose.bend * y * y, y=y + pose.bend * x * x, pixels=pose.scale * self.side / 2)

    def paint(self, parts: Sequence[Part], view: View, colors: Mapping[Paint, Color], *, shadow: Shadow) -> None:
        """Paints an object with its shadow; one that lies outside the picture leaves no trace.

        Args:
            parts: From the hindmost to the foremost.
            view: Where it is.
            colors: Of each paint.
            shadow: What it throws.
        """
        if min(view.x.shape) < 2:
            return
        distances = [part.shape(view.x, view.y) for part in parts]
        self.darken(self._shadowed(shadow, np.min(distances, axis=0), view.pixels), view.window)
        for part, distance in zip(parts, distances, strict=True):
            shade = self._shading(distance, part.bulge, view.pixels)
            color = np.minimum(colors[part.paint] * shade, 1.15)
            self.lay(cover(distance, view.pixels), color, view.window)

    def _shadowed(self, shadow: Shadow, distance: Field, pixels: float) -> Field:
        """Gives the share of light that is left beside a thing."""
        moved = np.full_like(distance, _FAR)
        right, down = (round(-shadow.length * pixels * direction) for direction in self.light)
        height, width = distance.shape
        moved[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = distance[
            max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
        ]
        return 1 - shadow.depth * np.clip(0.5 - moved / shadow.softness, 0, 1)

    def _shading(self, distance: Field, bulge: float, pixels: float) -> Field:
        """Lightens the rim that faces the light and darkens the one that does not."""
        if not bulge:
            return np.ones_like(distance)
        down, right = np.gradient(distance, 1 / pixels)
        rim = np.clip(1 + distance / bulge, 0, 1)
        return 1 + 0.42 * rim * (right * self.light[0] + down * self.light[1])


def turned(x: Field, y: Field, turn: float) -> tuple[Field, Field]:
    """Turns coordinates by an angle in radians."""
    return x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)


def cover(distance: Field, pixels: float) -> Field:
    """Gives the share of each pixel that a shape covers, 0 to 1.

    Args:
        distance: (h, w) signed distance to its edge.
        pixels: How many pixels a unit of it has; fewer make the edge softer.
    """
    return np.clip(0.5 - distance * pixels, 0, 1)
