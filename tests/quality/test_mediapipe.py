"""MediaPipe Tasks opens our image classifiers, with our labels and our answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes.pictures import make_picture
from fakes.small_networks import LABELS, SIZES
from models.user_models import SIDE, backbone
from quality.other_runtimes import Case, Opened, open_in_mediapipe
from quality.plain_converter import NETWORKS

from mobile_deploy.bundle import Bundle
from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.data.images import load_picture
from mobile_deploy.pipeline.export import export
from mobile_deploy.tflite.metadata import attach_metadata
from mobile_deploy.variants.registry import VARIANTS

pytestmark = pytest.mark.runtimes

FILES = (("float32", None), ("float16", None), ("dynamic", None), ("int8", "uint8"), ("int8", "float32"))
PHOTOGRAPHS = 100


@pytest.fixture
def mediapipe(tmp_path_factory) -> Callable[[Case], Opened]:
    """Opens a case in MediaPipe."""
    return lambda case: open_in_mediapipe(case, tmp_path_factory.mktemp("mediapipe"))


def names_found(opened: Opened) -> set[tuple[str, ...]]:
    return {tuple(name for _, name, _ in sorted(answer)) for answer in opened.found["answers"]}


def case_of(bundle: Bundle) -> Case:
    side = bundle.contract.input.side
    pictures = np.stack([make_picture(seed, height=side, width=side) for seed in range(12)])
    return Case(data=bundle.tflite.read_bytes(), contract=bundle.contract, pictures=pictures)


def check_agreement(opened: Opened) -> None:
    """Insists on our labels, our scores and our answers."""
    case, expected = opened.case, opened.case.our_scores()
    assert opened.refused == ""
    assert names_found(opened) == {case.contract.labels}
    assert opened.scores() == pytest.approx(expected, abs=1e-5)
    highest = expected.max(axis=1, keepdims=True)
    tied = (np.abs(expected - highest) < 1e-5).sum(axis=1) > 1
    assert np.array_equal(opened.top1()[~tied], expected.argmax(axis=1)[~tied])
    # An int8 output has 256 values. Where classes share the highest, MediaPipe names any of them.
    named = np.take_along_axis(expected, opened.top1()[:, None], axis=1)
    assert named[tied] == pytest.approx(highest[tied], abs=1e-5)
    print(f"{len(tied)} pictures, {int(tied.sum())} with several likeliest classes")


@pytest.mark.parametrize(("quant", "io"), FILES)
@pytest.mark.parametrize("variant", SIZES)
def test_small_networks_answer_in_mediapipe_as_in_our_runner(mediapipe, small_network, variant, quant, io):
    network = small_network(variant)
    data = network.quantized(quant, io).data
    contract = network.contract(data, quant, io)
    case = Case(data=attach_metadata(data, contract, name="net"), contract=contract, pictures=network.pictures)
    opened = mediapipe(case)
    check_agreement(opened)
    assert len(set(opened.top1())) >= 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_opens_in_mediapipe(mediapipe, variant, tmp_path):
    made = export(
        variant, alpha=0.5, resolution=64, classes=5, weights="none", quant=("float32", "int8"), output=tmp_path
    )
    for bundle in made.bundles:
        check_agreement(mediapipe(case_of(bundle)))


@pytest.fixture(scope="module")
def real_v2(shared_dir, tmp_path_factory) -> dict[tuple[str, str | None], Bundle]:
    """Bundles of the published weights by recipe and input type."""
    settings = {"weights": shared_dir / "pretrained" / NETWORKS["v2"][1], "calibration": "builtin"}
    made = {}
    for io in ("uint8", "float32"):
        quant = [recipe for recipe, kind in FILES if kind == io or (io == "uint8" and kind is None)]
        folder = tmp_path_factory.mktemp("real")
        for bundle in export("v2", quant=quant, io=io, output=folder, **settings).bundles:
            made[bundle.recipe, io if bundle.recipe == "int8" else None] = bundle
    return made


@pytest.fixture(scope="module")
def photographs(shared_dir) -> np.ndarray:
    """(100, 224, 224, 3) uint8 RGB."""
    paths = sorted((shared_dir / "imagenet_sample" / "images").iterdir())[:: 500 // PHOTOGRAPHS]
    return np.stack([load_picture(path, side=224, fit=IMAGENET_FIT) for path in paths])


@pytest.mark.parametrize(("quant", "io"), FILES)
def test_the_real_v2_answers_in_mediapipe_as_in_our_runner(mediapipe, real_v2, photographs, quant, io):
    opened = mediapipe(replace(case_of(real_v2[quant, io]), pictures=photographs))
    check_agreement(opened)
    assert len(set(opened.top1())) > PHOTOGRAPHS * 0.8


def head(keras, units: int, activation: str | None, *, rescale: float | None):
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    x = image if rescale is None else layers.Rescaling(rescale)(image)
    x = layers.GlobalAveragePooling2D()(backbone(keras)(x))
    return keras.Model(image, layers.Dense(units, activation=activation)(x))


@pytest.mark.parametrize("rescale", [1 / 255, None], ids=["0 to 1", "0 to 255"])
@pytest.mark.parametrize(
    ("units", "activation", "labels"),
    [(3, "softmax", "猫\nÜbergröße\na dog, a cat\n"), (3, None, "a\nb\nc\n"), (4, "sigmoid", "a\nb\nc\nd\n")],
)
def test_users_models_answer_in_mediapipe_as_in_our_runner(
    mediapipe, keras, units, activation, labels, rescale, tmp_path
):
    names = tmp_path / "names.txt"
    names.write_text(labels, encoding="utf-8")
    made = export(
        model=head(keras, units, activation, rescale=rescale),
        input_range=None if rescale else (0, 255),
        labels=names,
        fit="stretch",
        calibration="builtin",
        quant=("float32", "int8"),
        output=tmp_path / "made",
    )
    for bundle in made.bundles:
        opened = mediapipe(case_of(bundle))
        check_agreement(opened)


def test_a_single_probability_is_that_of_the_second_class(mediapipe, keras, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\n")
    made = export(
        model=head(keras, 1, "sigmoid", rescale=1 / 255),
        labels=names,
        fit="stretch",
        calibration="builtin",
        output=tmp_path / "made",
    )
    case = case_of(made.bundles[0])
    opened = mediapipe(case)
    assert names_found(opened) == {("dog",)}
    assert opened.scores() == pytest.approx(case.our_scores(), abs=1e-5)


def test_int8_input_is_what_mediapipe_refuses(mediapipe, v2_network):
    """The reason why int8 bundles take uint8 unless asked otherwise."""
    data = v2_network.quantized("int8", "int8").data
    contract = v2_network.contract(data, "int8", "int8")
    case = Case(data=attach_metadata(data, contract, name="n"), contract=contract, pictures=v2_network.pictures)
    assert "uint8/float32" in mediapipe(case).refused


@pytest.mark.parametrize(
    ("quant", "io", "mean", "limits"), [("float32", None, 127.5, (-1, 1)), ("int8", "uint8", 127, (0, 255))]
)
def test_googles_reader_finds_what_was_written(mediapipe, v2_network, quant, io, mean, limits):
    data = v2_network.quantized(quant, io).data
    contract = v2_network.contract(data, quant, io)
    opened = mediapipe(
        Case(data=attach_metadata(data, contract, name="net"), contract=contract, pictures=v2_network.pictures[:1])
    )
    assert (opened.model["name"], opened.model["minParserVersion"]) == ("net", "1.0.0")
    assert opened.model["description"] == "Image classification, 10 values a picture"
    (subgraph,) = opened.model["subgraphMetadata"]
    (image,), (probability,) = subgraph["inputTensorMetadata"], subgraph["outputTensorMetadata"]
    assert (image["name"], probability["name"]) == ("image", "probability")
    assert image["content"] == {"contentPropertiesType": 2, "contentProperties": {"colorSpace": 1}}
    assert probability["content"] == {"contentPropertiesType": 1, "contentProperties": {}}
    (unit,) = image["processUnits"]
    assert unit == {"optionsType": 1, "options": {"mean": [mean], "std": [127.5]}}
    assert image["stats"] == {"min": [limits[0]], "max": [limits[1]]}
    (file,) = probability["associatedFiles"]
    assert (file["name"], file["type"]) == ("labels.txt", 2)
    assert opened.found["metadata"]["files"] == {"labels.txt": "".join(f"{name}\n" for name in LABELS)}
