"""Reading native libraries and bytecode: what their headers say, and that damaged ones do no harm."""

from __future__ import annotations

import random
import struct

import pytest

from mobile_deploy.android.dex_file import read_dex
from mobile_deploy.android.elf import MACHINES, Elf, read_elf


def library(*, machine: int, alignments: tuple[int, ...], wide: bool = True) -> bytes:
    """An ELF file with a note and loadable segments."""
    kinds = [(4, 1), *((1, alignment) for alignment in alignments)]
    head = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    if wide:
        head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, len(kinds), 64, 0, 0)
        return head + b"".join(struct.pack("<IIQQQQQQ", kind, 5, 0, 0, 0, 9, 9, align) for kind, align in kinds)
    head += struct.pack("<HHIIIIIHHHHHH", 3, machine, 1, 0, 52, 0, 0, 52, 32, len(kinds), 40, 0, 0)
    return head + b"".join(struct.pack("<IIIIIIII", kind, 0, 0, 0, 9, 9, 5, align) for kind, align in kinds)


@pytest.mark.parametrize("wide", [True, False])
def test_the_smallest_alignment_of_a_loadable_segment_counts(wide):
    head = library(machine=40, alignments=(65536, 4096, 16384), wide=wide)
    assert read_elf(head) == Elf(machine=40, load_alignment_bytes=4096)


def test_a_library_for_large_pages_is_known_by_it():
    head = library(machine=MACHINES["arm64-v8a"], alignments=(16384, 16384))
    assert read_elf(head) == Elf(machine=183, load_alignment_bytes=16384)


def test_what_is_no_library_is_none():
    whole = library(machine=183, alignments=(16384,))
    big_endian = whole[:5] + b"\x02" + whole[6:]
    cases = (b"", b"\x7fELF", b"\x7fELF\x02\x01", b"MZ" + bytes(99), big_endian, library(machine=3, alignments=()))
    assert [read_elf(case) for case in cases] == [None] * len(cases)


def test_a_cut_or_changed_library_does_no_harm():
    whole = library(machine=183, alignments=(16384,) * 4)
    assert [read_elf(whole[:length]) for length in range(64, len(whole))] == [None] * (len(whole) - 64)
    draw = random.Random(1)
    for _ in range(300):
        changed = bytearray(whole)
        changed[draw.randrange(16, len(changed))] = draw.randrange(256)
        read_elf(bytes(changed))


def bytecode(
    *, version: bytes = b"038", classes: tuple[str, ...] = ("a.B", "c.Ü"), kinds: dict[int, int] | None = None
):
    """The tables of a classes.dex: strings, types, definitions and the list of what there is."""
    strings = [b"L" + name.replace(".", "/").encode() + b";" for name in classes]
    at = 112
    data = b""
    offsets = []
    for text in strings:
        offsets.append(at + len(data))
        # A length below 128 takes one byte; the longer form must be read, too.
        data += (bytes([len(text)]) if len(text) % 2 else bytes([len(text) | 0x80, 0])) + text + b"\0"
    string_ids = at + len(data)
    data += b"".join(struct.pack("<I", offset) for offset in offsets)
    type_ids = at + len(data)
    data += b"".join(struct.pack("<I", index) for index in range(len(strings)))
    definitions = at + len(data)
    data += b"".join(struct.pack("<I28x", index) for index in range(len(strings)))
    items = {0x0001: len(strings), **(kinds or {})}
    map_at = at + len(data)
    data += struct.pack("<I", len(items)) + b"".join(struct.pack("<HHII", kind, 0, n, 0) for kind, n in items.items())
    head = b"dex\n" + version + b"\0" + bytes(44) + struct.pack("<I", map_at)
    head += struct.pack("<IIII", len(strings), string_ids, len(strings), type_ids)
    head += bytes(24) + struct.pack("<II", len(classes), definitions) + bytes(8)
    return head + data


def test_version_and_classes_are_read():
    dex = read_dex(bytecode(version=b"039"))
    assert dex is not None
    assert (dex.version, dex.classes, dex.call_sites, dex.method_handles) == (39, ("a.B", "c.Ü"), 0, 0)


def test_calls_that_are_bound_at_run_time_are_counted():
    dex = read_dex(bytecode(kinds={0x0007: 72, 0x0008: 5}))
    assert dex is not None and (dex.call_sites, dex.method_handles) == (72, 5)


def test_damaged_bytecode_is_none_and_does_no_harm():
    whole = bytecode()
    assert [read_dex(case) for case in (b"", b"dex\n", b"dey\n038\0" + whole[8:], b"dex\nabc\0" + whole[8:])] == [
        None
    ] * 4
    # The last cut takes only a part of the list.
    assert [read_dex(whole[:length]) for length in range(0, len(whole) - 11)] == [None] * (len(whole) - 11)
    draw = random.Random(2)
    for _ in range(300):
        changed = bytearray(whole)
        changed[draw.randrange(52, len(changed))] = draw.randrange(256)
        read_dex(bytes(changed))


def test_a_table_that_promises_more_classes_than_the_format_has_is_not_walked():
    whole = bytearray(bytecode())
    whole[96:100] = struct.pack("<I", 70_000)
    assert read_dex(bytes(whole)) is None
