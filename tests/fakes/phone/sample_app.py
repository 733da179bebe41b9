"""The sample app on a fake phone: it is asked by `am start` and answers in Android's log."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from fakes.phone.device import FakePhone

PACKAGE = "dev.mobiledeploy.demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleApp:
    """How the app behaves.

    Attributes:
        version: Its version.
        answer: What it says beside the token, the hash of the file and what it measured.
        centre_ms: The median that it says with one thread.
        activity: Whether it has a benchmark at all.
        crash: Its last words; empty where it lives on.
        silent: Whether it never answers.
    """

    version: str = "0.1.0"
    answer: dict[str, Any] = field(default_factory=dict)
    centre_ms: float = 7.5
    activity: bool = True
    crash: str = ""
    silent: bool = False

    def install(self, phone: FakePhone) -> None:
        """Puts it on a phone."""
        (phone.state / "packages" / PACKAGE).write_text(json.dumps(asdict(self)))
        phone.set_service("package", f"Packages:\n  Package [{PACKAGE}]:\n    versionName={self.version}\n")


def requests_of(phone: FakePhone) -> tuple[dict[str, Any], ...]:
    """Gives what the app was asked, in order."""
    return tuple(map(json.loads, phone.noted("app")))
