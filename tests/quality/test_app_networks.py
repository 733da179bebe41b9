"""The same bundles answer alike in LiteRT, in the runtime that the app ships, through the app's own code, in MediaPipe.

LiteRT      ai-edge-litert, what this package runs
2.16.1      TensorFlow Lite 2.16.1
the app     its Kotlin core on the JVM, from PNG files to scores; there TensorFlow Lite 2.20 is what runs the file
MediaPipe   MediaPipe Tasks, on pictures that were fitted before: it has a resizing of its own

One class for each network, so that two test processes can share them.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
from quality.app_networks import PICTURES, RECIPES, AppNetwork, make_app_network
from quality.other_runtimes import Case, ask_2_16, open_in_mediapipe
from quality.simulation import agreement, mean_distance

from mobile_deploy.bundle import Bundle
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.files import sha256_of_bytes
from mobile_deploy.tflite.runner import Runner, decode_output, encode_pictures

pytestmark = pytest.mark.runtimes

LEAST_AGREEMENT, LARGEST_DISTANCE = 0.97, 0.05


@dataclass(frozen=True, kw_only=True)
class AppAnswers:
    """What the app's code says to the 200 pictures: one object for each picture, by recipe."""

    said: dict[str, list[dict[str, Any]]] = field(repr=False)

    def scores(self, recipe: str) -> np.ndarray:
        """(200, labels)."""
        return np.stack([np.frombuffer(base64.b64decode(one["scores"]), "<f4") for one in self.said[recipe]])


def scores_of(bundle: Bundle, outputs: np.ndarray) -> np.ndarray:
    return class_scores(decode_output(outputs, bundle.contract.output), bundle.contract)


def litert_scores(network: AppNetwork, recipe: str) -> np.ndarray:
    bundle = network.bundles[recipe]
    with Runner(bundle.tflite.read_bytes(), bundle.contract) as runner:
        return class_scores(runner.run(network.squares), bundle.contract)


def check_alike(told: str, one: np.ndarray, other: np.ndarray) -> None:
    assert one.shape == other.shape == (PICTURES, one.shape[1])
    agreed, distance = agreement(one, other), mean_distance(one, other)
    print(f"{told}: {agreed:.1%} agree, L1 {distance:.4f}")
    assert agreed >= LEAST_AGREEMENT, told
    assert distance <= LARGEST_DISTANCE, told


class Network:
    """What every network must do."""

    name: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def network(cls, request, tmp_path_factory) -> AppNetwork:
        return make_app_network(cls.name, request, tmp_path_factory.mktemp(cls.name))

    @pytest.fixture(scope="class")
    @classmethod
    def old(cls, network, tmp_path_factory) -> dict[str, np.ndarray]:
        """(200, labels) scores of 2.16.1 by recipe."""
        bundles = network.bundles
        outputs = ask_2_16(
            {recipe: bundle.tflite.read_bytes() for recipe, bundle in bundles.items()},
            {recipe: encode_pictures(network.squares, bundle.contract.input) for recipe, bundle in bundles.items()},
            tmp_path_factory.mktemp("old"),
        )
        return {recipe: scores_of(bundle, outputs[recipe]) for recipe, bundle in bundles.items()}

    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, network, jvm, tmp_path_factory) -> AppAnswers:
        output = tmp_path_factory.mktemp("app") / "said.jsonl"
        bundles = [bundle.directory for bundle in network.bundles.values()]
        jvm.run_main("dev.mobiledeploy.host.AnswerMainKt", [output, network.folder, *bundles], classpath=jvm.host())
        said = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
        return AppAnswers(
            said={
                recipe: [one for one in said if one["bundle"] == bundle.name and "picture" in one]
                for recipe, bundle in network.bundles.items()
            }
        )

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_the_app_answers_as_litert(self, network, app, recipe):
        ours = litert_scores(network, recipe)
        assert len(set(ours.argmax(axis=1))) >= 4, "a network that always says the same shows nothing"
        check_alike(f"{self.name} {recipe}: LiteRT and the app", ours, app.scores(recipe))

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_the_runtime_that_the_app_ships_answers_as_litert(self, network, old, recipe):
        check_alike(f"{self.name} {recipe}: LiteRT and 2.16.1", litert_scores(network, recipe), old[recipe])

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_the_app_feeds_and_names_what_python_does(self, network, app, recipe):
        contract = network.bundles[recipe].contract
        inputs = encode_pictures(network.squares, contract.input)
        said = app.said[recipe]
        assert [one["input_sha256"] for one in said] == [sha256_of_bytes(one.tobytes()) for one in inputs]
        for one, expected in zip(said, app.scores(recipe), strict=True):
            best = one["guesses"][0]
            assert best["index"] == expected.argmax()
            assert best["label"] == contract.labels[best["index"]]
            assert best["score"] == pytest.approx(expected.max(), rel=1e-6)

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_mediapipe_answers_as_our_runner(self, network, recipe, tmp_path):
        bundle = network.bundles[recipe]
        case = Case(data=bundle.tflite.read_bytes(), contract=bundle.contract, pictures=network.squares)
        opened = open_in_mediapipe(case, tmp_path)
        assert opened.refused == ""
        assert len(set(opened.top1())) >= 4
        check_alike(f"{self.name} {recipe}: LiteRT and MediaPipe", case.our_scores(), opened.scores())


class TestV1(Network):
    name = "v1"


class TestV2(Network):
    name = "v2"


class TestV3(Network):
    name = "v3"


class TestDemo(Network):
    name = "demo"
