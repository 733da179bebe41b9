"""Installs the sample app on a phone, from an APK or from bundles that it is built around first."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mobile_deploy.android.admission import TRYING_OUT
from mobile_deploy.device.app_conversation import app_version
from mobile_deploy.device.app_install import install_app
from mobile_deploy.device.app_protocol import PACKAGE
from mobile_deploy.device.measurement import Clock
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import is_folder
from mobile_deploy.pipeline.app_build import APK_NAME, build_demo_app
from mobile_deploy.pipeline.app_phone import held_phone
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress

BUILT_APK = Path("build") / APK_NAME
"""Where `app build` writes the app when it is not told where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallResult:
    """An installed app.

    Attributes:
        source: The APK, or the bundle that the app was built around.
        serial: The phone.
        version: Version of the app that the phone has now; "" where it does not tell.
        seconds: How long the installing took.
        notes: What the user should know, one sentence each.
    """

    source: Path
    serial: str
    version: str
    seconds: float
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"installed {PACKAGE} {self.version} on {self.serial} in {self.seconds:.1f} s".replace("  ", " ")

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values."""
        return {
            "source": self.source,
            "package": PACKAGE,
            "version": self.version or None,
            "serial": self.serial,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
        }


def install(
    source: Path | str | None = None,
    *,
    serial: str | None = None,
    clock: Clock | None = None,
    progress: ProgressReporter | None = None,
) -> InstallResult:
    """Installs the app; what was pushed to an older one stays.

    Args:
        source: An APK, or a bundle that the app is built around first; None for what `app build` wrote to build/.
        serial: The phone; None for the only one.
        clock: The time that is waited by; the system's if None.
        progress: Who listens; nobody if None.

    Raises:
        MobileDeployError: The app cannot be built, found or installed; the class says which.
    """
    progress = progress or SilentProgress()
    path = BUILT_APK if source is None else Path(source)
    if is_folder(path):
        with TemporaryDirectory() as folder:
            built = build_demo_app((path,), output=folder, allowed=TRYING_OUT, progress=progress)
            return _install(built.app.path, serial, clock, progress, source=path, notes=built.notes)
    if not path.is_file():
        hint = "build one: mobile-deploy app build BUNDLE"
        raise UnreadableFileError(path=path, problem="there is no such APK", hint=hint)
    return _install(path, serial, clock, progress, source=path)


def _install(
    apk: Path,
    serial: str | None,
    clock: Clock | None,
    progress: ProgressReporter,
    *,
    source: Path,
    notes: tuple[str, ...] = (),
) -> InstallResult:
    with held_phone(serial, clock=clock, progress=progress) as phone:
        start = time.monotonic()
        with progress.stage(f"install {apk.name}"):
            install_app(phone.connection, apk)
        seconds = time.monotonic() - start
        return InstallResult(
            source=source,
            serial=phone.serial,
            version=app_version(phone.connection),
            seconds=seconds,
            notes=(*notes, *phone.notes),
        )
