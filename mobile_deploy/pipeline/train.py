"""From a folder of pictures to bundles for its classes: a variant, or a model of the user's own, trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mobile_deploy.contract import Fit
from mobile_deploy.data.training_set import VALIDATION_SHARE
from mobile_deploy.errors import BadOptionError
from mobile_deploy.pipeline.calibrating import CalibrationSource
from mobile_deploy.pipeline.hints import UserHints, given_fit, given_labels, parse_meaning, require_fit
from mobile_deploy.pipeline.job import make_job
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.train_folder import check_apart
from mobile_deploy.pipeline.train_model import train_model
from mobile_deploy.pipeline.train_options import TrainOptions, check_options
from mobile_deploy.pipeline.train_result import TrainResult
from mobile_deploy.pipeline.train_variant import train_variant
from mobile_deploy.training.recipes import Overrides
from mobile_deploy.variants.registry import make_spec

DEFAULT_EPOCHS = 10
DEFAULT_BATCH_SIZE = 32


def train(
    variant: str | None = None,
    *,
    model: Any = None,  # noqa: ANN401  # a path or a Keras model
    data: Path | str,
    validation: Path | str | None = None,
    validation_share: float = VALIDATION_SHARE,
    epochs: int = DEFAULT_EPOCHS,
    batch_size: int = DEFAULT_BATCH_SIZE,
    rate: float | None = None,
    augment: str | None = None,
    label_smoothing: float | None = None,
    ema: float | None = None,
    patience: int | None = None,
    class_weights: str = "none",
    qat: bool = False,
    qat_epochs: int | None = None,
    qat_rate: float | None = None,
    recover_minutes: float | None = None,
    teacher: Path | str | None = None,
    temperature: float | None = None,
    teacher_share: float | None = None,
    sparsity: float | None = None,
    clusters: int | None = None,
    weights: str | Path = "auto",
    alpha: float = 1.0,
    resolution: int | None = None,
    labels: Path | str | None = None,
    fit: Fit | str | None = None,
    input_range: tuple[float, float] | None = None,
    output_meaning: str | None = None,
    quant: Sequence[str] = ("float32", "int8"),
    io: str | None = None,
    granularity: str = "per-channel",
    repair: Sequence[str] | None = None,
    calibration: CalibrationSource | None = None,
    calibration_samples: int | None = None,
    resume: bool = False,
    deterministic: bool = False,
    output: Path | str = "build",
    overwrite: bool = False,
    allow_float_ops: bool = False,
    golden: bool = False,
    trust: bool = False,
    seed: int = 0,
    progress: ProgressReporter | None = None,
) -> TrainResult:
    """Trains a variant, or a model of the user's own, on labelled pictures and makes bundles of it.

    Args:
        variant: Name of a variant, such as "v3-small"; or give `model`.
        model: Path of a .keras, .h5 or SavedModel, or a Keras 3 or tf_keras model in memory, which was trained before.
        data: Class folders, or a folder with a labels.csv; may hold train/ and val/.
        validation: A folder of pictures to validate on; by default a share of `data` is.
        validation_share: That share of each class, 0 to 0.9.
        epochs: How often every picture is seen in float training: first by a new head alone, then by all layers. With
            `model` and `qat`, in quantization-aware training. 0 where weights fit and something else shall be done.
        batch_size: Examples in a step, over all GPUs and workers.
        rate: Largest learning rate of the longest phase; by default the recipe's.
        augment: "none", "light", "standard" or "strong"; by default what suits the network.
        label_smoothing: Share of the target spread over all classes; by default the recipe's.
        ema: Decay of the moving average of the weights, 0 for none; by default the recipe's.
        patience: Epochs without improvement on the validation pictures until a phase stops; None to go on.
        class_weights: "balanced" to let every class count the same.
        qat: Whether int8 is trained quantization-aware afterwards.
        qat_epochs: For how long; by default a fifth of `epochs`, at most 5.
        qat_rate: Largest learning rate of that.
        recover_minutes: Time to train int8 on pictures without labels, with the float file as teacher; None for none.
        teacher: A bundle, .tflite, Keras file or name of keras.applications whose answers shall be learned.
        temperature: By which the teacher's logits are divided.
        teacher_share: Weight of the teacher beside the labels, 0 to 1.
        sparsity: Share of each kernel that is made zero after the float training.
        clusters: Number of different values that each kernel is left with after the float training.
        weights: What a variant starts from: "auto", "imagenet", "demo", "none" or the path of a weight file.
        alpha: Width multiplier of the variant.
        resolution: Input side in pixels; by default the variant's or the model's own.
        labels: File of class names, one a line, in output order; by default the data's in sorted order.
        fit: How a picture becomes a square, such as "stretch"; needed for `model`.
        input_range: Pixel range that `model` takes, where it does not say so itself.
        output_meaning: "softmax", "logits" or "sigmoid", where `model` does not say so itself.
        quant: Recipes, such as ("float32", "int8").
        io: "uint8", "int8" or "float32"; by default each recipe's own.
        granularity: "per-channel" or "per-tensor" weight scales.
        repair: What to try against the losses of int8 and int16x8; by default what suits the granularity.
        calibration: Pictures to measure activation ranges on; by default some of those to train on.
        calibration_samples: Most pictures to take; by default 128, with recovery 500.
        resume: Whether to go on with the run that is there, which was started with the same settings.
        deterministic: Whether a GPU shall give the same bits every time, which costs speed; a CPU does so anyway.
        output: Folder for the bundles and the folder of the run.
        overwrite: Whether bundles, and without `resume` the run, may be replaced.
        allow_float_ops: Whether float leftovers in an integer recipe are accepted.
        golden: Whether the bundles shall hold golden vectors, for `verify` to replay.
        trust: Whether a SavedModel may be loaded, which can run code.
        seed: Of the split, the initial weights, the order and the augmentation.
        progress: Who listens; nobody if None.

    Returns:
        What was made.

    Raises:
        TrainedBelowBarError: Trained, and a file is not what was asked for; the others were written.
        TrainingDivergedError: The loss is no finite number any more; the last good checkpoint is kept.
        MobileDeployError: Something else went wrong; what was trained is kept, `resume` goes on from there.
    """
    if (variant is None) == (model is None):
        raise BadOptionError(option="--variant", problem="give either --variant NAME or --model FILE")
    recovers = recover_minutes is not None
    options = TrainOptions(
        data=Path(data),
        validation=None if validation is None else Path(validation),
        validation_share=validation_share,
        epochs=epochs,
        batch_size=batch_size,
        qat=qat,
        qat_epochs=qat_epochs,
        recovers=recovers,
        overrides=Overrides(
            learning_rate=rate,
            qat_rate=qat_rate,
            augment=augment,
            label_smoothing=label_smoothing,
            ema=ema,
            patience=patience,
        ),
        class_weights=class_weights,  # type: ignore[arg-type]  # checked next
        teacher=teacher,
        temperature=temperature,
        teacher_share=teacher_share,
        sparsity=sparsity,
        clusters=clusters,
        resume=resume,
        deterministic=deterministic,
    )
    job = make_job(
        quant=quant,
        io=io,
        granularity=granularity,
        repair=repair,
        max_drop=None,
        target=None,
        calibration=calibration,
        calibration_samples=calibration_samples,
        data=None,
        output=output,
        overwrite=overwrite,
        allow_float_ops=allow_float_ops,
        golden=golden,
        recover_minutes=recover_minutes,
        seed=seed,
        progress=progress,
        float_source="the trained model",
    )
    check_options(options, job.options.requests, own_model=model is not None)
    if seed < 0:
        raise BadOptionError(option="--seed", problem=f"{seed} is below 0")
    check_apart(job.options.output, options.data)
    labels = None if labels is None else Path(labels)
    if variant is not None:
        if input_range is not None or output_meaning is not None:
            raise BadOptionError(
                option="--input-range and --output-meaning", problem="belong to --model; a variant fixes both itself"
            )
        spec = make_spec(variant, width_multiplier=alpha, side=resolution)
        return train_variant(job, options, spec, labels=given_labels(labels), weights=weights, fit=given_fit(fit))
    if (alpha, weights) != (1.0, "auto"):
        raise BadOptionError(option="--alpha and --weights", problem="belong to --variant; a model brings its own")
    hints = UserHints(
        fit=require_fit(fit),
        labels=given_labels(labels),
        input_range=input_range,
        meaning=parse_meaning(output_meaning),
    )
    source = Path(model) if isinstance(model, str) else model
    return train_model(job, options, source, hints, side=resolution, trust=trust)
