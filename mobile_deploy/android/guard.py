"""The guard of Android's public API: what the app calls must be there on the oldest Android that it is for.

The framework classes that the app is compiled against are those of a newer Android, with all that apps may not call.
"""

from __future__ import annotations

import re
from pathlib import Path

from mobile_deploy.android.artifacts import Artifacts
from mobile_deploy.android.compiling import joined
from mobile_deploy.android.failures import ForbiddenApiError
from mobile_deploy.android.java import Java
from mobile_deploy.android.programs import run_step

ALLOW_LIST_NAME = "newer-api.txt"

_REFERENCE = re.compile(r"\[ERROR\] .*:(?P<name>[^:]+)\.class(?::(?P<line>\d+))?: Undefined reference: (?P<call>.+)")


def check_api(java: Java, artifacts: Artifacts, *, jar: Path, sources: Path) -> None:
    """Refuses an app that calls what Android's public API of the oldest level does not have.

    Args:
        java: The JDK.
        artifacts: The locked "guard" and "signature".
        jar: All classes of the app.
        sources: The app's sources, with the guard's program and the list of newer calls that are allowed.

    Raises:
        ForbiddenApiError: There is such a call.
    """
    allow_list = sources / "app" / ALLOW_LIST_NAME
    program = (java.program("java"), "-cp", joined(artifacts.of("guard")), sources / "toolchain" / "ApiGuard.java")
    said = run_step("checking the API", (*program, artifacts.only("signature"), jar))
    calls = forbidden_calls(said, allowed=read_allow_list(allow_list))
    if calls:
        raise ForbiddenApiError(calls=calls, allow_list=allow_list)


def read_allow_list(path: Path) -> frozenset[str]:
    """Reads the calls that are newer than the oldest Android and stand behind a check of SDK_INT.

    Args:
        path: One call a line as the guard writes it, then blanks and "#" with its API level and why; may be missing.
    """
    if not path.is_file():
        return frozenset()
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return frozenset(filter(None, lines))


def forbidden_calls(said: str, *, allowed: frozenset[str]) -> tuple[str, ...]:
    """Finds in what the guard printed the calls that are not allowed: where each is, and what.

    Args:
        said: Lines of the guard.
        allowed: Calls as the guard writes them.
    """
    found = (_told(line, allowed) for line in map(str.strip, said.splitlines()) if line)
    return tuple(dict.fromkeys(filter(None, found)))


def _told(line: str, allowed: frozenset[str]) -> str:
    """Says where a call is and what; a line that is none is told as it is, and an allowed call not at all."""
    match = _REFERENCE.fullmatch(line)
    if match is None:
        return line
    place = match["name"].replace("/", ".") + (f", line {match['line']}" if match["line"] else "")
    return "" if match["call"] in allowed else f"{match['call']} in {place}"
