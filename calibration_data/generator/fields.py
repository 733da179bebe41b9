"""Random fields: the raw stuff of textures, clouds, terrain and hair."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]


def fractal(rng: np.random.Generator, shape: tuple[int, ...], *, slope: float = 1.0) -> Field:
    """Draws noise whose amplitude falls as 1 / frequency^slope; slope 1 is the 1/f^2 power law of photographs.

    Args:
        rng: Source of randomness.
        shape: Of the result, two or three axes; the field wraps around.
        slope: 0 is white, 1 natural, 2 smooth.

    Returns:
        float32 of that shape, mean 0, deviation 1.

    Source: Field, "Relations between the statistics of natural images and the response properties of cortical cells",
        1987.
    """
    spectrum = np.fft.rfftn(rng.standard_normal(shape))
    axes = [np.fft.fftfreq(size) for size in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    squared = sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij"))
    squared.flat[0] = np.inf
    field = np.fft.irfftn(spectrum * squared ** (-slope / 2), s=shape, axes=range(len(shape)))
    return (field / field.std()).astype(np.float32)


def coordinates(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Gives each pixel's x and y with y from 0 to 1 downwards and x in the same unit."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(height)
    return x, y


def gather(field: Field, x: Field, y: Field) -> Field:
    """Samples a wrapping field at pixel positions by the nearest pixel.

    Args:
        field: (H, W) or (H, W, C).
        x: Columns, any shape.
        y: Rows, the same shape.
    """
    rows = np.round(y).astype(np.int32) % field.shape[0]
    columns = np.round(x).astype(np.int32) % field.shape[1]
    return field[rows, columns]


def warp(field: Field, dx: Field, dy: Field) -> Field:
    """Samples a field at every pixel moved by (dx, dy) pixels."""
    y, x = np.mgrid[0 : field.shape[0], 0 : field.shape[1]].astype(np.float32)
    return gather(field, x + dx, y + dy)


def smear(field: Field, dx: Field, dy: Field, *, length: int) -> Field:
    """Averages a field along a flow (line integral convolution): strands of hair, grain of wood, blades of grass.

    Args:
        field: (H, W).
        dx: Flow per step in pixels.
        dy: Flow per step in pixels.
        length: Steps.

    Returns:
        (H, W), scaled back to deviation 1.
    """
    y, x = np.mgrid[0 : field.shape[0], 0 : field.shape[1]].astype(np.float32)
    total = np.zeros_like(field)
    for _ in range(length):
        total += gather(field, x, y)
        x, y = x + gather(dx, x, y), y + gather(dy, x, y)
    return total / (total.std() + 1e-6)


def cells(rng: np.random.Generator, shape: tuple[int, int], *, count: int) -> tuple[Field, npt.NDArray[np.int32]]:
    """Divides the plane among random points (stones, scales, leopard spots).

    Returns:
        (H, W) difference of the distances to the two nearest points in picture heights, 0 on borders; and each pixel's
        point number.
    """
    x, y = coordinates(shape)
    points = rng.uniform((0, 0), (shape[1] / shape[0], 1), (count, 2)).astype(np.float32)
    nearest, second = np.full(shape, 9, np.float32), np.full(shape, 9, np.float32)
    owner = np.zeros(shape, np.int32)
    for number, (px, py) in enumerate(points):
        distance = np.hypot(x - px, y - py)
        closer = distance < nearest
        second = np.where(closer, nearest, np.minimum(second, distance))
        owner[closer] = number
        nearest = np.minimum(nearest, distance)
    return second - nearest, owner


class SolidNoise:
    """Noise in space, so that a texture is carved from one block and fits on every side of a body."""

    _SIZE = 48

    def __init__(self, rng: np.random.Generator, *, slope: float = 1.4) -> None:
        """Draws the block.

        Args:
            rng: Source of randomness.
            slope: As in `fractal`.
        """
        self._block = fractal(rng, (self._SIZE,) * 3, slope=slope)

    def __call__(self, points: Field) -> Field:
        """Samples by trilinear interpolation.

        Args:
            points: (N, 3) in cells of the block, which wraps around.

        Returns:
            (N,) of mean 0 and deviation about 1.
        """
        low = np.floor(points)
        part = (points - low).astype(np.float32).T
        cell = low.astype(np.int32).T % self._SIZE
        following = (cell + 1) % self._SIZE
        total = np.zeros(len(points), np.float32)
        for corner in np.ndindex(2, 2, 2):
            i, j, k = (following[axis] if corner[axis] else cell[axis] for axis in range(3))
            a, b, c = (part[axis] if corner[axis] else 1 - part[axis] for axis in range(3))
            total += a * b * c * self._block[i, j, k]
        return total
