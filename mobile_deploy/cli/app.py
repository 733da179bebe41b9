"""The Typer app, its list of commands, and the one place where errors become exit codes.

A new command is a module here with a function `run`, named in the import and given one line in `COMMANDS`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Annotated

import typer

import mobile_deploy
from mobile_deploy.cli import (
    android,
    benchmark,
    debug,
    devices,
    doctor,
    evaluate,
    export,
    inspect,
    predict,
    quantize,
    train,
    variants,
    verify,
)
from mobile_deploy.cli.interruption import interruption_remembered
from mobile_deploy.cli.output import Problem, report_failure
from mobile_deploy.errors import MobileDeployError, UsageError

PROGRAM = "mobile-deploy"

# In the order in which --help shows them.
COMMANDS: dict[str, Callable[..., None]] = {
    "export": export.run,
    "quantize": quantize.run,
    "train": train.run,
    "predict": predict.run,
    "evaluate": evaluate.run,
    "debug": debug.run,
    "inspect": inspect.run,
    "verify": verify.run,
    "benchmark": benchmark.run,
    "devices": devices.run,
    "variants": variants.run,
    "doctor": doctor.run,
}

# 128 + SIGINT, as shells report a program that Ctrl-C ended.
_INTERRUPTED = 130
_INTERRUPTION = Problem(type="KeyboardInterrupt", message="interrupted; nothing half-written is left", is_failure=False)

app = typer.Typer(
    name=PROGRAM,
    help="Take a MobileNet from Keras to an audited int8 .tflite on a phone.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _run in COMMANDS.items():
    app.command(_name)(_run)
app.add_typer(android.group)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {mobile_deploy.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments without the program's name; those of the process if None.

    Returns:
        The exit code: 0 done, 1 result below the bar, 2 usage, 3 environment, 4 device or tool, 5 input data,
        130 interrupted.
    """
    _open_closed_streams()
    _print_any_name()
    given = tuple(sys.argv[1:] if argv is None else argv)
    with interruption_remembered() as is_interrupted:
        try:
            code = app(None if argv is None else list(given), prog_name=PROGRAM, standalone_mode=False) or 0
        except MobileDeployError as error:
            return _fail(given, Problem.of(error), exit_code=error.exit_code)
        except typer.TyperException as error:
            return _fail(given, _usage_problem(error), exit_code=error.exit_code)
        except KeyboardInterrupt:
            code = _INTERRUPTED
        except Exception:
            if not is_interrupted():
                raise
            code = _INTERRUPTED
    if code == _INTERRUPTED:  # Typer turns Ctrl-C inside a command into this code.
        return _fail(given, _INTERRUPTION, exit_code=_INTERRUPTED)
    return code


def _open_closed_streams() -> None:
    """Lets a program whose caller closed an output stream run on without one."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # It takes the lowest free descriptor, the closed one, which no file of ours shall get.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115


def _print_any_name() -> None:
    """Lets a console whose code page lacks a letter of a file name show it escaped instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _usage_problem(error: typer.TyperException) -> Problem:
    context: typer.Context | None = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    return Problem(type="UsageError", message=error.format_message(), hint=f"see {path} --help")


def _named_command(words: Sequence[str]) -> str | None:
    """Gives the command that a line names, such as "export" or "app build"; None where it names none."""
    first, second = (*words, "", "")[:2]
    if first == android.NAME:
        return f"{first} {second}" if second in android.COMMANDS else first
    return first if first in COMMANDS else None


def _fail(given: tuple[str, ...], problem: Problem, *, exit_code: int) -> int:
    options = tuple(takewhile(lambda word: word != "--", given))
    command = _named_command([word for word in options if not word.startswith("-")])
    if exit_code == UsageError.exit_code and not problem.hint:
        problem = replace(problem, hint=f"see {' '.join(filter(None, (PROGRAM, command)))} --help")
    report_failure(
        problem,
        command=command,
        exit_code=exit_code,
        as_json="--json" in options,
    )
    return exit_code
