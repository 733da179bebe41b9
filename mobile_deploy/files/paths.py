"""Where files may go and how one file is written."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from mobile_deploy.errors import OutputNotWritableError, UnreadableFileError

CACHE_VARIABLE = "MOBILE_DEPLOY_CACHE"

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a file is in the way",
    errno.EEXIST: "a file is in the way",
    errno.EISDIR: "it is a folder, not a file",
    errno.ENOTEMPTY: "a folder is in the way",
    errno.ELOOP: "a link leads back to itself",
    errno.ENAMETOOLONG: "the name is too long",
}


def reason_in_words(error: OSError) -> str:
    """Says why the system refused, for a message.

    >>> reason_in_words(OSError(errno.ENOSPC, "No space left on device"))
    'the disk is full'
    """
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def is_folder(path: Path) -> bool:
    """Says whether a path that the user gave leads to a folder.

    Raises:
        UnreadableFileError: The system does not tell: a folder on the way may not be entered, or the name is too long.
    """
    try:
        return path.is_dir()
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error


def cache_directory() -> Path:
    """Gives the folder for downloads, which may not exist yet.

    Returns:
        The folder named by the environment variable MOBILE_DEPLOY_CACHE, else the user's cache folder.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return platformdirs.user_cache_path("mobile-deploy", appauthor=False)


def write_file(path: Path, data: bytes) -> None:
    """Writes a file so that it appears whole or stays as it was; missing parent folders are made.

    Args:
        path: The file; an older one is replaced.
        data: Its content.

    Raises:
        OutputNotWritableError: The system refused; the reason is said.
    """
    with refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = hidden_sibling(path)
        try:
            write_durably(temporary, data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check_writable(parent: Path) -> None:
    """Finds out early and cheaply whether files can be made in a folder; leaves nothing behind.

    Args:
        parent: The folder, which need not exist: then the nearest existing folder above it is tried.

    Raises:
        OutputNotWritableError: No file can be made there.
    """
    with refusals_named(parent):
        existing = parent
        while not os.path.lexists(existing) and existing != existing.parent:
            existing = existing.parent
        probe = existing / _hidden_name()
        try:
            # One byte, since a full disk still lets empty files be made.
            write_durably(probe, b"\0")
        finally:
            if existing.is_dir():
                probe.unlink(missing_ok=True)


def write_durably(path: Path, data: bytes) -> None:
    """Writes a new file and waits until the disk has it, so that a rename cannot overtake the content.

    Args:
        path: A file that does not exist.
        data: Its content.

    Raises:
        OSError: The system refused.
    """
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def hidden_sibling(path: Path) -> Path:
    """Gives a fresh hidden name beside a path, where a rename to the path is one step."""
    return path.parent / _hidden_name()


@contextmanager
def refusals_named(path: Path) -> Iterator[None]:
    """Turns the system's refusals into `OutputNotWritableError` for this path.

    Args:
        path: The file or folder the user knows, not a temporary one.

    Raises:
        OutputNotWritableError: The body raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise OutputNotWritableError(path=path, reason=reason_in_words(error)) from error


def _hidden_name() -> str:
    return f".mobile-deploy-{secrets.token_hex(6)}"
