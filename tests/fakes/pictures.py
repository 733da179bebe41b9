"""Small coloured pictures, different from each other, made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mobile_deploy.data.images import Picture


def make_picture(seed: int, *, height: int = 90, width: int = 120) -> Picture:
    """Gives smooth coloured blotches: (height, width, 3) uint8 RGB."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def write_pictures(folder: Path, count: int, *, first_seed: int = 0) -> list[Path]:
    """Writes `count` PNG files named p000.png and so on; the folder is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"p{first_seed + i:03}.png" for i in range(count)]
    for path in paths:
        Image.fromarray(make_picture(int(path.stem[1:]))).save(path)
    return paths
