"""The APK as a zip: entries in order, without times, and stored ones where Android can map them into memory.

What a program maps is stored, and begins on a boundary of 16 KiB, the largest page that a phone has. Android asks that
of native libraries alone; of anything else that is stored, 4 bytes.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import PurePosixPath

LIBRARY_ALIGNMENT_BYTES = 16_384
ENTRY_ALIGNMENT_BYTES = 4

_STORED_ENDINGS = frozenset({".arsc", ".so", ".tflite"})
# The header that Google's own tools pad with: id, size, and the alignment that the padding is for.
_PADDING_ID = 0xD935
_PADDING_HEADER = struct.Struct("<HHH")
_LOCAL_HEADER_BYTES = 30
_EARLIEST = (1980, 1, 1, 0, 0, 0)


def is_stored(name: str) -> bool:
    """Says whether an entry is stored as it is.

    >>> is_stored("assets/models/net/net.tflite"), is_stored("classes.dex")
    (True, False)
    """
    return PurePosixPath(name).suffix in _STORED_ENDINGS


def alignment_bytes(name: str) -> int:
    """Gives the boundary that the content of a stored entry must begin on."""
    return LIBRARY_ALIGNMENT_BYTES if name.endswith(".so") else ENTRY_ALIGNMENT_BYTES


def write_zip(entries: Mapping[str, bytes]) -> bytes:
    """Writes an APK that is not signed yet; the same entries give the same bytes.

    Args:
        entries: Content by name.
    """
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(entries):
            archive.writestr(_entry(name, target.tell()), entries[name])
    return target.getvalue()


def _entry(name: str, offset: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.create_system = 0
    if not is_stored(name):
        entry.compress_type = zipfile.ZIP_DEFLATED
        return entry
    alignment = LIBRARY_ALIGNMENT_BYTES
    begin = offset + _LOCAL_HEADER_BYTES + len(name.encode()) + _PADDING_HEADER.size
    padding = -begin % alignment
    size = padding + _PADDING_HEADER.size - 4
    entry.extra = _PADDING_HEADER.pack(_PADDING_ID, size, alignment) + bytes(padding)
    return entry


def read_zip(data: bytes) -> dict[str, bytes]:
    """Reads all entries of a zip of this build: content by name."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
