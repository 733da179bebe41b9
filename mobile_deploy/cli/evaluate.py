"""`mobile-deploy evaluate`: how good a model is on labelled pictures, and beside another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import (
    FitOption,
    InputRangeOption,
    JsonOption,
    LabelsOption,
    MaxDropOption,
    OpenSideOption,
    OutputMeaningOption,
    QuietOption,
    VerboseOption,
    parse_fit,
    parse_points,
    parse_range,
)
from mobile_deploy.cli.output import emit
from mobile_deploy.cli.progress import make_progress
from mobile_deploy.errors import MobileDeployError
from mobile_deploy.report.tables import print_table

if TYPE_CHECKING:  # what it needs takes half a second to load, which --help shall not wait for
    from mobile_deploy.pipeline.evaluation_results import EvaluateResult


def run(
    model: Annotated[Path, typer.Argument(metavar="BUNDLE|FILE", help="A bundle, a .tflite, a .keras or .h5 file.")],
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Labelled pictures: class folders or labels.csv.")
    ],
    against: Annotated[
        Path | None, typer.Option("--against", metavar="BUNDLE|FILE", help="The reference, on the same pictures.")
    ] = None,
    labels: LabelsOption = None,
    label_offset: Annotated[
        int | None,
        typer.Option(
            "--label-offset",
            metavar="N",
            help="Output = class index + N, such as 1 behind a background class; by default told by the names, else 0.",
        ),
    ] = None,
    fit: FitOption = None,
    input_range: InputRangeOption = None,
    output_meaning: OutputMeaningOption = None,
    resolution: OpenSideOption = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Threads of an inference.")] = 1,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet", metavar="FILE.png", help="Draw the pictures with the answers; with --against those that differ."
        ),
    ] = None,
    fail_below: Annotated[
        str | None,
        typer.Option("--fail-below", metavar="PERCENT", help="Exit 1 if top-1 is lower, in percent: 70 or 70%."),
    ] = None,
    max_drop: MaxDropOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure accuracy, alone or against another model."""
    from mobile_deploy.pipeline.evaluate import evaluate
    from mobile_deploy.pipeline.evaluation_results import MissedBarError

    least, most = parse_points(fail_below, option="--fail-below"), parse_points(max_drop, option="--max-drop")
    errors: list[MobileDeployError] = []
    with hidden_native_output(verbose=verbose):
        try:
            result = evaluate(
                model,
                data,
                against=against,
                labels=labels,
                label_offset=label_offset,
                fit=parse_fit(fit),
                input_range=parse_range(input_range),
                output_meaning=output_meaning,
                resolution=resolution,
                threads=threads,
                sheet=sheet,
                fail_below=least,
                max_drop=most,
                progress=make_progress(quiet=quiet),
            )
        except MissedBarError as error:
            result, errors = error.result, [error]
        bars = {"fail_below_points": least, "max_drop_points": most}
        emit(
            "evaluate",
            {**result.to_json(), **bars, "sheet": sheet},
            show=lambda: _show(result, bars, sheet),
            as_json=as_json,
            partial=bool(result.skipped),
            errors=errors,
        )


def _show(result: EvaluateResult, bars: dict[str, float | None], sheet: Path | None) -> None:
    for note in result.notes:
        typer.echo(f"note: {note}")
    for table in result.tables():
        print_table(table)
        typer.echo("")
    asked = {
        "fail_below_points": "top-1 of at least {:g} %",
        "max_drop_points": "a drop of at most {:g} percentage points",
    }
    for key, words in asked.items():
        if bars[key] is not None:
            typer.echo(f"asked for: {words.format(bars[key])}")
    for short, score in zip(result.names, result.scores, strict=True):
        threads = "TensorFlow's own threads" if score.threads is None else f"threads: {score.threads}"
        typer.echo(f"{short}: latency is the median on this machine, decoding not counted; {threads}")
    if sheet is not None:
        typer.echo(f"pictures with {'their' if result.reference is None else 'different'} answers: {sheet}")
