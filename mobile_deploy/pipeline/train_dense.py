"""What files would be without pruning and clustering, so that a compressed one can be seen beside them."""

from __future__ import annotations

from mobile_deploy.data.calibration import CalibrationSet
from mobile_deploy.data.datasets import LabelledPictures
from mobile_deploy.pipeline.drafting import Drafter
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.job import Job
from mobile_deploy.pipeline.judging import Judge
from mobile_deploy.pipeline.making import calibrate
from mobile_deploy.pipeline.train_result import DenseFile
from mobile_deploy.tflite.trial import TrialProcess
from mobile_deploy.training.compress import zip_size_bytes


def weigh_dense(
    job: Job,
    model: FloatModel,
    pictures: CalibrationSet | None,
    judged: LabelledPictures | None,
    *,
    trial: TrialProcess,
) -> tuple[DenseFile, ...]:
    """Makes the files of a job and measures them; writes nothing.

    Args:
        job: What shall be made.
        model: The float file before it was compressed.
        pictures: Calibration pictures, if a recipe needs them.
        judged: Labelled pictures, or None.
        trial: The child process that runs each file once.

    Returns:
        One for each recipe.
    """
    calibration = None
    if pictures is not None:
        source = job.options.float_source
        calibration = calibrate(model, pictures, trial=trial, source=source, progress=job.progress)
    drafter = Drafter(model=model, options=job.options, calibration=calibration, trial=trial)
    with job.progress.stage("quantize without compression, to compare"):
        drafts = [drafter.draft(request) for request in job.options.requests]
    judge = None if judged is None else Judge(model, judged, progress=job.progress)
    sound = [draft for draft in drafts if not draft.audit.problems]
    scored = [None] * len(sound) if judge is None else judge.of_drafts(*sound)
    return tuple(
        DenseFile(
            recipe=draft.request.recipe.name,
            size_bytes=len(draft.data),
            zip_bytes=zip_size_bytes(draft.data),
            latency_ms=draft.audit.latency_ms,
            accuracy=None if found is None else found.accuracy,
        )
        for draft, found in zip(sound, scored, strict=True)
    )
