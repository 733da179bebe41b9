"""Files to and from a fake phone.

Source: AOSP packages/modules/adb, SYNC.TXT and file_sync_protocol.h.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakes.phone.knobs import Knobs
from fakes.phone.paths import PhonePaths
from fakes.phone.stream import Stream

_REQUEST = struct.Struct("<4sI")
_STAT = struct.Struct("<4s3I")
_STAT_V2 = struct.Struct("<4sI2Q4IQ3q")
_CHUNK_BYTES = 64 * 1024


class _RefusedError(Exception):
    """The phone does not take a file."""


@dataclass(slots=True, kw_only=True)
class SyncService:
    """Sends, takes, lists and describes files.

    Attributes:
        paths: The phone's tree.
        writable: The folder that files may be pushed to.
        knobs: Faults.
        vanish: Makes the phone vanish.
    """

    paths: PhonePaths
    writable: str
    knobs: Knobs
    vanish: Callable[[], None]
    _taken_bytes: int = 0

    def serve(self, stream: Stream) -> None:
        """Answers the requests of one stream until the host is done."""
        answers = {
            b"STAT": self._stat,
            b"LSTA": self._stat,
            b"STA2": self._stat_v2,
            b"LST2": self._stat_v2,
            b"LIST": self._list,
            b"RECV": self._send_file,
            b"SEND": self._take_file,
        }
        while (kind := (request := self._request(stream))[0]) != b"QUIT":
            if kind not in answers:
                return _fail(stream, f"unknown command {kind!r}")
            answers[kind](stream, *request)
        return None

    def _request(self, stream: Stream) -> tuple[bytes, str]:
        kind, size = _REQUEST.unpack(stream.read(_REQUEST.size))
        return kind, stream.read(size).decode(errors="surrogateescape")

    def _stat(self, stream: Stream, kind: bytes, path: str) -> None:
        try:
            found = self.paths.here(path).stat(follow_symlinks=False)
        except OSError:
            stream.write(_STAT.pack(kind, 0, 0, 0))
        else:
            stream.write(_STAT.pack(kind, found.st_mode, found.st_size, int(found.st_mtime)))

    def _stat_v2(self, stream: Stream, kind: bytes, path: str) -> None:
        try:
            found = self.paths.here(path).stat(follow_symlinks=kind == b"STA2")
        except OSError as error:
            stream.write(_STAT_V2.pack(kind, error.errno or errno.EIO, *(0,) * 10))
        else:
            numbers = (found.st_dev, found.st_ino, found.st_mode, found.st_nlink, found.st_uid, found.st_gid)
            times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
            stream.write(_STAT_V2.pack(kind, 0, *numbers, found.st_size, *times))

    def _list(self, stream: Stream, _: bytes, path: str) -> None:
        folder = self.paths.here(path)
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            found, name = entry.stat(follow_symlinks=False), os.fsencode(entry.name)
            numbers = (found.st_mode, found.st_size, int(found.st_mtime), len(name))
            stream.write(struct.pack("<4s4I", b"DENT", *numbers) + name)
        stream.write(struct.pack("<4s4I", b"DONE", 0, 0, 0, 0))

    def _send_file(self, stream: Stream, _: bytes, path: str) -> None:
        try:
            content = self.paths.here(path).read_bytes()
        except OSError as error:
            return _fail(stream, f"open failed: {os.strerror(error.errno or errno.EIO)}")
        for start in range(0, len(content), _CHUNK_BYTES):
            chunk = content[start : start + _CHUNK_BYTES]
            stream.write(_REQUEST.pack(b"DATA", len(chunk)) + chunk)
        return stream.write(_REQUEST.pack(b"DONE", 0))

    def _take_file(self, stream: Stream, _: bytes, request: str) -> None:
        path, _, mode = request.rpartition(",")
        target = self.paths.here(path)
        try:
            self._create(target)
        except (OSError, _RefusedError) as error:
            self._take_chunks(stream, None)
            return _fail(stream, f"couldn't create file: {getattr(error, 'strerror', None) or error}")
        problem = self._take_chunks(stream, target)
        if problem:
            target.unlink(missing_ok=True)
            return _fail(stream, problem)
        target.chmod(stat.S_IMODE(int(mode)))
        return stream.write(_REQUEST.pack(b"OKAY", 0))

    def _create(self, target: Path) -> None:
        if not target.is_relative_to(self.paths.here(self.writable)):
            raise _RefusedError("Permission denied")
        if target.is_dir():
            raise _RefusedError("Is a directory")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.touch()

    def _take_chunks(self, stream: Stream, target: Path | None) -> str:
        """Takes a file's content to its end, even when it cannot be stored; gives what went wrong."""
        problem = ""
        while (chunk := _chunk(stream)) is not None:
            time.sleep(self.knobs.push_delay_s)
            self._taken_bytes += len(chunk)
            if target is not None and not problem:
                problem = self._stored(target, chunk)
            limit = self.knobs.vanish_after_push_bytes
            if limit is not None and self._taken_bytes >= limit:
                self.vanish()
        return problem

    def _stored(self, target: Path, chunk: bytes) -> str:
        try:
            return self._store(target, chunk)
        except OSError as error:
            # Someone removed the folder meanwhile.
            return f"write failed: {error.strerror}"

    def _store(self, target: Path, chunk: bytes) -> str:
        space = self.knobs.disk_full_after_bytes
        if space is not None:
            if space < len(chunk):
                return f"write failed: {os.strerror(errno.ENOSPC)}"
            self.knobs.disk_full_after_bytes = space - len(chunk)
        if self.knobs.corrupt_push and not target.stat().st_size:
            chunk = bytes([chunk[0] ^ 1]) + chunk[1:]
        with target.open("ab") as file:
            file.write(chunk)
        return ""


def _chunk(stream: Stream) -> bytes | None:
    kind, size = _REQUEST.unpack(stream.read(_REQUEST.size))
    # After the last chunk the number is the file's time instead.
    return stream.read(size) if kind == b"DATA" else None


def _fail(stream: Stream, reason: str) -> None:
    stream.write(_REQUEST.pack(b"FAIL", len(reason.encode())) + reason.encode())
