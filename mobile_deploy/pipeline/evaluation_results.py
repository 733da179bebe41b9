"""What `evaluate` gives back: frozen records that print as tables and draw themselves in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobile_deploy.data.manifest import SkippedFile
from mobile_deploy.errors import BelowBarError
from mobile_deploy.evaluation.comparison import Comparison
from mobile_deploy.evaluation.metrics import Confusion
from mobile_deploy.evaluation.scoring import Scored
from mobile_deploy.pipeline.model_score import ModelScore
from mobile_deploy.report.tables import Cell, Column, ResultTable, counted, facts_table, what_differs
from mobile_deploy.statistics import finite_or_none

_TOP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredPicture:
    """A picture with a model's answer.

    Attributes:
        path: The file.
        truth: Name of its class.
        answer: Name of the class that scored highest.
        score: Its probability; None where there is none.
        is_right: Whether both are the same class.
    """

    path: str
    truth: str
    answer: str
    score: float | None
    is_right: bool


def name_answers(paths: Sequence[Path], score: ModelScore, told: Scored) -> tuple[AnsweredPicture, ...]:
    """Puts names to what a model answered.

    Args:
        paths: All files of the dataset.
        score: The model.
        told: What it answered.

    Returns:
        One record for each picture that could be decoded, in the dataset's order.
    """
    is_right = told.correct
    return tuple(
        AnsweredPicture(
            path=str(paths[position]),
            truth=score.label(told.truths[place]),
            answer=score.label(told.predictions[place]),
            score=None if told.confidences is None else float(told.confidences[place]),
            is_right=bool(is_right[place]),
        )
        for place, position in enumerate(told.positions)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlippedPicture:
    """A picture to which model and reference give different answers.

    Attributes:
        path: The file.
        right: Who is right: "reference", "model" or "neither".
        truth: Name of its class.
        model: The model's answer.
        model_score: Its probability; None where there is none.
        reference: The reference's answer.
        reference_score: Its probability likewise.
    """

    path: str
    right: str
    truth: str
    model: str
    model_score: float | None
    reference: str
    reference_score: float | None


def name_flips(
    comparison: Comparison, paths: Sequence[Path], scores: Sequence[ModelScore], told: Sequence[Scored]
) -> tuple[FlippedPicture, ...]:
    """Puts names to the pictures with different answers.

    Args:
        comparison: Model and reference.
        paths: All files of the dataset.
        scores: The model and the reference.
        told: What each answered.

    Returns:
        One record for each flip, in the comparison's order.
    """
    mine, theirs = told

    def sureness(of: Scored, place: int) -> float | None:
        return None if of.confidences is None else float(of.confidences[place])

    return tuple(
        FlippedPicture(
            path=str(paths[mine.positions[flip.place]]),
            right=flip.right,
            truth=scores[0].label(mine.truths[flip.place]),
            model=scores[0].label(mine.predictions[flip.place]),
            model_score=sureness(mine, flip.place),
            reference=scores[1].label(theirs.predictions[flip.place]),
            reference_score=sureness(theirs, flip.place),
        )
        for flip in comparison.flips
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateResult:
    """How good a model is, on its own or beside a reference.

    Attributes:
        model: The model that was asked about.
        reference: What it was compared with, or None.
        comparison: Both on the same pictures, or None.
        answers: Every picture with the model's answer, in the dataset's order.
        flips: Pictures with different answers: those that only the reference got right first.
        pictures: How many pictures were scored.
        skipped: Files that could not be decoded and were left out.
        notes: What the user should know, one sentence each.
    """

    model: ModelScore
    reference: ModelScore | None = None
    comparison: Comparison | None = None
    answers: tuple[AnsweredPicture, ...] = field(default=(), repr=False)
    flips: tuple[FlippedPicture, ...] = field(default=(), repr=False)
    pictures: int
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def scores(self) -> tuple[ModelScore, ...]:
        """The model, and the reference if there is one."""
        return (self.model,) if self.reference is None else (self.model, self.reference)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, without the words that both begin with."""
        return what_differs([score.name for score in self.scores])

    def table(self) -> ResultTable:
        """Gives the measures, the models side by side."""
        measured = Column(header=f"on {counted(self.pictures, 'picture')}")
        columns = (measured, *(Column(header=name, folds=True) for name in self.names))
        told = [_measures(score) for score in self.scores]
        rows = tuple((measure, *(facts[measure] for facts in told)) for measure in told[0])
        return ResultTable(columns=columns, rows=rows)

    def comparison_table(self) -> ResultTable | None:
        """Gives the paired comparison; None without a reference."""
        if self.comparison is None:
            return None
        mine, theirs = self.names
        return facts_table(_paired(self.comparison, mine, theirs), title="picture by picture")

    def confusion_table(self) -> ResultTable:
        """Gives the classes that the model takes for another more than once, the most frequent first."""
        columns = (Column(header="truth", folds=True), Column(header="answered", folds=True), Column(header="count"))
        rows = tuple((self.model.label(c.truth), self.model.label(c.answered), c.count) for c in self._repeated())
        whose = "" if self.reference is None else f" of {self.names[0]}"
        return ResultTable(columns=columns, rows=rows, title=f"most frequent confusions{whose}")

    def _repeated(self) -> tuple[Confusion, ...]:
        """Gives the confusions that came up again: of those that did not, no few are the most frequent."""
        return tuple(confusion for confusion in self.model.confusions if confusion.count > 1)

    def tables(self) -> tuple[ResultTable, ...]:
        """Gives all tables that have something to say."""
        compared = self.comparison_table()
        confused = (self.confusion_table(),) if self._repeated() else ()
        return (self.table(), *((compared,) if compared is not None else ()), *confused)

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values; shares in [0, 1]."""
        return {
            "pictures": self.pictures,
            "skipped": self.skipped,
            "notes": self.notes,
            "model": self.model.to_json(),
            "reference": None if self.reference is None else self.reference.to_json(),
            "comparison": None if self.comparison is None else _comparison_json(self.comparison),
            "flips": self.flips,
        }

    def __str__(self) -> str:
        return "\n\n".join(str(table) for table in self.tables())

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables())


class MissedBarError(BelowBarError):
    """A model is not as good as was asked for.

    Attributes:
        result: How good it is.
        missed: One clause for each bar.
    """

    def __init__(self, *, result: EvaluateResult, missed: tuple[str, ...]) -> None:
        self.result = result
        self.missed = missed
        super().__init__(
            f"{result.model.name}: {' and '.join(missed)}",
            hint="see which layers lose it: mobile-deploy debug BUNDLE",
        )


def _measures(score: ModelScore) -> dict[str, Cell]:
    classes = len(score.contract.labels)
    error = score.calibration_error
    return {
        "top-1 [95 %]": str(score.accuracy.top1),
        # Among five classes or fewer the true one always is.
        "top-5 [95 %]": str(score.accuracy.top5) if classes > _TOP else None,
        "log loss (nats)": None if score.log_loss is None else f"{score.log_loss:.3f}",
        "calibration error": None if error is None else f"{error:.1%}",
        "latency here (ms)": f"{score.latency_ms:.2f}",
        "pictures a second": f"{score.pictures_per_second:,.0f}",
        "input": f"{score.contract.input.side} px, {score.contract.input.fit}",
    }


def _paired(comparison: Comparison, mine: str, theirs: str) -> dict[str, Cell]:
    distance, sqnr = comparison.mean_l1, comparison.logit_sqnr_db
    return {
        "same answer [95 %]": str(comparison.agreement),
        f"only {theirs} right": comparison.only_reference,
        f"only {mine} right": comparison.only_model,
        "both right": comparison.both,
        "both wrong": comparison.neither,
        "drop of top-1 [95 %]": str(comparison.drop),
        "McNemar's exact p": f"{comparison.p_value:.3g}",
        "logit SQNR (dB)": comparison.why_no_sqnr or (None if sqnr is None else f"{sqnr:.1f}"),
        "mean L1 of probabilities": None if distance is None else f"{distance:.4f}",
    }


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "agreement": comparison.agreement.to_json(),
        "both_right": comparison.both,
        "only_model_right": comparison.only_model,
        "only_reference_right": comparison.only_reference,
        "both_wrong": comparison.neither,
        "drop_points": comparison.drop.to_json(),
        "mcnemar_p": comparison.p_value,
        "logit_sqnr_db": finite_or_none(comparison.logit_sqnr_db),
        "why_no_sqnr": comparison.why_no_sqnr,
        "mean_l1": comparison.mean_l1,
    }
