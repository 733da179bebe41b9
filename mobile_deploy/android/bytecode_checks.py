"""The bytecode in an APK: the oldest Android that it is for can run it, and nothing but the app is in it."""

from __future__ import annotations

from mobile_deploy.android.apk_file import ApkFile
from mobile_deploy.android.apk_report import Finding, finding
from mobile_deploy.android.dex_file import DexFile, read_dex
from mobile_deploy.android.layout_checks import first_few

# API level that first reads a version of the format. Source: Dalvik Executable format, "DEX version".
_NEEDED_SDK = {35: 1, 37: 24, 38: 26, 39: 28, 40: 34, 41: 35}
_FOREIGN = ("androidx.test.", "junit.", "kotlin.test.", "org.junit.", "org.robolectric.", "org.bytedeco.")
_LARGEST_DEX_BYTES = 200_000_000


def _dex_files(apk: ApkFile) -> dict[str, DexFile | None]:
    names = [entry.name for entry in apk.matching("classes", ".dex")]
    return {name: read_dex(apk.read(name, most_bytes=_LARGEST_DEX_BYTES)) for name in names}


def check_bytecode(apk: ApkFile, *, min_sdk: int) -> Finding:
    """Checks that the oldest Android an APK is for can read and link its bytecode.

    Args:
        apk: The APK.
        min_sdk: API level of that Android.
    """
    files = _dex_files(apk)
    failures = [] if files else ["there is none"]
    for name, dex in files.items():
        if dex is None:
            failures.append(f"{name} is no bytecode, or damaged")
            continue
        needed = _NEEDED_SDK.get(dex.version)
        if needed is None or needed > min_sdk:
            failures.append(f"{name} has version {dex.version:03}, which API {min_sdk} does not read")
        if dex.call_sites or dex.method_handles:
            failures.append(
                f"{name} binds {dex.call_sites} calls at run time (invoke-custom), which phones cannot link"
            )
    versions = sorted({dex.version for dex in files.values() if dex is not None})
    found = f"version {', '.join(f'{version:03}' for version in versions)}, no call bound at run time"
    return finding("bytecode", found, failures=failures)


def check_classes(apk: ApkFile) -> Finding:
    """Checks that no class of a test, or of the runtime for this machine, came along."""
    classes = [name for dex in _dex_files(apk).values() if dex is not None for name in dex.classes]
    foreign = [name for name in classes if name.startswith(_FOREIGN)]
    told = [f"classes of tests came along: {first_few(foreign)}"] if foreign else []
    return finding("classes", f"{len(classes):,}, none of tests", failures=told)
