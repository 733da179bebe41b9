"""What a teacher answers, whom it can teach, and that it is asked once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.answering import contract_of
from fakes.pictures import make_picture
from fakes.tiny_bundles import LABELS, make_tiny_bundles, tflite_of

from mobile_deploy.contract import Fit, ModelContract
from mobile_deploy.data.images import fit_picture
from mobile_deploy.errors import CacheNotWritableError, TeacherMismatchError
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.pipeline.subjects import open_subject
from mobile_deploy.tflite.runner import InterpreterError, Runner
from mobile_deploy.training.teachers import as_teacher, teacher_outputs
from mobile_deploy.variants.imagenet import imagenet_classes, wnids_of

CLASSES = ("ant", "bee", "cat")
COUNT = 40
PICTURES = [make_picture(seed, height=40 + seed, width=90 - seed) for seed in range(COUNT)]
DIGESTS = [f"{seed:064x}" for seed in range(COUNT)]
MATRIX = np.random.default_rng(3).normal(size=(3, 3))


@dataclass
class Oracle:
    """Answers by the mean colour of what it sees, and counts how often it is loaded."""

    contract: ModelContract
    name: str = "oracle"
    source: Any = "the oracle"
    wnids: tuple[str, ...] = ()
    data: bytes | None = None
    scale: float = 1.0
    loaded: int = 0
    seen: list[tuple[int, ...]] = field(default_factory=list)

    @contextmanager
    def open(self, *, threads: int = 1):
        self.loaded += 1
        self.latencies_ms: list[float] = []
        yield self

    def run(self, pictures):
        assert pictures.dtype == np.uint8
        self.seen.append(pictures.shape)
        logits = (pictures.mean(axis=(1, 2)) / 64 @ MATRIX)[:, : self.contract.output.size] * self.scale
        if self.contract.output.meaning == "softmax":
            logits = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return logits.astype(np.float32)


def oracle(labels=CLASSES, **settings) -> Oracle:
    return Oracle(contract_of(labels, **settings))


def outputs_of(teacher, folder, **settings):
    return teacher_outputs(teacher, PICTURES.__getitem__, DIGESTS, folder=folder, **settings)


def expected(side=8, fit="stretch") -> np.ndarray:
    squares = np.stack([fit_picture(picture, side=side, fit=Fit(kind=fit)) for picture in PICTURES])
    return squares.mean(axis=(1, 2)) / 64 @ MATRIX


def centred(logits: np.ndarray) -> np.ndarray:
    return logits - logits.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("meaning", ["softmax", "logits"])
def test_class_scores_become_logits_but_for_a_summand(meaning, tmp_path):
    teacher = as_teacher(oracle(meaning=meaning), classes=CLASSES)
    assert (teacher.name, teacher.target, teacher.size, teacher.order) == ("oracle", "logits", 3, None)
    answers = outputs_of(teacher, tmp_path)
    assert (answers.shape, answers.dtype) == ((COUNT, 3), np.float32)
    assert np.ptp(expected(), axis=0).min() > 0.5
    assert centred(answers) == pytest.approx(centred(expected()), abs=1e-5)


def test_a_teacher_sees_pictures_through_its_own_contract(tmp_path):
    model = oracle(meaning="logits", side=20)
    model.contract = replace(model.contract, input=replace(model.contract.input, fit=Fit(kind="letterbox")))
    answers = outputs_of(as_teacher(model, classes=CLASSES), tmp_path)
    assert {shape[1:] for shape in model.seen} == {(20, 20, 3)}
    assert answers == pytest.approx(expected(20, "letterbox"), abs=1e-5)
    assert np.abs(expected(20, "letterbox") - expected()).max() > 0.1


def test_answers_come_in_the_order_of_the_students_classes(tmp_path):
    teacher = as_teacher(oracle(("Bee", "cat", "ANT"), meaning="logits"), classes=CLASSES)
    assert teacher.order == (2, 0, 1)
    assert outputs_of(teacher, tmp_path) == pytest.approx(expected()[:, [2, 0, 1]], abs=1e-5)


def test_imagenet_classes_are_known_by_wnid_and_by_name():
    known = imagenet_classes()
    labels = tuple(one.name for one in known)
    model = replace(oracle(labels, size=1000), wnids=wnids_of(labels))
    # Two classes are called "crane", and two "maillot": only in the usual order do names alone tell them apart.
    assert as_teacher(model, classes=labels).order is None
    wnids = tuple(one.wnid for one in reversed(known))
    assert as_teacher(model, classes=wnids).order == tuple(range(999, -1, -1))


def test_where_one_side_has_no_names_the_order_is_taken_to_be_the_same_and_that_is_said():
    teacher = as_teacher(oracle(("class 0", "class 1", "class 2")), classes=CLASSES)
    assert teacher.order is None
    assert teacher.notes == ("The classes of oracle were taken to be in the order of the data's.",)
    assert as_teacher(oracle(), classes=CLASSES).notes == ()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("ant", "bee"), "oracle tells 2 classes apart; needed: the 3 classes of the data"),
        (("ant", "bee", "dog"), "oracle knows the classes 'dog'; needed: the data's 'cat'"),
        (("ant", "ant", "cat"), "oracle knows the classes 'ant', 'ant'; needed: the data's 'ant', 'bee'"),
    ],
)
def test_a_teacher_of_other_classes_is_refused_with_both(labels, message):
    with pytest.raises(TeacherMismatchError) as caught:
        as_teacher(oracle(labels), classes=CLASSES)
    assert (caught.value.message, caught.value.exit_code) == (f"--teacher: {message}", 5)


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        ({"meaning": "embedding"}, {}, "gives an embedding of 3 values; needed: scores of classes"),
        ({"meaning": "sigmoid"}, {}, "gives 3 attributes that are true independently"),
        ({}, {"meaning": "sigmoid"}, "gives scores of classes that exclude each other; needed: 3 attributes"),
        (
            {"meaning": "embedding"},
            {"meaning": "embedding", "size": 4},
            "of 3 values; needed: an embedding of 4 values",
        ),
    ],
)
def test_a_teacher_of_another_kind_is_refused(given, asked, message):
    with pytest.raises(TeacherMismatchError, match=message):
        as_teacher(oracle(**given), classes=CLASSES, **asked)


def test_attributes_and_embeddings_are_taken_as_they_are(tmp_path):
    attributes = as_teacher(oracle(meaning="sigmoid"), classes=CLASSES, meaning="sigmoid")
    assert (attributes.target, attributes.size) == ("probabilities", 3)
    assert outputs_of(attributes, tmp_path) == pytest.approx(expected(), abs=1e-5)
    embedding = as_teacher(oracle((), meaning="embedding", size=2), classes=(), meaning="embedding", size=2)
    assert (embedding.target, embedding.size) == ("embedding", 2)
    assert outputs_of(embedding, tmp_path) == pytest.approx(expected()[:, :2], abs=1e-5)


def test_one_logit_teaches_two_classes_whatever_the_student_ends_in(tmp_path):
    model = oracle(("no", "yes"), meaning="logits", size=1)
    for asked in ({}, {"meaning": "sigmoid", "size": 1}):
        teacher = as_teacher(model, classes=("no", "yes"), **asked)
        wanted = np.stack([np.zeros(COUNT), expected()[:, 0]], axis=1)
        assert outputs_of(teacher, tmp_path) == pytest.approx(wanted, abs=1e-5)


def test_the_second_run_does_not_load_the_teacher(tmp_path):
    model, told = oracle(), []
    teacher = as_teacher(model, classes=CLASSES)
    first = outputs_of(teacher, tmp_path, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (COUNT, COUNT)
    assert np.array_equal(outputs_of(teacher, tmp_path), first)
    assert model.loaded == 1
    (path,) = tmp_path.iterdir()
    assert np.array_equal(np.load(path), first)


def test_kept_answers_lie_in_the_cache_when_nothing_else_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path))
    teacher_outputs(as_teacher(oracle(), classes=CLASSES), PICTURES.__getitem__, DIGESTS)
    assert [path.suffix for path in (tmp_path / "teachers").iterdir()] == [".npy"]


@pytest.mark.parametrize(
    "change",
    [
        {"source": "another oracle"},
        {"contract": contract_of(CLASSES, side=9)},
        {"contract": contract_of(("bee", "ant", "cat"))},
        {"contract": contract_of(CLASSES, meaning="logits")},
    ],
)
def test_another_teacher_or_contract_is_asked_anew(change, tmp_path):
    outputs_of(as_teacher(oracle(), classes=CLASSES), tmp_path)
    other = replace(oracle(), **change)
    outputs_of(as_teacher(other, classes=CLASSES), tmp_path)
    assert other.loaded == 1


def test_other_pictures_or_another_order_of_them_are_asked_anew(tmp_path):
    model = oracle()
    teacher = as_teacher(model, classes=CLASSES)
    for digests in (DIGESTS, DIGESTS[::-1], DIGESTS[1:], ["f" * 64, *DIGESTS[1:]]):
        before = model.loaded
        teacher_outputs(teacher, PICTURES.__getitem__, digests, folder=tmp_path)
        assert model.loaded == before + 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
        lambda data: data + b"x",
    ],
    ids=["cut", "empty", "one bit", "longer"],
)
def test_damaged_answers_are_made_anew(damage, tmp_path):
    model = oracle()
    teacher = as_teacher(model, classes=CLASSES)
    first = outputs_of(teacher, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert np.array_equal(outputs_of(teacher, tmp_path), first)
    assert model.loaded == 2
    outputs_of(teacher, tmp_path)
    assert model.loaded == 2


def test_a_cache_that_cannot_be_written_is_told_before_the_teacher_is_asked(tmp_path):
    (tmp_path / "file").write_text("in the way")
    model = oracle()
    with pytest.raises(CacheNotWritableError, match="file"):
        outputs_of(as_teacher(model, classes=CLASSES), tmp_path / "file" / "teachers")
    assert model.loaded == 0


def test_answers_that_are_no_numbers_are_refused_and_not_kept(tmp_path):
    with pytest.raises(InterpreterError, match="not finite"), np.errstate(invalid="ignore"):
        outputs_of(as_teacher(replace(oracle(meaning="logits"), scale=np.inf), classes=CLASSES), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def tiny_bundles(tmp_path_factory) -> dict[str, Path]:
    return make_tiny_bundles(tmp_path_factory.mktemp("teachers"), quant=("float32", "int8"))


def test_an_int8_bundle_is_read_before_its_output_is_rounded(tiny_bundles, tmp_path):
    subject = open_subject(tiny_bundles["int8"])
    assert subject.contract.output.dtype == "uint8"
    given = subject.contract.input
    squares = np.stack([fit_picture(picture, side=given.side, fit=given.fit) for picture in PICTURES])
    answers = outputs_of(as_teacher(subject, classes=LABELS[::-1]), tmp_path)[:, ::-1]
    logits = read_logits(tflite_of(tiny_bundles["int8"]).read_bytes(), squares, given)
    assert answers == pytest.approx(logits, abs=1e-4)
    with Runner(subject.data, subject.contract) as runner:
        rounded = np.log(np.maximum(runner.run(squares), 1 / 512))
    assert np.abs(centred(rounded) - centred(logits)).max() > 0.02


def test_rounded_class_scores_are_used_where_nothing_before_them_can_be_read(tmp_path):
    model = Oracle(contract_of(CLASSES, scale=1 / 256))
    answers = outputs_of(as_teacher(model, classes=CLASSES), tmp_path)
    powers = np.exp(expected())
    wanted = np.log(np.maximum(powers / powers.sum(axis=1, keepdims=True), 1 / 512))
    assert answers == pytest.approx(wanted, abs=1e-4)
    assert wanted.min() == pytest.approx(-np.log(512))
