"""Writes the result file of benchmark_model as the tool does, field by field."""

from __future__ import annotations

import struct

_LATENCY = ("avg_ms", "min_ms", "max_ms", "stddev_ms", "median_ms", "p5_ms", "p95_ms", "init_ms", "first_ms")
_FLOATS = {name: (2, number) for number, name in enumerate((*_LATENCY, "warmup_ms"), start=1)} | {"peak_mb": (3, 3)}
_COUNTS = {"init_kb": (3, 1), "overall_kb": (3, 2), "runs": (4, 2)}


def varint(value: int) -> bytes:
    """Encodes a number; negative ones take ten bytes."""
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def message(number: int, body: bytes) -> bytes:
    """Encodes a message, a text or bytes as a field."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def encode_result(**figures: float) -> bytes:
    """Encodes a BenchmarkResult that holds the named figures and, as real ones do, more that nobody asks for."""
    parts = {2: b"", 3: b"", 4: varint(1 << 3 | 5) + struct.pack("<f", 14.0)}
    for name, value in figures.items():
        if name in _FLOATS:
            part, number = _FLOATS[name]
            parts[part] += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            part, number = _COUNTS[name]
            parts[part] += varint(number << 3) + varint(int(value))
    return message(1, b"mobile-deploy") + b"".join(message(number, body) for number, body in parts.items())
