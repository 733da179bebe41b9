"""The main job: from a variant name or a Keras model to audited bundles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobile_deploy.contract import IMAGENET_FIT, Fit
from mobile_deploy.data.demo import DEMO_CLASSES, draw_demo_pictures
from mobile_deploy.errors import BadOptionError
from mobile_deploy.files import check_writable
from mobile_deploy.models.demo_weights import DEMO, check_demo_classes
from mobile_deploy.pipeline.calibrating import (
    CalibrationSource,
    background_thread,
    decode_ahead,
    decode_now,
)
from mobile_deploy.pipeline.hints import UserHints, given_fit, given_labels, parse_meaning, require_fit
from mobile_deploy.pipeline.job import Job, make_job
from mobile_deploy.pipeline.options import check_outputs
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.results import ExportResult
from mobile_deploy.pipeline.sources import (
    ClassNames,
    float_from_keras,
    float_from_variant,
    name_classes,
)
from mobile_deploy.tflite.trial import TrialProcess
from mobile_deploy.variants.counts import check_fits_tflite
from mobile_deploy.variants.imagenet import IMAGENET_CLASS_COUNT
from mobile_deploy.variants.registry import ModelSpec, make_spec, unpublished_notes

# Seed of the pictures that the demo's weights are calibrated on; they were trained on those of seed 0.
_UNSEEN = 1


def export(
    variant: str | None = None,
    *,
    model: Any = None,  # noqa: ANN401  # a path or a Keras model
    quant: Sequence[str] = ("int8",),
    alpha: float = 1.0,
    resolution: int | None = None,
    classes: int | None = None,
    include_top: bool = True,
    weights: str | Path = "auto",
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
    trust: bool = False,
    seed: int = 0,
    progress: ProgressReporter | None = None,
) -> ExportResult:
    """Takes a variant or a Keras model to audited bundles; several recipes share one conversion and one calibration.

    Args:
        variant: Name of a variant, such as "v2"; or give `model`.
        model: Path of a .keras, .h5 or SavedModel, or a Keras 3 or tf_keras model in memory.
        quant: Recipes, such as ("float32", "int8").
        alpha: Width multiplier of the variant.
        resolution: Input side in pixels; by default the variant's or the model's own.
        classes: Number of classes of the variant; by default as many as labels, else 1000.
        include_top: Whether the variant classifies; without it the output is its feature map.
        weights: For a variant: "auto", "imagenet", "demo", "none" or the path of a weight file.
        labels: File of class names, one a line, in output order.
        io: "uint8", "int8" or "float32"; by default each recipe's own.
        granularity: "per-channel" or "per-tensor" weight scales.
        repair: What to try against the losses of int8 and int16x8, such as ("mse-ranges", "bias-correction"), or
            ("none",); by default what suits the granularity.
        calibration: Folder of pictures, "builtin", or (H, W, 3) uint8 RGB arrays.
        calibration_samples: Most pictures to take from it; by default 128, with recovery 500.
        fit: How a picture becomes a square, such as "stretch"; needed for `model`.
        input_range: Pixel range that `model` takes, where it does not say so itself.
        output_meaning: "softmax", "logits", "sigmoid" or "embedding", where `model` does not say so itself.
        data: Folder of labelled pictures to measure accuracy on.
        max_drop: Most that int8's top-1 may lie below float's on `data`, in percentage points; costlier files are tried
            until one holds.
        target: What the file shall run on, such as "ethos-u", where that allows `max_drop` to try more.
        output: Folder to write the bundles into.
        overwrite: Whether bundles may be replaced.
        allow_float_ops: Whether float leftovers in an integer recipe are accepted.
        golden: Whether the bundles shall hold golden vectors, for `verify` to replay.
        recover_minutes: Time to train int8 on the calibration pictures, with the float file as teacher; None for none.
        trust: Whether a SavedModel may be loaded, which can run code.
        seed: Of initial weights and of the choice of calibration pictures.
        progress: Who listens; nobody if None.

    Returns:
        What was made.

    Raises:
        AuditFailedError: A file is not what was asked for; the others were written.
        BudgetMissedError: No int8 file is within `max_drop`; the best was written.
        MobileDeployError: Something else went wrong; nothing was written.
    """
    if (variant is None) == (model is None):
        raise BadOptionError(option="--variant", problem="give either --variant NAME or --model FILE")
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
        float_source="the converted model",
    )
    labels = None if labels is None else Path(labels)
    if variant is not None:
        if input_range is not None or output_meaning is not None:
            raise BadOptionError(
                option="--input-range and --output-meaning", problem="belong to --model; a variant fixes both itself"
            )
        if not include_top and (classes, labels, data) != (None, None, None):
            raise BadOptionError(option="--no-top", problem="leaves no classes for --classes, --labels or --data")
        names = name_classes(classes, labels, include_top=include_top, own=DEMO_CLASSES if weights == DEMO else ())
        if weights == DEMO and include_top:
            check_demo_classes(len(names.labels))
        spec = make_spec(
            variant,
            width_multiplier=alpha,
            side=resolution,
            classes=len(names.labels) if include_top else IMAGENET_CLASS_COUNT,
            include_top=include_top,
        )
        return _export_variant(job, spec, names, weights=weights, fit=given_fit(fit))
    if (classes, alpha, include_top, weights) != (None, 1.0, True, "auto"):
        raise BadOptionError(
            option="--classes, --alpha, --no-top and --weights", problem="belong to --variant; a model brings its own"
        )
    hints = UserHints(
        fit=require_fit(fit),
        labels=given_labels(labels),
        input_range=input_range,
        meaning=parse_meaning(output_meaning),
    )
    return _export_model(job, Path(model) if isinstance(model, str) else model, hints, side=resolution, trust=trust)


def _export_variant(
    job: Job, spec: ModelSpec, names: ClassNames, *, weights: str | Path, fit: Fit | None
) -> ExportResult:
    from mobile_deploy.models.weights import resolve_weights

    check_fits_tflite(spec)
    dataset = job.load_dataset(names.labels, names.wnids, meaning="softmax" if spec.include_top else "embedding")
    check_writable(job.options.output)
    with job.progress.stage("find the weights") as advance:
        origin = resolve_weights(weights, spec, progress=advance)
    if origin.kind == DEMO and job.calibration is None:
        job = replace(job, calibration=draw_demo_pictures(job.samples, seed=_UNSEEN))
    request = job.choose_pictures(has_default=origin.kind != "file")
    check_outputs(job.options, spec.name, untrained=origin.kind == "none")
    with TrialProcess() as trial, background_thread() as pool:
        pending = None if request is None else decode_ahead(request, side=spec.side, fit=fit or IMAGENET_FIT, pool=pool)
        model = float_from_variant(spec, names, origin, fit=fit, seed=job.seed, progress=job.progress)
        check_outputs(job.options, model.name, untrained=model.untrained)
        pictures = None if pending is None else pending.wait(job.progress)
        notes = (*unpublished_notes(spec), *model.notes)
        return job.finish(model, pictures, dataset, trial=trial, notes=notes)


def _export_model(job: Job, source: Any, hints: UserHints, *, side: int | None, trust: bool) -> ExportResult:  # noqa: ANN401
    from mobile_deploy.models.adopt import name_of_file

    request = job.choose_pictures(has_default=False)
    check_writable(job.options.output)
    if isinstance(source, Path):
        check_outputs(job.options, name_of_file(source), untrained=False)
    with TrialProcess() as trial:
        model = float_from_keras(source, hints, side=side, trust=trust, progress=job.progress)
        check_outputs(job.options, model.name, untrained=False)
        dataset = job.load_dataset(model.labels, model.wnids, meaning=model.meaning)
        pictures = None
        if request is not None:
            pictures = decode_now(request, side=model.input.side, fit=model.input.fit, progress=job.progress)
        return job.finish(model, pictures, dataset, trial=trial, notes=model.notes)
