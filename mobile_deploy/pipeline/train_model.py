"""A model of the user's own, trained on: on the twin of its float .tflite, where its batch norm is folded."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobile_deploy.data.feed import Square
from mobile_deploy.data.training_set import TrainingListing, list_training
from mobile_deploy.errors import BadDatasetError
from mobile_deploy.evaluation.accuracy import check_scorable
from mobile_deploy.models.adopt import name_of_file
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.hints import UserHints
from mobile_deploy.pipeline.job import Job
from mobile_deploy.pipeline.options import check_outputs
from mobile_deploy.pipeline.sources import KerasConversion, convert_keras, understand_keras
from mobile_deploy.pipeline.teaching import resolve_teacher
from mobile_deploy.pipeline.train_folder import claimed, training_path
from mobile_deploy.pipeline.train_options import TrainOptions
from mobile_deploy.pipeline.train_pictures import chosen_calibration
from mobile_deploy.pipeline.train_result import TrainResult
from mobile_deploy.pipeline.train_run import Trainee, TrainRun
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.trial import TrialProcess
from mobile_deploy.training.twin import check_trainable


def train_model(
    job: Job,
    options: TrainOptions,
    source: Any,  # noqa: ANN401  # a path or a Keras model
    hints: UserHints,
    *,
    side: int | None,
    trust: bool,
) -> TrainResult:
    """Trains a model of the user's own.

    Args:
        job: What shall be made in the end.
        options: How it shall be trained, checked.
        source: Path of a .keras, .h5 or SavedModel, or a Keras model in memory.
        hints: What the model may not say itself.
        side: Input side in pixels of a model that leaves it open.
        trust: Whether a SavedModel may be loaded.

    Returns:
        What was made.

    Raises:
        UntrainableError: The model has an operator that training has no layer for.
        MobileDeployError: Something else went wrong; what was trained is kept.
    """
    made = None
    if not isinstance(source, Path):
        made = convert_keras(source, side=side, trust=trust, progress=job.progress)
    name = name_of_file(source) if made is None else made.model.name
    path = training_path(job.options.output, name)
    check_outputs(job.options, name, untrained=False)
    with claimed(path, resume=options.resume, overwrite=job.options.overwrite), TrialProcess() as trial:
        # Finds what is wrong with the pictures alone before the model is opened.
        found = list_training(options.data, validation=options.validation, labels=hints.labels or None)
        calibration = chosen_calibration(job)
        if made is None:
            made = convert_keras(source, side=side, trust=trust, progress=job.progress)
        model, listing = _matched(made, hints, found, options, source)
        check_trainable(model.data, source=name)
        square = Square(side=model.input.side, fit=model.input.fit)
        size = _outputs(model.data)
        teacher = None
        if options.teacher is not None:
            teacher = resolve_teacher(
                options.teacher, classes=listing.classes, meaning=model.meaning, size=size, fit=square.fit
            )
        trainee = Trainee(
            name=name,
            variant=None,
            identity={"--model": made.model.sha256, "--resolution": model.input.side},
            has_weights=True,
            new_head=False,
            square=square,
            meaning=model.meaning,
            size=size,
        )
        run = TrainRun(
            job=job,
            options=options,
            path=path,
            trainee=trainee,
            listing=listing,
            calibration=calibration,
            teacher=teacher,
            trial=trial,
        )
        run.begin()
        return _fit(run, model)


def _matched(
    made: KerasConversion, hints: UserHints, found: TrainingListing, options: TrainOptions, source: object
) -> tuple[FloatModel, TrainingListing]:
    """Finds the output of each class: by the names that were given, else in the sorted order of the classes."""
    outputs = _outputs(made.data)
    if not hints.labels and len(found.classes) != max(outputs, 2):
        raise BadDatasetError(
            path=options.data,
            problem=f"its {len(found.classes)} classes are not those of the model, which has {outputs} outputs",
            hint="pass --labels FILE with the names of all outputs, or train a variant with --variant NAME",
        )
    model = understand_keras(made, replace(hints, labels=hints.labels or found.classes), source=source)
    check_scorable(model.meaning, model.labels)
    if not hints.labels:
        told = "The classes were taken to be the model's outputs in the order of their names, as Keras has them."
        model = replace(model, notes=(*model.notes, told))
    return model, found


def _outputs(data: bytes) -> int:
    """Gives how many values a file gives for one picture."""
    graph = read_graph(data)
    return math.prod(graph.tensors[graph.outputs[0]].shape[1:])


def _fit(run: TrainRun, model: FloatModel) -> TrainResult:
    lesson = run.lesson(model.input)
    before = model.facts["weights"]
    model = run.fit_file(model, lesson, run.float_phases)
    if not run.place.is_chief:
        return run.stand_by()
    facts = {**model.facts, "weights": {"kind": "trained", "from": before}}
    return run.finish(replace(model, facts=facts), lesson, ())
