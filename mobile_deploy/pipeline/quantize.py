"""From a float .tflite to audited bundles, without TensorFlow unless int8 shall recover."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobile_deploy.contract import Fit
from mobile_deploy.pipeline.calibrating import CalibrationSource, decode_now
from mobile_deploy.pipeline.hints import UserHints, given_labels, parse_meaning, require_fit
from mobile_deploy.pipeline.job import make_job
from mobile_deploy.pipeline.options import check_outputs
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.results import ExportResult
from mobile_deploy.pipeline.sources import find_sidecar, float_from_tflite, refuse_what_the_bundle_says
from mobile_deploy.tflite.trial import TrialProcess


def quantize(
    model: Path | str,
    *,
    quant: Sequence[str] = ("int8",),
    labels: Path | str | None = None,
    io: str | None = None,
    granularity: str = "per-channel",
    repair: Sequence[str] | None = None,
    calibration: CalibrationSource | None = None,
    calibration_samples: int | None = None,
    fit: Fit | str | None = None,
    input_range: tuple[float, float] | None = None,
    output_meaning: str | None = None,
    data: Path | str | None = None,
    max_drop: float | None = None,
    target: str | None = None,
    output: Path | str = "build",
    overwrite: bool = False,
    allow_float_ops: bool = False,
    golden: bool = False,
    recover_minutes: float | None = None,
    seed: int = 0,
    progress: ProgressReporter | None = None,
) -> ExportResult:
    """Quantizes a float .tflite; a float32 bundle brings its contract, any other file its metadata or the user's word.

    Args:
        model: A float32 bundle, the .tflite in it, or any float .tflite with one picture in and one row of values out.
        quant: Recipes, such as ("int8", "float16").
        labels: File of class names; a bundle has its own, any other file may have them in its metadata.
        io: "uint8", "int8" or "float32"; by default each recipe's own.
        granularity: "per-channel" or "per-tensor" weight scales.
        repair: What to try against the losses of int8 and int16x8, such as ("mse-ranges", "bias-correction"), or
            ("none",); by default what suits the granularity.
        calibration: Folder of pictures, "builtin", or (H, W, 3) uint8 RGB arrays.
        calibration_samples: Most pictures to take from it; by default 128, with recovery 500.
        fit: How a picture becomes a square, such as "stretch"; a bundle has its own.
        input_range: Pixel range the file takes, where it does not say so itself.
        output_meaning: "softmax", "logits", "sigmoid" or "embedding", where the file does not say so itself.
        data: Folder of labelled pictures to measure accuracy on.
        max_drop: Most that int8's top-1 may lie below float's on `data`, in percentage points; costlier files are tried
            until one holds.
        target: What the file shall run on, such as "ethos-u", where that allows `max_drop` to try more.
        output: Folder to write the bundles into.
        overwrite: Whether bundles may be replaced.
        allow_float_ops: Whether float leftovers in an integer recipe are accepted.
        golden: Whether the bundles shall hold golden vectors, for `verify` to replay.
        recover_minutes: Time to train int8 on the calibration pictures, with the float file as teacher; None for none.
        seed: Of the choice of calibration pictures.
        progress: Who listens; nobody if None.

    Returns:
        What was made.

    Raises:
        AuditFailedError: A file is not what was asked for; the others were written.
        BudgetMissedError: No int8 file is within `max_drop`; the best was written.
        MobileDeployError: Something else went wrong; nothing was written.
    """
    path = Path(model)
    job = make_job(
        quant=quant,
        io=io,
        granularity=granularity,
        repair=repair,
        max_drop=max_drop,
        target=target,
        calibration=calibration,
        calibration_samples=calibration_samples,
        data=data,
        output=output,
        overwrite=overwrite,
        allow_float_ops=allow_float_ops,
        golden=golden,
        recover_minutes=recover_minutes,
        seed=seed,
        progress=progress,
        float_source=path,
    )

    def hints() -> UserHints:
        return UserHints(
            fit=require_fit(fit),
            labels=given_labels(None if labels is None else Path(labels)),
            input_range=input_range,
            meaning=parse_meaning(output_meaning),
        )

    if (bundle := find_sidecar(path)) is not None:
        said = {"--labels": labels, "--fit": fit, "--input-range": input_range, "--output-meaning": output_meaning}
        refuse_what_the_bundle_says(bundle, said)
    source = float_from_tflite(path, hints)
    request = job.choose_pictures(has_default=_was_ours(source.facts))
    check_outputs(job.options, source.name, untrained=source.untrained)
    dataset = job.load_dataset(source.labels, source.wnids, meaning=source.meaning)
    with TrialProcess() as trial:
        pictures = None
        if request is not None:
            pictures = decode_now(request, side=source.input.side, fit=source.input.fit, progress=job.progress)
        # Calibration runs the file in this process. A bundle is tried too: its hashes say nothing of who made it.
        trial.preflight(source.data, source=path, keeps_all=request is not None)
        return job.finish(source, pictures, dataset, trial=trial, notes=source.notes)


def _was_ours(facts: object) -> bool:
    """Says whether a file came from a variant with published weights or none, so that the shipped pictures suit it."""
    match facts:
        case {"model": {"variant": _}, "weights": {"kind": "imagenet" | "none"}}:
            return True
        case _:
            return False
