"""Looking into an APK: whether phones can install it, whether it carries its models whole, what a store would say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mobile_deploy.android.apk_file import ApkFile, open_apk
from mobile_deploy.android.apk_report import ApkReport, Finding, finding
from mobile_deploy.android.badging import Badging, read_badging
from mobile_deploy.android.bytecode_checks import check_bytecode, check_classes
from mobile_deploy.android.failures import BuildStepFailedError
from mobile_deploy.android.layout_checks import check_alignment, check_libraries, native_abis
from mobile_deploy.android.manifest import APPLICATION_ID, TARGET_SDK
from mobile_deploy.android.model_checks import check_models, read_models
from mobile_deploy.android.programs import run_step
from mobile_deploy.android.toolchain import find_program
from mobile_deploy.files import sha256_of_file

OUR_PERMISSIONS = frozenset({"android.permission.CAMERA"})
"""All that the demo app may ask for."""

# Google Play takes larger apps only as bundles.
_LARGEST_BYTES = 100_000_000
_SCHEMES = re.compile(r"^Verified using v([234]) scheme .*: true$", re.MULTILINE)
_SIGNER = re.compile(r"^Signer #1 certificate DN: (.+)$", re.MULTILINE)
_DEBUG_SIGNER = "CN=Android Debug"


def check_apk(path: Path) -> ApkReport:
    """Looks into an APK.

    Args:
        path: The APK.

    Returns:
        What was found; the caller decides what becomes of failures.

    Raises:
        BuildToolMissingError: aapt2, apksigner or the JDK that runs it is not here.
        UnreadableFileError: It is no APK.
    """
    aapt2 = find_program("aapt2", "reads an APK's manifest")
    apksigner = find_program("apksigner", "verifies an APK's signature")
    apk = open_apk(path)
    badging = read_badging(aapt2, path)
    models = read_models(apk)
    return ApkReport(
        path=path,
        size_bytes=apk.size_bytes,
        sha256=sha256_of_file(path),
        application=badging.application,
        version=badging.version_name,
        min_sdk=badging.min_sdk,
        target_sdk=badging.target_sdk,
        permissions=badging.permissions,
        abis=native_abis(apk),
        models={model.name: model.sha256 for model in models},
        findings=(
            _check_package(badging),
            _check_levels(badging),
            _check_permissions(badging),
            _check_features(badging),
            _check_signature(apksigner, path, badging),
            check_alignment(apk),
            check_libraries(apk),
            check_models(apk, models),
            check_bytecode(apk, min_sdk=badging.min_sdk),
            check_classes(apk),
            _check_size(apk),
        ),
    )


def _check_package(badging: Badging) -> Finding:
    found = f"{badging.application} {badging.version_name} ({badging.version_code})"
    debuggable = ["it is debuggable, so that it runs slower and anyone with a cable sees into it"]
    return finding("package", found, warnings=debuggable if badging.debuggable else [])


def _check_levels(badging: Badging) -> Finding:
    found = f"from API {badging.min_sdk}, made for API {badging.target_sdk}"
    old = [f"made for API {badging.target_sdk}; Google Play asks for {TARGET_SDK} or newer"]
    return finding("Android levels", found, warnings=old if badging.target_sdk < TARGET_SDK else [])


def _check_permissions(badging: Badging) -> Finding:
    """Holds the demo app to what it may ask for; what another app needs is its own affair."""
    asked = ", ".join(name.removeprefix("android.permission.") for name in badging.permissions) or "none"
    beyond = [name for name in badging.permissions if name not in OUR_PERMISSIONS]
    told = [f"it asks for {', '.join(beyond)}, allowed is {', '.join(sorted(OUR_PERMISSIONS))}"] if beyond else []
    if badging.application == APPLICATION_ID:
        return finding("permissions", asked, failures=told)
    return finding("permissions", asked)


def _check_features(badging: Badging) -> Finding:
    cameras = [name for name in badging.required_features if "camera" in name]
    found = "a camera is used where there is one" if any("camera" in f for f in badging.optional_features) else "none"
    told = [f"{', '.join(cameras)} is required, so a phone without it cannot install the app"] if cameras else []
    return finding("camera", found, failures=told)


def _check_signature(apksigner: str, path: Path, badging: Badging) -> Finding:
    options = ("--verbose", "--print-certs", "--min-sdk-version", str(max(badging.min_sdk, 1)))
    try:
        said = run_step("apksigner verify", (apksigner, "verify", *options, path))
    except BuildStepFailedError as error:
        return finding("signature", "", failures=[f"it does not verify: {' '.join(error.output.split())[:300]}"])
    schemes, signer = _SCHEMES.findall(said), _SIGNER.search(said)
    name = signer[1] if signer else "an unknown signer"
    found = f"{' and '.join(f'v{scheme}' for scheme in schemes)} by {name}"
    debug = [f"{found}: a debug key, which no store takes"] if name.startswith(_DEBUG_SIGNER) else []
    return finding("signature", found, failures=_lacking(schemes), warnings=debug)


def _lacking(schemes: Sequence[str]) -> list[str]:
    return [] if {"2", "3"} & set(schemes) else ["it is not signed as a whole (v2 or v3), only entry by entry"]


def _check_size(apk: ApkFile) -> Finding:
    largest = max(apk.entries.values(), key=lambda entry: entry.size_bytes, default=None)
    most = "" if largest is None else f", the largest entry is {largest.name} with {largest.size_bytes / 1e6:.1f} MB"
    found = f"{apk.size_bytes / 1e6:.1f} MB{most}"
    large = [f"{found}; a store takes at most {_LARGEST_BYTES / 1e6:.0f} MB as one APK"]
    return finding("size", found, warnings=large if apk.size_bytes > _LARGEST_BYTES else [])
