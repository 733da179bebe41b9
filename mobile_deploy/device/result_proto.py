"""The binary result file of benchmark_model, decoded with the standard library.

Source: tflite/tools/benchmark/proto/benchmark_result.proto of LiteRT; the wire format is that of Protocol Buffers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT_BYTES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultProto:
    """The figures of a result file; None for each that it does not hold.

    Attributes:
        avg_ms: Mean of the timed inferences.
        min_ms: The fastest.
        max_ms: The slowest.
        stddev_ms: Standard deviation of the population.
        median_ms: Median.
        p5_ms: Fifth percentile.
        p95_ms: Ninety-fifth percentile.
        init_ms: Until the model stood.
        first_ms: The first inference of all.
        warmup_ms: Mean of the inferences before the timed ones.
        init_kb: Growth of the peak resident size until the model stood, in KiB.
        overall_kb: Growth until the end, in KiB.
        peak_mb: Peak that was seen by polling, in MiB.
        runs: Timed inferences.
    """

    avg_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    stddev_ms: float | None = None
    median_ms: float | None = None
    p5_ms: float | None = None
    p95_ms: float | None = None
    init_ms: float | None = None
    first_ms: float | None = None
    warmup_ms: float | None = None
    init_kb: int | None = None
    overall_kb: int | None = None
    peak_mb: float | None = None
    runs: int | None = None


def decode_result(data: bytes) -> ResultProto:
    """Reads a result file; fields that newer tools add are skipped.

    Args:
        data: A serialized tflite.tools.benchmark.BenchmarkResult.

    Raises:
        ValueError: It is cut short, or is none.
    """
    figures: dict[str, Any] = {}
    for number, wire_type, part in _fields(data):
        if number in _MESSAGES:
            _expect(number, wire_type, _LENGTH)
            figures |= _figures(bytes(part), _MESSAGES[number])
    return ResultProto(**figures)


def _float(part: memoryview) -> float:
    value: float = struct.unpack("<f", part)[0]
    return value


def _signed(part: memoryview) -> int:
    return int.from_bytes(part, "little", signed=True)


_Field = tuple[str, int, Callable[[memoryview], float]]

_LATENCY = ("avg_ms", "min_ms", "max_ms", "stddev_ms", "median_ms", "p5_ms", "p95_ms", "init_ms", "first_ms")
_MESSAGES: Mapping[int, Mapping[int, _Field]] = {
    2: {number: (name, _FIXED32, _float) for number, name in enumerate((*_LATENCY, "warmup_ms"), start=1)},
    3: {
        1: ("init_kb", _VARINT, _signed),
        2: ("overall_kb", _VARINT, _signed),
        3: ("peak_mb", _FIXED32, _float),
    },
    4: {2: ("runs", _VARINT, _signed)},
}


def _figures(data: bytes, known: Mapping[int, _Field]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for number, wire_type, part in _fields(data):
        if number in known:
            name, expected, read = known[number]
            _expect(number, wire_type, expected)
            figures[name] = read(part)
    return figures


def _expect(number: int, wire_type: int, expected: int) -> None:
    if wire_type != expected:
        raise ValueError(f"field {number} has wire type {wire_type}, expected {expected}")


def _fields(data: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """Gives number, wire type and raw value of each field; a varint comes as the eight bytes of its value."""
    view, position = memoryview(data), 0
    while position < len(view):
        key, position = _varint(view, position)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise ValueError(f"there is no field 0, but one ends at byte {position}")
        if wire_type == _VARINT:
            value, position = _varint(view, position)
            yield number, wire_type, memoryview((value & (1 << 64) - 1).to_bytes(8, "little"))
            continue
        if wire_type == _LENGTH:
            size, position = _varint(view, position)
        elif wire_type in (_FIXED32, _FIXED64):
            size = 4 if wire_type == _FIXED32 else 8
        else:
            raise ValueError(f"field {number} has wire type {wire_type}, which no result has")
        if position + size > len(view):
            raise ValueError(f"field {number} is cut short: {size} bytes are announced, {len(view) - position} left")
        yield number, wire_type, view[position : position + size]
        position += size


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(view[position : position + _LONGEST_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError(f"the number at byte {position} does not end")
