"""The programs outside Python that parts of the toolkit use: how to ask each, what for, and how to get it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mobile_deploy.device.adb import ADB_FIXES, VERSION_PATTERN

# Maven paints its version even where nobody sees colours.
_PAINT = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One program.

    Attributes:
        name: What people call it.
        program: What is looked for on the PATH.
        arguments: What makes it print its version.
        pattern: Regular expression whose group is the version.
        needed_for: What cannot be done without.
        fixes: How to install it, by `sys.platform`.
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    pattern: str
    needed_for: str
    fixes: Mapping[str, str]

    def version(self, output: str) -> str:
        """Finds the version in what the program printed; its first line if it is written in another way."""
        match = re.search(self.pattern, output, re.MULTILINE)
        return match[1] if match else next(iter(output.splitlines()), "")

    def fix(self, platform: str) -> str:
        """Says how to install it on a platform, as `sys.platform` names it."""
        return self.fixes.get(platform, f"install {self.name} and put it on the PATH")


# Elsewhere they come with Google's SDK alone.
_SDK_FIXES = {
    "darwin": "brew install --cask android-commandlinetools, and name its folder in ANDROID_HOME",
    "win32": "choco install android-sdk, and name its folder in ANDROID_HOME",
}

TOOLS = (
    Tool(
        name="adb",
        program="adb",
        arguments=("version",),
        pattern=VERSION_PATTERN,
        needed_for="benchmark on a phone, install the app",
        fixes=ADB_FIXES,
    ),
    Tool(
        name="java",
        program="java",
        arguments=("-version",),
        pattern=r'version "([^"]+)"',
        needed_for="build the Android app",
        fixes={
            "linux": "sudo apt install openjdk-17-jdk-headless",
            "darwin": "brew install openjdk",
            "win32": "choco install temurin",
        },
    ),
    Tool(
        name="maven",
        program="mvn",
        arguments=("-version",),
        pattern=r"Apache Maven (\S+)",
        needed_for="build the Android app",
        fixes={"linux": "sudo apt install maven", "darwin": "brew install maven", "win32": "choco install maven"},
    ),
    Tool(
        name="aapt2",
        program="aapt2",
        arguments=("version",),
        pattern=r"\(aapt\) (\S+)",
        needed_for="build the Android app, unless ANDROID_HOME names an SDK",
        fixes={"linux": "sudo apt install aapt", **_SDK_FIXES},
    ),
    Tool(
        name="apksigner",
        program="apksigner",
        arguments=("--version",),
        pattern=r"^(\S+)$",
        needed_for="build the Android app, unless ANDROID_HOME names an SDK",
        fixes={"linux": "sudo apt install apksigner", **_SDK_FIXES},
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program said.

    Attributes:
        output: Standard output and error together, without colours; empty when there is a problem.
        problem: Why there is no answer; empty when there is one.
    """

    output: str = ""
    problem: str = ""


def ask(command: Sequence[str], *, timeout_s: float) -> Answer:
    """Runs a program and waits for it no longer than a deadline.

    Args:
        command: The program and its arguments.
        timeout_s: The deadline in seconds.
    """
    # A file, not a pipe: a pipe stays open, and the reader stuck, while any child of a killed program lives.
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        except OSError as error:
            return Answer(problem=f"does not start: {error.strerror}")
        with process:
            try:
                code = process.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                return Answer(problem=f"no answer in {timeout_s:g} s")
            finally:
                process.kill()  # Nothing happens to one that has ended.
        said.seek(0)
        output = _PAINT.sub("", said.read().decode(errors="replace"))
    if code != 0:
        return Answer(problem=f"exit code {code}: {' '.join(output.split())[:120]}")
    return Answer(output=output)
