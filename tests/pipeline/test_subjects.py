"""Bundles, bare files and Keras files as one kind of thing that answers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import make_picture
from models import user_models

from mobile_deploy.contract import Fit
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.pipeline.subjects import open_subject, open_subjects
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.runner import Runner
from mobile_deploy.variants.imagenet import imagenet_classes

SQUARES = np.stack([make_picture(seed, height=64, width=64) for seed in range(3)])


def answers_of(subject) -> np.ndarray:
    with subject.open() as runner:
        answers = runner.run(SQUARES)
        assert len(runner.latencies_ms) == len(SQUARES)
    return answers


def test_a_bundle_and_the_file_in_it_are_the_same(bundles):
    bundle = bundles["int8"]
    for path in (bundle.directory, bundle.tflite):
        subject = open_subject(path)
        assert (subject.name, subject.contract, subject.source) == (bundle.name, bundle.contract, bundle.tflite)
        assert subject.bundle == bundle
        with Runner(bundle.tflite.read_bytes(), bundle.contract) as runner:
            assert np.array_equal(answers_of(subject), runner.run(SQUARES))


def test_a_bare_file_is_understood_from_what_it_stores_and_what_is_said(bundles, tmp_path):
    bare = Path(shutil.copy(bundles["float32"].tflite, tmp_path / "bare.tflite"))
    subject = open_subject(bare, labels=bundles["float32"].contract.labels, input_range=(0, 1))
    assert (subject.name, subject.bundle) == ("bare", None)
    assert (subject.contract.input.low, subject.contract.input.high) == (0, 1)
    assert subject.contract.input.fit == Fit(kind="stretch")
    assert subject.wnids == tuple(known.wnid for known in imagenet_classes())


def test_a_file_from_the_disk_runs_in_a_process_of_its_own(bundles):
    assert isinstance(open_subject(bundles["int8"].directory).open(), IsolatedRunner)


def test_a_fit_overrides_that_of_the_bundle(bundles):
    fit = Fit(kind="letterbox")
    assert open_subject(bundles["int8"].directory, fit=fit).contract.input.fit == fit


def test_a_keras_file_answers_with_the_model_itself(keras, tmp_path):
    """Its contract is that of its float file, whose input lies behind the model's own rescaling."""
    model = user_models.with_lively_weights(user_models.transfer_learning(keras))
    model.save(tmp_path / "my model.keras")
    subject = open_subject(tmp_path / "my model.keras", labels=tuple("abcde"))
    assert (subject.name, subject.data, subject.bundle) == ("my-model", None, None)
    contract = subject.contract
    assert (contract.input.low, contract.input.high) == pytest.approx((-1, 1))
    assert (contract.input.dtype, contract.output.meaning, contract.labels) == ("float32", "softmax", tuple("abcde"))
    wanted = model(SQUARES.astype(np.float32), training=False).numpy()
    assert np.ptp(wanted, axis=0).max() > 0.01
    assert answers_of(subject) == pytest.approx(wanted, abs=1e-4)


def test_a_keras_file_without_rescaling_is_fed_what_the_user_says(v2_network, tmp_path):
    v2_network.model.save(tmp_path / "plain.keras")
    with pytest.raises(BadOptionError, match="--input-range"):
        open_subject(tmp_path / "plain.keras")
    subject = open_subject(tmp_path / "plain.keras", input_range=(-1, 1))
    wanted = v2_network.model(SQUARES.astype(np.float32) / 127.5 - 1, training=False).numpy()
    assert answers_of(subject) == pytest.approx(wanted, abs=1e-5)


def test_a_keras_2_file_answers_too(tf_keras, tmp_path):
    model = user_models.with_lively_weights(user_models.one_sigmoid(tf_keras))
    user_models.save(model, tmp_path / "old.h5")
    subject = open_subject(tmp_path / "old.h5", labels=("no", "yes"))
    wanted = model(SQUARES.astype(np.float32), training=False).numpy()
    assert np.ptp(wanted, axis=0).max() > 0.01
    assert answers_of(subject) == pytest.approx(wanted, abs=1e-4)


def test_a_keras_file_that_leaves_its_side_open_takes_the_one_that_is_said(keras, tmp_path):
    user_models.any_size(keras).save(tmp_path / "any.keras")
    with pytest.raises(BadOptionError, match="--resolution"):
        open_subject(tmp_path / "any.keras")
    assert open_subject(tmp_path / "any.keras", side=64).contract.input.side == 64


@pytest.mark.parametrize(
    ("name", "content"), [("a.keras", b"PK\x03\x04 cut"), ("a.h5", b"none"), ("a.bin", b"PK\x03\x04")]
)
def test_a_damaged_keras_file_is_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFileError, match=name):
        open_subject(tmp_path / name)


def test_two_models_of_one_name_are_named_by_their_paths(bundles, tmp_path):
    copy = shutil.copytree(bundles["int8"].directory, tmp_path / bundles["int8"].name)
    first, second = open_subjects([bundles["int8"].directory, copy])
    assert (first.name, second.name) == (str(bundles["int8"].directory), str(copy))


def test_what_bundles_say_themselves_is_refused_and_beside_a_bare_file_it_is_for_that(bundles, tmp_path):
    bare = Path(shutil.copy(bundles["float32"].tflite, tmp_path / "bare.tflite"))
    with pytest.raises(BadOptionError, match="--input-range and --resolution: the bundle"):
        open_subjects([bundles["int8"].directory], input_range=(0, 1), side=64)
    told = open_subjects([bundles["int8"].directory, bare], input_range=(0, 1))
    assert [subject.contract.input.high for subject in told] == [1.0, 1]


def test_a_tflite_never_loads_tensorflow(bundles):
    code = (
        "import sys; from pathlib import Path; from mobile_deploy.pipeline.subjects import open_subject\n"
        "with open_subject(Path(sys.argv[1])).open(): pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(bundles["int8"].directory)], capture_output=True, text=True, check=True
    )
    assert {"tensorflow", "keras", "tf_keras", "h5py"} & set(done.stdout.split()) == set()
