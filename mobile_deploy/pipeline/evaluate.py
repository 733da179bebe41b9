"""How good a model is on labelled pictures, and beside another one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from mobile_deploy.contract import Fit
from mobile_deploy.data.class_matching import Outputs, align
from mobile_deploy.data.datasets import LabelledPictures, list_dataset
from mobile_deploy.data.feed import PictureFeed, about_skipped
from mobile_deploy.errors import BadOptionError
from mobile_deploy.evaluation.accuracy import check_scorable
from mobile_deploy.evaluation.comparison import compare
from mobile_deploy.evaluation.distances import Distances, Side
from mobile_deploy.evaluation.logits import logit_reader
from mobile_deploy.evaluation.scoring import score
from mobile_deploy.files import write_file
from mobile_deploy.pipeline.answer_sheet import draw_answers
from mobile_deploy.pipeline.evaluation_results import (
    EvaluateResult,
    MissedBarError,
    name_answers,
    name_flips,
)
from mobile_deploy.pipeline.flip_sheet import draw_flips
from mobile_deploy.pipeline.hints import given_fit, given_labels
from mobile_deploy.pipeline.model_score import ModelScore
from mobile_deploy.pipeline.png_files import check_png
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.pipeline.subjects import Subject, open_subjects
from mobile_deploy.statistics import points_above

_POINTS = 100.0


def evaluate(
    model: Path | str,
    data: Path | str,
    *,
    against: Path | str | None = None,
    labels: Path | str | None = None,
    label_offset: int | None = None,
    fit: Fit | str | None = None,
    input_range: tuple[float, float] | None = None,
    output_meaning: str | None = None,
    resolution: int | None = None,
    threads: int = 1,
    sheet: Path | str | None = None,
    fail_below: float | None = None,
    max_drop: float | None = None,
    progress: ProgressReporter | None = None,
) -> EvaluateResult:
    """Measures how good a model is on labelled pictures.

    Args:
        model: A bundle, the .tflite in it, any image-classification .tflite, or a .keras or .h5 file.
        data: A folder with a labels.csv (columns filename and class_index, perhaps wnid and name), or with a folder per
            class.
        against: A second model, the reference, asked about the same pictures.
        labels: Class names of a model without a bundle, in output order.
        label_offset: Output of the class of index 0; by default told by the names, else 0.
        fit: How a picture becomes a square; overrides the bundle's, and is stretch for a file without one.
        input_range: Pixel range of a float model that has no bundle and does not say it itself.
        output_meaning: What the output of a model without a bundle means, if it does not say so itself.
        resolution: Input side in pixels of a Keras file that leaves it open.
        threads: XNNPACK threads.
        sheet: PNG to draw pictures and answers into, the wrong ones first; with `against` those with different answers.
        fail_below: Least top-1 in percentage points.
        max_drop: Most that top-1 may lie below the reference's, in percentage points; needs `against`.
        progress: Who listens; nobody if None.

    Returns:
        The measures; pictures that cannot be decoded are left out and named.

    Raises:
        MissedBarError: The model is below `fail_below`, or its drop above `max_drop`; it holds the result.
        UnreadableFileError: A model or the folder cannot be read.
        BadDatasetError: Labels and files do not fit together, or no picture can be decoded.
        InterpreterError: A model does not run, or gives numbers that are not finite.
        BadOptionError: A model gives no class scores, or an option is missing or contradicts another.
        OutputNotWritableError: The PNG cannot be written.
    """
    told = progress or SilentProgress()
    bars = _Bars(fail_below=fail_below, max_drop=max_drop)
    bars.check(has_reference=against is not None)
    png = None if sheet is None else check_png(sheet, option="--sheet")
    if threads < 1:
        raise BadOptionError(option="--threads", problem=f"{threads} is below 1")
    listing = list_dataset(Path(data))
    subjects = open_subjects(
        [Path(path) for path in (model, against) if path is not None],
        labels=given_labels(None if labels is None else Path(labels)),
        fit=given_fit(fit),
        input_range=input_range,
        output_meaning=output_meaning,
        side=resolution,
        progress=told,
    )
    if len({subject.name for subject in subjects}) < len(subjects):
        raise BadOptionError(option="--against", problem=f"{against} is the model itself")
    for subject in subjects:
        check_scorable(subject.contract.output.meaning, subject.contract.labels)
    pictures = {s.name: listing.match(_outputs(s), label_offset=label_offset) for s in subjects}
    asked = _Asked(subjects=subjects, pictures=pictures, feed=PictureFeed(listing.paths), threads=threads)
    result = asked.score(told)
    if png is not None:
        with told.stage("draw the contact sheet"):
            write_file(png, draw_answers(result) if against is None else draw_flips(result))
    missed = bars.missed(result)
    if missed:
        raise MissedBarError(result=result, missed=missed)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bars:
    """What was asked for, in percentage points."""

    fail_below: float | None
    max_drop: float | None

    def check(self, *, has_reference: bool) -> None:
        for option, bar in (("--fail-below", self.fail_below), ("--max-drop", self.max_drop)):
            if bar is not None and not 0 <= bar <= _POINTS:
                raise BadOptionError(option=option, problem=f"{bar:g} is not from 0 to 100 percentage points")
        if self.max_drop is not None and not has_reference:
            raise _needs_reference("--max-drop", "a drop is measured against another model")

    def missed(self, result: EvaluateResult) -> tuple[str, ...]:
        """Gives one clause for each bar that is not reached; equal to the bar is enough."""
        clauses = []
        top1 = result.model.accuracy.top1
        if self.fail_below is not None and points_above(top1.count, top1.total, self.fail_below) < 0:
            clauses.append(f"top-1 is {_POINTS * top1.value:.2f} %, below the {self.fail_below:g} % asked for")
        if self.max_drop is not None and result.comparison is not None and result.reference is not None:
            lost = result.comparison.only_reference - result.comparison.only_model
            if points_above(lost, result.pictures, self.max_drop) > 0:
                clauses.append(
                    f"top-1 is {_POINTS * lost / result.pictures:.2f} percentage points below "
                    f"{result.reference.name}, more than the {self.max_drop:g} allowed"
                )
        return tuple(clauses)


def _needs_reference(option: str, why: str) -> BadOptionError:
    return BadOptionError(option=option, problem=f"{why}, and there is none", hint="add --against BUNDLE|FILE")


def _outputs(subject: Subject) -> Outputs:
    return Outputs(labels=subject.contract.labels, wnids=subject.wnids)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The models and what they are asked."""

    subjects: tuple[Subject, ...]
    pictures: Mapping[str, LabelledPictures]
    feed: PictureFeed
    threads: int

    def score(self, progress: ProgressReporter) -> EvaluateResult:
        models = {subject.name: subject for subject in self.subjects}
        truths = {name: found.indices for name, found in self.pictures.items()}
        pairs = self._pairs()
        sides = [_side(subject) for subject in self.subjects]
        distances = None if pairs is None else Distances(sides[0], sides[1], pairs)
        stage = f"ask {' and '.join(models)} about {len(self.feed.paths)} pictures"
        with distances or nullcontext(), progress.stage(stage) as advance:
            see = None if distances is None else distances.see
            scored = score(models, self.feed, truths, threads=self.threads, progress=advance, see=see)
        told = [scored[name] for name in models]
        scores = [
            ModelScore.of(
                subject.name, subject.contract, answers, threads=None if subject.data is None else self.threads
            )
            for subject, answers in zip(self.subjects, told, strict=True)
        ]
        alone = EvaluateResult(
            model=scores[0],
            answers=name_answers(self.feed.paths, scores[0], told[0]),
            pictures=len(told[0].positions),
            skipped=self.feed.skipped,
            notes=self._notes(),
        )
        if distances is None or pairs is None:
            return alone
        comparison = compare(told[0], told[1], distances, pairs=pairs)
        flips = name_flips(comparison, self.feed.paths, scores, told)
        return replace(alone, reference=scores[1], comparison=comparison, flips=flips)

    def _pairs(self) -> tuple[tuple[int, int], ...] | None:
        """Pairs the outputs of both models that mean the same class; None with one model."""
        if len(self.subjects) == 1:
            return None
        first, second = (self.pictures[subject.name].indices for subject in self.subjects)
        offsets = {theirs - mine for mine, theirs in zip(first, second, strict=True)}
        return align(*map(_outputs, self.subjects), offset=offsets.pop() if len(offsets) == 1 else None)

    def _notes(self) -> tuple[str, ...]:
        notes = {name: found.notes for name, found in self.pictures.items()}
        alike = len(set(notes.values())) == 1
        matched = [note for told in notes.values() for note in told] if alike else _prefixed(notes)
        return (*dict.fromkeys(matched), *about_skipped(self.feed.skipped))


def _prefixed(notes: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [f"{name}: {note}" for name, told in notes.items() for note in told]


def _side(subject: Subject) -> Side:
    return Side(
        name=subject.name,
        contract=subject.contract,
        logits=logit_reader(subject.data, subject.contract, source=subject.source),
    )
