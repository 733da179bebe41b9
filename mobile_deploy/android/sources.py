"""Where the app's sources lie, in an installed wheel and in a checkout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from mobile_deploy.errors import UnreadableFileError

LOCK_NAME = "toolchain.lock"


def app_sources() -> Path:
    """Finds the folder android_demo with the app's sources.

    Raises:
        UnreadableFileError: The installation lacks them.
    """
    package = Path(__file__).resolve().parent.parent
    installed, checkout = package / "assets" / "android_demo", package.parent / "android_demo"
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise UnreadableFileError(path=installed, problem="the app's sources are missing", hint="reinstall mobile-deploy")


def source_files(folder: Path, *suffixes: str) -> tuple[Path, ...]:
    """Lists the files below a folder, sorted, so that every machine takes them in the same order.

    Args:
        folder: The folder; one that is missing holds no file.
        suffixes: Endings to take, such as ".kt"; all when there are none.
    """
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return tuple(sorted(path for path in found if not suffixes or path.suffix in suffixes))


def fingerprint(files: Iterable[tuple[str, Path]], *facts: str) -> str:
    """Hashes files with their names and whatever else decides what is made of them.

    Args:
        files: Name and path of each file, in a fixed order.
        facts: Anything else: versions, options.

    Returns:
        24 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(f"{len(fact.encode())}:{fact};".encode())
    for name, path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{len(name.encode())}:{name}={content};".encode())
    return digest.hexdigest()[:24]
