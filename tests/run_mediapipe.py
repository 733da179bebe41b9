"""Opens our image classifiers in MediaPipe Tasks, which is installed into an environment of its own.

    python tests/run_mediapipe.py [--require]

Needs the package registry and the system's OpenGL ES libraries, so it is a command of its own and no test of the
offline suite; without them it says what is missing and does nothing, or fails with --require.
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LOCK = REPOSITORY / "tests" / "mediapipe.lock"
# MediaPipe's library is linked against them; Debian's packages.
LIBRARIES = {"GLESv2": "libgles2", "EGL": "libegl1"}
TEST = "tests/quality/test_mediapipe.py"


def missing_libraries() -> list[str]:
    """Gives the packages of the libraries that are not here."""
    return [package for library, package in LIBRARIES.items() if ctypes.util.find_library(library) is None]


def install(folder: Path) -> Path | str:
    """Makes the environment and gives its Python, or why that failed."""
    uv, environment = Path(sys.executable).with_name("uv"), folder / "environment"
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    for command in (
        (uv, "venv", "--quiet", "--python", sys.executable, environment),
        (uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "--requirement", LOCK),
    ):
        # Away from the checkout, whose constraints are for its own packages.
        done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"MediaPipe cannot be installed: {done.stderr.strip()}"
    return python


def main() -> int:
    """Runs the tests in question; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--require", action="store_true", help="fail when something that MediaPipe needs is missing")
    required = parser.parse_args().require
    if lacking := missing_libraries():
        print(f"not tried: MediaPipe needs {' and '.join(lacking)}; apt-get install {' '.join(lacking)}")
        return int(required)
    with tempfile.TemporaryDirectory() as folder:
        python = install(Path(folder))
        if isinstance(python, str):
            print(f"not tried: {python}")
            return int(required)
        environment = {**os.environ, "MEDIAPIPE_PYTHON": str(python)}
        command = [sys.executable, "-m", "pytest", "-q", "-m", "slow", TEST]
        return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
