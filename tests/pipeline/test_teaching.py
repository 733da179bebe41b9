"""What `--teacher` may be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import make_picture
from fakes.tiny_bundles import LABELS, make_tiny_bundles, tflite_of
from models import user_models

from mobile_deploy.contract import Fit
from mobile_deploy.data.images import fit_picture
from mobile_deploy.errors import BadOptionError, TeacherMismatchError, UnknownNameError, UnreadableFileError
from mobile_deploy.pipeline.teaching import resolve_teacher
from mobile_deploy.training.teachers import teacher_outputs
from mobile_deploy.variants.imagenet import imagenet_classes

PICTURES = [make_picture(seed) for seed in range(4)]
DIGESTS = [f"{seed:064x}" for seed in range(4)]


@pytest.fixture(scope="module")
def tiny_bundles(tmp_path_factory) -> dict[str, Path]:
    return make_tiny_bundles(tmp_path_factory.mktemp("teaching"), quant=("float32", "int8"))


def test_a_bundle_teaches_through_its_own_contract(tiny_bundles):
    for path in (tiny_bundles["int8"], tflite_of(tiny_bundles["int8"])):
        teacher = resolve_teacher(str(path), classes=LABELS, fit=Fit(kind="letterbox"), input_range=(0, 1))
        assert teacher.name == tiny_bundles["int8"].name
        assert teacher.model.contract.input.fit == Fit(kind="stretch")


def test_a_bare_file_is_completed_by_what_is_said(tiny_bundles, tmp_path):
    bare = Path(shutil.copy(tflite_of(tiny_bundles["float32"]), tmp_path / "bare.tflite"))
    teacher = resolve_teacher(bare, classes=LABELS[::-1], fit=Fit(kind="letterbox"), labels=LABELS, input_range=(-1, 1))
    assert teacher.order == (2, 1, 0)
    assert teacher.model.contract.input.fit == Fit(kind="letterbox")


def test_a_keras_file_answers_itself(keras, tmp_path):
    model = user_models.with_lively_weights(user_models.transfer_learning(keras))
    model.save(tmp_path / "teacher.keras")
    teacher = resolve_teacher(tmp_path / "teacher.keras", classes=tuple("abcde"))
    assert teacher.notes == ("The classes of teacher were taken to be in the order of the data's.",)
    squares = np.stack([fit_picture(picture, side=64, fit=Fit(kind="stretch")) for picture in PICTURES])
    wanted = np.log(np.asarray(model(squares.astype(np.float32), training=False)))
    answers = teacher_outputs(teacher, PICTURES.__getitem__, DIGESTS, folder=tmp_path / "kept")
    assert np.ptp(wanted, axis=0).max() > 0.05
    assert answers == pytest.approx(wanted, abs=1e-3)


def test_a_name_of_keras_applications_is_a_teacher_of_imagenets_classes():
    names = tuple(known.name for known in imagenet_classes())
    teacher = resolve_teacher("ResNet50", classes=names)
    assert (teacher.name, teacher.size, teacher.order) == ("ResNet50", 1000, None)
    with pytest.raises(TeacherMismatchError, match="ResNet50 tells 1000 classes apart; needed: the 10 classes"):
        resolve_teacher("ResNet50", classes=names[:10])


def test_a_mistyped_name_shows_the_near_ones():
    with pytest.raises(UnknownNameError, match="did you mean ResNet50") as caught:
        resolve_teacher("Resnet50", classes=LABELS)
    assert "bundle" in caught.value.hint


@pytest.mark.parametrize("missing", ["teacher.keras", "build/teacher"])
def test_a_missing_file_is_named(missing, tmp_path):
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        resolve_teacher(tmp_path / missing, classes=LABELS)
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        resolve_teacher(missing, classes=LABELS)


def test_a_float_file_that_does_not_say_its_range_needs_it_said(tiny_bundles, tmp_path):
    (tmp_path / "bare.tflite").write_bytes(next(tiny_bundles["int8"].parent.parent.glob("*.tflite")).read_bytes())
    with pytest.raises(BadOptionError, match="--input-range"):
        resolve_teacher(tmp_path / "bare.tflite", classes=LABELS)


def test_teachers_that_are_files_or_names_need_no_tensorflow_to_be_checked(tiny_bundles):
    code = (
        "import sys; from mobile_deploy.pipeline.teaching import resolve_teacher;"
        f"resolve_teacher({str(tiny_bundles['int8'])!r}, classes={LABELS!r});"
        "resolve_teacher('ResNet50', classes=tuple(f'class {i}' for i in range(1000)));"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'tf_keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
