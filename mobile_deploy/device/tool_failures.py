"""Why a benchmark_model failed, in its own words where it has any."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mobile_deploy.device.failures import RunFailedError
from mobile_deploy.device.log_lines import LogLine

_UNKNOWN_FLAGS = re.compile(r"Unconsumed cmdline flags: (?P<flags>.*)")
# Said last and without a reason.
_FAILED = "Benchmarking failed."
# What the tool says before it gives up; the oldest do not mark these lines as errors.
_REASON = re.compile(
    r"Failed to (?!save |get the input model file size)|Inputs mismatch|Disallowed CPU fallback"
    r"|Please specify|Cannot find the corresponding|Required flag not provided|incompatible\.$|CANNOT LINK EXECUTABLE"
    r"|not executable|Exec format error|Permission denied|not found|No such file|dlopen failed|Run failed"
)
# Printed as errors by delegates that then leave the operators to the CPU.
_HARMLESS = re.compile(r"operations are not supported|operations will run on|is not supported\.?$")
_HINT_OTHER_TOOL = "name a benchmark_model that is built for the phone with --tool FILE"

# By exit status: what it means, and what to do. 128 and more are signals, as shells report them.
_STATUSES: Mapping[int, tuple[str, str]] = {
    126: ("it could not be started", _HINT_OTHER_TOOL),
    127: ("it could not be started", _HINT_OTHER_TOOL),
    132: ("it has an instruction that the processor does not know", _HINT_OTHER_TOOL),
    134: ("it aborted", ""),
    135: ("it crashed on a bad address", ""),
    136: ("it crashed in arithmetic", ""),
    137: ("it was killed, which phones do when memory runs out", "close apps on the phone, or try a smaller model"),
    139: ("it crashed on a bad address", "try another delegate, or another benchmark_model with --tool FILE"),
}


def check_ended_well(lines: Sequence[LogLine], *, what: object, log: str, exit_status: int) -> None:
    """Raises an error unless a process ended well and took all its flags.

    Args:
        lines: What it printed.
        what: The configuration, for the message.
        log: All that it printed, as it was.
        exit_status: Of the process, as a shell reports it.

    Raises:
        RunFailedError: It did not; the reason is the first that the tool itself gives.
    """
    if flags := next((found["flags"] for line in lines if (found := _UNKNOWN_FLAGS.search(line.text))), ""):
        raise RunFailedError(
            what=what, reason=f"benchmark_model does not know {flags}", log=log, hint="leave the flag out"
        )
    if exit_status == 0 and not any(line.severity == "FATAL" or line.text == _FAILED for line in lines):
        return
    words, hint = _STATUSES.get(exit_status, ("it failed", ""))
    said = stated_reason(lines) or _first_error(lines)
    if not said and exit_status not in _STATUSES:
        said = _last_words(lines)
    ended = f"{words} (exit status {exit_status})"
    raise RunFailedError(what=what, reason=f"{ended}: {said}" if said else ended, log=log, hint=hint)


def stated_reason(lines: Iterable[LogLine]) -> str:
    """Gives the first line that says why a tool gives up; empty if there is none."""
    return next((line.text for line in lines if _REASON.search(line.text)), "")


def _first_error(lines: Iterable[LogLine]) -> str:
    errors = [line.text for line in lines if line.severity in ("ERROR", "FATAL") and line.text != _FAILED]
    return next((text for text in errors if not _HARMLESS.search(text)), "")


def _last_words(lines: Sequence[LogLine]) -> str:
    return next((f"its last words are {line.text!r}" for line in reversed(lines) if line.text not in ("", _FAILED)), "")
