"""Building the app around bundles: one signed APK, written whole or not at all."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.android.app_code import BUILD_ROLES, AppCode, compile_app
from mobile_deploy.android.artifacts import Artifacts, Report, fetch_artifacts
from mobile_deploy.android.assets import asset_files, shipped_samples
from mobile_deploy.android.java import find_java
from mobile_deploy.android.keystore import ALIAS, PASSWORD, debug_keystore, ensure_keystore
from mobile_deploy.android.manifest import APPLICATION_ID, MIN_SDK, app_version
from mobile_deploy.android.packaging import read_zip, write_zip
from mobile_deploy.android.programs import run_step
from mobile_deploy.android.sources import app_sources
from mobile_deploy.android.toolchain import Toolchain, check_programs, find_toolchain
from mobile_deploy.bundle import Bundle
from mobile_deploy.errors import OutputExistsError
from mobile_deploy.files import check_writable, sha256_of_bytes, write_file

ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")
"""Kinds of processors that the app is for: all phones of today, and the emulator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltApp:
    """One built app.

    Attributes:
        path: The signed APK.
        size_bytes: Its size.
        sha256: Its hash.
        unsigned_sha256: Hash before it was signed: the same for the same sources, bundles and tools.
        application: Name of the package on the phone.
        version: Such as "0.1.0".
        models: Names of the bundles in it.
        toolchain: Whose programs built it: "sdk" or "debian".
        reason: Why these.
        keystore: The key that it is signed with.
    """

    path: Path
    size_bytes: int
    sha256: str
    unsigned_sha256: str
    application: str
    version: str
    models: tuple[str, ...]
    toolchain: str
    reason: str
    keystore: Path


def build_app(
    bundles: Sequence[Bundle],
    output: Path,
    *,
    overwrite: bool = False,
    samples: Mapping[str, bytes] | None = None,
    sources: Path | None = None,
    report: Report | None = None,
) -> BuiltApp:
    """Builds the app with bundles in it.

    Args:
        bundles: At least one; the first is the one that the app opens with.
        output: The APK to write.
        overwrite: Whether one that is there may be replaced.
        samples: Sample pictures as PNG by file name; those that ship if None.
        sources: The folder with the app's sources; those that ship if None.
        report: Told each step that takes time.

    Raises:
        OutputExistsError: The output is there and may not be replaced.
        BuildToolMissingError: A program is missing.
        ArtifactsNotFetchedError: Maven did not bring the compiler.
        BuildStepFailedError: A step failed.
        ForbiddenApiError: The app calls what its oldest Android does not offer.
        KeystoreUnusableError: The debug keystore does not open.
        BundleChangedError: A bundle is not the one that was loaded.
        OutputNotWritableError: The system refused.
    """
    if output.exists() and not overwrite:
        raise OutputExistsError(path=output)
    check_writable(output.parent)
    report = report or _silent
    assets = asset_files(bundles, shipped_samples() if samples is None else samples)
    java = find_java()
    check_programs()
    artifacts = fetch_artifacts(BUILD_ROLES, report=report)
    toolchain = find_toolchain(java, artifacts)
    keystore = debug_keystore()
    ensure_keystore(java, keystore)
    code = compile_app(
        AppCode(sources=sources or app_sources(), toolchain=toolchain, artifacts=artifacts, report=report)
    )
    report("packing and signing")
    unsigned = _pack(code, artifacts, assets)
    signed = _sign(toolchain, unsigned, keystore)
    write_file(output, signed)
    return BuiltApp(
        path=output,
        size_bytes=len(signed),
        sha256=sha256_of_bytes(signed),
        unsigned_sha256=sha256_of_bytes(unsigned),
        application=APPLICATION_ID,
        version=app_version().name,
        models=tuple(bundle.name for bundle in bundles),
        toolchain=toolchain.kind,
        reason=toolchain.reason,
        keystore=keystore,
    )


def _silent(step: str) -> None:
    """Tells nobody."""


def _pack(code: Path, artifacts: Artifacts, assets: Mapping[str, bytes]) -> bytes:
    """Puts code, native libraries and assets together."""
    named = {f"assets/{name}": data for name, data in assets.items()}
    return write_zip({**read_zip(code.read_bytes()), **_native_libraries(artifacts), **named})


def _native_libraries(artifacts: Artifacts) -> dict[str, bytes]:
    found = {}
    for archive in artifacts.of("runtime"):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                folder, _, rest = name.partition("/")
                if folder == "jni" and rest.partition("/")[0] in ABIS and rest.endswith(".so"):
                    found[f"lib/{rest}"] = opened.read(name)
    return found


def _sign(toolchain: Toolchain, unsigned: bytes, keystore: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "unsigned.apk", Path(folder) / "signed.apk"
        before.write_bytes(unsigned)
        key = ("--ks", keystore, "--ks-key-alias", ALIAS, "--ks-pass", f"pass:{PASSWORD}")
        schemes = ("--v1-signing-enabled", "false", "--v2-signing-enabled", "true", "--v3-signing-enabled", "true")
        options = ("--min-sdk-version", str(MIN_SDK), "--in", before, "--out", after)
        run_step("signing", (toolchain.apksigner, "sign", *key, *schemes, *options))
        return after.read_bytes()
