"""Holds our files, the runtime that the app ships and the app's code against each other.

    python tests/run_runtime_2_16.py [--require]

The newest runtime for Android that is not in Google's own repository is TensorFlow Lite 2.16.1. The wheel of TensorFlow
2.16.1 has it for this machine, and goes into an environment of its own. Needs the package registry and Python 3.11 or
3.12; without them it says what is missing and does nothing, or fails with --require.
"""

from __future__ import annotations

import sys

from foreign_environment import REPOSITORY, ForeignEnvironment

RUNTIME = ForeignEnvironment(
    name="TensorFlow 2.16.1",
    lock=REPOSITORY / "tests" / "runtime_2_16.lock",
    variable="RUNTIME_2_16_PYTHON",
    tests=("tests/quality/test_three_runtimes.py",),
)


def main() -> int:
    """Runs the tests in question; gives the exit status."""
    is_known = sys.version_info[:2] in ((3, 11), (3, 12))
    lacking = (
        "" if is_known else f"TensorFlow 2.16.1 has no wheel for Python {sys.version_info[0]}.{sys.version_info[1]}"
    )
    return RUNTIME.run_tests(lacking=lacking)


if __name__ == "__main__":
    sys.exit(main())
