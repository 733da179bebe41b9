"""An APK as a file: its entries, where their content begins, and their content up to a size."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import reason_in_words

_LOCAL_HEADER = struct.Struct("<26xHH")
_DAMAGES = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApkEntry:
    """One entry.

    Attributes:
        name: Its path in the APK.
        size_bytes: Of its content.
        stored: Whether the content lies there as it is.
        offset_bytes: Where the content, or its compressed form, begins.
    """

    name: str
    size_bytes: int
    stored: bool
    offset_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApkFile:
    """An APK that was opened.

    Attributes:
        path: The file.
        size_bytes: Its size.
        entries: Its entries by name.
    """

    path: Path
    size_bytes: int
    entries: Mapping[str, ApkEntry] = field(repr=False)

    def matching(self, prefix: str, suffix: str) -> tuple[ApkEntry, ...]:
        """Gives the entries whose names begin and end in a way, in order."""
        found = (entry for name, entry in sorted(self.entries.items()) if name.startswith(prefix))
        return tuple(entry for entry in found if entry.name.endswith(suffix))

    def read(self, name: str, *, most_bytes: int) -> bytes:
        """Reads the beginning of an entry.

        Args:
            name: Its name.
            most_bytes: How much of it.

        Raises:
            UnreadableFileError: There is none, or it is damaged.
        """
        with _readable(self.path), zipfile.ZipFile(self.path) as archive:
            if name not in self.entries:
                raise UnreadableFileError(path=self.path, problem=f"it has no {name}")
            with archive.open(name) as content:
                return content.read(most_bytes)


def open_apk(path: Path) -> ApkFile:
    """Reads the list of entries of an APK.

    Raises:
        UnreadableFileError: It is missing, or is no zip.
    """
    with _readable(path), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        entries = {info.filename: _entry(info, file) for info in archive.infolist() if not info.is_dir()}
        return ApkFile(path=path, size_bytes=path.stat().st_size, entries=entries)


def _entry(info: zipfile.ZipInfo, file: BinaryIO) -> ApkEntry:
    # The names and fields before the content are not always as long as the list at the end says.
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
    return ApkEntry(
        name=info.filename,
        size_bytes=info.file_size,
        stored=info.compress_type == zipfile.ZIP_STORED,
        offset_bytes=info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes,
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
    except _DAMAGES as error:
        hint = "name an APK, such as mobile-deploy app build writes"
        raise UnreadableFileError(path=path, problem=f"it is no APK, or a damaged one ({error})", hint=hint) from error
