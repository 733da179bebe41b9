"""`mobile-deploy export`: from a variant or a Keras model to audited bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobile_deploy.cli.making import emit_made
from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import (
    AllowFloatOpsOption,
    AlphaOption,
    CalibrationOption,
    CalibrationSamplesOption,
    ClassCountOption,
    DataOption,
    FitOption,
    GoldenOption,
    GranularityOption,
    InputRangeOption,
    IoOption,
    JsonOption,
    LabelsOption,
    MaxDropOption,
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
    TargetOption,
    VerboseOption,
    parse_fit,
    parse_points,
    parse_range,
    recovery_time,
    split_list,
)
from mobile_deploy.cli.progress import make_progress


def run(
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="A network of `mobile-deploy variants`.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FILE", help="Your own model: .keras, .h5 or a SavedModel folder.")
    ] = None,
    quant: QuantOption = "int8",
    alpha: AlphaOption = 1.0,
    resolution: ResolutionOption = None,
    classes: ClassCountOption = None,
    no_top: Annotated[bool, typer.Option("--no-top", help="Features only: leave the classifier out.")] = False,
    weights: Annotated[
        str, typer.Option("--weights", metavar="auto|imagenet|demo|none|FILE", help="Weights of the variant.")
    ] = "auto",
    labels: LabelsOption = None,
    calibration: CalibrationOption = None,
    calibration_samples: CalibrationSamplesOption = None,
    fit: FitOption = None,
    input_range: InputRangeOption = None,
    output_meaning: OutputMeaningOption = None,
    io: IoOption = None,
    granularity: GranularityOption = "per-channel",
    repair: RepairOption = None,
    data: DataOption = None,
    max_drop: MaxDropOption = None,
    target: TargetOption = None,
    output: OutputOption = Path("build"),
    overwrite: OverwriteOption = False,
    allow_float_ops: AllowFloatOpsOption = False,
    golden: GoldenOption = False,
    recover: RecoverOption = False,
    recover_minutes: RecoverMinutesOption = None,
    trust: Annotated[bool, typer.Option("--trust", help="Load a SavedModel, which can run code.")] = False,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a variant or your own model to audited bundles."""
    from mobile_deploy.pipeline.export import export

    progress = make_progress(quiet=quiet)
    with hidden_native_output(verbose=verbose):
        emit_made(
            "export",
            lambda: export(
                variant,
                model=model,
                quant=split_list(quant),
                alpha=alpha,
                resolution=resolution,
                classes=classes,
                include_top=not no_top,
                weights=weights,
                labels=labels,
                io=io,
                granularity=granularity,
                max_drop=parse_points(max_drop, option="--max-drop"),
                target=target,
                repair=None if repair is None else split_list(repair),
                calibration=calibration,
                calibration_samples=calibration_samples,
                fit=parse_fit(fit),
                input_range=parse_range(input_range),
                output_meaning=output_meaning,
                data=data,
                output=output,
                overwrite=overwrite,
                allow_float_ops=allow_float_ops,
                golden=golden,
                recover_minutes=recovery_time(recover, recover_minutes),
                trust=trust,
                seed=seed,
                progress=progress,
            ),
            as_json=as_json,
        )
