"""Holds our files and the app's code against runtimes that need packages of their own.

    python tests/run_runtimes.py [--require]

TensorFlow 2.16.1  Its wheel has, for this machine, the TensorFlow Lite that the app ships: the last release for Android
                   outside Google's own repository. Python 3.11 or 3.12.
MediaPipe          MediaPipe Tasks, which Android apps use in place of our code. OpenGL ES libraries of the system.

Each is installed into an environment for it alone. That needs the package registry, so this is a command of its own and
no test of the offline suite. A runtime that cannot be had is named, and its tests are skipped; with --require that is
a failure.
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# MediaPipe's library is linked against them; Debian's packages.
LIBRARIES = {"GLESv2": "libgles2", "EGL": "libegl1"}


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A runtime with an environment of its own.

    Attributes:
        name: As people call it.
        lock: Its packages with their hashes.
        variable: Environment variable that hands its Python to the tests.
        lacking: Why it cannot work here; empty if it can.
    """

    name: str
    lock: Path
    variable: str
    lacking: str

    def install(self, environment: Path) -> str:
        """Makes the environment; gives the reason if that failed, else nothing."""
        if self.lacking:
            return self.lacking
        uv = Path(sys.executable).with_name("uv")
        for command in (
            (uv, "venv", "--quiet", "--python", sys.executable, environment),
            (uv, "pip", "install", "--quiet", "--python", python_in(environment), "--require-hashes", "-r", self.lock),
        ):
            # Away from the checkout, whose constraints are for its own packages.
            done = subprocess.run(
                [str(word) for word in command], cwd=environment.parent, capture_output=True, text=True, check=False
            )
            if done.returncode:
                return f"it cannot be installed: {done.stderr.strip()}"
        return ""


def python_in(environment: Path) -> Path:
    return environment / ("Scripts" if os.name == "nt" else "bin") / "python"


def find_runtimes() -> tuple[Runtime, ...]:
    """Gives the runtimes, each with what this machine lacks for it."""
    has_wheel = sys.version_info[:2] in ((3, 11), (3, 12))
    packages = [package for library, package in LIBRARIES.items() if ctypes.util.find_library(library) is None]
    return (
        Runtime(
            name="TensorFlow 2.16.1",
            lock=REPOSITORY / "tests" / "runtime_2_16.lock",
            variable="RUNTIME_2_16_PYTHON",
            lacking="" if has_wheel else f"it has no wheel for Python {sys.version_info[0]}.{sys.version_info[1]}",
        ),
        Runtime(
            name="MediaPipe",
            lock=REPOSITORY / "tests" / "mediapipe.lock",
            variable="MEDIAPIPE_PYTHON",
            lacking=f"it needs {' and '.join(packages)}: apt-get install {' '.join(packages)}" if packages else "",
        ),
    )


def main() -> int:
    """Runs the tests; gives the exit status."""
    parser = argparse.ArgumentParser(description="Runs the tests that hold our files against other runtimes.")
    parser.add_argument("--require", action="store_true", help="fail when a runtime cannot be had")
    required = parser.parse_args().require
    variables = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        for runtime in find_runtimes():
            environment = Path(folder) / runtime.variable
            if problem := runtime.install(environment):
                print(f"{runtime.name} not tried: {problem}")
                if required:
                    return 1
            else:
                variables[runtime.variable] = str(python_in(environment))
        # One class, one process: what a class makes is made once.
        command = (sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadscope", "-m", "runtimes")
        return subprocess.run(command, cwd=REPOSITORY, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
