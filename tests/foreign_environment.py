"""Runs tests that need a Python with packages of its own, which are installed into an environment for them alone.

Such a script needs the package registry, so it is a command of its own and no test of the offline suite. What is
missing is said, and nothing is done; or it fails with --require.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class ForeignEnvironment:
    """An environment and the tests that use it.

    Attributes:
        name: What is installed, as people call it.
        lock: Its packages with their hashes.
        variable: Environment variable that hands its Python to the tests.
        tests: Files of the tests, from the repository's root.
    """

    name: str
    lock: Path
    variable: str
    tests: tuple[str, ...]

    def install(self, folder: Path) -> Path | str:
        """Makes the environment and gives its Python, or why that failed."""
        uv, environment = Path(sys.executable).with_name("uv"), folder / "environment"
        python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
        for command in (
            (uv, "venv", "--quiet", "--python", sys.executable, environment),
            (uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "--requirement", self.lock),
        ):
            # Away from the checkout, whose constraints are for its own packages.
            words = [str(word) for word in command]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                return f"{self.name} cannot be installed: {done.stderr.strip()}"
        return python

    def run_tests(self, *, lacking: str = "", arguments: Sequence[str] | None = None) -> int:
        """Installs it and runs its tests.

        Args:
            lacking: Why it cannot work here; empty if it can.
            arguments: Of the command line; those of this process if None.

        Returns:
            The exit status: 0 as well where something is missing, unless --require is among the arguments.
        """
        parser = argparse.ArgumentParser(description=f"Runs the tests that need {self.name}.")
        parser.add_argument("--require", action="store_true", help="fail when something that it needs is missing")
        required = parser.parse_args(arguments).require
        with tempfile.TemporaryDirectory() as folder:
            python = lacking or self.install(Path(folder))
            if isinstance(python, str):
                print(f"not tried: {python}")
                return int(required)
            shared = ("-n", "2", "--dist", "loadgroup")
            command = [sys.executable, "-m", "pytest", "-q", *shared, "-m", "slow", *self.tests]
            environment = {**os.environ, self.variable: str(python)}
            return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode
