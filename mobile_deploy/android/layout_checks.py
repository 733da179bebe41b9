"""How an APK is laid out: what must be mapped is stored on its boundary, and every library fits its processor."""

from __future__ import annotations

from collections.abc import Sequence

from mobile_deploy.android.apk_file import ApkEntry, ApkFile
from mobile_deploy.android.apk_report import Finding, finding
from mobile_deploy.android.elf import HEAD_BYTES, MACHINES, read_elf
from mobile_deploy.android.packaging import LIBRARY_ALIGNMENT_BYTES, alignment_bytes

_COMMON_ABI = "arm64-v8a"
_SHOWN = 3


def first_few(names: Sequence[str]) -> str:
    """Names a few of many."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def check_alignment(apk: ApkFile) -> Finding:
    """Checks that Android can map what is stored, native libraries also with pages of 16 KiB."""
    stored = [entry for entry in apk.entries.values() if entry.stored]
    misplaced = [entry.name for entry in stored if entry.offset_bytes % alignment_bytes(entry.name)]
    packed = [entry.name for entry in (*apk.matching("lib/", ".so"), *_resources(apk)) if not entry.stored]
    failures = [f"not on its boundary: {first_few(misplaced)}"] if misplaced else []
    failures += [f"compressed, so it cannot be mapped: {first_few(packed)}"] if packed else []
    found = f"{len(stored)} stored entries begin on 4 bytes, libraries on {LIBRARY_ALIGNMENT_BYTES // 1024} KiB"
    return finding("zip alignment", found, failures=failures)


def _resources(apk: ApkFile) -> tuple[ApkEntry, ...]:
    # Apps for Android 11 and newer are refused when these are compressed.
    return tuple(entry for name, entry in apk.entries.items() if name == "resources.arsc")


def native_abis(apk: ApkFile) -> tuple[str, ...]:
    """Names the processors that an APK has native libraries for."""
    return tuple(sorted({entry.name.split("/")[1] for entry in _libraries(apk)}))


def _libraries(apk: ApkFile) -> tuple[ApkEntry, ...]:
    return tuple(entry for entry in apk.matching("lib/", ".so") if entry.name.count("/") == 2)


def check_libraries(apk: ApkFile) -> Finding:
    """Checks that the native libraries are for the processors that they lie under, and every one has all of them."""
    libraries = _libraries(apk)
    if not libraries:
        return finding("native libraries", "", failures=["there is none, so no model can run"])
    failures, small = [], []
    for entry in libraries:
        _, abi, name = entry.name.split("/")
        elf = read_elf(apk.read(entry.name, most_bytes=HEAD_BYTES))
        if elf is None or elf.machine != MACHINES.get(abi):
            failures.append(f"{entry.name} is no library for {abi}")
        elif elf.load_alignment_bytes < LIBRARY_ALIGNMENT_BYTES:
            small.append(f"{abi}/{name}")
    return finding(
        "native libraries",
        f"{', '.join(native_abis(apk))}; laid out for pages of 16 KiB",
        failures=[*failures, *_missing(apk)],
        warnings=_page_warnings(apk, small),
    )


def _missing(apk: ApkFile) -> list[str]:
    """Names the libraries that one processor has and another lacks: the app would fail only on some phones."""
    names = {abi: {e.name.split("/")[2] for e in apk.matching(f"lib/{abi}/", ".so")} for abi in native_abis(apk)}
    every = set().union(*names.values())
    lacking = [f"{abi} lacks {first_few(sorted(every - own))}" for abi, own in names.items() if every - own]
    return lacking + ([] if _COMMON_ABI in names else [f"none for {_COMMON_ABI}, which nearly all phones are"])


def _page_warnings(apk: ApkFile, small: Sequence[str]) -> list[str]:
    if not small:
        return []
    libraries = f"{len(small)} of {len(_libraries(apk))} libraries"
    return [f"{libraries} are laid out for pages of 4 KiB, as this runtime is published: a demo, not a store build"]
