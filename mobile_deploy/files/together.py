"""Several files in several folders that appear together or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from mobile_deploy.errors import OutputNotWritableError
from mobile_deploy.files.paths import hidden_sibling, refusals_named, write_durably


def write_together(contents: Mapping[Path, bytes], *, removed: Iterable[Path] = ()) -> None:
    """Writes files and removes others; on any failure everything is as it was.

    All contents lie on the disk before the first file gets its name. Only a process that is killed while it renames
    leaves a part, each file of which is whole.

    Args:
        contents: Content by file, in the order in which they get their names; older ones are replaced.
        removed: Files to remove; those that are not there are passed over.

    Raises:
        OutputNotWritableError: The system refused; the file is named.
    """
    change = _Change()
    try:
        for path, content in contents.items():
            with refusals_named(path):
                change.stage(path, content)
        for path in removed:
            with refusals_named(path):
                change.set_aside(path)
        for path in contents:
            with refusals_named(path):
                change.put_in_place(path)
    except BaseException:
        change.undo()
        raise
    change.finish()


class _Change:
    """What has been done so far, so that it can be undone."""

    def __init__(self) -> None:
        self._made_folders: list[Path] = []
        self._staged: dict[Path, Path] = {}
        self._aside: dict[Path, Path] = {}
        self._placed: list[Path] = []

    def stage(self, path: Path, content: bytes) -> None:
        missing = [folder for folder in path.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            self._made_folders.append(folder)
        self._staged[path] = hidden_sibling(path)
        write_durably(self._staged[path], content)

    def set_aside(self, path: Path) -> None:
        if os.path.lexists(path):
            aside = hidden_sibling(path)
            self._aside[path] = aside
            path.rename(aside)

    def put_in_place(self, path: Path) -> None:
        if path.is_dir():
            raise OutputNotWritableError(path=path, reason="a folder is in the way")
        self.set_aside(path)
        self._placed.append(path)
        self._staged[path].rename(path)

    def undo(self) -> None:
        for path in self._placed:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        for path, aside in self._aside.items():
            with contextlib.suppress(OSError):
                aside.rename(path)
        for staged in self._staged.values():
            with contextlib.suppress(OSError):
                staged.unlink(missing_ok=True)
        for folder in reversed(self._made_folders):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def finish(self) -> None:
        for aside in self._aside.values():
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
