"""Opens our image classifiers in MediaPipe Tasks, which is installed into an environment of its own.

    python tests/run_mediapipe.py [--require]

Needs the package registry and the system's OpenGL ES libraries; without them it says what is missing and does nothing,
or fails with --require.
"""

from __future__ import annotations

import ctypes.util
import sys

from foreign_environment import REPOSITORY, ForeignEnvironment

MEDIAPIPE = ForeignEnvironment(
    name="MediaPipe",
    lock=REPOSITORY / "tests" / "mediapipe.lock",
    variable="MEDIAPIPE_PYTHON",
    tests=("tests/quality/test_mediapipe.py",),
)
# MediaPipe's library is linked against them; Debian's packages.
LIBRARIES = {"GLESv2": "libgles2", "EGL": "libegl1"}


def missing_libraries() -> list[str]:
    """Gives the packages of the libraries that are not here."""
    return [package for library, package in LIBRARIES.items() if ctypes.util.find_library(library) is None]


def main() -> int:
    """Runs the tests in question; gives the exit status."""
    packages = missing_libraries()
    lacking = f"MediaPipe needs {' and '.join(packages)}; apt-get install {' '.join(packages)}" if packages else ""
    return MEDIAPIPE.run_tests(lacking=lacking)


if __name__ == "__main__":
    sys.exit(main())
