"""`mobile-deploy predict`: what a model says to pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import (
    FitOption,
    InputRangeOption,
    JsonOption,
    LabelsOption,
    OpenSideOption,
    OutputMeaningOption,
    QuietOption,
    VerboseOption,
    parse_fit,
    parse_range,
)
from mobile_deploy.cli.output import emit
from mobile_deploy.cli.progress import make_progress
from mobile_deploy.report.tables import print_table


def run(
    model: Annotated[Path, typer.Argument(metavar="BUNDLE|FILE", help="A bundle, a .tflite, a .keras or .h5 file.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures.")],
    against: Annotated[
        Path | None, typer.Option("--against", metavar="BUNDLE|FILE", help="A second model, side by side.")
    ] = None,
    labels: LabelsOption = None,
    fit: FitOption = None,
    input_range: InputRangeOption = None,
    output_meaning: OutputMeaningOption = None,
    resolution: OpenSideOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the five best classes of each picture."""
    from mobile_deploy.pipeline.predict import PredictResult, predict

    def show(result: PredictResult) -> None:
        print_table(result.table())
        for (name, latency_ms), shown in zip(result.latency_ms().items(), result.inputs, strict=True):
            typer.echo(f"{name}: {shown}; {latency_ms:.1f} ms a picture on this machine, 1 thread")

    progress = make_progress(quiet=quiet)
    with hidden_native_output(verbose=verbose):
        result = predict(
            model,
            images,
            against=against,
            labels=labels,
            fit=parse_fit(fit),
            input_range=parse_range(input_range),
            output_meaning=output_meaning,
            resolution=resolution,
            progress=progress,
        )
        models = [{"name": name, "input": shown} for name, shown in zip(result.models, result.inputs, strict=True)]
        emit("predict", {"models": models, "answers": result.answers}, show=lambda: show(result), as_json=as_json)
