"""`mobile-deploy quantize`: from a float .tflite to audited bundles, without TensorFlow unless int8 shall recover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobile_deploy.cli.making import emit_made
from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import (
    AllowFloatOpsOption,
    CalibrationOption,
    CalibrationSamplesOption,
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
    model: Annotated[Path, typer.Argument(metavar="FLOAT", help="A float32 bundle, or a float .tflite.")],
    quant: QuantOption = "int8",
    labels: LabelsOption = None,
    calibration: CalibrationOption = None,
    calibration_samples: CalibrationSamplesOption = None,
    fit: FitOption = None,
    input_range: InputRangeOption = None,
    output_meaning: OutputMeaningOption = None,
    io: IoOption = None,
    granularity: GranularityOption = "per-channel",
    repair: RepairOption = None,
    recover: RecoverOption = False,
    recover_minutes: RecoverMinutesOption = None,
    data: DataOption = None,
    max_drop: MaxDropOption = None,
    target: TargetOption = None,
    output: OutputOption = Path("build"),
    overwrite: OverwriteOption = False,
    allow_float_ops: AllowFloatOpsOption = False,
    golden: GoldenOption = False,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a float .tflite to audited bundles."""
    from mobile_deploy.pipeline.quantize import quantize

    progress = make_progress(quiet=quiet)
    with hidden_native_output(verbose=verbose):
        emit_made(
            "quantize",
            lambda: quantize(
                model,
                quant=split_list(quant),
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
                seed=seed,
                progress=progress,
            ),
            as_json=as_json,
        )
