"""What of a native library decides whether a phone can load it: its processor, and the pages it is laid out for.

Source: System V ABI, ELF header and program header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEAD_BYTES = 65_536
"""More than the headers of any library take; all that `read_elf` needs."""

MACHINES = {"arm64-v8a": 183, "armeabi-v7a": 40, "x86_64": 62, "x86": 3}
"""Number of the processor in the ELF header, by the name that Android gives to it."""

_LOAD = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """A native library.

    Attributes:
        machine: Number of its processor.
        load_alignment_bytes: The smallest alignment of its loadable segments: the largest page it can be loaded with.
    """

    machine: int
    load_alignment_bytes: int


def read_elf(head: bytes) -> Elf | None:
    """Reads the headers of a library.

    Args:
        head: Its first 64 KiB, or all of it.

    Returns:
        What they say; None when it is no little endian ELF file with loadable segments.
    """
    if head[:4] != b"\x7fELF" or head[4:6] not in (b"\x01\x01", b"\x02\x01"):
        return None
    try:
        return _read_64(head) if head[4] == 2 else _read_32(head)
    except struct.error:
        return None


def _read_64(head: bytes) -> Elf | None:
    (machine,) = struct.unpack_from("<H", head, 18)
    (offset,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    segments = [struct.unpack_from("<I44xQ", head, offset + index * size) for index in range(count)]
    return _elf(machine, segments)


def _read_32(head: bytes) -> Elf | None:
    (machine,) = struct.unpack_from("<H", head, 18)
    (offset,) = struct.unpack_from("<I", head, 28)
    size, count = struct.unpack_from("<HH", head, 42)
    segments = [struct.unpack_from("<I24xI", head, offset + index * size) for index in range(count)]
    return _elf(machine, segments)


def _elf(machine: int, segments: list[tuple[int, ...]]) -> Elf | None:
    alignments = [alignment for kind, alignment in segments if kind == _LOAD]
    return Elf(machine=machine, load_alignment_bytes=min(alignments)) if alignments else None
