"""Files of others that are downloaded once into the cache, accepted once, and known by their hash from then on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mobile_deploy.errors import (
    CachedFileChangedError,
    CacheNotWritableError,
    MobileDeployError,
    OutputNotWritableError,
    UnreadableFileError,
)
from mobile_deploy.files.download import Progress, download
from mobile_deploy.files.hashes import sha256_of_file
from mobile_deploy.files.paths import refusals_named, write_file


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstUse:
    """What is remembered beside a file in the cache.

    Attributes:
        url: Where it came from.
        sha256: Of the file, in hexadecimal digits.
        size: In bytes.
        pinned: Whether a hash that the publisher gives vouches for it.
    """

    url: str
    sha256: str
    size: int
    pinned: bool


def fetch_once(
    url: str,
    path: Path,
    *,
    accept: Callable[[Path], None],
    md5: str | None = None,
    progress: Progress | None = None,
) -> FirstUse:
    """Gives a file in the cache, downloaded if it is not there, and sees to it that it stays the same.

    Args:
        url: Where it is published.
        path: The file in the cache.
        accept: Raises one of our errors for a file that is not the right one. It is asked before the first use, and
            what it refuses is removed.
        md5: The hash that the publisher gives, in hexadecimal digits; None where it gives none.
        progress: Told the bytes of a download that are there, and those in all.

    Returns:
        What the file is, and where it came from first.

    Raises:
        NoConnectionError: It is not in the cache, and the server cannot be reached.
        DownloadRefusedError: The server does not give the file.
        DownloadInterruptedError: The download broke off; what arrived is kept.
        HashMismatchError: The download does not have the published hash.
        CachedFileChangedError: The file is not the one that was used first.
        CacheNotWritableError: The cache cannot be written.
        UnreadableFileError: What is remembered beside the file is damaged.
    """
    try:
        with refusals_named(path):
            cached = path.is_file()
        if not cached:
            download(url, path, md5=md5, progress=progress)
        return _first_use(path, accept, url=url, pinned=md5 is not None)
    except OutputNotWritableError as error:
        raise CacheNotWritableError(path=path.parent, problem=error.message) from error


def _first_use(path: Path, accept: Callable[[Path], None], *, url: str, pinned: bool) -> FirstUse:
    """Gives the record of a file in the cache, which is made if this is its first use."""
    record = path.with_name(f"{path.name}.json")
    sha256 = sha256_of_file(path)
    if not record.is_file():
        _accept(path, accept)
        first_use = FirstUse(url=url, sha256=sha256, size=path.stat().st_size, pinned=pinned)
        write_file(record, json.dumps(asdict(first_use), indent=2).encode() + b"\n")
        return first_use
    first_use = _read_record(record)
    if first_use.sha256 != sha256:
        raise CachedFileChangedError(path=path, record=record, expected=first_use.sha256, actual=sha256)
    return first_use


def _accept(path: Path, accept: Callable[[Path], None]) -> None:
    try:
        accept(path)
    except MobileDeployError:
        path.unlink()
        raise


def _read_record(record: Path) -> FirstUse:
    try:
        return FirstUse(**json.loads(record.read_bytes()))
    except (TypeError, ValueError) as error:
        problem = "it is not the record of a download"
        raise UnreadableFileError(path=record, problem=problem, hint="delete it") from error
