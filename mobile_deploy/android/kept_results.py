"""What was compiled is kept in the cache under the fingerprint of what it was made from."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mobile_deploy.errors import CacheNotWritableError, OutputNotWritableError
from mobile_deploy.files import cache_directory, refusals_named
from mobile_deploy.files.paths import hidden_sibling

# Of every kind; more than anyone goes back and forth between.
_KEPT = 12


def kept_result(name: str, key: str, make: Callable[[Path], Path]) -> Path:
    """Gives a file from the cache, or makes it and keeps it; an interruption leaves no part of one.

    Args:
        name: Name of the kind with its ending, such as "core.jar".
        key: Fingerprint of everything it is made from.
        make: Makes it in an empty folder and says where it is.

    Raises:
        CacheNotWritableError: The cache cannot be written.
    """
    stem, _, ending = name.rpartition(".")
    path = cache_directory() / "android" / "compiled" / f"{stem}-{key}.{ending}"
    if path.is_file():
        os.utime(path)
        return path
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder))
        try:
            _keep(made, path)
        except OutputNotWritableError as error:
            raise CacheNotWritableError(path=path.parent, problem=error.message) from error
    _forget_oldest(path.parent, f"{stem}-*.{ending}")
    return path


def _keep(made: Path, path: Path) -> None:
    with refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = hidden_sibling(path)
        try:
            shutil.copyfile(made, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _forget_oldest(folder: Path, pattern: str) -> None:
    # Another process may forget the same one first.
    with suppress(FileNotFoundError):
        newest_first = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[_KEPT:]:
            path.unlink(missing_ok=True)
