"""How `export` and `quantize` show what they made."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from mobile_deploy.cli.output import emit
from mobile_deploy.errors import MobileDeployError
from mobile_deploy.report.tables import print_table

if TYPE_CHECKING:  # what the job needs takes half a second to load, which --help shall not wait for
    from mobile_deploy.pipeline.results import ExportResult


def emit_made(command: str, make: Callable[[], ExportResult], *, as_json: bool) -> None:
    """Runs a job and prints its result, also when some files failed their audit or the accuracy budget.

    Args:
        command: Name of the command.
        make: The job.
        as_json: Whether to print the envelope.

    Raises:
        typer.Exit: A file failed its audit, or none is inside the accuracy budget.
    """
    from mobile_deploy.pipeline.results import AuditFailedError, BudgetMissedError

    errors: list[MobileDeployError] = []
    try:
        result = make()
    except (AuditFailedError, BudgetMissedError) as error:
        result, errors = error.result, [error]
    emit(
        command,
        result.to_json(),
        show=lambda: _show(result),
        as_json=as_json,
        partial=result.untrained or bool(result.skipped),
        errors=errors,
    )


def _show(result: ExportResult) -> None:
    for note in result.notes:
        typer.echo(f"note: {note}")
    if result.notes:
        typer.echo("")
    print_table(result.table())
    if result.climb is not None:
        typer.echo("")
        print_table(result.climb.table())
    if not result.bundles:
        return
    typer.echo("\nwritten")
    for bundle in result.bundles:
        typer.echo(f"  {bundle.directory}")
    last = result.bundles[-1]
    if last.contract.output.meaning != "embedding":  # which says nothing to people
        typer.echo(f"next: mobile-deploy predict {shlex.quote(str(last.directory))} PICTURE.jpg")
