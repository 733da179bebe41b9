"""Downloads that resume, are checked, and appear whole or not at all.

What has arrived waits in a folder `<destination>.part` that holds the data and the server's version stamp. A process
takes the folder by renaming it to a name of its own, which only one can do, and gives it back the same way when it is
interrupted. So two processes never write one file: the second simply starts from zero. A folder whose process was
killed is known by its silence and taken over.
"""

from __future__ import annotations

import contextlib
import glob
import http.client
import re
import secrets
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from mobile_deploy.errors import (
    DownloadInterruptedError,
    DownloadRefusedError,
    HashMismatchError,
    NoConnectionError,
)
from mobile_deploy.files.connection import Timeouts, is_certificate_error, open_url
from mobile_deploy.files.hashes import md5_of_file, sha256_of_file
from mobile_deploy.files.paths import refusals_named

Progress = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


def download(
    url: str,
    destination: Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
    connect_timeout_s: float = 3.0,
    read_timeout_s: float = 30.0,
    progress: Progress | None = None,
) -> None:
    """Downloads a file; a later call goes on where an interrupted one stopped, if the server can.

    Args:
        url: An http or https address. Proxies are taken from the environment, as `urllib` does.
        destination: The file to make; an older one is replaced at the end in one step.
        md5: Expected MD5 in hexadecimal digits.
        sha256: Expected SHA-256 in hexadecimal digits.
        size: Expected length in bytes.
        connect_timeout_s: Deadline in seconds for everything until the connection stands, name look-up included.
        read_timeout_s: Longest silence of the server in seconds.
        progress: Called with the bytes that are there and the bytes in all; not when the server does not say how many.

    Raises:
        NoConnectionError: The server cannot be reached.
        DownloadRefusedError: The server answers, but not with the file.
        DownloadInterruptedError: The transfer broke off; what arrived is kept for the next call.
        HashMismatchError: The whole file arrived and is not the expected one; it is removed.
        OutputNotWritableError: The system refused to write; the reason is said.
    """
    timeouts = Timeouts(connect_s=connect_timeout_s, read_s=read_timeout_s)
    trusted = md5 is not None or sha256 is not None
    with refusals_named(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        with _claimed_part(destination, silence_s=2 * read_timeout_s) as part:
            try:
                _fetch(url, part, timeouts, size=size, resumable_without_stamp=trusted, progress=progress or _silent)
                _check(url, part.data, md5=md5, sha256=sha256, size=size)
            except HashMismatchError:
                shutil.rmtree(part.folder)
                raise
            part.data.replace(destination)
            shutil.rmtree(part.folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What has arrived so far: the data, and the server's stamp of the version it belongs to."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def arrived_bytes(self) -> int:
        return self.data.stat().st_size if self.data.exists() else 0

    def read_stamp(self) -> str:
        file = self.folder / "version"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def restart(self, stamp: str) -> None:
        self.data.write_bytes(b"")
        (self.folder / "version").write_text(stamp, encoding="utf-8")


@contextmanager
def _claimed_part(destination: Path, *, silence_s: float) -> Iterator[_Part]:
    waiting = destination.with_name(destination.name + ".part")
    mine = destination.with_name(f"{destination.name}.{secrets.token_hex(6)}.part")
    if not any(_taken(folder, mine) for folder in (waiting, *_abandoned(destination, silence_s))):
        mine.mkdir()
    try:
        yield _Part(folder=mine)
    finally:
        if mine.is_dir():
            _give_back(mine, waiting)


def _taken(folder: Path, mine: Path) -> bool:
    try:
        folder.rename(mine)
    except OSError:  # it is not there, or another process was faster
        return False
    return True


def _abandoned(destination: Path, silence_s: float) -> Iterator[Path]:
    """Gives parts whose process was killed: a living one writes, or gives up, within its read timeout."""
    for folder in destination.parent.glob(f"{glob.escape(destination.name)}.*.part"):
        with contextlib.suppress(OSError):  # its process may finish meanwhile
            if time.time() - (folder / "data").stat().st_mtime > silence_s:
                yield folder


def _give_back(mine: Path, waiting: Path) -> None:
    try:
        mine.rename(waiting)
    except OSError:  # another process's part already waits there
        shutil.rmtree(mine, ignore_errors=True)


def _fetch(
    url: str, part: _Part, timeouts: Timeouts, *, size: int | None, resumable_without_stamp: bool, progress: Progress
) -> None:
    start = part.arrived_bytes
    stamp = part.read_stamp()
    headers = {}
    if start and (stamp or resumable_without_stamp):
        headers["Range"] = f"bytes={start}-"
        if stamp:
            headers["If-Range"] = stamp
    try:
        with _answer(url, headers, timeouts, arrived_bytes=start) as response:
            _receive(url, response, part, size=size, progress=progress)
    except _UnusableRangeError as error:
        if error.total_bytes == start:
            progress(start, start)
            return
        part.restart("")
        with _answer(url, {}, timeouts, arrived_bytes=0) as response:
            _receive(url, response, part, size=size, progress=progress)


class _UnusableRangeError(Exception):
    """The server cannot go on from where the part ends."""

    def __init__(self, total_bytes: int | None) -> None:
        super().__init__(total_bytes)
        self.total_bytes = total_bytes


@contextmanager
def _answer(
    url: str, headers: dict[str, str], timeouts: Timeouts, *, arrived_bytes: int
) -> Iterator[http.client.HTTPResponse]:
    request_headers = {"User-Agent": "mobile-deploy", **headers}
    try:
        response = open_url(urllib.request.Request(url, headers=request_headers), timeouts)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and "Range" in headers:
                raise _UnusableRangeError(_total_bytes(error.headers.get("Content-Range"))) from error
            raise DownloadRefusedError(url=url, answer=f"{error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        if is_certificate_error(error.reason):
            raise DownloadRefusedError(url=url, answer=f"an untrusted certificate ({error.reason})") from error
        raise NoConnectionError(url=url, reason=str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        reason = str(error) or "no answer"
        raise DownloadInterruptedError(url=url, reason=reason, arrived_bytes=arrived_bytes) from error
    except ValueError as error:
        raise DownloadRefusedError(url=url, answer=f"not a web address ({error})") from error
    with contextlib.closing(response):
        yield response


def _receive(
    url: str, response: http.client.HTTPResponse, part: _Part, *, size: int | None, progress: Progress
) -> None:
    start = part.arrived_bytes
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        total = _total_bytes(response.headers.get("Content-Range"))
        if _first_byte(response.headers.get("Content-Range")) != start:
            raise _UnusableRangeError(None)
    else:
        start = 0
        total = int(response.headers["Content-Length"]) if "Content-Length" in response.headers else None
        part.restart(_stamp_of(response))
    if None not in (size, total) and total != size:
        raise HashMismatchError(source=url, kind="length in bytes", expected=str(size), actual=str(total))
    with part.data.open("ab") as file:
        arrived = _copy(url, response, file, start=start, total=total, progress=progress)
    if total is not None and arrived != total:
        raise DownloadInterruptedError(
            url=url, reason="the transfer broke off", arrived_bytes=arrived, total_bytes=total
        )


def _copy(
    url: str,
    response: http.client.HTTPResponse,
    file: BinaryIO,
    *,
    start: int,
    total: int | None,
    progress: Progress,
) -> int:
    arrived = start
    while True:
        # Only reading is guarded: an OSError of the write is the disk's, not the network's.
        try:
            chunk = response.read1(_CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise DownloadInterruptedError(
                url=url, reason=str(error) or type(error).__name__, arrived_bytes=arrived, total_bytes=total
            ) from error
        if not chunk:
            return arrived
        file.write(chunk)
        arrived += len(chunk)
        if total is not None:
            progress(arrived, total)


def _check(url: str, path: Path, *, md5: str | None, sha256: str | None, size: int | None) -> None:
    checks: tuple[tuple[str, str | None, Callable[[Path], str]], ...] = (
        ("length in bytes", None if size is None else str(size), lambda file: str(file.stat().st_size)),
        ("MD5", md5, md5_of_file),
        ("SHA-256", sha256, sha256_of_file),
    )
    for kind, expected, measure in checks:
        if expected is not None and (actual := measure(path)) != expected.lower():
            raise HashMismatchError(source=url, kind=kind, expected=expected, actual=actual)


def _stamp_of(response: http.client.HTTPResponse) -> str:
    """Gives what If-Range may name; a weak ETag may not be (RFC 9110, section 13.1.5)."""
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return response.headers.get("Last-Modified", "")


def _first_byte(content_range: str | None) -> int | None:
    match = _CONTENT_RANGE.fullmatch(content_range or "")
    return int(match[1]) if match and match[1] else None


def _total_bytes(content_range: str | None) -> int | None:
    match = _CONTENT_RANGE.fullmatch(content_range or "")
    return int(match[2]) if match and match[2] != "*" else None


def _silent(arrived_bytes: int, total_bytes: int) -> None:
    """Reports nothing."""
