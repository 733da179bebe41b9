"""A few pictures out of a folder, the same ones every time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit
from mobile_deploy.data.calibration import builtin_calibration_dir, spread_choice
from mobile_deploy.data.images import check_held, find_pictures, load_picture
from mobile_deploy.errors import BadOptionError, UnreadableFileError


def sample_pictures(folder: Path | None, *, count: int) -> tuple[Path, ...]:
    """Chooses pictures spread evenly over the sorted names of a folder.

    Args:
        folder: The folder with its subfolders; None for the pictures that ship.
        count: Most pictures to take.

    Returns:
        At least one picture, in the order of their names.

    Raises:
        BadOptionError: `count` is below 1.
        UnreadableFileError: The folder is missing or holds no picture.
    """
    if count < 1:
        raise BadOptionError(option="--samples", problem=f"{count} is below 1")
    folder = folder or builtin_calibration_dir()
    found = find_pictures(folder)
    if not found:
        raise UnreadableFileError(path=folder, problem="it holds no picture")
    return tuple(found[index] for index in spread_choice(len(found), samples=count, seed=0))


def load_pictures(paths: Sequence[Path], *, side: int, fit: Fit) -> npt.NDArray[np.uint8]:
    """Decodes and fits pictures.

    Args:
        paths: Picture files, at least one.
        side: Height and width of the model's input in pixels.
        fit: How a picture becomes a square.

    Returns:
        (N, side, side, 3) uint8 RGB.

    Raises:
        BadPictureError: One is no picture or is damaged.
        BadOptionError: They do not fit into memory.
    """
    check_held(len(paths), side=side, option="--samples")
    return np.stack([load_picture(path, side=side, fit=fit) for path in paths])
