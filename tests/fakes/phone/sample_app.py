"""The sample app on a fake phone: it is asked by `am start` and answers in Android's log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fakes.phone.app_program import PACKAGE
from fakes.phone.device import FakePhone

from mobile_deploy.android.assets import asset_files, shipped_samples
from mobile_deploy.android.packaging import write_zip
from mobile_deploy.bundle import load_bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleApp:
    """How the app behaves.

    Attributes:
        version: Its version.
        answer: What it says beside the token and what it found out; also lies.
        centre_ms: The median that it says with one thread.
        activity: Whether it answers requests at all.
        crash: Its last words; empty where it lives on.
        silent: Whether it never answers.
    """

    version: str = "0.1.0"
    answer: dict[str, Any] = field(default_factory=dict)
    centre_ms: float = 7.5
    activity: bool = True
    crash: str = ""
    silent: bool = False

    def install(self, phone: FakePhone, *, apk: Path | None = None) -> None:
        """Puts it on a phone, with the bundles and pictures of an APK if one is given."""
        (phone.state / "packages" / PACKAGE).write_text(json.dumps(asdict(self)))
        phone.set_service("package", f"Packages:\n  Package [{PACKAGE}]:\n    versionName={self.version}\n")
        if apk is not None:
            (phone.state / "apks").mkdir(exist_ok=True)
            (phone.state / "apks" / PACKAGE).write_bytes(apk.read_bytes())


def write_apk(path: Path, bundles: Sequence[Path]) -> Path:
    """Writes an APK with the assets that the real one has, and no code; gives its path."""
    assets = asset_files([load_bundle(bundle) for bundle in bundles], shipped_samples())
    path.write_bytes(write_zip({f"assets/{name}": content for name, content in assets.items()}))
    return path


def requests_of(phone: FakePhone) -> tuple[dict[str, Any], ...]:
    """Gives what the app was asked, in order."""
    return tuple(map(json.loads, phone.noted("app")))


def installed_apk(phone: FakePhone) -> bytes | None:
    """Gives the APK that was installed last; None where there is none."""
    file = phone.state / "apks" / PACKAGE
    return file.read_bytes() if file.exists() else None


def loaded_files(phone: FakePhone, name: str) -> dict[str, bytes]:
    """Gives the files of a bundle that the app has taken over: content by name."""
    folder = phone.here(f"/data/data/{PACKAGE}/files/models/{name}")
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def refuse_installs(phone: FakePhone, reason: str) -> None:
    """Makes a phone that installs nothing.

    Args:
        phone: The phone.
        reason: As Android says it, such as "INSTALL_FAILED_OLDER_SDK: Requires 26".
    """
    (phone.state / "install_refusal").write_text(reason)
