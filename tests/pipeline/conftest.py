"""One export of all five recipes, which many tests look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.results import ExportResult
from mobile_deploy.recipes import RECIPES

SMALL_V2: dict[str, Any] = {"variant": "v2", "alpha": 0.35, "resolution": 64, "weights": "none"}


@pytest.fixture(scope="session")
def all_recipes(tmp_path_factory) -> ExportResult:
    """V2 0.35 at 64 px, untrained, in every recipe, calibrated on the pictures that ship."""
    output: Path = tmp_path_factory.mktemp("all") / "build"
    return export(**SMALL_V2, quant=tuple(RECIPES), calibration="builtin", output=output)


@pytest.fixture(scope="session")
def bundles(all_recipes) -> dict[str, Any]:
    """The same bundles by recipe."""
    return {bundle.recipe: bundle for bundle in all_recipes.bundles}
