"""The files that this toolkit put into an app's folder: a record of them, so that no other file is ever replaced.

The record is mobile-deploy.json in the app's folder. A file counts as ours as long as it is what was written; one that
somebody changed since then, or that nobody of us wrote, is left alone and named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mobile_deploy.errors import UnreadableFileError, UsageError
from mobile_deploy.files import reason_in_words, sha256_of_bytes, sha256_of_file
from mobile_deploy.files.together import write_together

RECORD_NAME = "mobile-deploy.json"
_VERSION = 1
_LARGEST_RECORD_BYTES = 8_000_000


class ForeignFileError(UsageError):
    """A file is in the way that is not the toolkit's to replace.

    Attributes:
        path: The file.
    """

    def __init__(self, *, path: object, was_ours: bool) -> None:
        self.path = path
        why = "it was changed since mobile-deploy wrote it" if was_ours else "mobile-deploy did not write it"
        super().__init__(
            f"{path} is in the way and stays as it is: {why}", hint="move or remove it, and run the same command again"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFile:
    """One file that was written.

    Attributes:
        sha256: Hash of what was written.
        part: What it belongs to, such as the name of a bundle.
    """

    sha256: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """One file to be written.

    Attributes:
        content: Its bytes.
        part: What it belongs to; files of the same part that are no longer written are removed.
    """

    content: bytes = field(repr=False)
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a writing did.

    Attributes:
        written: Paths below the folder, sorted.
        removed: Paths of files that are no longer needed, sorted.
    """

    written: tuple[str, ...]
    removed: tuple[str, ...]


def place_files(folder: Path, files: Mapping[str, NewFile]) -> Placement:
    """Writes files into an app's folder, all or none, and removes those of the same parts that are not among them.

    Args:
        folder: The app's folder, which is made if it is missing.
        files: What to write, by POSIX path below the folder.

    Returns:
        What was written and removed.

    Raises:
        ForeignFileError: A file is in the way that is not ours.
        UnreadableFileError: The record is damaged.
        OutputNotWritableError: The system refused.
    """
    record = read_placed(folder)
    for path, new in files.items():
        _check_replaceable(folder / path, new.content, record.get(path))
    stale = _stale(folder, files, record)
    kept = {path: placed for path, placed in record.items() if path not in stale}
    fresh = {path: PlacedFile(sha256=sha256_of_bytes(new.content), part=new.part) for path, new in files.items()}
    contents = {folder / path: new.content for path, new in files.items()}
    written = {**contents, folder / RECORD_NAME: _dumps({**kept, **fresh})}
    write_together(written, removed=[folder / path for path in stale])
    return Placement(written=tuple(sorted(files)), removed=tuple(sorted(stale)))


def read_placed(folder: Path) -> dict[str, PlacedFile]:
    """Reads the record of an app's folder; it is empty where there is none.

    Raises:
        UnreadableFileError: It is damaged.
    """
    path = folder / RECORD_NAME
    try:
        if not path.exists():
            return {}
        with path.open("rb") as file:
            return _parse(file.read(_LARGEST_RECORD_BYTES))
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        hint = "take it from version control again, or move it away: then no file there counts as written by us"
        raise UnreadableFileError(path=path, problem=f"it is no record of ours ({error})", hint=hint) from error


def _parse(data: bytes) -> dict[str, PlacedFile]:
    record = json.loads(data)
    if record["schema_version"] != _VERSION:
        raise ValueError(f"schema_version {record['schema_version']!r}")
    placed = {
        str(path): PlacedFile(sha256=str(said["sha256"]), part=str(said["part"]))
        for path, said in record["files"].items()
    }
    for path in placed:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path!r} lies outside")
    return placed


def _dumps(placed: Mapping[str, PlacedFile]) -> bytes:
    files = {path: {"sha256": placed[path].sha256, "part": placed[path].part} for path in sorted(placed)}
    text = json.dumps({"schema_version": _VERSION, "files": files}, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def _check_replaceable(path: Path, content: bytes, placed: PlacedFile | None) -> None:
    if not (path.exists() or path.is_symlink()):
        return
    if not path.is_file():
        raise ForeignFileError(path=path, was_ours=False)
    found = sha256_of_file(path)
    if found != sha256_of_bytes(content) and (placed is None or found != placed.sha256):
        raise ForeignFileError(path=path, was_ours=placed is not None)


def _stale(folder: Path, files: Mapping[str, NewFile], record: Mapping[str, PlacedFile]) -> Iterable[str]:
    """Finds what was written for the same parts, is not needed any more, and is as it was written."""
    parts = {new.part for new in files.values()}
    old = {path: placed for path, placed in record.items() if placed.part in parts and path not in files}
    return [p for p, placed in old.items() if (folder / p).is_file() and sha256_of_file(folder / p) == placed.sha256]
