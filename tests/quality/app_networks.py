"""Networks that the sample app is held to, and 200 pictures for each.

v1     V1 0.25 with real weights, photographs         } of the development data
v2     V2 1.0 with real weights, photographs          }
v3     V3-small with weights that answer in many ways, drawn pictures
demo   the V2 of ten classes that this project trained, drawn pictures
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from quality.plain_converter import NETWORKS

from mobile_deploy.bundle import Bundle
from mobile_deploy.data.demo import draw_demo_picture, draw_demo_pictures
from mobile_deploy.data.demo_textures import TEXTURES
from mobile_deploy.data.images import decode_picture, fit_picture
from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.train import train

RECIPES = ("int8", "float16", "dynamic")
PICTURES = 200
_DRAWN_SIDE = 128
_TRAINED_ON = 250  # pictures of each class


@dataclass(frozen=True, kw_only=True)
class AppNetwork:
    """A network in all recipes.

    Attributes:
        bundles: By recipe.
        folder: Holds the pictures as PNG files, in the order of their names.
    """

    bundles: dict[str, Bundle] = field(repr=False)
    folder: Path

    @cached_property
    def squares(self) -> np.ndarray:
        """(200, side, side, 3) uint8 RGB, as every bundle is fed."""
        given = self.bundles[RECIPES[0]].contract.input
        paths = sorted(self.folder.iterdir())
        return np.stack([fit_picture(decode_picture(path), side=given.side, fit=given.fit) for path in paths])


def make_app_network(name: str, request: pytest.FixtureRequest, folder: Path) -> AppNetwork:
    """Makes a network's bundles and pictures; skips where the development data is absent that it needs."""
    bundles = {"v3": _trained_v3, "demo": _demo}.get(name, _published)(name, request, folder / "bundles")
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    shown = {
        "v3": _textures,
        "demo": lambda: draw_demo_pictures(PICTURES, seed=31, side=_DRAWN_SIDE),
    }.get(name, lambda: _photographs(request))
    for number, picture in enumerate(shown()):
        Image.fromarray(picture).save(pictures / f"{number:03}.png", compress_level=1)
    return AppNetwork(bundles=_by_recipe(bundles), folder=pictures)


def _by_recipe(bundles: Sequence[Bundle]) -> dict[str, Bundle]:
    return {bundle.recipe: bundle for bundle in bundles}


def _photographs(request: pytest.FixtureRequest) -> list[np.ndarray]:
    paths = sorted((request.getfixturevalue("shared_dir") / "imagenet_sample" / "images").iterdir())
    return [decode_picture(path) for path in paths[:: math.floor(len(paths) / PICTURES)][:PICTURES]]


def _published(name: str, request: pytest.FixtureRequest, folder: Path) -> Sequence[Bundle]:
    alpha, weights = NETWORKS[name]
    path = request.getfixturevalue("shared_dir") / "pretrained" / weights
    return export(name, alpha=alpha, weights=path, quant=RECIPES, calibration="builtin", output=folder).bundles


def _demo(name: str, request: pytest.FixtureRequest, folder: Path) -> Sequence[Bundle]:
    made = export(
        "v2", alpha=0.35, resolution=96, weights=name, quant=RECIPES, calibration=_calibration(), output=folder
    )
    return made.bundles


def _trained_v3(name: str, request: pytest.FixtureRequest, folder: Path) -> Sequence[Bundle]:
    """Undecided weights will not do: they answer otherwise when anything is rounded otherwise."""
    for texture in TEXTURES:
        (folder / name / texture).mkdir(parents=True)
        for index in range(_TRAINED_ON):
            data = draw_demo_picture(texture, index, side=_DRAWN_SIDE)
            (folder / name / texture / f"{index}.jpg").write_bytes(data)
    made = train(
        "v3-small",
        alpha=0.75,
        resolution=64,
        weights="none",
        data=folder / name,
        epochs=12,
        label_smoothing=0.0,
        quant=RECIPES,
        calibration=_calibration(),
        output=folder,
    )
    return made.bundles


def _textures() -> Iterator[np.ndarray]:
    """Pictures that V3 was not trained on."""
    for number in range(PICTURES):
        index, place = divmod(number, len(TEXTURES))
        data = draw_demo_picture(tuple(TEXTURES)[place], index, seed=31, side=_DRAWN_SIDE)
        with Image.open(io.BytesIO(data)) as picture:
            yield np.asarray(picture)


def _calibration() -> list[np.ndarray]:
    return list(draw_demo_pictures(100, seed=30, side=_DRAWN_SIDE))
