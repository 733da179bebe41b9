"""What every command prints: text for people, or one JSON envelope for programs, on success and on failure alike.

    {"schema_version": 1, "command": "variants", "status": "ok", "exit_code": 0, "data": {...}, "errors": []}

`status` is "ok", "partial" (done, with a reservation that `data` states) or "error". `data` is null where a command
failed before it had a result. Each error is `{type, message, hint}`. Keys keep this order.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

import typer

from mobile_deploy.errors import MobileDeployError, OutputNotWritableError

SCHEMA_VERSION = 1

Status = Literal["ok", "partial", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One error as people and programs see it.

    Attributes:
        type: Name of the error's class.
        message: What failed, and what is allowed.
        hint: The next step; empty when there is none.
        is_failure: Whether something went wrong; false where the user stopped the work.
    """

    type: str
    message: str
    hint: str = ""
    is_failure: bool = True

    @classmethod
    def of(cls, error: MobileDeployError) -> Problem:
        """Takes what an error says."""
        return cls(type=type(error).__name__, message=error.message, hint=error.hint)


def emit(
    command: str,
    data: Mapping[str, object],
    *,
    show: Callable[[], None],
    as_json: bool,
    partial: bool = False,
    errors: Sequence[MobileDeployError] = (),
) -> None:
    """Prints the result of a command, and exits if the result itself is a failure.

    Args:
        command: Name of the command.
        data: The result for programs: JSON values, dataclasses and paths.
        show: Prints the result for people.
        as_json: Whether to print the envelope instead.
        partial: Whether the work was done with a reservation.
        errors: What is wrong with the result, the gravest first; its exit code is the command's.

    Raises:
        typer.Exit: There are errors.
    """
    problems = tuple(Problem.of(error) for error in errors)
    exit_code = errors[0].exit_code if errors else 0
    if as_json:
        status: Status = "error" if errors else "partial" if partial else "ok"
        with _full_disk_named():
            _print_envelope(command=command, status=status, exit_code=exit_code, data=data, errors=problems)
    else:
        with _full_disk_named():
            show()
        for problem in problems:
            _print_problem(problem)
    if errors:
        raise typer.Exit(exit_code)


@contextmanager
def _full_disk_named() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader has seen enough
            raise
        raise OutputNotWritableError(path="standard output", reason=error.strerror or str(error)) from error


def report_failure(problem: Problem, *, command: str | None, exit_code: int, as_json: bool) -> None:
    """Prints why a command gave no result.

    Args:
        problem: What went wrong.
        command: Name of the command; None if none was recognised.
        exit_code: The code that the program will exit with.
        as_json: Whether to print the envelope, on standard output, instead of two lines on standard error.
    """
    if not as_json:
        _print_problem(problem)
        return
    try:
        with _full_disk_named():
            _print_envelope(command=command, status="error", exit_code=exit_code, data=None, errors=(problem,))
    except OutputNotWritableError:
        _print_problem(problem)


def _print_envelope(
    *,
    command: str | None,
    status: Status,
    exit_code: int,
    data: Mapping[str, object] | None,
    errors: tuple[Problem, ...],
) -> None:
    envelope = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "status": status,
        "exit_code": exit_code,
        "data": data,
        "errors": [{"type": error.type, "message": error.message, "hint": error.hint} for error in errors],
    }
    print(json.dumps(envelope, indent=2, default=_to_json, allow_nan=False))


def _to_json(value: object) -> Any:  # noqa: ANN401  # json.dumps takes anything here
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _print_problem(problem: Problem) -> None:
    print(f"error: {problem.message}" if problem.is_failure else problem.message, file=sys.stderr)
    if problem.hint:
        print(f"hint: {problem.hint}", file=sys.stderr)
