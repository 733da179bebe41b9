"""How close models are to each other: the same pictures, each fitted and fed as its own contract says."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import write_pictures
from fakes.tflite_file import TfliteFile
from fakes.tiny_bundles import SIDE, edit_manifest, make_tiny_bundles, tflite_of, tiny_network

from mobile_deploy.bundle import load_bundle
from mobile_deploy.data.samples import load_pictures
from mobile_deploy.errors import BadOptionError, BadPictureError, LabelCountError
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.verify import verify
from mobile_deploy.tflite.runner import Runner


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    return make_tiny_bundles(tmp_path_factory.mktemp("made"), quant=("float32", "int8"))


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    return write_pictures(tmp_path / "eigene Bilder", 9)


def test_the_measures_are_those_of_the_two_files_on_the_pictures_given(made, pictures):
    first, second = (load_bundle(made[recipe]) for recipe in ("float32", "int8"))
    fitted = load_pictures(pictures, side=SIDE, fit=first.contract.input.fit)
    answers, logits = [], []
    for bundle in (first, second):
        data = bundle.tflite.read_bytes()
        with Runner(data, bundle.contract) as runner:
            answers.append(runner.run(fitted).astype(np.float64))
        logits.append(read_logits(data, fitted, bundle.contract.input))
    (pair,) = verify(made["int8"], pictures=pictures[0].parent).closeness
    assert pair.parity.pictures == 9
    assert pair.parity.max_difference == pytest.approx(np.abs(answers[0] - answers[1]).max())
    assert pair.parity.mean_difference == pytest.approx(np.abs(answers[0] - answers[1]).mean())
    assert pair.parity.agreement.count == (answers[0].argmax(axis=1) == answers[1].argmax(axis=1)).sum()
    assert pair.parity.sqnr_db == pytest.approx(logit_sqnr_db(*logits))
    assert pair.parity.sqnr_db > 5


def test_a_bundle_is_equal_to_itself(made):
    pairs = verify(made["int8"], against=made["int8"], samples=3).closeness
    equal = next(pair for pair in pairs if pair.parity.max_difference == 0)
    assert (equal.parity.min_cosine, equal.parity.sqnr_db) == (1, math.inf)
    assert equal.to_json()["logit_sqnr_db"] is None
    assert "inf" in str(verify(made["int8"], against=made["int8"], samples=3))


def test_fewer_samples_take_fewer_pictures(made, pictures):
    (pair,) = verify(made["int8"], pictures=pictures[0].parent, samples=4).closeness
    assert pair.parity.pictures == 4


def test_a_damaged_picture_is_named(made, pictures):
    pictures[3].write_bytes(b"no picture")
    with pytest.raises(BadPictureError, match=pictures[3].name):
        verify(made["int8"], pictures=pictures[0].parent)


def test_a_file_on_its_own_is_fed_as_the_bundle_says(made, tmp_path):
    copy = Path(shutil.copy(tflite_of(made["float32"]), tmp_path / "Kopie ü.tflite"))
    beside, own = verify(made["int8"], against=copy, samples=3).closeness[:2]
    assert own.reference == copy.stem
    assert beside.parity.max_difference == 0  # the copy and the twin beside


def test_every_pair_is_compared_and_the_bundle_comes_last(made, tmp_path):
    (tmp_path / "anders.tflite").write_bytes(tiny_network(seed=5))
    pairs = verify(made["int8"], against=[tmp_path / "anders.tflite", made["float32"]], samples=3).closeness
    names = ["anders", made["float32"].name, made["int8"].name]
    assert [(pair.reference, pair.model) for pair in pairs] == [
        (names[0], names[1]),
        (names[0], names[2]),
        (names[1], names[2]),
    ]
    assert pairs[0].parity.max_difference > 0.01


def test_equal_names_are_told_apart_by_their_paths(made, tmp_path):
    twin = Path(shutil.copytree(made["float32"], tmp_path / "a"))
    edit_manifest(twin, lambda m: m.update(recipe="float32"))
    pairs = verify(made["int8"], against=twin, samples=2).closeness
    assert {pair.reference for pair in pairs} == {str(tflite_of(twin)), str(tflite_of(made["float32"]))}
    assert verify(made["int8"], against=twin, samples=2, min_agreement=1).checks[-1].verdict == "ok"


def test_other_outputs_are_refused(made, tmp_path):
    (tmp_path / "five.tflite").write_bytes(tiny_network(classes=5))
    with pytest.raises(LabelCountError, match="3 names for a model with 5 outputs"):
        verify(made["int8"], against=tmp_path / "five.tflite")


def test_a_file_that_gives_something_else_is_refused_without_options_that_verify_lacks(made, tmp_path):
    file = TfliteFile()
    image, conv = file.tensor((1, SIDE, SIDE, 3)), file.tensor((1, SIDE, SIDE, 3))
    kernel = file.constant(np.zeros((3, 3, 3, 3), np.float32))
    file.op("CONV_2D", [image, kernel, file.constant(np.zeros(3, np.float32))], conv)
    mean = file.op("MEAN", [conv, file.constant(np.array([1, 2], np.int32))], file.tensor((1, 3)))
    path = tmp_path / "raw.tflite"
    path.write_bytes(file.ends([image], [mean]).to_bytes())
    with pytest.raises(BadOptionError, match=r"--against: .*raw\.tflite does not give softmax") as caught:
        verify(made["int8"], against=path)
    assert "--output-meaning" not in caught.value.message + caught.value.hint


def test_a_bundle_of_other_outputs_is_refused(made, bundles):
    with pytest.raises(BadOptionError, match=r"gives 1000 values \(softmax\), the bundle 3"):
        verify(made["int8"], against=bundles["float16"].directory)


@pytest.mark.parametrize("rescaled", [True, False])
def test_keras_float_and_int8_stand_in_one_table(keras, tmp_path, rescaled):
    image = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image) if rescaled else image
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3, activation="relu6", strides=2)(x))
    file = tmp_path / "mein Netz.keras"
    keras.Model(image, keras.layers.Dense(3, activation="softmax")(x)).save(file)
    write_pictures(tmp_path / "set", 12)
    made = export(
        model=file,
        quant=("float32", "int8"),
        fit="stretch",
        input_range=None if rescaled else (0.0, 1.0),
        calibration=tmp_path / "set",
        output=tmp_path / "gebaut",
    )
    floats, integers = made.bundles
    result = verify(integers.directory, against=file, samples=5)
    first, second, third = result.closeness
    assert (second.reference, first.model, third.model) == (first.reference, floats.name, integers.name)
    assert first.parity.max_difference < 1e-5
    assert first.parity.sqnr_db > 80
    assert third.parity.max_difference > 100 * first.parity.max_difference
    copy = shutil.copy(floats.tflite, tmp_path / "copy.tflite")
    assert verify(integers.directory, against=copy, samples=2).closeness[0].parity.max_difference == 0
