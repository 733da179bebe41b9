"""`mobile-deploy inspect`: the label of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobile_deploy.cli.options import JsonOption
from mobile_deploy.cli.output import emit
from mobile_deploy.report.tables import print_table


def run(
    model: Annotated[Path, typer.Argument(metavar="FILE|BUNDLE", help="Any .tflite, or a bundle.")],
    layers: Annotated[bool, typer.Option("--layers", help="Also show every operator with its cost.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a .tflite, what it costs and who can run it."""
    from mobile_deploy.pipeline.inspect import inspect
    from mobile_deploy.pipeline.inspect_result import InspectResult

    def show(result: InspectResult) -> None:
        for number, table in enumerate((*result.tables(), *((result.layer_table(),) if layers else ()))):
            if number:
                typer.echo("")
            print_table(table)
        for warnings in result.warning_lines():
            typer.echo(f"\n{warnings}")

    result = inspect(model)
    emit("inspect", {"label": result.to_json()}, show=lambda: show(result), as_json=as_json)
