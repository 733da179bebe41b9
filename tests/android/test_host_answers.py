"""The app's code answers on this machine: its tests, and its answers and golden vectors held against Python's."""

from __future__ import annotations

import base64
import json
import shutil

import numpy as np
import pytest
from fakes.pictures import write_pictures
from fakes.tiny_bundles import make_tiny_bundles

from mobile_deploy.android.failures import BuildStepFailedError
from mobile_deploy.bundle import load_bundle
from mobile_deploy.evaluation.golden import OUTPUTS_NAME
from mobile_deploy.pipeline.predict import predict

pytestmark = pytest.mark.android

RECIPES = ("float32", "float16", "dynamic", "int8")
# One step of an integer output, which is the most that kernels of other releases differ by.
STEP = 1 / 256


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    made = make_tiny_bundles(tmp_path_factory.mktemp("bundles"), quant=RECIPES)
    return {recipe: load_bundle(folder) for recipe, folder in made.items()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("Bilder und mehr"), 5)


def lines(jvm, program, output, *arguments):
    jvm.run_main(f"dev.mobiledeploy.host.{program}Kt", [output, *arguments], classpath=jvm.host())
    return [json.loads(line) for line in output.read_text("utf-8").splitlines()]


def test_the_tests_of_the_host_pass(jvm, bundles, tmp_path):
    for recipe in ("float32", "int8"):
        (tmp_path / recipe).symlink_to(bundles[recipe].directory)
    result = jvm.run_junit("host", properties={"host.bundles": tmp_path})
    assert result.failed == 0, result.output
    assert result.successful >= 9


def test_every_recipe_answers_pictures_as_predict_does(jvm, bundles, pictures, tmp_path):
    folders = [bundle.directory for bundle in bundles.values()]
    told = lines(jvm, "AnswerMain", tmp_path / "answers.jsonl", pictures[0].parent, *folders)
    for recipe, bundle in bundles.items():
        expected = predict(bundle.directory, pictures).answers
        described, *answers = [one for one in told if one["bundle"] == bundle.name]
        assert described["runtime"].startswith("TensorFlow Lite 2.")
        assert [one["picture"] for one in answers] == [path.name for path in pictures]
        for one, answer in zip(answers, expected, strict=True):
            best = answer.guesses[0]
            assert (one["guesses"][0]["index"], one["guesses"][0]["label"]) == (best.index, best.label), recipe
            by_index = {guess["index"]: guess["score"] for guess in one["guesses"]}
            assert by_index == pytest.approx({guess.index: guess.score for guess in answer.guesses}, abs=STEP)


def test_golden_vectors_replay(jvm, bundles, tmp_path):
    folders = [bundle.directory for bundle in bundles.values()]
    told = {one["bundle"]: one for one in lines(jvm, "ReplayMain", tmp_path / "replay.jsonl", *folders)}
    for bundle in bundles.values():
        stored = (bundle.directory / OUTPUTS_NAME).read_bytes()
        dtype = np.dtype(bundle.contract.output.dtype).newbyteorder("<")
        found = np.frombuffer(base64.b64decode(told[bundle.name]["outputs"]), dtype).astype(float)
        expected = np.frombuffer(stored, dtype).astype(float)
        assert found == pytest.approx(expected, abs=1 if dtype.kind in "iu" else STEP)
        assert np.ptp(found) > 0


def test_a_damaged_bundle_is_told_in_one_sentence(jvm, bundles, pictures, tmp_path):
    folder = tmp_path / "kaputtes Bündel"
    shutil.copytree(bundles["int8"].directory, folder)
    tflite = folder / bundles["int8"].tflite.name
    tflite.write_bytes(tflite.read_bytes()[:-1])
    with pytest.raises(BuildStepFailedError, match="was changed or damaged"):
        lines(jvm, "AnswerMain", tmp_path / "answers.jsonl", pictures[0].parent, folder)
