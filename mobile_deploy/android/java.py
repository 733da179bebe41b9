"""The JDK that compiles the app and runs the programs written in Java."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.android.failures import BuildStepFailedError, BuildToolMissingError
from mobile_deploy.android.programs import run_step

OLDEST_JAVA = 17
"""Needed by the framework classes of Android 14."""

_HINTS = {
    "linux": "sudo apt-get install openjdk-17-jdk-headless, or name another JDK in JAVA_HOME",
    "darwin": "brew install openjdk@17, and name it in JAVA_HOME",
    "win32": "choco install temurin17, and name it in JAVA_HOME",
}
_HOME = re.compile(r"^\s*java\.home = (.+)$", re.MULTILINE)
_VERSION = re.compile(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", re.MULTILINE)
_NEEDED = ("javac", "keytool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A JDK.

    Attributes:
        home: Its folder.
        version: 17 or newer.
    """

    home: Path
    version: int

    def program(self, name: str) -> Path:
        """Gives the path of one of its programs: "java", "javac", "keytool"."""
        return self.home / "bin" / (f"{name}.exe" if os.name == "nt" else name)

    @property
    def core_modules(self) -> tuple[Path, ...]:
        """The classes of Java itself that Android's classes refer to."""
        return tuple(self.home / "jmods" / f"{name}.jmod" for name in ("java.base", "java.logging"))


def find_java() -> Java:
    """Finds the JDK that JAVA_HOME names, else the one on the PATH.

    Raises:
        BuildToolMissingError: There is none, it is too old, or it lacks the compiler.
    """
    program = _java_program()
    try:
        said = run_step("java", (program, "-XshowSettings:properties", "-version"), joined=True)
    except BuildStepFailedError as error:
        raise _unfit(f"does not start: {error.output[:200]}") from error
    home, version = _HOME.search(said), _VERSION.search(said)
    if home is None or version is None:
        raise _unfit(f"({program}) does not tell its version")
    java = Java(home=Path(home[1].strip()), version=int(version[1]))
    if java.version < OLDEST_JAVA:
        raise _unfit(f"({program}) is of version {java.version}, needed is {OLDEST_JAVA} or newer")
    lacking = [path.name for path in (*map(java.program, _NEEDED), *java.core_modules) if not path.is_file()]
    if lacking:
        raise _unfit(f"({java.home}) is no full JDK, it lacks {', '.join(lacking)}")
    return java


def _java_program() -> str:
    home = os.environ.get("JAVA_HOME")
    if home:
        named = Path(home) / "bin" / ("java.exe" if os.name == "nt" else "java")
        if named.is_file():
            return str(named)
        raise _unfit(f"is not where JAVA_HOME says: {named} does not exist")
    found = shutil.which("java")
    if found is None:
        raise _unfit("is not here; it compiles the app")
    return found


def _unfit(problem: str) -> BuildToolMissingError:
    hint = _HINTS.get(sys.platform, "install a JDK of version 17 or newer and name it in JAVA_HOME")
    return BuildToolMissingError(program="java", problem=problem, hint=hint)
