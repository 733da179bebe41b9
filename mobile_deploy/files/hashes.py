"""Fingerprints of bytes and files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files.paths import reason_in_words


def sha256_of_bytes(data: bytes) -> str:
    """Computes the SHA-256 of bytes, in 64 lowercase hexadecimal digits.

    >>> sha256_of_bytes(b"")[:16]
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Computes the SHA-256 of a file's bytes, in 64 lowercase hexadecimal digits.

    Raises:
        UnreadableFileError: The file is missing or cannot be read.
    """
    return _hash_of_file(path, "sha256")


def md5_of_file(path: Path) -> str:
    """Computes the MD5 of a file's bytes, the one hash that Keras publishes, in 32 lowercase hexadecimal digits.

    It catches damage; it does not prove who made the file.

    Raises:
        UnreadableFileError: The file is missing or cannot be read.
    """
    return _hash_of_file(path, "md5")


def _hash_of_file(path: Path, algorithm: str) -> str:
    try:
        with path.open("rb") as file:
            # MD5 is forbidden for security on some systems; here it only detects damage.
            return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
