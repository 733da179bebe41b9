"""The bundles and sample pictures that lie in an APK, taken out as they are."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from mobile_deploy.android.apk_file import ApkFile, open_apk
from mobile_deploy.android.assets import INDEX_NAME
from mobile_deploy.bundle import Bundle, load_bundle
from mobile_deploy.errors import UnreadableFileError

_LARGEST_ENTRY_BYTES = 500_000_000
_MOST_BUNDLES = 100


def unpack_bundles(apk: Path, folder: Path) -> tuple[Bundle, ...]:
    """Takes the bundles out of an APK and opens them, the one that the app opens with first.

    Args:
        apk: The APK.
        folder: An empty folder to put them into.

    Raises:
        UnreadableFileError: It is no APK, or one without bundles.
        BundleChangedError: A bundle in it is damaged.
    """
    opened = open_apk(apk)
    return tuple(_unpack(opened, name, folder / str(number)) for number, name in enumerate(_names(opened)))


def packed_samples(apk: Path) -> dict[str, bytes]:
    """Gives the sample pictures in an APK: PNG by file name.

    Raises:
        UnreadableFileError: It is no APK, or one without sample pictures.
    """
    opened, prefix = open_apk(apk), "assets/samples/"
    found = [entry.name for entry in opened.matching(prefix, ".png")]
    if not found:
        raise UnreadableFileError(path=apk, problem="it holds no sample picture", hint=_OTHER)
    return {name[len(prefix) :]: opened.read(name, most_bytes=_LARGEST_ENTRY_BYTES) for name in found}


_OTHER = "name an APK that mobile-deploy app build wrote, or a bundle"


def _names(apk: ApkFile) -> tuple[str, ...]:
    try:
        index = json.loads(apk.read(f"assets/{INDEX_NAME}", most_bytes=_LARGEST_ENTRY_BYTES))
        names = [name for name in index["models"] if isinstance(name, str)][:_MOST_BUNDLES]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        problem = f"{INDEX_NAME} in it is no list of models ({error})"
        raise UnreadableFileError(path=apk.path, problem=problem, hint=_OTHER) from error
    if not names:
        raise UnreadableFileError(path=apk.path, problem="it holds no bundle", hint=_OTHER)
    return tuple(names)


def _unpack(apk: ApkFile, name: str, folder: Path) -> Bundle:
    prefix = f"assets/models/{name}/"
    folder.mkdir()
    for entry in apk.matching(prefix, ""):
        file = PurePosixPath(entry.name[len(prefix) :])
        if len(file.parts) == 1 and file.name not in ("", "..") and "\\" not in file.name:
            (folder / file.name).write_bytes(apk.read(entry.name, most_bytes=_LARGEST_ENTRY_BYTES))
    return load_bundle(folder)
