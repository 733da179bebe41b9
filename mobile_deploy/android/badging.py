"""What Android reads first of an APK, as aapt2 tells it: name, versions, permissions, features."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.android.failures import BuildStepFailedError
from mobile_deploy.android.programs import run_step
from mobile_deploy.errors import UnreadableFileError

_PACKAGE = re.compile(r"^package: name='([^']*)' versionCode='(\d*)' versionName='([^']*)'", re.MULTILINE)
_MIN_SDK = re.compile(r"^(?:minSdkVersion|sdkVersion):'(\d+)'", re.MULTILINE)
_TARGET_SDK = re.compile(r"^targetSdkVersion:'(\d+)'", re.MULTILINE)
_PERMISSION = re.compile(r"^uses-permission(?:-sdk-23)?: name='([^']*)'", re.MULTILINE)
_REQUIRED = re.compile(r"^  uses-feature: name='([^']*)'", re.MULTILINE)
_IMPLIED = re.compile(r"^  uses-implied-feature: name='([^']*)'", re.MULTILINE)
_OPTIONAL = re.compile(r"^  uses-feature-not-required: name='([^']*)'", re.MULTILINE)
_DEBUGGABLE = re.compile(r"^application-debuggable", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Badging:
    """What an APK says of itself.

    Attributes:
        application: Name of the package on the phone.
        version_code: What Android compares.
        version_name: What people read.
        min_sdk: API level of the oldest Android that it is for.
        target_sdk: API level of the Android that it was made for.
        permissions: What it asks for.
        required_features: What a phone must have.
        optional_features: What it uses where a phone has it.
        debuggable: Whether anyone with a cable may look inside while it runs.
    """

    application: str
    version_code: int
    version_name: str
    min_sdk: int
    target_sdk: int
    permissions: tuple[str, ...]
    required_features: tuple[str, ...]
    optional_features: tuple[str, ...]
    debuggable: bool


def read_badging(aapt2: str, path: Path) -> Badging:
    """Asks aapt2 what an APK says of itself.

    Args:
        aapt2: The program.
        path: The APK.

    Raises:
        UnreadableFileError: It has no manifest that Android could read.
    """
    try:
        return parse_badging(run_step("aapt2 dump badging", (aapt2, "dump", "badging", path)), path=path)
    except BuildStepFailedError as error:
        problem = f"aapt2 cannot read its manifest ({' '.join(error.output.split())[:200]})"
        raise UnreadableFileError(path=path, problem=problem) from error


def parse_badging(said: str, *, path: Path) -> Badging:
    """Reads what `aapt2 dump badging` printed.

    Raises:
        UnreadableFileError: It names no package.
    """
    package = _PACKAGE.search(said)
    if package is None:
        raise UnreadableFileError(path=path, problem="its manifest names no package")
    name, code, version = package.groups()
    min_sdk = _level(_MIN_SDK, said)
    return Badging(
        application=name,
        version_code=int(code or 0),
        version_name=version,
        min_sdk=min_sdk,
        target_sdk=_level(_TARGET_SDK, said, default=min_sdk),
        permissions=tuple(dict.fromkeys(_PERMISSION.findall(said))),
        required_features=tuple(dict.fromkeys((*_REQUIRED.findall(said), *_IMPLIED.findall(said)))),
        optional_features=tuple(dict.fromkeys(_OPTIONAL.findall(said))),
        debuggable=_DEBUGGABLE.search(said) is not None,
    )


def _level(pattern: re.Pattern[str], said: str, *, default: int = 1) -> int:
    found = pattern.search(said)
    return int(found[1]) if found else default
