"""Teachers: models that answer the pictures of a training set once, so that a smaller network learns their answers.

    teacher = as_teacher(model, classes=classes, meaning="softmax", size=10)
    answers = teacher_outputs(teacher, decoded, digests)      # (N, size) float32, for `batch["teacher"]`
    loss = distillation(teacher.target)                       # in training/losses.py

`pipeline/teaching.resolve_teacher` makes one from what `--teacher` says. A teacher sees pictures through its own
contract: its own side, crop and pixel range. What it answers is read before its last softmax where there is a way, as
`evaluate` does it, so that the eight bits of an int8 file's output hide nothing. Answers are kept in the cache by the
hashes of the teacher and of all pictures; a run that finds them there does not load the teacher.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract, OutputMeaning
from mobile_deploy.data.class_matching import ClassWords, Outputs, plain
from mobile_deploy.data.images import Picture, fit_picture
from mobile_deploy.errors import CacheNotWritableError, OutputNotWritableError, TeacherMismatchError
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.evaluation.logits import LogitReader, logit_reader
from mobile_deploy.evaluation.scoring import PictureAnswerer
from mobile_deploy.files import cache_directory, check_writable, sha256_of_bytes, sha256_of_file, write_file
from mobile_deploy.tflite.runner import InterpreterError
from mobile_deploy.training.losses import Target

Answers = npt.NDArray[np.float32]
Ask = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.floating]]
Progress = Callable[[int, int], None]

# Part of the cache's key: to be raised when the same teacher and pictures would give other answers.
_EDITION = 1
_DIGEST_BYTES = 32  # of SHA-256
_CHUNK_BYTES = 32_000_000
_MOST_IN_CHUNK = 32
_THREADS = 2
_NAMED = 5


class Answering(Protocol):
    """A model that can be loaded and asked, such as what `pipeline/subjects.py` opens."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    @property
    def contract(self) -> ModelContract:
        """How to feed it and read it."""
        ...

    @property
    def wnids(self) -> tuple[str, ...]:
        """WordNet identifiers in output order where the classes are ImageNet's; else none."""
        ...

    @property
    def source(self) -> object:
        """The file; text that stands for the model where there is none."""
        ...

    @property
    def data(self) -> bytes | None:
        """Bytes of the .tflite; None where it is none."""
        ...

    def open(self, *, threads: int = 1) -> AbstractContextManager[PictureAnswerer]:
        """Loads it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """A model whose answers fit its student.

    Attributes:
        model: It.
        target: What `teacher_outputs` gives: the logits of its class scores, the probabilities of attributes, or an
            embedding.
        size: Number of values it gives for a picture.
        order: Its output for each of the student's classes; None where the order is the same.
        notes: What was concluded, one sentence each.
    """

    model: Answering = field(repr=False)
    target: Target
    size: int
    order: tuple[int, ...] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model.name


def as_teacher(
    model: Answering, *, classes: Sequence[str], meaning: OutputMeaning = "softmax", size: int | None = None
) -> Teacher:
    """Finds out whether a model can teach a student; runs nothing.

    Args:
        model: The model.
        classes: The student's class names; none for an embedding.
        meaning: What the student's output means.
        size: Number of values that the student gives; None for one a class.

    Returns:
        The teacher.

    Raises:
        TeacherMismatchError: It tells other classes apart, or gives another kind of answer.
    """
    output, wanted = model.contract.output, len(classes) if size is None else size
    target, given = _target(meaning, wanted), _target(output.meaning, output.size)
    if target != given or (target == "embedding" and output.size != wanted):
        raise TeacherMismatchError(
            teacher=model.name,
            gives=f"gives {_in_words(given, output.size)}",
            needed=_in_words(target, wanted),
        )
    if target == "embedding":
        return Teacher(model=model, target=target, size=wanted)
    order = _order(model, tuple(classes))
    nameless = Outputs(labels=model.contract.labels).is_nameless != Outputs(labels=tuple(classes)).is_nameless
    notes = (f"The classes of {model.name} were taken to be in the order of the data's.",) if nameless else ()
    is_same = order == tuple(range(len(order)))
    return Teacher(model=model, target=target, size=len(classes), order=None if is_same else order, notes=notes)


def teacher_outputs(
    teacher: Teacher,
    decoded: Callable[[int], Picture],
    digests: Sequence[str],
    *,
    folder: Path | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Answers:
    """Gives what a teacher answers to each picture, from the cache where it was asked before.

    Args:
        teacher: The teacher.
        decoded: From the position of a picture to (H, W, 3) uint8 RGB, upright and whole, from any thread.
        digests: (N) sha256 of each picture's file.
        folder: Where answers are kept; None for "teachers" in the cache.
        threads: XNNPACK threads of a .tflite.
        progress: Called with pictures done and pictures in all.

    Returns:
        (N, size) float32: logits, known but for a summand per picture; probabilities; or embeddings.

    Raises:
        CacheNotWritableError: The answers cannot be kept.
        InterpreterError: The teacher does not run, or gives numbers that are not finite.
        BadPictureError: A picture cannot be decoded.
        EnvironmentMissingError: Its weights must be downloaded and cannot be.
    """
    path = (folder or cache_directory() / "teachers") / f"{_key(teacher, digests)}.npy"
    kept = _read(path, shape=(len(digests), teacher.size))
    if kept is not None:
        return kept
    try:
        check_writable(path.parent)  # the teacher may take long
        answers = _run(teacher, decoded, len(digests), threads=threads, progress=progress)
        _write(path, answers)
    except OutputNotWritableError as error:
        raise CacheNotWritableError(path=path.parent, problem=error.message) from error
    return answers


def _target(meaning: OutputMeaning, size: int) -> Target:
    """Says what an output is to be learnt as: a single sigmoid tells two classes apart, several tell attributes."""
    if meaning == "embedding":
        return "embedding"
    return "probabilities" if meaning == "sigmoid" and size > 1 else "logits"


def _in_words(target: Target, size: int) -> str:
    match target:
        case "embedding":
            return f"an embedding of {size} values"
        case "probabilities":
            return f"{size} attributes that are true independently of each other"
        case "logits":
            return "scores of classes that exclude each other"


def _order(model: Answering, classes: tuple[str, ...]) -> tuple[int, ...]:
    """Gives the teacher's output for each of the student's classes, by position where one side has no names."""
    labels, counts = model.contract.labels, (len(model.contract.labels), len(classes))
    if counts[0] != counts[1]:
        raise TeacherMismatchError(
            teacher=model.name, gives=f"tells {counts[0]} classes apart", needed=f"the {counts[1]} classes of the data"
        )
    outputs, same = Outputs(labels=labels, wnids=model.wnids), tuple(range(len(classes)))
    names_agree = [plain(label) for label in labels] == [plain(name) for name in classes]
    if names_agree or outputs.is_nameless or Outputs(labels=classes).is_nameless:
        return same
    found = [outputs.named(ClassWords(where=name, index=None, wnid=name, name=name)) for name in classes]
    order = tuple(output for output in found if output is not None)
    if len(set(order)) < len(classes):
        strange = [name for name, output in zip(classes, found, strict=True) if output is None] or classes
        left = [label for i, label in enumerate(labels) if i not in order] or labels
        raise TeacherMismatchError(
            teacher=model.name, gives=f"knows the classes {_listed(left)}", needed=f"the data's {_listed(strange)}"
        )
    return order


def _listed(names: Sequence[str]) -> str:
    return ", ".join((*map(repr, names[:_NAMED]), *(("...",) if len(names) > _NAMED else ())))


def _key(teacher: Teacher, digests: Sequence[str]) -> str:
    """Names everything that the answers depend on."""
    model = teacher.model
    told = {
        "edition": _EDITION,
        "model": _identity(model),
        "contract": model.contract.to_json(),
        "target": teacher.target,
        "order": teacher.order,
        "pictures": tuple(digests),
    }
    return sha256_of_bytes(json.dumps(told, sort_keys=True).encode())


def _identity(model: Answering) -> str:
    if model.data is not None:
        return sha256_of_bytes(model.data)
    return sha256_of_file(model.source) if isinstance(model.source, Path) else str(model.source)


def _read(path: Path, *, shape: tuple[int, int]) -> Answers | None:
    """Reads kept answers; None where there are none, or what is there is not what was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    # Behind the array stands its hash, which readers of .npy files pass over.
    if hashlib.sha256(data[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
        return None
    answers: Answers = np.load(io.BytesIO(data), allow_pickle=False)
    return answers if answers.shape == shape and answers.dtype == np.float32 else None


def _write(path: Path, answers: Answers) -> None:
    file = io.BytesIO()
    np.save(file, answers, allow_pickle=False)
    data = file.getvalue()
    write_file(path, data + hashlib.sha256(data).digest())


def _run(
    teacher: Teacher, decoded: Callable[[int], Picture], count: int, *, threads: int, progress: Progress | None
) -> Answers:
    given = teacher.model.contract.input
    answers = np.empty((count, teacher.size), np.float32)
    size = max(1, min(_MOST_IN_CHUNK, _CHUNK_BYTES // (3 * given.side**2)))
    with ThreadPoolExecutor(max_workers=_THREADS) as pool, _asked(teacher, threads) as ask:
        for start in range(0, count, size):
            positions = range(start, min(start + size, count))
            squares = list(pool.map(lambda i: fit_picture(decoded(i), side=given.side, fit=given.fit), positions))
            values = ask(np.stack(squares))
            answers[start : positions.stop] = values if teacher.order is None else values[:, teacher.order]
            if progress is not None:
                progress(positions.stop, count)
    if not np.isfinite(answers).all():
        raise InterpreterError(path=teacher.model.source, reason="it gives numbers that are not finite")
    return answers


@contextmanager
def _asked(teacher: Teacher, threads: int) -> Iterator[Ask]:
    """Loads what answers: the whole model, or its file up to the logits."""
    model, contract = teacher.model, teacher.model.contract
    if teacher.target != "logits":
        with model.open(threads=threads) as whole:
            yield whole.run
        return
    reader = logit_reader(model.data, contract, source=model.source)
    if isinstance(reader, str):  # rounded class scores are better than none
        reader = LogitReader(contract=contract, runner=None)
    with ExitStack() as stack:
        read = stack.enter_context(reader).read
        if reader.runner is not None:
            yield lambda pictures: read(pictures, np.empty(0, np.float32))
            return
        runner = stack.enter_context(model.open(threads=threads))
        yield lambda pictures: read(pictures, class_scores(runner.run(pictures), contract))
