"""What of a classes.dex decides on which Android it runs: its version, the classes in it, calls bound at run time.

Source: Dalvik Executable format, header_item, map_list and class_def_item.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MAGIC = b"dex\n"
_TYPE_CALL_SITE = 0x0007
_TYPE_METHOD_HANDLE = 0x0008
_CLASS_DEFINITION_BYTES = 32
# Limits of the format and of class files, so that a stranger's tables cannot fill the memory.
_MOST_CLASSES = 65_536
_LONGEST_NAME_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class DexFile:
    """One file of Android's bytecode.

    Attributes:
        version: Of the format: 35, 38 (Android 8), 39 (Android 9), ...
        call_sites: Calls that are bound at run time (invoke-custom), which Android cannot link for lambdas.
        method_handles: Constants that such calls need.
        classes: Names of the classes that it defines, such as "kotlin.Unit".
    """

    version: int
    call_sites: int
    method_handles: int
    classes: tuple[str, ...]


def read_dex(data: bytes) -> DexFile | None:
    """Reads the tables of a classes.dex; None when it is none, or a damaged one."""
    if data[:4] != _MAGIC or not data[4:7].isdigit():
        return None
    try:
        counts = dict(_map(data))
        return DexFile(
            version=int(data[4:7]),
            call_sites=counts.get(_TYPE_CALL_SITE, 0),
            method_handles=counts.get(_TYPE_METHOD_HANDLE, 0),
            classes=_classes(data),
        )
    except (struct.error, ValueError):
        return None


def _map(data: bytes) -> list[tuple[int, int]]:
    """Lists the kinds of items with how many there are."""
    (offset,) = struct.unpack_from("<I", data, 52)
    (count,) = struct.unpack_from("<I", data, offset)
    items = (struct.unpack_from("<HHII", data, offset + 4 + 12 * index) for index in range(count))
    return [(kind, size) for kind, _, size, _ in items]


def _classes(data: bytes) -> tuple[str, ...]:
    _, strings, _, types = struct.unpack_from("<IIII", data, 56)
    count, definitions = struct.unpack_from("<II", data, 96)
    if count > _MOST_CLASSES:
        raise ValueError(count)
    names = []
    for index in range(count):
        (kind,) = struct.unpack_from("<I", data, definitions + index * _CLASS_DEFINITION_BYTES)
        (string,) = struct.unpack_from("<I", data, types + 4 * kind)
        (offset,) = struct.unpack_from("<I", data, strings + 4 * string)
        names.append(_string(data, offset)[1:-1].replace("/", "."))
    return tuple(names)


def _string(data: bytes, offset: int) -> str:
    """Reads a string; before it stands its length in a number of variable size, whose last byte is below 128."""
    while data[offset : offset + 1] >= b"\x80":
        offset += 1
    end = data.index(b"\0", offset + 1, offset + _LONGEST_NAME_BYTES)
    return data[offset + 1 : end].decode("utf-8", errors="replace")
