"""Packets of ADB's wire protocol, as a device reads and writes them.

Source: AOSP packages/modules/adb, docs/dev/protocol.md and adb.h.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

VERSION = 0x01000001
"""From this version on neither side looks at checksums."""

OLD_VERSION = 0x01000000
MAX_PAYLOAD_BYTES = 1 << 20
OLD_MAX_PAYLOAD_BYTES = 4096

AUTH_TOKEN, AUTH_SIGNATURE, AUTH_PUBLIC_KEY = 1, 2, 3

_HEADER = struct.Struct("<4s5I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One message between host and device; `command` is one of CNXN, AUTH, OPEN, OKAY, CLSE, WRTE."""

    command: bytes
    first: int = 0
    second: int = 0
    payload: bytes = b""


def read_packet(connection: socket.socket) -> Packet:
    """Reads the next message; EOFError where the host is gone."""
    command, first, second, length, _, _ = _HEADER.unpack(_read_exactly(connection, _HEADER.size))
    return Packet(command=command, first=first, second=second, payload=_read_exactly(connection, length))


def packet_bytes(packet: Packet, *, checksum: bool) -> bytes:
    """Puts a message into bytes, with the sum of its payload for those who look at it."""
    magic = int.from_bytes(packet.command, "little") ^ 0xFFFFFFFF
    total = sum(packet.payload) & 0xFFFFFFFF if checksum else 0
    header = _HEADER.pack(packet.command, packet.first, packet.second, len(packet.payload), total, magic)
    return header + packet.payload


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        chunk = connection.recv(size - len(received))
        if not chunk:
            raise EOFError("the host is gone")
        received += chunk
    return bytes(received)
