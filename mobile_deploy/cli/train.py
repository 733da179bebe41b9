"""`mobile-deploy train`: from a folder of pictures to bundles for its classes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import (
    AllowFloatOpsOption,
    AlphaOption,
    CalibrationOption,
    CalibrationSamplesOption,
    FitOption,
    GoldenOption,
    GranularityOption,
    InputRangeOption,
    IoOption,
    JsonOption,
    LabelsOption,
    OutputMeaningOption,
    OutputOption,
    OverwriteOption,
    QuantOption,
    QuietOption,
    RecoverMinutesOption,
    RecoverOption,
    RepairOption,
    ResolutionOption,
    SeedOption,
    VerboseOption,
    parse_fit,
    parse_range,
    recovery_time,
    split_list,
)
from mobile_deploy.cli.output import emit
from mobile_deploy.cli.progress import make_progress
from mobile_deploy.errors import MobileDeployError
from mobile_deploy.report.tables import print_table

if TYPE_CHECKING:  # what it needs takes a second to load, which --help shall not wait for
    from mobile_deploy.pipeline.train_result import TrainResult


def run(
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="A network of `mobile-deploy variants`.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="FILE", help="Your own trained model: .keras, .h5 or a SavedModel folder."),
    ] = None,
    *,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Pictures: class folders or labels.csv, or train/ and val/.")
    ],
    validation: Annotated[
        Path | None, typer.Option("--validation", metavar="DIR", help="Pictures to validate on, instead of a share.")
    ] = None,
    validation_share: Annotated[
        float, typer.Option("--validation-share", metavar="SHARE", help="Share of each class to validate on.")
    ] = 0.2,
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", help="Float epochs; those of --qat with --model --qat.")
    ] = 10,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Pictures in a step, over all GPUs.")] = 32,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="X", help="Largest learning rate; by default the recipe's.")
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option("--augment", metavar="none|light|standard|strong", help="How much pictures are distorted."),
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option("--label-smoothing", metavar="SHARE", help="Of the target over all classes.")
    ] = None,
    ema: Annotated[
        float | None, typer.Option("--ema", metavar="X", help="Decay of the weights' moving average; 0 for none.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", metavar="N", help="Stop after N epochs without a better validation.")
    ] = None,
    class_weights: Annotated[
        str, typer.Option("--class-weights", metavar="none|balanced", help="Whether every class counts the same.")
    ] = "none",
    qat: Annotated[bool, typer.Option("--qat", help="Train int8 quantization-aware, as the file computes.")] = False,
    qat_epochs: Annotated[
        int | None,
        typer.Option("--qat-epochs", metavar="N", help="Epochs of --qat; by default --epochs / 5, at most 5."),
    ] = None,
    qat_rate: Annotated[
        float | None, typer.Option("--qat-rate", metavar="X", help="Largest learning rate of --qat.")
    ] = None,
    recover: RecoverOption = False,
    recover_minutes: RecoverMinutesOption = None,
    teacher: Annotated[
        str | None,
        typer.Option("--teacher", metavar="BUNDLE|FILE|NAME", help="Learn its answers: NAME is of keras.applications."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", metavar="T", help="What the teacher's logits are divided by.")
    ] = None,
    teacher_share: Annotated[
        float | None, typer.Option("--teacher-share", metavar="SHARE", help="Weight of the teacher beside the labels.")
    ] = None,
    sparsity: Annotated[
        float | None,
        typer.Option("--sparsity", metavar="SHARE", help="Share of each kernel to make zero, such as 0.5."),
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option("--clusters", metavar="N", help="Different values to leave in each kernel, such as 32."),
    ] = None,
    weights: Annotated[
        str, typer.Option("--weights", metavar="auto|imagenet|demo|none|FILE", help="What the variant starts from.")
    ] = "auto",
    alpha: AlphaOption = 1.0,
    resolution: ResolutionOption = None,
    labels: LabelsOption = None,
    fit: FitOption = None,
    input_range: InputRangeOption = None,
    output_meaning: OutputMeaningOption = None,
    quant: QuantOption = "float32,int8",
    io: IoOption = None,
    granularity: GranularityOption = "per-channel",
    repair: RepairOption = None,
    calibration: CalibrationOption = None,
    calibration_samples: CalibrationSamplesOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that is there, same settings.")] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same bits every time on a GPU too, which costs speed.")
    ] = False,
    output: OutputOption = Path("build"),
    overwrite: OverwriteOption = False,
    allow_float_ops: AllowFloatOpsOption = False,
    golden: GoldenOption = False,
    trust: Annotated[bool, typer.Option("--trust", help="Load a SavedModel, which can run code.")] = False,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network on your pictures, to audited bundles."""
    from mobile_deploy.pipeline.train import train
    from mobile_deploy.pipeline.train_result import TrainedBelowBarError

    errors: list[MobileDeployError] = []
    with hidden_native_output(verbose=verbose):
        try:
            result = train(
                variant,
                model=model,
                data=data,
                validation=validation,
                validation_share=validation_share,
                epochs=epochs,
                batch_size=batch,
                rate=rate,
                augment=augment,
                label_smoothing=label_smoothing,
                ema=ema,
                patience=patience,
                class_weights=class_weights,
                qat=qat,
                qat_epochs=qat_epochs,
                qat_rate=qat_rate,
                recover_minutes=recovery_time(recover, recover_minutes),
                teacher=teacher,
                temperature=temperature,
                teacher_share=teacher_share,
                sparsity=sparsity,
                clusters=clusters,
                weights=weights,
                alpha=alpha,
                resolution=resolution,
                labels=labels,
                fit=parse_fit(fit),
                input_range=parse_range(input_range),
                output_meaning=output_meaning,
                quant=split_list(quant),
                io=io,
                granularity=granularity,
                repair=None if repair is None else split_list(repair),
                calibration=calibration,
                calibration_samples=calibration_samples,
                resume=resume,
                deterministic=deterministic,
                output=output,
                overwrite=overwrite,
                allow_float_ops=allow_float_ops,
                golden=golden,
                trust=trust,
                seed=seed,
                progress=make_progress(quiet=quiet),
            )
        except TrainedBelowBarError as error:
            result, errors = error.result, [error]
        except KeyboardInterrupt as interruption:
            if not as_json:
                for note in getattr(interruption, "__notes__", ()):
                    typer.echo(note, err=True)
            raise
        emit(
            "train",
            result.to_json(),
            show=lambda: _show(result),
            as_json=as_json,
            partial=bool(result.skipped or result.made.skipped),
            errors=errors,
        )


def _show(result: TrainResult) -> None:
    for note in result.notes:
        typer.echo(f"note: {note}")
    for table in result.tables():
        typer.echo("")
        print_table(table)
    typer.echo("\nwritten")
    for bundle in result.bundles:
        typer.echo(f"  {bundle.directory}")
    typer.echo(f"  {result.folder}  (curve.png, log.csv, training.json, checkpoints)")
    for command in _next_commands(result):
        typer.echo(f"next: mobile-deploy {command}")


def _next_commands(result: TrainResult) -> tuple[str, ...]:
    if not result.bundles:
        return ()
    last, first = (shlex.quote(str(bundle.directory)) for bundle in (result.bundles[-1], result.bundles[0]))
    predict = f"predict {last} PICTURE.jpg"
    if result.judged is None:
        return (predict,)
    against = f" --against {first}" if first != last else ""
    return (predict, f"evaluate {last} --data {shlex.quote(str(result.judged))}{against}")
