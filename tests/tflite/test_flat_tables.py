from __future__ import annotations

import random
import struct

import flatbuffers
import pytest
from flatbuffers.table import Table

from mobile_deploy.tflite.flat_tables import FlatBytes, FlatTable, Schema, write_table

SCHEMA: Schema = {
    "Book": {
        "title": "string",
        "pages": "uint",
        "flags": "byte",
        "weights": "[float]",
        "chapters": "[Chapter]",
        "cover": "Cover",
        "extra_type": "byte",
        "extra": "union",
        "size": "ulong",
        "raw": "",
    },
    "Chapter": {"title": "string"},
    "Cover": {"color": "byte"},
    "Map": {"scale": "[float]"},
}
VALUES = {
    "title": "Bücher",
    "pages": 70_000,
    "flags": 200,
    "weights": (1.5, -2.0, 0.1),
    "chapters": ({"title": "one"}, {}, {"title": "three"}),
    "cover": {"color": 3},
    "extra_type": 7,
    "extra": ("Map", {"scale": (4.0,)}),
}


def written(values=VALUES) -> bytes:
    builder = flatbuffers.Builder()
    builder.Finish(write_table(builder, SCHEMA, "Book", values))
    return bytes(builder.Output())


def root_of(data: bytes) -> FlatTable:
    return FlatBytes(data, SCHEMA).root("Book")


def read_all(data: bytes) -> None:
    """Touches every field, as far as the bytes allow."""
    book = root_of(data)
    book.text("title"), book.number("pages"), book.number("flags"), book.floats("weights"), book.blob("raw")
    for chapter in book.tables("chapters"):
        chapter.text("title")
    if (cover := book.table("cover")) is not None:
        cover.number("color")
    if (extra := book.table("extra", "Map")) is not None:
        extra.floats("scale")


def test_what_was_written_is_read_back():
    book = root_of(written())
    assert (book.text("title"), book.number("pages"), book.number("flags")) == ("Bücher", 70_000, 200)
    assert book.floats("weights") == (1.5, -2.0, pytest.approx(0.1))
    assert [chapter.text("title") for chapter in book.tables("chapters")] == ["one", "", "three"]
    assert book.one_of("chapters", 2).text("title") == "three"
    assert book.table("cover").number("color") == 3
    assert (book.number("extra_type"), book.table("extra", "Map").floats("scale")) == (7, (4.0,))


def test_what_was_left_out_reads_as_the_default():
    book = root_of(written({"title": "x"}))
    assert (book.number("pages"), book.number("size"), book.floats("weights"), book.tables("chapters")) == (
        0,
        0,
        (),
        (),
    )
    assert (book.table("cover"), book.table("extra", "Map"), book.blob("raw")) == (None, None, b"")


def test_the_library_s_own_reader_finds_each_field_in_its_slot():
    data = written()
    (start,) = struct.unpack_from("<I", data)
    table = Table(data, start)
    at = {name: table.Offset(4 + 2 * slot) for slot, name in enumerate(SCHEMA["Book"])}
    assert table.String(start + at["title"]).decode() == "Bücher"
    assert struct.unpack_from("<I", data, start + at["pages"]) == (70_000,)
    assert data[start + at["flags"]] == 200
    assert struct.unpack_from("<3f", data, table.Vector(at["weights"])) == (
        1.5,
        -2.0,
        struct.unpack("<f", struct.pack("<f", 0.1))[0],
    )
    assert table.VectorLen(at["chapters"]) == 3
    assert (at["size"], at["raw"]) == (0, 0)


def test_equal_values_give_equal_bytes():
    assert written() == written(dict(VALUES))


def test_every_cut_is_refused_or_reads():
    whole = written()
    refused = 0
    for end in range(len(whole)):
        try:
            read_all(whole[:end])
        except ValueError:
            refused += 1
    assert refused > len(whole) * 0.9


def test_every_flipped_byte_is_refused_or_reads():
    whole, dice = written(), random.Random(0)
    refused = 0
    for _ in range(5000):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
        try:
            read_all(bytes(data))
        except ValueError:
            refused += 1
    assert refused > 1000


def test_a_length_beyond_the_end_is_refused():
    data = bytearray(written())
    place = data.index(struct.pack("<I", 3) + struct.pack("<f", 1.5))
    data[place : place + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="17179869180 bytes at"):
        root_of(bytes(data)).floats("weights")


def test_one_vector_behind_many_tables_is_bounded():
    """Ten thousand chapters that are all one chapter with a title of 10 kB would be 100 MB of text."""
    builder = flatbuffers.Builder()
    chapter = write_table(builder, SCHEMA, "Chapter", {"title": "x" * 10_000})
    builder.StartVector(4, 10_000, 4)
    for _ in range(10_000):
        builder.PrependUOffsetTRelative(chapter)
    chapters = builder.EndVector()
    builder.StartObject(len(SCHEMA["Book"]))
    builder.PrependUOffsetTRelativeSlot(4, chapters, 0)
    builder.Finish(builder.EndObject())
    with pytest.raises(ValueError, match="more than 1000000 values"):
        read_all(bytes(builder.Output()))


def test_a_member_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="Book has 3 chapters, wanted is number 3"):
        root_of(written()).one_of("chapters", 3)
