"""What `app check` finds in an APK, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mobile_deploy.errors import BelowBarError, printable
from mobile_deploy.report.tables import Column, ResultTable

Verdict = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        verdict: "warn" where the app works and is yet no app for a store.
        found: What was found, and why it is not well.
    """

    name: str
    verdict: Verdict
    found: str


def finding(name: str, found: str, *, failures: Sequence[str] = (), warnings: Sequence[str] = ()) -> Finding:
    """Makes a finding out of what is wrong; `found` says what is there when nothing is."""
    verdict: Verdict = "fail" if failures else "warn" if warnings else "pass"
    told = "; ".join((*failures, *warnings)) or found
    return Finding(name=name, verdict=verdict, found=printable(told))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApkReport:
    """Everything that was found in one APK.

    Attributes:
        path: The APK.
        size_bytes: Its size.
        sha256: Its hash.
        application: Name of the package on the phone.
        version: Its version as people read it.
        min_sdk: API level of the oldest Android that it is for.
        target_sdk: API level of the Android that it was made for.
        permissions: What it asks for.
        abis: Processors that it has native libraries for.
        models: sha256 of each model by the name of its bundle.
        findings: What was looked at, in order.
    """

    path: Path
    size_bytes: int
    sha256: str
    application: str
    version: str
    min_sdk: int
    target_sdk: int
    permissions: tuple[str, ...]
    abis: tuple[str, ...]
    models: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """What keeps the app from working, or from being what it says."""
        return tuple(found for found in self.findings if found.verdict == "fail")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What keeps the app from a store."""
        return tuple(found for found in self.findings if found.verdict == "warn")

    def require_sound(self) -> None:
        """Refuses an APK in which something failed.

        Raises:
            ApkCheckFailedError: Something did.
        """
        if self.failures:
            raise ApkCheckFailedError(report=self)

    def table(self) -> ResultTable:
        """Gives one row for each finding."""
        columns = (Column(header="check"), Column(header="verdict"), Column(header="found", folds=True))
        return ResultTable(columns=columns, rows=tuple((f.name, f.verdict, f.found) for f in self.findings))

    def to_json(self) -> dict[str, Any]:
        """Gives the report as JSON values."""
        own = ("path", "size_bytes", "sha256", "application", "version", "min_sdk", "target_sdk")
        return {
            **{name: getattr(self, name) for name in own},
            "verdict": "fail" if self.failures else "warn" if self.warnings else "pass",
            "permissions": list(self.permissions),
            "abis": list(self.abis),
            "models": dict(self.models),
            "findings": [asdict(found) for found in self.findings],
        }

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class ApkCheckFailedError(BelowBarError):
    """An APK is not what an app with a bundle should be.

    Attributes:
        report: What was found.
    """

    def __init__(self, *, report: ApkReport) -> None:
        self.report = report
        told = "; ".join(f"{found.name}: {found.found}" for found in report.failures)
        super().__init__(
            f"{report.path} failed {len(report.failures)} of {len(report.findings)} checks: {told}",
            hint="build it again with: mobile-deploy app build BUNDLE --overwrite",
        )
