"""`mobile-deploy doctor`: what is installed, what is missing, and the fix."""

from __future__ import annotations

import typer

from mobile_deploy.cli.options import JsonOption, QuietOption
from mobile_deploy.cli.output import emit
from mobile_deploy.cli.progress import make_progress
from mobile_deploy.errors import MachineNotReadyError
from mobile_deploy.pipeline.doctor import Diagnosis, diagnose
from mobile_deploy.report.tables import Column, ResultTable, print_table


def run(quiet: QuietOption = False, as_json: JsonOption = False) -> None:
    """Show what is installed, what is missing, and the fix."""
    diagnosis = diagnose(progress=make_progress(quiet=quiet))
    failures = diagnosis.failures
    errors = [MachineNotReadyError(lacking=[f"{f.name} is {f.state}" for f in failures])] if failures else []
    emit("doctor", {"findings": diagnosis.findings}, show=lambda: _show(diagnosis), as_json=as_json, errors=errors)


def _show(diagnosis: Diagnosis) -> None:
    columns = (
        Column(header="what"),
        Column(header="state"),
        Column(header="found", folds=True),
        Column(header="needed", folds=True),
    )
    rows = tuple((f.name, f.state, f.found or None, f.needed or None) for f in diagnosis.findings)
    print_table(ResultTable(columns=columns, rows=rows))
    fixes = [f"  {finding.name}: {finding.fix}" for finding in diagnosis.findings if finding.fix]
    if fixes:
        typer.echo("\nFixes")
        typer.echo("\n".join(fixes))
