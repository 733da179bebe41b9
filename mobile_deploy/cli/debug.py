"""`mobile-deploy debug`: which layer of an integer file loses what, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import (
    FitOption,
    InputRangeOption,
    JsonOption,
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
    model: Annotated[Path, typer.Argument(metavar="BUNDLE|FILE", help="An int8 or int16x8 bundle or .tflite.")],
    float_model: Annotated[
        Path | None,
        typer.Option(
            "--float",
            metavar="BUNDLE|FILE",
            help="The float32 file it was made from; by default the one beside the bundle.",
        ),
    ] = None,
    pictures: Annotated[
        str, typer.Option("--pictures", metavar="DIR|builtin", help="Pictures to measure on.")
    ] = "builtin",
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="Most pictures to take.")] = 16,
    top: Annotated[
        int, typer.Option("--top", metavar="N", help="Worst layers to show, and to keep in float one at a time.")
    ] = 10,
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="local|cumulative", help="Rank by a layer's own error, or by what has piled up there."
        ),
    ] = "local",
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw the error along the network.")
    ] = None,
    fit: FitOption = None,
    input_range: InputRangeOption = None,
    output_meaning: OutputMeaningOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show which layers lose accuracy, and why."""
    from mobile_deploy.pipeline.debug import debug
    from mobile_deploy.pipeline.debug_result import DebugResult

    def show(result: DebugResult) -> None:
        print_table(result.table())
        for line in result.advice():
            typer.echo(line)
        if result.plot is not None:
            typer.echo(f"written {result.plot}")

    with hidden_native_output(verbose=verbose):
        result = debug(
            model,
            float_model=float_model,
            pictures=pictures,
            samples=samples,
            top=top,
            by=by,
            plot=plot,
            fit=parse_fit(fit),
            input_range=parse_range(input_range),
            output_meaning=output_meaning,
            progress=make_progress(quiet=quiet),
        )
        emit("debug", result.to_json(), show=lambda: show(result), as_json=as_json)
