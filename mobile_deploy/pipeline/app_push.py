"""Brings a bundle to the sample app on a phone, in seconds and without a rebuild."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from mobile_deploy.android.admission import BUILT_RUNTIME, TRYING_OUT, check_admissible
from mobile_deploy.android.assets import bundle_files
from mobile_deploy.device.app_push import Show, load_into_app
from mobile_deploy.device.measurement import Clock
from mobile_deploy.device.private_folder import private_folder
from mobile_deploy.errors import UnknownNameError, printable
from mobile_deploy.pipeline.app_phone import awake_app, find_bundle, held_phone
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class PushResult:
    """A bundle that the app has now.

    Attributes:
        name: Name of the bundle.
        sha256: Hash of its .tflite, which the app checked.
        size_bytes: Size of its files.
        serial: The phone.
        seconds: How long it took until the app had it.
        show: What the app opened.
        notes: What the user should know, one sentence each.
    """

    name: str
    sha256: str
    size_bytes: int
    serial: str
    seconds: float
    show: Show
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = "" if self.show == "none" else f"; the app shows it on its {self.show} screen"
        told = f"the app on {self.serial} has {self.name} after {self.seconds:.1f} s ({self.size_bytes / 1e6:.1f} MB, "
        return printable(f"{told}sha256 {self.sha256[:12]} checked there){shown}")

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "serial": self.serial,
            "seconds": round(self.seconds, 3),
            "show": self.show,
            "notes": list(self.notes),
        }


def push(
    bundle: Path | str,
    *,
    serial: str | None = None,
    show: str = "picture",
    clock: Clock | None = None,
    progress: ProgressReporter | None = None,
) -> PushResult:
    """Brings a bundle to the app; one of its name that is there is replaced whole.

    Args:
        bundle: The bundle.
        serial: The phone; None for the only one.
        show: What the app opens then: "picture", "camera" or "none".
        clock: The time that is waited by; the system's if None.
        progress: Who listens; nobody if None.

    Raises:
        UnreadableFileError: It is no bundle.
        UnknownNameError: `show` is none of the three.
        MobileDeployError: The phone or the app cannot take it; the class says why.
    """
    progress, screen = progress or SilentProgress(), take_show(show)
    found = find_bundle(Path(bundle))
    notes = check_admissible(found, TRYING_OUT, runtime=BUILT_RUNTIME)
    files = bundle_files(found)
    with held_phone(serial, clock=clock, progress=progress) as phone:
        conversation, _ = awake_app(phone, clock=clock)
        start = time.monotonic()
        with progress.stage(f"bring {found.name} to the app"), private_folder(phone.connection) as folder:
            load_into_app(folder, conversation, name=found.name, files=files, sha256=found.sha256, show=screen)
        return PushResult(
            name=found.name,
            sha256=found.sha256,
            size_bytes=sum(map(len, files.values())),
            serial=phone.serial,
            seconds=time.monotonic() - start,
            show=screen,
            notes=(*notes, *phone.notes),
        )


def take_show(text: str) -> Show:
    """Reads the name of a screen.

    Raises:
        UnknownNameError: There is no such screen.
    """
    for known in get_args(Show):
        if text == known:
            return known  # type: ignore[no-any-return]  # get_args gives Any
    raise UnknownNameError(kind="--show", name=text, known=get_args(Show))
