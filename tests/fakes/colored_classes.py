"""Classes that are told apart by their colour: what any network learns in an epoch or two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLORS = {"blue": (40, 60, 200), "green": (50, 190, 60), "red": (200, 50, 40)}


def write_colored_classes(folder: Path, *, per_class: int = 16, side: int = 40, seed: int = 0) -> Path:
    """Writes `per_class` PNG files of each class into folders named by colour; gives the folder."""
    for number, (name, color) in enumerate(COLORS.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(per_class):
            noise = np.random.default_rng((seed, number, index)).normal(0, 40, (side, side, 3))
            picture = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(folder / name / f"{name}{index:03}.png")
    return folder
