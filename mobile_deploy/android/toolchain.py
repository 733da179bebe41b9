"""The programs that build the app: those of an Android SDK where there is one, else Debian's and the locked ones.

Both chains take the same steps over the same sources. They differ in whose framework classes and resources the app is
compiled against, and in who makes Android's bytecode: D8 of the SDK, or the older dx of the Android project.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mobile_deploy.android.artifacts import Artifacts
from mobile_deploy.android.failures import BuildToolMissingError
from mobile_deploy.android.java import Java
from mobile_deploy.android.programs import Command

SDK_VARIABLES = ("ANDROID_HOME", "ANDROID_SDK_ROOT")
OLDEST_PLATFORM = 34
"""API level whose attributes the app's resources use."""

# Versions of Debian's programs are tied to the framework file they read; see OLDEST_PLATFORM.
_HINTS = {"linux": "sudo apt-get install aapt apksigner, or name an Android SDK in ANDROID_HOME"}
_ELSEWHERE_HINT = "install Android Studio and name its SDK in ANDROID_HOME"
_PROGRAMS = {"aapt2": "compiles the app's resources", "apksigner": "signs the app"}
_DX_MAIN = "com.android.dx.command.Main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """Everything that a build runs.

    Attributes:
        kind: Whose programs they are.
        reason: Why it is this one, in a clause.
        java: The JDK.
        framework: Android's classes and resources.
        core_libraries: Java's own classes, where `framework` lacks them.
        aapt2: Compiles resources, reads them back.
        apksigner: Signs, and verifies signatures.
        dex: Command that makes a jar of class files into a zip with classes.dex, for an oldest API level.
    """

    kind: Literal["sdk", "debian"]
    reason: str
    java: Java
    framework: Path
    core_libraries: tuple[Path, ...]
    aapt2: str
    apksigner: str
    dex: Callable[[Path, Path, int], Command]


def find_toolchain(java: Java, artifacts: Artifacts) -> Toolchain:
    """Chooses the Android SDK that the environment names if it has all parts, else Debian's programs.

    Args:
        java: The JDK.
        artifacts: The locked "framework" and "dexer".

    Raises:
        BuildToolMissingError: A program is missing.
    """
    variable = _sdk_variable()
    if variable is None:
        return _debian(java, artifacts, reason=f"neither {' nor '.join(SDK_VARIABLES)} is set")
    folder = Path(os.environ[variable])
    parts = _sdk_parts(folder)
    lacking = [name for name, path in parts.items() if path is None]
    if lacking:
        return _debian(java, artifacts, reason=f"the SDK in {variable} lacks {', '.join(lacking)}")
    found = {name: str(path) for name, path in parts.items()}
    return _sdk(java, found, reason=f"{variable} is {folder}")


def check_programs() -> None:
    """Finds out before anything is fetched whether a build's programs are here.

    Raises:
        BuildToolMissingError: One is not.
    """
    for name, needed_for in _PROGRAMS.items():
        find_program(name, needed_for)


def find_program(name: str, needed_for: str) -> str:
    """Finds one program in the SDK that the environment names, else on the PATH.

    Args:
        name: The program: "aapt2", "apksigner".
        needed_for: What it does, in a clause.

    Raises:
        BuildToolMissingError: It is not here.
    """
    variable = _sdk_variable()
    in_sdk = _sdk_parts(Path(os.environ[variable])).get(name) if variable else None
    return str(in_sdk) if in_sdk is not None else _on_path(name, needed_for)


def _sdk_variable() -> str | None:
    return next((name for name in SDK_VARIABLES if os.environ.get(name)), None)


def _debian(java: Java, artifacts: Artifacts, *, reason: str) -> Toolchain:
    dexer = artifacts.only("dexer")

    def dex(jar: Path, output: Path, min_sdk: int) -> Command:
        program = (java.program("java"), "-cp", dexer, _DX_MAIN, "--dex", f"--min-sdk-version={min_sdk}")
        return (*program, f"--output={output}", jar)

    return Toolchain(
        kind="debian",
        reason=reason,
        java=java,
        framework=artifacts.only("framework"),
        core_libraries=java.core_modules,
        aapt2=_on_path("aapt2", _PROGRAMS["aapt2"]),
        apksigner=_on_path("apksigner", _PROGRAMS["apksigner"]),
        dex=dex,
    )


def _on_path(name: str, needed_for: str) -> str:
    found = shutil.which(name)
    if found is None:
        hint = _HINTS.get(sys.platform, _ELSEWHERE_HINT)
        raise BuildToolMissingError(program=name, problem=f"is not here; it {needed_for}", hint=hint)
    return found


def _sdk(java: Java, parts: dict[str, str], *, reason: str) -> Toolchain:
    framework = Path(parts["android.jar"])

    def dex(jar: Path, output: Path, min_sdk: int) -> Command:
        options = ("--release", "--min-api", str(min_sdk), "--lib", framework)
        return (parts["d8"], *options, "--output", output, jar)

    return Toolchain(
        kind="sdk",
        reason=reason,
        java=java,
        framework=framework,
        core_libraries=(),
        aapt2=parts["aapt2"],
        apksigner=parts["apksigner"],
        dex=dex,
    )


def _sdk_parts(folder: Path) -> dict[str, str | Path | None]:
    """Finds the newest build tools and the newest platform of an SDK; None for what it lacks."""
    tools = _newest(folder / "build-tools", r"(\d+)\.(\d+)\.(\d+)")
    platform = _newest(folder / "platforms", r"android-(\d+)")
    framework = None if platform is None else platform / "android.jar"
    new_enough = platform is not None and int(platform.name.partition("-")[2]) >= OLDEST_PLATFORM
    usable = framework is not None and new_enough and framework.is_file()
    found: dict[str, str | Path | None] = {
        name: None if tools is None else shutil.which(name, path=str(tools)) for name in ("aapt2", "apksigner", "d8")
    }
    return {**found, "android.jar": framework if usable else None}


def _newest(folder: Path, pattern: str) -> Path | None:
    """Gives the subfolder with the highest version; previews and extensions do not count."""
    if not folder.is_dir():
        return None
    versions = {path: re.fullmatch(pattern, path.name) for path in folder.iterdir()}
    numbered = {path: tuple(map(int, match.groups())) for path, match in versions.items() if match}
    return max(numbered, key=numbered.__getitem__, default=None)
