"""What `export` and `quantize` have in common: the request, checked, and the way from a float file to a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.contract import OutputMeaning
from mobile_deploy.data.calibration import BUILTIN, CalibrationSet
from mobile_deploy.data.datasets import LabelledPictures, load_dataset
from mobile_deploy.data.feed import about_skipped
from mobile_deploy.evaluation.accuracy import check_scorable
from mobile_deploy.pipeline.calibrating import CalibrationSource, PictureRequest, choose_pictures
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.making import MadeFile, calibrate, make_bundles
from mobile_deploy.pipeline.options import (
    MakeOptions,
    check_granularity,
    check_recovery,
    make_budget,
    needs_calibration,
)
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.pipeline.results import AuditFailedError, BudgetMissedError, ExportResult
from mobile_deploy.pipeline.tuning import RecoverTuner, Tuner
from mobile_deploy.recipes import (
    DEFAULT_RECOVER_MINUTES,
    DEFAULT_SAMPLES,
    RECOVERY_SAMPLES,
    resolve_recipes,
    resolve_repairs,
)
from mobile_deploy.tflite.trial import TrialProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request for bundles.

    Attributes:
        options: What shall be made and where.
        calibration: Pictures to calibrate on, as the user named them; None for the default.
        samples: Most pictures to take.
        seed: Of everything random.
        data: Folder of labelled pictures, or None.
        progress: Who listens.
    """

    options: MakeOptions
    calibration: CalibrationSource | None
    samples: int
    seed: int
    data: Path | None
    progress: ProgressReporter

    def choose_pictures(self, *, has_default: bool) -> PictureRequest | None:
        """Settles what to calibrate on; None when no recipe needs it."""
        if not needs_calibration(self.options.requests):
            return None
        return choose_pictures(self.calibration, samples=self.samples, seed=self.seed, has_default=has_default)

    def _on_shipped_pictures(self) -> tuple[str, ...]:
        """Repeats what was asked for where it can ruin accuracy."""
        if isinstance(self.calibration, str) and self.calibration == BUILTIN:
            return ("Calibrated on the pictures that ship, as asked for, and not on pictures of your task.",)
        return ()

    def load_dataset(
        self, labels: Sequence[str], wnids: Sequence[str], *, meaning: OutputMeaning
    ) -> LabelledPictures | None:
        """Finds the labelled pictures, if there shall be any and the model can be scored on them."""
        if self.data is None:
            return None
        check_scorable(meaning, labels)
        return load_dataset(self.data, labels=labels, wnids=wnids)

    def finish(
        self,
        model: FloatModel,
        pictures: CalibrationSet | None,
        dataset: LabelledPictures | None,
        *,
        trial: TrialProcess,
        notes: tuple[str, ...] = (),
        tuner: Tuner | None = None,
    ) -> ExportResult:
        """Goes from the float file to written bundles.

        Args:
            model: The float file.
            pictures: Calibration pictures, if a recipe needs them.
            dataset: Labelled pictures, or None.
            trial: The child process that runs each file once.
            notes: What the user should know, one sentence each.
            tuner: Trains int8 files; None for recovery where that was asked for.

        Returns:
            What was made.

        Raises:
            AuditFailedError: A file is not what was asked for; the others were written.
            BudgetMissedError: No file is inside the accuracy budget; the best was written.
            MobileDeployError: Something else went wrong.
        """
        calibration = None
        if pictures is not None:
            calibration = calibrate(
                model, pictures, trial=trial, source=self.options.float_source, progress=self.progress
            )
            skipped = tuple(f"Skipped {file.name}: {file.reason}." for file in pictures.manifest.skipped)
            notes = (*notes, *self._on_shipped_pictures(), *skipped, *pictures.manifest.warnings)
        options = self.options
        if tuner is None and (options.recover_minutes is not None or options.budget is not None):
            minutes = options.recover_minutes or DEFAULT_RECOVER_MINUTES
            tuner = RecoverTuner(minutes=minutes, seed=self.seed, progress=self.progress)
        made = make_bundles(
            model,
            self.options,
            calibration=calibration,
            pictures=dataset,
            trial=trial,
            progress=self.progress,
            tuner=tuner,
        )
        matched = () if dataset is None else dataset.notes
        result = ExportResult(
            files=made.files,
            untrained=model.untrained,
            notes=(*notes, *matched, *about_skipped(made.skipped), *_about_repairs(made.files), *made.notes),
            skipped=made.skipped,
            float_accuracy=made.float_accuracy,
            climb=made.climb,
        )
        if any(file.bundle is None for file in made.files):
            raise AuditFailedError(result=result)
        if made.climb is not None and not made.climb.is_within:
            raise BudgetMissedError(result=result)
        return result


def _about_repairs(files: Sequence[MadeFile]) -> tuple[str, ...]:
    return tuple(f"{file.request.recipe.name}: {file.repairs}." for file in files if file.repairs is not None)


def make_job(
    *,
    quant: Sequence[str],
    io: str | None,
    granularity: str,
    repair: Sequence[str] | None,
    max_drop: float | None,
    target: str | None,
    calibration: CalibrationSource | None,
    calibration_samples: int | None,
    data: Path | str | None,
    output: Path | str,
    overwrite: bool,
    allow_float_ops: bool,
    golden: bool,
    recover_minutes: float | None = None,
    seed: int,
    progress: ProgressReporter | None,
    float_source: object = "the float .tflite",
) -> Job:
    """Checks the words of a request and makes a job of them.

    Raises:
        UsageError: A recipe, type, granularity or repair is unknown or impossible.
    """
    requests = resolve_recipes((quant,) if isinstance(quant, str) else quant, io=io)
    grain = check_granularity(granularity, requests)
    if calibration_samples is None:
        calibration_samples = DEFAULT_SAMPLES if recover_minutes is None else RECOVERY_SAMPLES
    return Job(
        options=MakeOptions(
            requests=requests,
            granularity=grain,
            repairs=resolve_repairs((repair,) if isinstance(repair, str) else repair, grain),
            budget=make_budget(max_drop, target, requests, data=data, repair=repair),
            output=Path(output),
            overwrite=overwrite,
            allow_float_ops=allow_float_ops,
            golden=golden,
            recover_minutes=check_recovery(recover_minutes, requests),
            float_source=float_source,
        ),
        calibration=calibration,
        samples=calibration_samples,
        seed=seed,
        data=None if data is None else Path(data),
        progress=progress or SilentProgress(),
    )
