"""What a model says to pictures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit, ModelContract
from mobile_deploy.data.images import fit_picture, load_picture
from mobile_deploy.errors import BadOptionError
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.pipeline.hints import given_fit, given_labels
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.pipeline.subjects import Subject, open_subjects
from mobile_deploy.report.tables import Column, ResultTable, what_differs
from mobile_deploy.tflite.runner import InterpreterError

TOP = 5

PictureSource = Path | str | npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One class with its score.

    Attributes:
        label: Name of the class.
        index: Its output index.
        score: Probability for softmax and sigmoid; the raw value for logits.
    """

    label: str
    index: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one model says to one picture.

    Attributes:
        image: The picture's path as it was given, or "picture 0" and so on for arrays.
        model: Name of the model.
        guesses: The best classes, best first, at most five; of many classes, those with a probability above 0.
        latency_ms: Time of the inference on this machine, one thread.
    """

    image: str
    model: str
    guesses: tuple[Guess, ...]
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictResult:
    """What all models say to all pictures.

    Attributes:
        models: Names of the models.
        inputs: What each was shown, such as "224 px, center-crop:0.875".
        answers: By picture, then by model.
    """

    models: tuple[str, ...]
    inputs: tuple[str, ...]
    answers: tuple[Answer, ...]

    def table(self) -> ResultTable:
        """Gives one row per guess, the models side by side."""
        columns = [Column(header="image", folds=True)]
        for model in what_differs(self.models):
            columns += [Column(header=model, folds=True), Column(header="score", digits=4)]
        rows = []
        for start in range(0, len(self.answers), len(self.models)):
            told = self.answers[start : start + len(self.models)]
            for rank in range(max(len(answer.guesses) for answer in told)):
                cells = [c for answer in told for c in _cells(answer, rank)]
                rows.append((Path(told[0].image).name if rank == 0 else "", *cells))
        return ResultTable(columns=tuple(columns), rows=tuple(rows))

    def latency_ms(self) -> dict[str, float]:
        """Gives the median latency of each model over all pictures."""
        return {m: statistics.median(a.latency_ms for a in self.answers if a.model == m) for m in self.models}

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _cells(answer: Answer, rank: int) -> tuple[str | None, float | None]:
    if rank >= len(answer.guesses):
        return None, None
    return answer.guesses[rank].label, answer.guesses[rank].score


def predict(
    model: Path | str,
    images: PictureSource | Sequence[PictureSource],
    *,
    against: Path | str | None = None,
    labels: Path | str | None = None,
    fit: Fit | str | None = None,
    input_range: tuple[float, float] | None = None,
    output_meaning: str | None = None,
    resolution: int | None = None,
    progress: ProgressReporter | None = None,
) -> PredictResult:
    """Asks a model, or two side by side, what it sees in pictures.

    Args:
        model: A bundle, the .tflite in it, any image-classification .tflite, or a .keras or .h5 file.
        images: Picture files, or (H, W, 3) uint8 RGB arrays; a single one need not be in a list.
        against: A second model.
        labels: Class names of a file that has no bundle; such a file shows "class 0" and so on without.
        fit: How a picture becomes a square; overrides the bundle's, and is stretch for a file without one.
        input_range: Pixel range of a float file that has no bundle.
        output_meaning: What the output of a file without a bundle means, if it does not say so itself.
        resolution: Input side in pixels of a Keras file that leaves it open.
        progress: Who listens; nobody if None.

    Returns:
        The best five classes of each picture.

    Raises:
        UnreadableFileError: A model cannot be read.
        BadPictureError: A picture cannot be read.
        InterpreterError: A model does not run, or gives numbers that are not finite.
        BadOptionError: No picture, an embedding, or a file that needs more said about it.
    """
    pictures = _listed(images)
    if len(pictures) == 0:
        raise BadOptionError(option="IMAGE", problem="no picture was given")
    paths = tuple(Path(p) for p in (model, against) if p is not None)
    subjects = open_subjects(
        paths,
        labels=given_labels(None if labels is None else Path(labels)),
        fit=given_fit(fit),
        input_range=input_range,
        output_meaning=output_meaning,
        side=resolution,
        progress=progress,
    )
    told = [_answers(subject, pictures, progress or SilentProgress()) for subject in subjects]
    return PredictResult(
        models=tuple(subject.name for subject in subjects),
        inputs=tuple(f"{given.side} px, {given.fit}" for given in (subject.contract.input for subject in subjects)),
        answers=tuple(answer for pair in zip(*told, strict=True) for answer in pair),
    )


def _listed(images: PictureSource | Sequence[PictureSource]) -> Sequence[PictureSource]:
    """Takes one picture for a list of one; an (N, H, W, 3) array is a list already."""
    if isinstance(images, str | Path):
        return (images,)
    if isinstance(images, np.ndarray):
        return tuple(images) if images.ndim == 4 else (images,)
    return images


def _answers(subject: Subject, images: Sequence[PictureSource], progress: ProgressReporter) -> list[Answer]:
    contract = subject.contract
    if contract.output.meaning == "embedding":
        raise BadOptionError(option="BUNDLE", problem=f"{subject.source} gives an embedding, which names no classes")
    answers: list[Answer] = []
    with subject.open() as runner, progress.stage(f"ask {subject.name}") as advance:
        for number, image in enumerate(images):
            scores = class_scores(runner.run(_load(image, contract)[None]), contract)[0]
            if not np.isfinite(scores).all():
                raise InterpreterError(
                    path=subject.source, reason=f"it gives numbers that are not finite for {_name(image, number)}"
                )
            answers.append(
                Answer(
                    image=_name(image, number),
                    model=subject.name,
                    guesses=_guesses(scores, contract),
                    latency_ms=runner.latencies_ms[-1],
                )
            )
            advance(len(answers), len(images))
    return answers


def _guesses(scores: npt.NDArray[np.float32], contract: ModelContract) -> tuple[Guess, ...]:
    order = np.argsort(-scores, kind="stable")[:TOP]
    if contract.output.meaning != "logits" and len(scores) > TOP:
        # Integer files round most probabilities to 0; which of those are among the first would be chance.
        order = order[: max(1, np.count_nonzero(scores[order]))]
    return tuple(Guess(label=contract.labels[i], index=int(i), score=float(scores[i])) for i in order)


def _name(image: PictureSource, number: int) -> str:
    return str(image) if isinstance(image, str | Path) else f"picture {number}"


def _load(image: PictureSource, contract: ModelContract) -> npt.NDArray[np.uint8]:
    side, fit = contract.input.side, contract.input.fit
    if isinstance(image, str | Path):
        return load_picture(Path(image), side=side, fit=fit)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise BadOptionError(
            option="IMAGE", problem=f"an array is {image.dtype} {image.shape}, not uint8 (height, width, 3)"
        )
    return fit_picture(image, side=side, fit=fit)
