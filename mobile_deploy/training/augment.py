"""How much the pictures of a training run are distorted, in levels; which picture is distorted how is told by a seed.

Small networks overfit less and want less distortion (V1 paper, section 3.2); the large ones of V3 and V4 want more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from mobile_deploy.data.images import Picture
from mobile_deploy.errors import UnknownNameError

Draws = npt.NDArray[np.float64]
"""(..., 8) random numbers from 0 to 1: place across and down, size, shape, mirror, brightness, contrast, saturation."""

_DRAWS = 8
# Keeps these numbers apart from those that order the epoch.
_AUGMENTATION = 1

# Width by height of the widest crop; the narrowest is its inverse.
_WIDEST = 4 / 3
# Source: ITU-R BT.601, luma of red, green and blue.
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How much pictures are distorted.

    Attributes:
        name: As it is asked for.
        crop: "contract" takes the contract's square, "window" one of the contract's scale anywhere in the margin
            square, "resized" a rectangle of any size and shape that is stretched to the square.
        smallest_area: Of "resized": the smallest share of the margin square that it may take.
        mirror: Whether left and right are swapped in half of the pictures.
        color: How far brightness, contrast and saturation may be moved, each as a factor from 1 - color to 1 + color.
    """

    name: str
    crop: Literal["contract", "window", "resized"]
    smallest_area: float = 1.0
    mirror: bool = True
    color: float = 0.0


# Sources: V1 paper, section 3.2: less distortion and no small crops for small networks. "Going deeper with
# convolutions", section 6: crops of 8 % to 100 % of the area, 3/4 to 4/3 wide, which V3 takes over (its section 6.1.1).
# "zoom", "standard" and the reach of the colours are this project's own choice between these.
LEVELS = (
    Level(name="none", crop="contract", mirror=False),
    Level(name="light", crop="window"),
    Level(name="zoom", crop="resized", smallest_area=0.7),  # for pictures that have no margin left
    Level(name="standard", crop="resized", smallest_area=0.35, color=0.2),
    Level(name="strong", crop="resized", smallest_area=0.08, color=0.4),
)


def level(name: str) -> Level:
    """Finds a level.

    Args:
        name: "none", "light", "zoom", "standard" or "strong".

    Raises:
        UnknownNameError: There is no such level.
    """
    for known in LEVELS:
        if known.name == name:
            return known
    raise UnknownNameError(kind="augmentation level", name=name, known=(known.name for known in LEVELS))


def draw(examples: int, *, seed: int, epoch: int) -> Draws:
    """Draws what the pictures of an epoch are distorted by; a row depends on seed, epoch and its place alone.

    Args:
        examples: How many pictures.
        seed: Of the run.
        epoch: From 0.

    Returns:
        (examples, 8) numbers from 0 to 1.
    """
    return np.random.default_rng((seed, epoch, _AUGMENTATION)).random((examples, _DRAWS))


def distort(picture: Picture, *, level: Level, side: int, draws: Draws) -> Picture:
    """Distorts one picture; equal draws distort alike, to the bit.

    Args:
        picture: (m, m, 3) uint8 RGB: the margin square, or for the level "none" the contract square.
        level: How much.
        side: Height and width of the result in pixels, at most m.
        draws: (8,) numbers from 0 to 1.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    cropped = _cropped(picture, level=level, side=side, draws=draws[:4])
    if level.mirror and draws[4] < 0.5:
        cropped = cropped[:, ::-1]
    return _recolored(cropped, level.color, draws[5:]) if level.color else cropped


def _cropped(picture: Picture, *, level: Level, side: int, draws: Draws) -> Picture:
    across, down, size, shape = draws.tolist()
    whole = picture.shape[0]
    match level.crop:
        case "contract":
            return picture
        case "window":
            left, top = (int(place * (whole - side + 1)) for place in (across, down))
            return picture[top : top + side, left : left + side]
        case "resized":
            area = level.smallest_area + size * (1 - level.smallest_area)
            aspect = _WIDEST ** (2 * shape - 1)
            width, height = (whole * min(math.sqrt(area * ratio), 1.0) for ratio in (aspect, 1 / aspect))
            left, top = across * (whole - width), down * (whole - height)
            box = (left, top, left + width, top + height)
            # The filter of the contract's own resizing.
            return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR, box=box))


def _recolored(picture: Picture, reach: float, draws: Draws) -> Picture:
    """Moves brightness, then the distance from the mean grey, then the distance of each pixel from its own grey."""
    brightness, contrast, saturation = (1 + reach * (2 * draws - 1)).tolist()
    mean = brightness * sum(share * picture[..., i].mean() for i, share in enumerate(_LUMA.tolist()))
    # The three steps at once, as one matrix with an offset in its last column.
    colors = brightness * contrast * (saturation * np.eye(3) + (1 - saturation) * _LUMA)
    matrix = np.column_stack((colors, np.full(3, (1 - contrast) * mean)))
    return np.asarray(Image.fromarray(picture).convert("RGB", tuple(matrix.reshape(-1).tolist())))
