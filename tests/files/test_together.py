"""Several files that appear together or not at all."""

from __future__ import annotations

import errno
import os
from itertools import count
from pathlib import Path

import pytest
from fakes.app_folders import tree

from mobile_deploy.errors import OutputNotWritableError
from mobile_deploy.files.together import write_together


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with two old files and a link."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/a.txt").write_text("old a")
    (tmp_path / "old/b.txt").write_text("old b")
    return tmp_path


def everything(folder: Path) -> tuple[list[str], dict[str, bytes]]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")), tree(folder)


def test_files_are_written_replaced_and_removed_and_nothing_else_is_left(folder):
    new = {folder / "new/deep/c.txt": b"c", folder / "old/a.txt": b"new a"}
    write_together(new, removed=[folder / "old/b.txt", folder / "never.txt"])
    names, files = everything(folder)
    assert names == ["new", "new/deep", "new/deep/c.txt", "old", "old/a.txt"]
    assert files == {"new/deep/c.txt": b"c", "old/a.txt": b"new a"}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "x"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
@pytest.mark.parametrize("method", ["rename", "mkdir", "open"])
def test_whenever_it_fails_everything_is_as_it_was(method, error, folder, monkeypatch):
    before, real, tries = everything(folder), getattr(Path, method), 0
    new = {folder / "new/deep/c.txt": b"c", folder / "old/a.txt": b"new a", folder / "other/d.txt": b"d"}
    while True:
        calls = count()

        def failing(self: Path, *arguments: object, fatal: int = tries, calls=calls, **options: object) -> object:
            if next(calls) == fatal:
                raise error
            return real(self, *arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(Path, method, failing)
            try:
                write_together(new, removed=[folder / "old/b.txt"])
            except (OutputNotWritableError, KeyboardInterrupt):
                tries += 1
            else:
                break
        assert everything(folder) == before
    assert tries >= 3
    assert "old/b.txt" not in tree(folder)


def test_the_file_that_the_system_refuses_is_named(folder):
    with pytest.raises(OutputNotWritableError, match=r"old/a\.txt/x\.txt: a file is in the way"):
        write_together({folder / "old/a.txt/x.txt": b"x"})
    (folder / "taken").mkdir()
    before = everything(folder)
    with pytest.raises(OutputNotWritableError, match="taken: a folder is in the way"):
        write_together({folder / "old/a.txt": b"1", folder / "taken": b"x"})
    assert everything(folder) == before


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_is_replaced_and_what_it_leads_to_stays(folder):
    (folder / "link").symlink_to(folder / "old/a.txt")
    write_together({folder / "link": b"own"})
    assert not (folder / "link").is_symlink()
    assert (folder / "old/a.txt").read_text() == "old a"
