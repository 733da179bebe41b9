"""`mobile-deploy benchmark`: latency on a phone, or on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import (
    JsonOption,
    QuietOption,
    SeedOption,
    VerboseOption,
    parse_counts,
    parse_duration,
    parse_points,
    split_list,
)
from mobile_deploy.cli.output import emit
from mobile_deploy.cli.progress import make_progress
from mobile_deploy.report.tables import in_one_line, print_table

if TYPE_CHECKING:
    from mobile_deploy.pipeline.benchmark_result import BenchmarkResult


def run(
    models: Annotated[list[Path], typer.Argument(metavar="BUNDLE|FILE...", help="Bundles or .tflite files.")],
    threads: Annotated[
        str | None,
        typer.Option("--threads", metavar="LIST", help="Such as 1,4; by default as many as big cores, 4 at most."),
    ] = None,
    delegate: Annotated[
        str,
        typer.Option("--delegate", metavar="LIST", help="cpu, gpu, cpu-plain (without XNNPACK)."),
    ] = "cpu",
    serial: Annotated[
        str | None, typer.Option("--serial", "-s", metavar="SERIAL", help="The phone; see mobile-deploy devices.")
    ] = None,
    all_devices: Annotated[bool, typer.Option("--all-devices", help="All connected phones at once.")] = False,
    host: Annotated[bool, typer.Option("--host", help="This machine instead of a phone.")] = False,
    via: Annotated[
        str,
        typer.Option(
            "--via", metavar="tool|app", help="What runs the model on the phone: benchmark_model or the sample app."
        ),
    ] = "tool",
    tool: Annotated[
        Path | None,
        typer.Option("--tool", metavar="FILE", help="A benchmark_model for the phone; downloaded by default."),
    ] = None,
    tool_arg: Annotated[
        list[str] | None,
        typer.Option("--tool-arg", metavar="--NAME=VALUE", help="A flag for benchmark_model; may be repeated."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", metavar="N", help="Processes for each configuration; 5 by default.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A first look: two short processes each.")] = False,
    sustained: Annotated[
        str | None,
        typer.Option("--sustained", metavar="TIME", help="One configuration without a pause, for heat: 10m."),
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Also the time of each operator.")] = False,
    fixed_performance: Annotated[
        bool, typer.Option("--fixed-performance", help="Steady clocks below the peak, where the phone can.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Measure although battery, heat or power saver speak against it.")
    ] = False,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="OLD.json", help="An older report to hold the figures against.")
    ] = None,
    fail_on_regression: Annotated[
        str | None,
        typer.Option(
            "--fail-on-regression", metavar="PERCENT", help="Exit 1 if surely slower than OLD by more: 5 or 5%."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write the report's folder into.")
    ] = Path("build"),
    seed: SeedOption = 0,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure latency on a phone, or here with --host."""
    from mobile_deploy.pipeline.benchmark import BenchmarkInterrupted, benchmark

    with hidden_native_output(verbose=verbose):
        try:
            result = benchmark(
                models,
                threads=parse_counts(threads, option="--threads"),
                delegates=split_list(delegate),
                serial=serial,
                all_devices=all_devices,
                host=host,
                via=via,
                tool=tool,
                tool_arguments=tuple(tool_arg or ()),
                processes=processes,
                quick=quick,
                sustained_s=parse_duration(sustained, option="--sustained"),
                profile=profile,
                fixed_performance=fixed_performance,
                force=force,
                compare=compare,
                fail_on_regression=parse_points(fail_on_regression, option="--fail-on-regression"),
                output=output,
                seed=seed,
                progress=make_progress(quiet=quiet),
            )
        except BenchmarkInterrupted as interruption:
            typer.echo(f"note: what was measured until then is in {in_one_line(str(interruption.report))}", err=True)
            raise
        emit(
            "benchmark",
            result.to_json(),
            show=lambda: _show(result),
            as_json=as_json,
            partial=result.is_partial,
            errors=result.errors,
        )


def _show(result: BenchmarkResult) -> None:
    for table in result.tables():
        typer.echo("")
        print_table(table)
    typer.echo("")
    for line in result.lines():
        typer.echo(line)
