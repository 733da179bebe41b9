"""Files whose weights were trained for the integers' grid, beside the ones that post-training quantization gives.

Both tuners go from a draft to a rival of it: the same recipe and repairs, with weights and ranges that were learned and
went through the same quantizer. Recovery keeps the rival by the logit SQNR on calibration pictures that were held back;
for quantization-aware training on labelled pictures the validation pictures decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from mobile_deploy.pipeline.drafting import Draft, Drafter
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.repairing import LEAST_GAIN_DB, Repaired
from mobile_deploy.tflite.quantize import QuantizeResult

if TYPE_CHECKING:  # what trains loads TensorFlow's part of the package
    from mobile_deploy.training.fit import Lesson
    from mobile_deploy.training.phase import Phase
    from mobile_deploy.training.qat import QuantizedTwin

POST_TRAINING, RECOVERED, AWARE = "post-training", "recovered", "quantization-aware"
_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A draft and its rival.

    Attributes:
        before: What post-training quantization gives.
        rival: What training made of it.
        is_better: Whether the rival is better; None where labelled pictures shall tell.
        note: What the user should know, in a sentence.
    """

    before: Draft
    rival: Draft
    is_better: bool | None
    note: str


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
        is_better = after_db > report.sqnr_db + LEAST_GAIN_DB
        facts = {
            "pictures": len(bench.measured),
            "held_back_pictures": len(bench.held_back),
            "epochs": found.epochs,
            "best_epoch": found.best_epoch,
            "logit_sqnr_db": {"before": round(report.sqnr_db, 2), "after": round(after_db, 2)},
            "is_kept": is_better,
        }
        told = f"{report.sqnr_db:.1f} dB of logit SQNR before, {after_db:.1f} dB after {found.epochs} epochs"
        note = f"int8: recovery {'kept' if is_better else 'left out, no help here'}: {told}."
        return Tuned(
            before=replace(draft, facts={**draft.facts, "recovery": facts}),
            rival=_drafted(drafter, draft, trained, made, method=RECOVERED, facts={"recovery": facts}),
            is_better=is_better,
            note=note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationAwareTuner:
    """Trains on labelled pictures, with the float file as teacher beside the labels.

    Attributes:
        lesson: What it is trained on; its pixels and its loss are those of the float network.
        phase: How.
        keeps_zeros: Whether weights that are zero shall stay so.
    """

    lesson: Lesson = field(repr=False)
    phase: Phase
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
            loss = imitation(model.data, model.input, model.meaning, labels=self.lesson.loss(self.phase))
        lesson = replace(self.lesson, pixels=twin.pixels, loss=lambda _: loss)
        done = lesson.train(self.phase, twin.twin.model)
        trained = _trained(twin, start)
        made = _made(drafter, draft, trained)
        facts = {"phase": self.phase.to_json(), "epochs": len(done.curve), "kept_epoch": done.kept_epoch}
        rival = _drafted(drafter, draft, trained, made, method=AWARE, facts={"quantization_aware_training": facts})
        return Tuned(before=draft, rival=rival, is_better=None, note="")


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


def _drafted(
    drafter: Drafter, draft: Draft, trained: Repaired, made: QuantizeResult, *, method: str, facts: Mapping[str, Any]
) -> Draft:
    rival = drafter.audited(
        draft.request, made.data, repaired=trained, repairs=draft.repairs, facts={**draft.facts, **facts}
    )
    return replace(rival, method=method)
