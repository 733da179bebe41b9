"""The benchmark_model that LiteRT publishes, downloaded once for each kind of phone."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobile_deploy.errors import (
    DownloadInterruptedError,
    DownloadRefusedError,
    EnvironmentMissingError,
    NoConnectionError,
    UnreadableFileError,
)
from mobile_deploy.files import cache_directory, reason_in_words
from mobile_deploy.files.download import Progress
from mobile_deploy.files.first_use import fetch_once

TOOLS_VARIABLE = "MOBILE_DEPLOY_TOOLS_URL"
"""Environment variable that names a mirror of `TOOLS_URL`."""

TOOLS_URL = "https://storage.googleapis.com/litert/binaries"
"""Where LiteRT publishes its programs, in a folder for each version.

Source: the page "LiteRT benchmark tools" of LiteRT's documentation.
"""

TOOL_VERSION = "2.2.0"
"""The version that is downloaded. It is named, since what "latest" means changes."""

_FILE = "benchmark_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What a published program runs on.

    Attributes:
        folder: The publisher's name for it.
        machine: e_machine of its ELF header. Source: System V ABI, EM_X86_64 and EM_AARCH64.
    """

    folder: str
    machine: int


_X86_64, _AARCH64 = 62, 183
_ANDROID: Mapping[str, Platform] = {
    "arm64-v8a": Platform(folder="android_arm64", machine=_AARCH64),
    "x86_64": Platform(folder="android_x86_64", machine=_X86_64),
}
# By what `uname -m` says there.
_LINUX: Mapping[str, Platform] = {
    "x86_64": Platform(folder="linux_x86_64", machine=_X86_64),
    "aarch64": Platform(folder="linux_arm64", machine=_AARCH64),
}

_HINT = "name a benchmark_model for the phone with --tool FILE, or pass --host to measure on this machine"


class ToolNotPublishedError(EnvironmentMissingError):
    """LiteRT publishes no benchmark_model for a kind of phone.

    Attributes:
        abi: The phone's ABI.
    """

    def __init__(self, *, abi: str, published: tuple[str, ...]) -> None:
        self.abi = abi
        super().__init__(
            f"LiteRT publishes no benchmark_model for the ABI {abi!r}, only for {', '.join(published)}", hint=_HINT
        )


class ToolNotFetchedError(EnvironmentMissingError):
    """The published benchmark_model cannot be downloaded.

    Attributes:
        url: Where it should be.
    """

    def __init__(self, *, url: str, problem: str, hint: str = "") -> None:
        self.url = url
        super().__init__(
            f"benchmark_model cannot be downloaded: {problem}", hint=f"{hint}; or {_HINT}" if hint else _HINT
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedTool:
    """A benchmark_model on this machine.

    Attributes:
        path: The file.
        sha256: Of the file, in hexadecimal digits.
        url: Where it was downloaded.
        version: LiteRT's version.
    """

    path: Path
    sha256: str
    url: str
    version: str

    def to_json(self) -> dict[str, Any]:
        """Gives the record as JSON values; it holds nothing of this machine."""
        return {"sha256": self.sha256, "url": self.url, "version": self.version}


def fetch_tool(
    abi: str,
    *,
    android: bool = True,
    base_url: str | None = None,
    version: str = TOOL_VERSION,
    progress: Progress | None = None,
) -> FetchedTool:
    """Gives the published benchmark_model for a kind of phone, from the cache or the network.

    The sha256 of the first download is kept beside it and compared at every use.

    Args:
        abi: The phone's first ABI, such as "arm64-v8a"; of other systems what `uname -m` says, such as "x86_64".
        android: Whether the phone's system is Android.
        base_url: A mirror; None for the environment variable MOBILE_DEPLOY_TOOLS_URL, or where that is unset for the
            publisher.
        version: LiteRT's version, from 2.0.2 on.
        progress: Told the bytes of a download that are there, and those in all.

    Raises:
        ToolNotPublishedError: There is none for this ABI.
        ToolNotFetchedError: It is not in the cache and cannot be downloaded, or something else came instead.
        CachedFileChangedError: The file in the cache is not the one that was used first.
        CacheNotWritableError: The cache cannot be written.
    """
    platforms = _ANDROID if android else _LINUX
    if abi not in platforms:
        raise ToolNotPublishedError(abi=abi, published=tuple(platforms))
    platform = platforms[abi]
    base_url = base_url or os.environ.get(TOOLS_VARIABLE) or TOOLS_URL
    url = f"{base_url.rstrip('/')}/{version}/{platform.folder}/{_FILE}"
    path = cache_directory() / "tools" / version / platform.folder / _FILE

    def accept(file: Path) -> None:
        if problem := _elf_problem(file, platform.machine):
            # Such as the log-in page of a network, which answers every address with 200.
            raise ToolNotFetchedError(url=url, problem=f"something else came from {url} instead ({problem})")

    try:
        first_use = fetch_once(url, path, accept=accept, progress=progress)
    except (NoConnectionError, DownloadRefusedError, DownloadInterruptedError) as error:
        raise ToolNotFetchedError(url=url, problem=error.message, hint=error.hint) from error
    return FetchedTool(path=path, sha256=first_use.sha256, url=first_use.url, version=version)


def _elf_problem(path: Path, machine: int) -> str:
    """Says why a file is no program for a machine; empty if it is one. Source: System V ABI, ELF header."""
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
    if len(header) < 20 or not header.startswith(b"\x7fELF"):
        return "it is no ELF program"
    order = "<" if header[5] == 1 else ">"
    actual = struct.unpack_from(f"{order}H", header, 18)[0]
    return "" if actual == machine else f"it is for the processor {actual}, not {machine}"
