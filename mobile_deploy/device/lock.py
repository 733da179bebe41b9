"""One lock per phone on this machine, since two measurements at once disturb each other.

The system lifts it when the process that holds it ends, however it ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mobile_deploy.device.failures import PhoneBusyError
from mobile_deploy.errors import CacheNotWritableError
from mobile_deploy.files import cache_directory, reason_in_words, sha256_of_bytes

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def phone_lock(key: str, *, serial: str = "") -> Iterator[None]:
    """Keeps other processes of this user from measuring on a phone meanwhile.

    Args:
        key: What tells the phone from all others, however it is connected.
        serial: What adb calls it, for messages; empty where that is the key.

    Raises:
        CacheNotWritableError: The lock's file cannot be made.
        PhoneBusyError: Another process, or another thread of this one, has the lock.
    """
    path = phone_file(key, "lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CacheNotWritableError(path=path, problem=reason_in_words(error)) from error
    try:
        if not _lock(descriptor):
            raise PhoneBusyError(serial=serial or key)
        # The file stays: whoever waits for a removed one and whoever makes it anew would both have a lock.
        yield
    finally:
        os.close(descriptor)


def phone_file(key: str, suffix: str) -> Path:
    """Gives the path of a file on this machine about one phone, in the folder of all phones' locks."""
    # Not the key itself: it may hold what no file name may.
    name = sha256_of_bytes(key.encode(errors="surrogatepass"))[:16]
    return cache_directory() / "phones" / f"{name}.{suffix}"


def _lock(descriptor: int) -> bool:
    """Says whether the lock could be had; so it can where the file system knows no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        elif fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError | PermissionError)
    return True
