"""Builds the sample app around bundles, and looks into what was built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobile_deploy.android.admission import BUILT_RUNTIME, Allowances, check_admissible
from mobile_deploy.android.apk_report import ApkReport
from mobile_deploy.android.build import BuiltApp, build_app
from mobile_deploy.android.check import check_apk
from mobile_deploy.errors import OutputExistsError
from mobile_deploy.files import check_writable
from mobile_deploy.pipeline.app_phone import find_bundle
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress

APK_NAME = "mobile-deploy-demo.apk"
"""Name of the built app."""

_TOOLS = {"sdk": "the Android SDK", "debian": "Debian's Android tools"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """A built app.

    Attributes:
        app: What was built.
        report: What was found in it.
        notes: What the user should know, one sentence each.
    """

    app: BuiltApp
    report: ApkReport
    notes: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Gives what to say about the app in some lines."""
        app, report = self.app, self.report
        told = (
            f"{app.application} {app.version}, {app.size_bytes / 1e6:.1f} MB, with {', '.join(app.models)}",
            f"built with {_TOOLS[app.toolchain]} ({app.reason}); signed with {app.keystore}",
            f"checks: {len(report.findings)}, of which {len(report.failures)} failed, {len(report.warnings)} warned",
        )
        return (
            *told,
            *(f"{found.verdict}: {found.name}: {found.found}" for found in (*report.failures, *report.warnings)),
        )

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values."""
        app = self.app
        return {
            "apk": app.path,
            "size_bytes": app.size_bytes,
            "sha256": app.sha256,
            "unsigned_sha256": app.unsigned_sha256,
            "application": app.application,
            "version": app.version,
            "models": list(app.models),
            "toolchain": {"kind": app.toolchain, "reason": app.reason},
            "keystore": app.keystore,
            "check": self.report.to_json(),
            "notes": list(self.notes),
        }


def build_demo_app(
    bundles: Sequence[Path | str],
    *,
    output: Path | str = "build",
    overwrite: bool = False,
    allowed: Allowances | None = None,
    progress: ProgressReporter | None = None,
) -> BuildResult:
    """Builds the app; what is wrong with a bundle, or with the place to write to, is said before anything slow begins.

    Args:
        bundles: Bundles for the app, at least one; it opens with the first.
        output: Folder for the APK.
        overwrite: Whether an older one may be replaced.
        allowed: What may pass although something speaks against it; nothing if None.
        progress: Who listens; nobody if None.

    Raises:
        OutputExistsError: An APK is there and may not be replaced.
        UntrainedBundleError: The weights of a bundle are random.
        UnauditedBundleError: An audit is missing or not clean.
        BundleTooNewError: A bundle needs a newer runtime than the app has.
        MobileDeployError: The app cannot be built; the class says why.
    """
    progress, target = progress or SilentProgress(), Path(output) / APK_NAME
    found = tuple(find_bundle(Path(path)) for path in bundles)
    notes = tuple(
        note for bundle in found for note in check_admissible(bundle, allowed or Allowances(), runtime=BUILT_RUNTIME)
    )
    if target.exists() and not overwrite:
        raise OutputExistsError(path=target)
    check_writable(target.parent)
    with progress.stage("build the app") as advance:
        app = build_app(found, target, overwrite=overwrite, report=lambda step: advance(0, 1, step))
    with progress.stage("look into it"):
        report = check_apk(target)
    return BuildResult(app=app, report=report, notes=notes)
