"""The app's own screens with Android's code on the JVM: they answer as this side does, and every one is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from fakes.jvm import lacking
from fakes.screens import Screens, make_screens
from PIL import Image

from mobile_deploy.android.assets import asset_files, bundle_files, shipped_samples
from mobile_deploy.android.sources import app_sources
from mobile_deploy.bundle import Bundle
from mobile_deploy.errors import EnvironmentMissingError
from mobile_deploy.pipeline import app_expectation
from mobile_deploy.pipeline.export import export

pytestmark = pytest.mark.android

SCREENS = ("one", "two", "about", "camera", "shell")
LOOKS = ("light", "dark", "narrow", "narrow-large-dark", "land")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> tuple[Bundle, ...]:
    """The network of the demo, with ten classes."""
    made = export(
        "v2",
        alpha=0.35,
        resolution=96,
        weights="demo",
        quant=("int8", "float32"),
        output=tmp_path_factory.mktemp("bundles"),
    )
    return made.bundles


@pytest.fixture(scope="module")
def screens(jvm, app_tools, tmp_path_factory) -> Screens:
    try:
        return make_screens(jvm, app_tools.toolchain, tmp_path_factory.mktemp("screens"))
    except EnvironmentMissingError as error:
        lacking(error)


@pytest.fixture(scope="module")
def folder(bundles, tmp_path_factory) -> Path:
    """What the tests in Kotlin read: the bundles, and what this side answers."""
    folder = tmp_path_factory.mktemp("given")
    for bundle in bundles:
        (folder / "bundles" / bundle.name).mkdir(parents=True)
        for name, data in bundle_files(bundle).items():
            (folder / "bundles" / bundle.name / name).write_bytes(data)
    expected = [answer for bundle in bundles for answer in answers(bundle, shipped_samples())]
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
    return folder


def answers(bundle: Bundle, samples: Mapping[str, bytes]) -> list[dict[str, object]]:
    return [
        {
            "model": bundle.name,
            "sha256": bundle.sha256,
            "picture": expected.picture,
            "input_sha256": expected.input_sha256,
            "index": expected.best.index,
            "label": expected.best.label,
            "score": expected.best.score,
            "allowed": expected.allowed,
        }
        for expected in app_expectation.expect_answers(bundle, samples)
    ]


def written_tests() -> int:
    sources = (app_sources() / "app" / "src" / "test").rglob("*.kt")
    return sum(path.read_text(encoding="utf-8").count("    @Test\n") for path in sources)


def properties(folder: Path) -> dict[str, Path]:
    return {
        "screens.bundles": folder / "bundles",
        "screens.expected": folder / "expected.json",
        "screens.shots": folder / "shots",
    }


@pytest.fixture(scope="module")
def shots(screens, bundles, folder) -> Path:
    """The pictures of the screens, from one run of all tests in Kotlin."""
    run = screens.run(asset_files(bundles, shipped_samples()), properties(folder))
    assert (run.tests, run.failures) == (written_tests(), 0), run.output
    return folder / "shots"


def test_the_screens_do_what_they_should(shots):
    names = {f"{screen}-{look}.png" for screen in SCREENS for look in LOOKS} | {"long-labels.png"}
    assert {path.name for path in shots.iterdir()} == names


def test_no_picture_of_a_screen_is_blank(shots):
    for path in shots.iterdir():
        grays = np.asarray(Image.open(path).convert("L"))
        background = np.bincount(grays.ravel()).argmax()
        share = np.mean(np.abs(grays.astype(int) - int(background)) > 40)
        assert share > 0.005, path.name


@pytest.mark.parametrize("screen", [screen for screen in SCREENS if screen != "shell"])
def test_a_screen_is_light_by_day_and_dark_by_night(shots, screen):
    light, dark = (np.median(Image.open(shots / f"{screen}-{look}.png").convert("L")) for look in ("light", "dark"))
    assert light > 200 and dark < 60


def test_an_answer_that_is_not_this_sides_is_noticed(screens, bundles, folder, tmp_path):
    told = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    told[0]["input_sha256"] = "0" * 64
    wrong = tmp_path / "expected.json"
    wrong.write_text(json.dumps(told), encoding="utf-8")
    assets = asset_files(bundles, shipped_samples())
    run = screens.run(assets, {**properties(folder), "screens.expected": wrong}, only=["ShellScreenTest"])
    assert run.failures == 1 and "every sample makes the tensor" in run.output
