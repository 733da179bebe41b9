"""`mobile-deploy devices`: the connected phones and how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mobile_deploy.cli.options import JsonOption, QuietOption
from mobile_deploy.cli.output import emit
from mobile_deploy.cli.progress import make_progress
from mobile_deploy.report.tables import print_table

if TYPE_CHECKING:
    from mobile_deploy.pipeline.devices import DevicesResult


def run(quiet: QuietOption = False, as_json: JsonOption = False) -> None:
    """Show the connected phones and how they are."""
    from mobile_deploy.pipeline.devices import list_devices

    result = list_devices(progress=make_progress(quiet=quiet))
    emit("devices", result.to_json(), show=lambda: _show(result), as_json=as_json, errors=result.errors)


def _show(result: DevicesResult) -> None:
    for note in result.notes:
        typer.echo(f"note: {note}")
    if not result.devices:
        return
    print_table(result.table())
    for remedy in result.remedies():
        typer.echo(remedy)
