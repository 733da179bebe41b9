"""Installs the sample app on a phone, and says in words why a phone refuses it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from mobile_deploy.device.adb import AdbAnswer, AdbTimeoutError
from mobile_deploy.device.app_protocol import PACKAGE
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.failures import PhoneFullError, PhoneRefusedError
from mobile_deploy.errors import EnvironmentMissingError, MobileDeployError, UnreadableFileError

_DOING = "installing the app"
# What adb prints in brackets, the code first.
# Source: android.content.pm.PackageManager, INSTALL_FAILED_* and INSTALL_PARSE_FAILED_*.
_FAILURE = re.compile(r"\[?(INSTALL_\w+)(?::\s*([^\]\n]*))?")
_SLOWEST_BYTES_PER_S = 300_000
_VERIFYING_S = 180.0  # the phone compiles and checks the app, and may ask the person who holds it


class AppInTheWayError(EnvironmentMissingError):
    """An app of this name is installed that cannot be replaced: it has another key, or is newer.

    Attributes:
        serial: The phone.
    """

    def __init__(self, *, serial: str, reason: str) -> None:
        self.serial = serial
        super().__init__(
            f"phone {serial!r} has a {PACKAGE} that this one cannot replace: {reason}",
            hint=f"remove it with the models that were pushed to it: adb -s {shlex.quote(serial)} uninstall {PACKAGE}",
        )


class PhoneUnfitError(EnvironmentMissingError):
    """The app does not run on phones of this kind.

    Attributes:
        serial: The phone.
    """

    def __init__(self, *, serial: str, reason: str) -> None:
        self.serial = serial
        super().__init__(
            f"phone {serial!r} cannot run the app: {reason}",
            hint="take a phone with Android 8.0 or newer on arm64-v8a, armeabi-v7a or x86_64",
        )


class InstallForbiddenError(EnvironmentMissingError):
    """The phone, or the person who holds it, does not let apps be installed over adb.

    Attributes:
        serial: The phone.
    """

    def __init__(self, *, serial: str, reason: str) -> None:
        self.serial = serial
        super().__init__(
            f"phone {serial!r} lets nobody install apps over adb: {reason}",
            hint="unlock it and accept what it asks; on some phones switch on Developer options > Install via USB",
        )


_Maker = Callable[..., MobileDeployError]
_ERRORS: Mapping[str, _Maker] = {
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": AppInTheWayError,
    "INSTALL_FAILED_SHARED_USER_INCOMPATIBLE": AppInTheWayError,
    "INSTALL_FAILED_VERSION_DOWNGRADE": AppInTheWayError,
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": PhoneFullError,
    "INSTALL_FAILED_OLDER_SDK": PhoneUnfitError,
    "INSTALL_FAILED_NO_MATCHING_ABIS": PhoneUnfitError,
    "INSTALL_FAILED_CPU_ABI_INCOMPATIBLE": PhoneUnfitError,
    "INSTALL_FAILED_USER_RESTRICTED": InstallForbiddenError,
    "INSTALL_FAILED_ABORTED": InstallForbiddenError,
    "INSTALL_FAILED_VERIFICATION_FAILURE": InstallForbiddenError,
}
_WORDS: Mapping[str, str] = {
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": "it was signed with another key",
    "INSTALL_FAILED_VERSION_DOWNGRADE": "it is newer",
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": "the app does not fit",
    "INSTALL_FAILED_OLDER_SDK": "its Android is too old",
    "INSTALL_FAILED_NO_MATCHING_ABIS": "the app has no code for its processor",
    "INSTALL_FAILED_CPU_ABI_INCOMPATIBLE": "the app has no code for its processor",
    "INSTALL_FAILED_USER_RESTRICTED": "it was refused on the phone",
    "INSTALL_FAILED_ABORTED": "it was refused on the phone",
    "INSTALL_FAILED_VERIFICATION_FAILURE": "the phone's verifier refused it",
}


def install_app(connection: Connection, apk: Path) -> None:
    """Installs an app, or replaces the one of its name; what was pushed to that one stays.

    Args:
        connection: The phone.
        apk: The signed APK.

    Raises:
        AppInTheWayError: An app of this name cannot be replaced.
        InstallForbiddenError: The phone lets nobody install it.
        PhoneFullError: There is no space for it.
        PhoneLostError: The phone vanished or does not answer.
        PhoneRefusedError: The phone refuses for another reason.
        PhoneUnfitError: It does not run on this phone.
        UnreadableFileError: The file is no APK.
    """
    if apk.suffix.lower() != ".apk" or not apk.is_file():  # adb takes no file of another name
        hint = "make one: mobile-deploy app build BUNDLE"
        raise UnreadableFileError(path=apk, problem="there is no such .apk file", hint=hint)
    timeout_s = _VERIFYING_S + apk.stat().st_size / _SLOWEST_BYTES_PER_S
    words = ("install", "-r", str(apk.resolve()))
    try:
        answer = connection.adb.run(words, timeout_s=timeout_s, serial=connection.serial)
    except AdbTimeoutError as error:
        raise connection.silence(_DOING, timeout_s) from error
    # Not the exit code: some versions of adb end with 0 when the phone refuses.
    if not re.search(r"^Success\b", answer.output, re.MULTILINE):
        raise _refusal(connection, apk, answer)


def _refusal(connection: Connection, apk: Path, answer: AdbAnswer) -> MobileDeployError:
    failure = _FAILURE.search(f"{answer.errors}\n{answer.output}")
    if failure is None:
        return connection.failure(answer, _DOING)
    code, detail = failure[1], (failure[2] or "").strip()[:300]
    reason = ": ".join(filter(None, (_WORDS.get(code), f"{code} {detail}".strip())))
    if code.startswith("INSTALL_PARSE_FAILED") or code == "INSTALL_FAILED_INVALID_APK":
        hint = "build it again: mobile-deploy app build BUNDLE --overwrite"
        return UnreadableFileError(path=apk, problem=f"the phone takes it for no app: {reason}", hint=hint)
    make = _ERRORS.get(code)
    if make is not None:
        return make(serial=connection.serial, reason=reason)
    return PhoneRefusedError(serial=connection.serial, doing=_DOING, problem=reason)
