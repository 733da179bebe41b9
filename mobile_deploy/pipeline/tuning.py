"""Files whose weights were trained for the integers' grid, beside the ones that post-training quantization gives.

Both tuners go from a draft to a rival of it: the same recipe and repairs, with weights and ranges that learned to say
what the float file says and went through the same quantizer. Recovery learns on calibration pictures, and
quantization-aware training on those of the training. Which file is better is told by pictures that the rival has not
learned from: by their labels where these leave no doubt, else by the logit SQNR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.pipeline.drafting import Draft, Drafter
from mobile_deploy.pipeline.judging import Judge
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.repairing import LEAST_GAIN_DB, Repaired, rounded_db
from mobile_deploy.statistics import mcnemar_exact
from mobile_deploy.tflite.quantize import QuantizeResult

if TYPE_CHECKING:  # what trains loads TensorFlow's part of the package
    from mobile_deploy.training.fit import Lesson
    from mobile_deploy.training.phase import Phase
    from mobile_deploy.training.qat import QuantizedTwin

POST_TRAINING, RECOVERED, AWARE = "post-training", "recovered", "quantization-aware"
RECOVERY, AWARE_TRAINING = "recovery", "quantization-aware training"
# Below it, labelled pictures leave no doubt about which of two files is right more often.
_SIGNIFICANT = 0.05
_METHODS = {RECOVERY: RECOVERED, AWARE_TRAINING: AWARE}
_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A draft and its rival.

    Attributes:
        before: What post-training quantization gives.
        rival: What training made of it.
        name: What the training is called.
        before_db: Logit SQNR of the draft on pictures that the rival has not learned from.
        after_db: That of the rival.
    """

    before: Draft
    rival: Draft
    name: str
    before_db: float
    after_db: float

    @property
    def is_nearer(self) -> bool:
        """Whether the rival is nearer to the float file, by more than the kernels of other processors differ."""
        return not self.rival.audit.problems and self.after_db > self.before_db + LEAST_GAIN_DB


class Tuner(Protocol):
    """Trains an integer file."""

    def tune(self, drafter: Drafter, draft: Draft) -> Tuned:
        """Makes the rival of a draft.

        Args:
            drafter: Who made the draft.
            draft: An int8 file that passed its audit.

        Returns:
            Both.

        Raises:
            UntrainableError: An operator has no layer.
            TrainingDivergedError: The loss is no finite number any more.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverTuner:
    """Trains on the calibration pictures, with the float file as teacher.

    Attributes:
        minutes: Time to use at most.
        seed: Of order and distortion.
        progress: Who listens.
    """

    minutes: float
    seed: int
    progress: ProgressReporter

    def tune(self, drafter: Drafter, draft: Draft) -> Tuned:
        """See `Tuner`."""
        with self.progress.stage("start TensorFlow"):
            from mobile_deploy.training.recover import imitation, recover
        bench, report, model = drafter.bench, draft.repairs, drafter.model
        if report is None:
            raise ValueError("a draft to recover was calibrated")
        # From what the pictures held back have no part in, so that they can judge.
        start = bench.repair(report.kept, everything=False)
        twin = _quantized_twin(drafter, draft, start)
        with self.progress.stage(f"recover on {len(bench.measured)} pictures") as advance:
            found = recover(
                twin,
                imitation(model.data, model.input, model.meaning),
                bench.measured,
                bench.held_back,
                bench.reference,
                budget_s=self.minutes * _SECONDS,
                seed=self.seed,
                progress=advance,
            )
        trained = _trained(twin, start)
        made = _made(drafter, draft, trained)
        after_db = bench.sqnr_db(draft.request, made.data)
        facts = {
            "pictures": len(bench.measured),
            "unseen_pictures": len(bench.held_back),
            "epochs": found.epochs,
            "best_epoch": found.best_epoch,
        }
        return _tuned(drafter, draft, trained, made, RECOVERY, facts, (report.sqnr_db, after_db))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationAwareTuner:
    """Trains on the pictures of the training, with the float file as teacher.

    The labels are left to choose between the files: beside what the float file has to say about a picture, a label that
    it was trained on before drives the weights away from it.

    Attributes:
        lesson: What it is trained on; its pixels and its loss are those of the float network.
        phase: How.
        unseen: (M, side, side, 3) uint8 RGB that are not trained on; none to judge by calibration pictures.
        keeps_zeros: Whether weights that are zero shall stay so.
    """

    lesson: Lesson = field(repr=False)
    phase: Phase
    unseen: npt.NDArray[np.uint8] = field(repr=False)
    keeps_zeros: bool = False

    def tune(self, drafter: Drafter, draft: Draft) -> Tuned:
        """See `Tuner`."""
        from mobile_deploy.training.recover import imitation

        bench, report, model = drafter.bench, draft.repairs, drafter.model
        if report is None:
            raise ValueError("a draft to train was calibrated")
        start = bench.repair(report.kept)
        with self.lesson.scope():
            twin = _quantized_twin(drafter, draft, start, keeps_zeros=self.keeps_zeros)
            loss = imitation(model.data, model.input, model.meaning)
        lesson = replace(self.lesson, pixels=twin.pixels, loss=lambda _: loss)
        done = lesson.train(self.phase, twin.twin.model)
        trained = _trained(twin, start)
        made = _made(drafter, draft, trained)
        unseen = self.unseen if len(self.unseen) else bench.held_back
        reference = read_logits(model.data, unseen, model.input)
        before_db, after_db = (
            logit_sqnr_db(reference, read_logits(data, unseen, draft.contract.input))
            for data in (draft.data, made.data)
        )
        facts = {
            "phase": self.phase.to_json(),
            "unseen_pictures": len(unseen),
            "epochs": len(done.curve),
            "kept_epoch": done.kept_epoch,
        }
        return _tuned(drafter, draft, trained, made, AWARE_TRAINING, facts, (before_db, after_db))


def is_better(tuned: Tuned, judge: Judge | None) -> tuple[bool, str]:
    """Says whether a rival is better, and why: labels decide where they leave no doubt, else nearness to float.

    Args:
        tuned: A draft and its rival.
        judge: Who has labelled pictures; None without any.

    Returns:
        Whether the rival shall take the draft's place, and the figures in words.
    """
    told = f"{tuned.before_db:.1f} dB of logit SQNR before, {tuned.after_db:.1f} dB after"
    if judge is None or tuned.rival.audit.problems:
        return tuned.is_nearer, told
    ours, theirs = (scored.correct for scored in judge.of_drafts(tuned.rival, tuned.before))
    won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    told = f"{told}; of {len(ours)} labelled pictures it wins {won} and loses {lost}"
    is_sure = mcnemar_exact(lost, won) < _SIGNIFICANT
    return won > lost if is_sure else tuned.is_nearer, told


def _quantized_twin(drafter: Drafter, draft: Draft, start: Repaired, *, keeps_zeros: bool = False) -> QuantizedTwin:
    from mobile_deploy.training.qat import build_quantized_twin

    made = _made(drafter, draft, start)
    options = drafter.options
    return build_quantized_twin(
        made.rounded,
        made,
        drafter.model.input,
        granularity=options.granularity,
        keeps_zeros=keeps_zeros,
        source=options.float_source,
    )


def _made(drafter: Drafter, draft: Draft, repaired: Repaired) -> QuantizeResult:
    options = drafter.options
    return repaired.quantize(draft.request, drafter.model, options.granularity, options.float_source)


def _trained(twin: QuantizedTwin, start: Repaired) -> Repaired:
    learned = twin.trained(start.ranges)
    return replace(
        start, data=learned.data, ranges=learned.ranges, kernel_bounds=learned.kernel_bounds, is_trained=True
    )


def _tuned(
    drafter: Drafter,
    draft: Draft,
    trained: Repaired,
    made: QuantizeResult,
    name: str,
    facts: Mapping[str, Any],
    sqnr_db: tuple[float, float],
) -> Tuned:
    before_db, after_db = sqnr_db
    gain = {"logit_sqnr_db": {"before": rounded_db(before_db), "after": rounded_db(after_db)}}
    told = {**draft.facts, name.replace("-", "_").replace(" ", "_"): {**facts, **gain}}
    rival = drafter.audited(draft.request, made.data, repaired=trained, repairs=draft.repairs, facts=told)
    return Tuned(
        before=replace(draft, method=POST_TRAINING, facts=told),
        rival=replace(rival, method=_METHODS[name]),
        name=name,
        before_db=before_db,
        after_db=after_db,
    )
