"""Flatbuffer tables whose schema is data: written with `flatbuffers`, read with every access checked.

The readers that `flatc` generates trust the file: an offset may lead anywhere, a length may be anything. This one takes
bytes from strangers; it stays inside them, and what it hands out in all is bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flatbuffers

# The fields of each table in the order of the schema, with their types; a field's place is its slot. A union is two
# fields, as in the file: "byte" for its member, then "union".
Schema = Mapping[str, Mapping[str, str]]

_NUMBERS = {"byte": "<B", "uint": "<I", "ulong": "<Q"}
# A vector or text may be pointed to by many tables, so that a small file stands for a huge one.
_MOST_VALUES = 1_000_000
_COST_OF_TABLE = 32


def write_table(builder: flatbuffers.Builder, schema: Schema, name: str, values: Mapping[str, Any]) -> int:
    """Writes a table with all that hangs on it.

    Args:
        builder: Where to; not inside another table.
        schema: The tables.
        name: Which table.
        values: Value by field: int, str, tuple of float, a mapping for a table, a tuple of mappings for a vector of
            tables, (table, mapping) for a union. Fields that are left out keep the schema's default.

    Returns:
        The table's offset, for `builder.Finish`.
    """
    fields = schema[name]
    offsets = {
        field: _write_value(builder, schema, fields[field], value)
        for field, value in values.items()
        if fields[field] not in _NUMBERS
    }
    builder.StartObject(len(fields))
    for slot, (field, kind) in enumerate(fields.items()):
        if field in offsets:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[field], 0)
        elif field in values:
            place = builder.PrependUint8Slot if kind == "byte" else builder.PrependUint32Slot
            place(slot, values[field], 0)
    return int(builder.EndObject())


def _write_value(builder: flatbuffers.Builder, schema: Schema, kind: str, value: Any) -> int:  # noqa: ANN401
    if kind == "string":
        return int(builder.CreateString(value))
    if kind == "union":
        return write_table(builder, schema, *value)
    if kind == "[float]":
        builder.StartVector(4, len(value), 4)
        for number in reversed(value):
            builder.PrependFloat32(number)
        return int(builder.EndVector())
    if kind.startswith("["):
        offsets = [write_table(builder, schema, kind.strip("[]"), each) for each in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())
    return write_table(builder, schema, kind, value)


class FlatBytes:
    """The bytes of a flatbuffer from a stranger.

    Args:
        data: The bytes.
        schema: What is in them.
    """

    def __init__(self, data: bytes, schema: Schema) -> None:
        self._data = data
        self._left = _MOST_VALUES
        self.schema = schema

    def root(self, name: str) -> FlatTable:
        """Gives the table that the file is.

        Raises:
            ValueError: The bytes are damaged.
        """
        return self.table_at(0, name)

    def table_at(self, position: int, name: str) -> FlatTable:
        """Gives the table that the offset at a position leads to.

        Raises:
            ValueError: The bytes are damaged.
        """
        self.spend(_COST_OF_TABLE)
        start = self.follow(position)
        shape = start - int(self.unpack("<i", start))
        return FlatTable(self, name=name, start=start, shape=shape, shape_size=int(self.unpack("<H", shape)))

    def unpack(self, form: str, position: int) -> int | float:
        """Reads one number.

        Raises:
            ValueError: It would lie outside the bytes.
        """
        self.check(position, struct.calcsize(form))
        (number,) = struct.unpack_from(form, self._data, position)
        return number  # type: ignore[no-any-return]  # every form that is used is a number

    def follow(self, position: int) -> int:
        """Gives where the offset at a position leads."""
        return position + int(self.unpack("<I", position))

    def check(self, position: int, size_bytes: int) -> None:
        """Insists that a span lies inside the bytes.

        Raises:
            ValueError: It does not.
        """
        if position < 0 or size_bytes < 0 or position + size_bytes > len(self._data):
            raise ValueError(f"{size_bytes} bytes at {position} of {len(self._data)}")

    def spend(self, values: int) -> None:
        """Counts what is handed out.

        Raises:
            ValueError: It is more than any honest file holds.
        """
        self._left -= values
        if self._left < 0:
            raise ValueError(f"more than {_MOST_VALUES} values")

    def span(self, position: int, size_bytes: int) -> bytes:
        """Gives a part of the bytes.

        Raises:
            ValueError: It does not lie inside them.
        """
        self.check(position, size_bytes)
        return self._data[position : position + size_bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vector:
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class FlatTable:
    """One table in the bytes; every method raises ValueError where they are damaged.

    Attributes:
        source: The bytes.
        name: Name in the schema.
        start: Where it begins.
        shape: Where the list of its fields' places begins.
        shape_size: Length of that list in bytes.
    """

    source: FlatBytes
    name: str
    start: int
    shape: int
    shape_size: int

    def _place(self, field: str) -> int | None:
        """Gives where a field lies; None when it was left out."""
        entry = 4 + 2 * tuple(self.source.schema[self.name]).index(field)
        if entry + 2 > self.shape_size:
            return None
        offset = int(self.source.unpack("<H", self.shape + entry))
        return self.start + offset if offset else None

    def _vector(self, field: str, item_bytes: int) -> _Vector:
        place = self._place(field)
        if place is None:
            return _Vector(start=0, length=0)
        start = self.source.follow(place)
        length = int(self.source.unpack("<I", start))
        self.source.check(start + 4, length * item_bytes)
        return _Vector(start=start + 4, length=length)

    def number(self, field: str) -> int:
        """Gives an integer; 0 when it was left out."""
        place = self._place(field)
        form = _NUMBERS[self.source.schema[self.name][field]]
        return 0 if place is None else int(self.source.unpack(form, place))

    def text(self, field: str) -> str:
        """Gives a string; empty when it was left out."""
        found = self._vector(field, 1)
        self.source.spend(found.length)
        return self.source.span(found.start, found.length).decode("utf-8", "replace")

    def floats(self, field: str) -> tuple[float, ...]:
        """Gives a vector of float32."""
        found = self._vector(field, 4)
        self.source.spend(found.length)
        return struct.unpack(f"<{found.length}f", self.source.span(found.start, 4 * found.length))

    def blob(self, field: str) -> bytes:
        """Gives a vector of bytes."""
        found = self._vector(field, 1)
        return self.source.span(found.start, found.length)

    def table(self, field: str, name: str = "") -> FlatTable | None:
        """Gives a table, or the member of a union, whose table must be named; None when it was left out."""
        place = self._place(field)
        kind = name or self.source.schema[self.name][field]
        return None if place is None else self.source.table_at(place, kind)

    def tables(self, field: str) -> tuple[FlatTable, ...]:
        """Gives a vector of tables."""
        found = self._vector(field, 4)
        self.source.spend(found.length)
        kind = self.source.schema[self.name][field].strip("[]")
        return tuple(self.source.table_at(found.start + 4 * i, kind) for i in range(found.length))

    def one_of(self, field: str, index: int) -> FlatTable:
        """Gives one table of a vector of tables."""
        found = self._vector(field, 4)
        if index >= found.length:
            raise ValueError(f"{self.name} has {found.length} {field}, wanted is number {index}")
        return self.source.table_at(found.start + 4 * index, self.source.schema[self.name][field].strip("[]"))
