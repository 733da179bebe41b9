"""A variant, fine-tuned or trained from scratch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mobile_deploy.contract import IMAGENET_FIT, Fit, InputContract
from mobile_deploy.data.feed import Square
from mobile_deploy.data.training_set import list_training
from mobile_deploy.files import sha256_of_bytes, write_file
from mobile_deploy.models.weight_files import read_structure
from mobile_deploy.models.weight_matching import match_layers
from mobile_deploy.models.weights import WeightsOrigin, resolve_weights
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.job import Job
from mobile_deploy.pipeline.options import check_outputs
from mobile_deploy.pipeline.teaching import resolve_teacher
from mobile_deploy.pipeline.train_folder import WEIGHTS_NAME, claimed, training_path
from mobile_deploy.pipeline.train_options import TrainOptions
from mobile_deploy.pipeline.train_pictures import chosen_calibration
from mobile_deploy.pipeline.train_result import TrainResult
from mobile_deploy.pipeline.train_run import Trainee, TrainRun
from mobile_deploy.tflite.trial import TrialProcess
from mobile_deploy.training.fit import fit_network, training_precision
from mobile_deploy.training.networks import build_network, float_tflite, weights_file
from mobile_deploy.variants.counts import check_fits_tflite, count
from mobile_deploy.variants.imagenet import wnids_of
from mobile_deploy.variants.registry import ModelSpec, get_variant, unpublished_notes


def train_variant(
    job: Job,
    options: TrainOptions,
    spec: ModelSpec,
    *,
    labels: tuple[str, ...],
    weights: str | Path,
    fit: Fit | None,
) -> TrainResult:
    """Trains a variant.

    Args:
        job: What shall be made in the end.
        options: How it shall be trained, checked.
        spec: The network; the data say how many classes it has.
        labels: Class names in output order; empty to take the data's.
        weights: What it starts from: "auto", "imagenet", "demo", "none" or the path of a file.
        fit: How a picture becomes a square; None for what ImageNet weights were trained with.

    Returns:
        What was made.

    Raises:
        MobileDeployError: Something went wrong; what was trained is kept.
    """
    path = training_path(job.options.output, spec.name)
    check_outputs(job.options, spec.name, untrained=False)
    with claimed(path, resume=options.resume, overwrite=job.options.overwrite), TrialProcess() as trial:
        listing = list_training(options.data, validation=options.validation, labels=labels or None)
        spec = replace(spec, classes=len(listing.classes))
        check_fits_tflite(spec)
        calibration = chosen_calibration(job)
        square = Square(side=spec.side, fit=fit or IMAGENET_FIT)
        teacher = None
        if options.teacher is not None:
            teacher = resolve_teacher(options.teacher, classes=listing.classes, fit=square.fit)
        with job.progress.stage("find the weights") as advance:
            origin = resolve_weights(weights, spec, progress=advance)
        run = TrainRun(
            job=job,
            options=options,
            path=path,
            trainee=_trainee(spec, origin, square),
            listing=listing,
            calibration=calibration,
            teacher=teacher,
            trial=trial,
        )
        run.begin()
        return _fit(run, spec, origin)


def _trainee(spec: ModelSpec, origin: WeightsOrigin, square: Square) -> Trainee:
    head_is_new = origin.path is not None and bool(match_layers(read_structure(origin.path), spec).new)
    return Trainee(
        name=spec.name,
        variant=spec.variant,
        parameters=count(spec).parameters_total,
        identity={
            "--variant": spec.variant,
            "--alpha": spec.width_multiplier,
            "--resolution": spec.side,
            "classes": spec.classes,
            "--weights": origin.sha256 or origin.kind,
        },
        has_weights=origin.path is not None,
        new_head=head_is_new,
        square=square,
        meaning="softmax",
        size=spec.classes,
    )


def _fit(run: TrainRun, spec: ModelSpec, origin: WeightsOrigin) -> TrainResult:
    progress, (low, high) = run.job.progress, get_variant(spec.variant).value_range
    given = InputContract(side=spec.side, dtype="float32", low=low, high=high, fit=run.trainee.square.fit)
    lesson = run.lesson(given)
    with progress.stage(f"build {spec.name}"), training_precision() as precision, lesson.scope():
        network = build_network(spec, origin, seed=run.job.seed)
    fit_network(network, run.float_phases, lesson)
    if not run.place.is_chief:
        return run.stand_by()
    weights = weights_file(network)
    write_file(run.path / WEIGHTS_NAME, weights)
    with progress.stage("convert to float32"):
        data = float_tflite(network)
    model = FloatModel(
        data=data,
        name=spec.name,
        input=given,
        meaning="softmax",
        labels=run.listing.classes,
        wnids=wnids_of(run.listing.classes),
        facts=_facts(run, spec, origin, weights, precision),
    )
    return run.finish(model, lesson, _notes(run, spec, origin))


def _facts(run: TrainRun, spec: ModelSpec, origin: WeightsOrigin, weights: bytes, precision: str) -> dict[str, Any]:
    return {
        "model": {
            "variant": spec.variant,
            "alpha": spec.width_multiplier,
            "side": spec.side,
            "classes": spec.classes,
            "include_top": True,
            "seed": run.job.seed,
        },
        "weights": {
            "kind": "trained",
            "sha256": sha256_of_bytes(weights),
            "precision": precision,
            "from": origin.to_json(),
            "new_head": run.trainee.new_head,
        },
    }


def _notes(run: TrainRun, spec: ModelSpec, origin: WeightsOrigin) -> tuple[str, ...]:
    if origin.kind == "none":
        return (f"Trained from scratch{origin.note.removeprefix('Untrained')}",)
    head = "a new head for these classes" if run.trainee.new_head else "the head they came with"
    started = f"Started from {origin.name} with {head}."
    return (started, *unpublished_notes(spec)) if origin.kind == "imagenet" else (started,)
