"""The user's own model, end to end: from the file that Keras wrote to an audited int8 bundle that gives its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.pictures import make_picture, write_pictures
from models import user_models

from mobile_deploy.bundle import Bundle, load_bundle
from mobile_deploy.contract import Fit, Quantization
from mobile_deploy.errors import (
    BadDatasetError,
    BadOptionError,
    InputDataError,
    LabelCountError,
    LambdaLayerError,
    OutputExistsError,
    UnreadableFileError,
    UntrustedModelError,
    UsageError,
)
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.results import AuditFailedError
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import Runner

STRETCH = Fit(kind="stretch")
CALIBRATION_COUNT = 14
SIGNED, UNIT, RAW = (-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)
# Scale and zero point under which a stored byte is the pixel itself.
PIXELS = {
    SIGNED: Quantization(scale=2 / 255, zero_point=127),
    UNIT: Quantization(scale=1 / 255, zero_point=0),
    RAW: Quantization(scale=1.0, zero_point=0),
}


@pytest.fixture(scope="session")
def calibration(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    write_pictures(folder, CALIBRATION_COUNT)
    return folder


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of model a user may bring, and the contract it must get.

    `takes` is the pixel range that the saved model wants, `value_range` what is left behind its own preprocessing.
    """

    build: Callable[[Any], Any]
    save: Callable[[Any, Path], Path] = lambda model, folder: user_models.save(model, folder / "my model.keras")
    flavour: str = "keras3"
    side: int = user_models.SIDE
    takes: tuple[float, float] = RAW
    value_range: tuple[float, float] = SIGNED
    meaning: str = "softmax"
    labels: tuple[str, ...] = ("daisy", "dandelion", "rose", "sunflower", "tulip")
    size: int = 5
    options: dict[str, Any] = field(default_factory=dict)
    reference: Callable[[Any, Any], Any] = lambda keras, model: model


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A model in Keras and what `export` made of it."""

    case: Case
    model: Any
    float32: Bundle
    int8: Bundle


def tutorial_model(keras):
    return user_models.transfer_learning(keras, side=96)


def embedding(keras):
    return user_models.transfer_learning(keras, units=8, activation=None)


def saved_as_hdf5(model, folder):
    return user_models.save(model, folder / "my model.h5")


def exported_as_saved_model(model, folder):
    model.export(str(folder / "my model"), verbose=False)
    return folder / "my model"


def float32_twin(keras, model):
    twin = user_models.transfer_learning(keras)
    twin.set_weights(model.get_weights())
    return twin


CASES = {
    "transfer learning": Case(build=tutorial_model, side=96),
    "one sigmoid": Case(
        build=user_models.one_sigmoid, value_range=UNIT, meaning="sigmoid", labels=("cat", "dog"), size=1
    ),
    "logits": Case(build=user_models.logits_head, meaning="logits", labels=("a", "b", "c", "d"), size=4),
    "mixed_float16": Case(build=user_models.mixed_precision, reference=float32_twin),
    "any size": Case(build=user_models.any_size, side=72, options={"resolution": 72}),
    "Keras 2 .h5": Case(build=user_models.transfer_learning, flavour="keras2", save=saved_as_hdf5),
    "SavedModel": Case(
        build=user_models.one_sigmoid,
        flavour="savedmodel",
        save=exported_as_saved_model,
        value_range=UNIT,
        meaning="sigmoid",
        labels=("yes",),
        size=1,
        options={"trust": True},
    ),
    "embedding": Case(build=embedding, meaning="embedding", labels=(), size=8, options={"output_meaning": "embedding"}),
    "no preprocessing": Case(
        build=user_models.backbone_only, takes=SIGNED, labels=("x", "y", "z"), size=3, options={"input_range": SIGNED}
    ),
    "each channel its own": Case(
        build=user_models.per_channel_normalization,
        value_range=RAW,
        labels=("x", "y", "z"),
        size=3,
        options={"input_range": RAW},
    ),
}
SLOW = ("mixed_float16", "any size", "SavedModel", "each channel its own")


@pytest.fixture(scope="session", params=[pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in CASES])
def exported(request, calibration, tmp_path_factory) -> Exported:
    case = CASES[request.param]
    keras = request.getfixturevalue("tf_keras" if case.flavour == "keras2" else "keras")
    folder = tmp_path_factory.mktemp("model")
    seen = scaled(pictures(case.side, first_seed=200), SIGNED if case.value_range == RAW else case.value_range)
    model = user_models.with_telling_weights(case.build(keras), seen)
    result = export(
        model=case.save(model, folder),
        quant=("float32", "int8"),
        labels=write_labels(folder, case.labels) if case.labels else None,
        calibration=calibration,
        fit=STRETCH,
        output=folder / "build",
        **case.options,
    )
    float32, int8 = (load_bundle(bundle.directory) for bundle in result.bundles)
    return Exported(case=case, model=case.reference(keras, model), float32=float32, int8=int8)


def write_labels(folder: Path, labels: tuple[str, ...]) -> Path:
    path = folder / "labels.txt"
    path.write_text("\n".join(labels), encoding="utf-8")
    return path


def pictures(side: int, *, first_seed: int = 100, count: int = 12) -> np.ndarray:
    seeds = range(first_seed, first_seed + count)
    return np.stack([make_picture(seed, height=side, width=side) for seed in seeds])


def scaled(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    low, high = value_range
    return low + images.astype(np.float32) * np.float32((high - low) / 255)


def keras_answers(made: Exported) -> np.ndarray:
    """What the user's model says when it is fed the way the user feeds it."""
    return np.asarray(made.model(scaled(pictures(made.case.side), made.case.takes), training=False))


def answers(made: Exported, bundle: Bundle) -> np.ndarray:
    with Runner(bundle.tflite.read_bytes(), bundle.contract) as runner:
        return runner.run(pictures(made.case.side))


# --- what is promised


def test_the_contract_says_how_to_feed_and_read_the_file(exported):
    case = exported.case
    for bundle, dtype in ((exported.float32, "float32"), (exported.int8, "uint8")):
        given, answer = bundle.contract.input, bundle.contract.output
        assert (given.side, given.dtype, given.fit) == (case.side, dtype, STRETCH)
        assert (given.low, given.high) == case.value_range
        assert (answer.dtype, answer.meaning, answer.size) == (dtype, case.meaning, case.size)
        assert bundle.contract.labels == case.labels
    assert exported.float32.contract.input.quantization is None
    assert exported.int8.contract.input.quantization == PIXELS[case.value_range]


def test_raw_pixels_are_the_input_tensor_of_the_int8_file(exported):
    graph = read_graph(exported.int8.tflite.read_bytes())
    given = graph.tensors[graph.inputs[0]]
    wanted = PIXELS[exported.case.value_range]
    assert given.dtype == "uint8"
    assert (given.scales, given.zero_points) == (pytest.approx((wanted.scale,), rel=1e-6), (wanted.zero_point,))


def test_the_audit_is_clean(exported):
    audit = exported.int8.manifest["audit"]
    assert (audit["verdict"], audit["float_ops"], audit["saturated_biases"]) == ("clean", {}, 0)
    assert audit["ops"]["CONV_2D"] == 35
    assert audit["ops"]["QUANTIZE"] == 2


def test_the_origin_is_recorded(exported):
    origin = exported.int8.manifest["model"]
    assert origin["flavour"] == exported.case.flavour
    assert origin["file"].startswith("my model")
    assert len(origin["sha256"]) == 64
    folded = origin["folded_preprocessing"]
    if exported.case.takes == exported.case.value_range:
        assert folded is None
    else:
        ends = [folded["scale"] * pixel + folded["offset"] for pixel in (0, 255)]
        assert ends == pytest.approx(exported.case.value_range, abs=1e-6)


# --- what it says


def test_the_float_file_gives_the_answers_of_the_keras_model(exported):
    wanted = keras_answers(exported)
    assert np.ptp(wanted, axis=0).max() > 0.05, "the model answers all pictures alike, so equality shows nothing"
    np.testing.assert_allclose(answers(exported, exported.float32), wanted, rtol=0, atol=1e-4)


def test_the_int8_file_tells_the_pictures_apart_as_the_float_file_does(exported):
    images = pictures(exported.case.side)
    reference, logits = (
        read_logits(bundle.tflite.read_bytes(), images, bundle.contract.input)
        for bundle in (exported.float32, exported.int8)
    )
    signal, noise = reference - reference.mean(axis=0), logits - reference
    assert 10 * np.log10(np.square(signal).sum() / np.square(noise).sum()) > 10


# --- what is refused, and nothing written


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "build"


@pytest.fixture
def export_tiny(calibration, output) -> Callable[..., Any]:
    """Exports a model with everything said that has to be said; options replace what they name."""

    def run(model: Any, **options: Any) -> Any:
        said = {"quant": ("float32",), "calibration": calibration, "fit": STRETCH, "output": output}
        return export(model=model, **{**said, **options})

    return run


def nothing_in(output: Path) -> bool:
    return not output.exists() or not list(output.iterdir())


def tiny_rescaled(keras):
    return user_models.tiny(keras, layer=keras.layers.Rescaling(1 / 255))


def tiny_headless(keras):
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize(
    ("build", "options", "option", "message", "hint"),
    [
        (tiny_rescaled, {"fit": None}, "--fit", "needed", "stretch (as image_dataset_from_directory)"),
        (
            tiny_rescaled,
            {"quant": ("int8",), "calibration": None},
            "--calibration",
            "needed",
            "--calibration builtin",
        ),
        (user_models.tiny, {}, "--input-range", "needed: the model holds no rescaling", "--input-range=0,255"),
        (tiny_headless, {}, "--output-meaning", "needed: the output [1, 4]", "--labels FILE"),
        (
            tiny_rescaled,
            {"input_range": SIGNED},
            "--input-range",
            "-1,1 contradicts the model, which begins with x * 0.00392157: it would see only [-0.003922, 0.003922]",
            "--input-range=0,255",
        ),
        (
            tiny_rescaled,
            {"output_meaning": "sigmoid"},
            "--output-meaning",
            "sigmoid contradicts the model, whose last operator is SOFTMAX",
            "it is softmax",
        ),
        (
            tiny_headless,
            {"output_meaning": "softmax"},
            "--output-meaning",
            "softmax contradicts the model, whose last operator is FULLY_CONNECTED",
            "logits|embedding",
        ),
        (tiny_rescaled, {"resolution": 64}, "--resolution", "64 contradicts", ""),
        (tiny_rescaled, {"alpha": 0.5}, "--classes, --alpha, --no-top and --weights", "belong to --variant", ""),
        (tiny_rescaled, {"classes": 2}, "--classes, --alpha, --no-top and --weights", "belong to --variant", ""),
    ],
)
def test_what_is_not_said_or_contradicts_the_model_exits_2(
    keras, export_tiny, output, build, options, option, message, hint
):
    with pytest.raises(BadOptionError) as caught:
        export_tiny(build(keras), **options)
    assert (caught.value.option, caught.value.exit_code) == (option, 2)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert nothing_in(output)


def test_a_missing_fit_or_calibration_is_found_before_the_model_is_opened(export_tiny, tmp_path):
    missing = tmp_path / "missing.keras"
    for options in ({"fit": None}, {"quant": ("int8",), "calibration": None}):
        with pytest.raises(BadOptionError, match="needed"):
            export_tiny(missing, **options)


def test_a_side_too_small_for_a_model_of_any_size_is_named(keras, export_tiny, output):
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=4)(keras.layers.Conv2D(4, 3, strides=4)(image))
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
    with pytest.raises(BadOptionError, match="8 x 8 do not pass through the model: Negative dimension") as caught:
        export_tiny(model, resolution=8)
    assert (caught.value.option, caught.value.exit_code) == ("--resolution", 2)
    assert nothing_in(output)


@pytest.mark.parametrize(
    ("build", "names", "message"),
    [
        (tiny_rescaled, ("a", "b", "c"), "3 names for a model with 2 outputs; needed: 2"),
        (tiny_rescaled, ("a",), "1 names for a model with 2 outputs; needed: 2"),
    ],
)
def test_labels_of_another_count_exit_5(keras, export_tiny, output, tmp_path, build, names, message):
    with pytest.raises(LabelCountError, match=message) as caught:
        export_tiny(build(keras), labels=write_labels(tmp_path, names))
    assert (isinstance(caught.value, InputDataError), caught.value.exit_code) == (True, 5)
    assert nothing_in(output)


def test_an_empty_file_of_labels_exits_2(export_tiny, output, tmp_path):
    with pytest.raises(BadOptionError, match="holds no names") as caught:
        export_tiny(tmp_path / "missing.keras", labels=write_labels(tmp_path, ()))
    assert caught.value.exit_code == 2
    assert nothing_in(output)


@pytest.mark.parametrize(
    ("meaning", "words"), [("embedding", "gives an embedding"), ("logits", "lie outside a class folder")]
)
def test_pictures_that_cannot_be_scored_on_are_found_before_the_calibration(
    keras, export_tiny, tmp_path, meaning, words
):
    def slow() -> Iterator[np.ndarray]:
        pytest.fail("the calibration pictures were read")
        yield

    write_pictures(tmp_path / "loose", 2)
    options = {"quant": "int8", "calibration": slow(), "data": tmp_path / "loose"}
    with pytest.raises((BadOptionError, BadDatasetError), match=words):
        export_tiny(tiny_headless(keras), output_meaning=meaning, **options)


def test_an_output_that_exists_is_found_before_the_model_is_read(export_tiny, output, tmp_path):
    (output / "my-model-float32").mkdir(parents=True)
    with pytest.raises(OutputExistsError, match="my-model-float32"):
        export_tiny(tmp_path / "my model.keras")


def test_a_lambda_exits_5(keras, export_tiny, output, tmp_path):
    layer = keras.layers.Lambda(lambda x: x / 255, name="to_unit_range")
    path = user_models.save(user_models.tiny(keras, layer=layer), tmp_path / "my.keras")
    with pytest.raises(LambdaLayerError, match="to_unit_range") as caught:
        export_tiny(path)
    assert caught.value.exit_code == 5
    assert nothing_in(output)


def test_a_text_file_named_keras_exits_5(export_tiny, output, tmp_path):
    path = tmp_path / "my.keras"
    path.write_text("these are my weights", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"neither a \.keras nor an \.h5") as caught:
        export_tiny(str(path))
    assert caught.value.exit_code == 5
    assert nothing_in(output)


def test_a_feature_map_exits_5(keras, export_tiny, output):
    image = keras.Input((32, 32, 3))
    with pytest.raises(UnreadableFileError, match="not one row of values") as caught:
        export_tiny(keras.Model(image, keras.layers.Conv2D(4, 3)(image)))
    assert caught.value.exit_code == 5
    assert nothing_in(output)


def test_a_saved_model_needs_trust(keras, export_tiny, output, tmp_path):
    folder = exported_as_saved_model(tiny_rescaled(keras), tmp_path)
    with pytest.raises(UntrustedModelError) as caught:
        export_tiny(folder)
    assert (isinstance(caught.value, UsageError), caught.value.exit_code) == (True, 2)
    assert nothing_in(output)
    assert export_tiny(folder, trust=True).bundles[0].contract.input.high == 1.0


# --- more of what works


def test_two_equal_runs_give_equal_bytes(keras, export_tiny, tmp_path):
    path = user_models.save(tiny_rescaled(keras), tmp_path / "my.keras")
    once, again = (
        [bundle.sha256 for bundle in export_tiny(path, quant=("float32", "int8"), output=tmp_path / name).bundles]
        for name in ("once", "again")
    )
    assert len(once) == 2
    assert once == again


def test_a_range_beside_the_usual_ones_is_taken_as_it_is_said(keras, export_tiny):
    """Pixels minus 127.5, then x / 127.5 in the model."""
    model = user_models.tiny(keras, layer=keras.layers.Rescaling(1 / 127.5))
    given = export_tiny(model, input_range=(-127.5, 127.5)).bundles[0].contract.input
    assert (given.low, given.high) == SIGNED


def test_what_was_understood_of_the_model_is_told(keras, export_tiny):
    assert export_tiny(tiny_rescaled(keras)).notes[:2] == (
        "At the input, pixels 0 to 255 are 0 to 1, with the model's leading x * 0.00392157 folded into it.",
        "The output, 2 values, is read as softmax.",
    )


def test_scores_without_names_are_numbered(keras, export_tiny):
    contract = export_tiny(tiny_headless(keras), output_meaning="logits").bundles[0].contract
    assert (contract.output.meaning, contract.labels) == ("logits", ("class 0", "class 1", "class 2", "class 3"))


def test_a_unit_embedding_stays_partly_float_and_that_is_said(keras, export_tiny):
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.UnitNormalization()(keras.layers.GlobalAveragePooling2D()(x))
    with pytest.raises(AuditFailedError, match="left in float") as caught:
        export_tiny(keras.Model(image, x), quant=("int8",), output_meaning="embedding")
    assert "--allow-float-ops" in caught.value.hint
    bundle = export_tiny(
        keras.Model(image, x), quant=("int8",), output_meaning="embedding", allow_float_ops=True
    ).bundles[0]
    assert bundle.manifest["audit"]["verdict"] == "float ops"
