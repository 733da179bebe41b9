"""A folder that appears at once with all its files."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from mobile_deploy.errors import OutputExistsError, OutputNotWritableError
from mobile_deploy.files.paths import hidden_sibling, refusals_named, write_durably

# Rounds against other processes that put the same folder in place between two of our renames.
_ATTEMPTS = 20


def write_directory(target: Path, files: Mapping[str, bytes], *, overwrite: bool, marker: str = "model.json") -> None:
    """Writes a folder of files that appears whole or not at all; missing parent folders are made.

    The files are written into a hidden folder beside the target, which is then renamed. Of two processes that write one
    target, one wins and the other gets `OutputExistsError`, or replaces it when it may.

    Args:
        target: The folder to make.
        files: Content by file name; the names hold no folder.
        overwrite: Whether a folder of this toolkit that is already there is replaced.
        marker: A file that every folder of this toolkit holds; without it a folder is never removed.

    Raises:
        OutputExistsError: The target is there and `overwrite` is false.
        OutputNotWritableError: The system refused, or what is there is not a folder of this toolkit.
    """
    write_directories({target: files}, overwrite=overwrite, marker=marker)


def write_directories(
    contents: Mapping[Path, Mapping[str, bytes]], *, overwrite: bool, marker: str = "model.json"
) -> None:
    """Writes several folders as `write_directory` does; none appears before all of them lie on the disk.

    Args:
        contents: Content by file name, by the folder to make.
        overwrite: Whether folders of this toolkit that are already there are replaced.
        marker: A file that every folder of this toolkit holds; without it a folder is never removed.

    Raises:
        OutputExistsError: A target is there and `overwrite` is false.
        OutputNotWritableError: The system refused, or what is there is not a folder of this toolkit.
    """
    staged: dict[Path, Path] = {}
    try:
        for target, files in contents.items():
            with refusals_named(target):
                _check_replaceable(target, overwrite=overwrite, marker=marker)
                target.parent.mkdir(parents=True, exist_ok=True)
                staged[target] = hidden_sibling(target)
                staged[target].mkdir()
                for name, data in files.items():
                    write_durably(staged[target] / name, data)
        for target, staging in staged.items():
            with refusals_named(target):
                _put_in_place(staging, target, overwrite=overwrite, marker=marker)
    except BaseException:
        for staging in staged.values():
            shutil.rmtree(staging, ignore_errors=True)
        raise


def _check_replaceable(target: Path, *, overwrite: bool, marker: str) -> None:
    try:
        before = target.lstat()
        if not stat.S_ISDIR(before.st_mode):
            raise OutputNotWritableError(path=target, reason="something that is not a folder is in the way")
        if not overwrite:
            raise OutputExistsError(path=target)
        names = [path.name for path in target.iterdir()]
        # A folder that another process replaces while it is listed looks as if files were missing.
        unchanged = os.path.samestat(before, target.lstat())
    except FileNotFoundError:  # nothing is there, or no longer
        return
    if names and marker not in names and unchanged:
        raise OutputNotWritableError(
            path=target, reason=f"the folder there holds no {marker}, so it is not this toolkit's to replace"
        )


def _put_in_place(staging: Path, target: Path, *, overwrite: bool, marker: str) -> None:
    for _ in range(_ATTEMPTS):
        _check_replaceable(target, overwrite=overwrite, marker=marker)
        if (_swap if overwrite and os.path.lexists(target) else _renamed)(staging, target):
            return
    raise OutputNotWritableError(path=target, reason="other processes keep writing it")


def _swap(staging: Path, target: Path) -> bool:
    """Moves the old folder aside, the new one in, and removes the old one; False when another process came between."""
    aside = hidden_sibling(target)
    try:
        target.rename(aside)
    except FileNotFoundError:
        return False
    try:
        done = _renamed(staging, target)
        # When `done` is false another process's folder took the place, so the old one has been replaced either way.
        shutil.rmtree(aside)
    except BaseException:
        if not _renamed(aside, target):
            shutil.rmtree(aside, ignore_errors=True)
        raise
    return done


def _renamed(source: Path, target: Path) -> bool:
    """Renames a folder to a free name; False when the name is taken."""
    try:
        # Not `replace`: where systems differ, it is the one that could remove what is there.
        source.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            return False
        raise
    return True
