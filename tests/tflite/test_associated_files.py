from __future__ import annotations

import io
import random
import tracemalloc
import zipfile

import pytest

from mobile_deploy.tflite.associated_files import AssociatedFiles, append_files

MODEL = bytes(range(256)) * 40


def behind_model(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    stream.write(MODEL)
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream.getvalue()


def test_files_lie_behind_the_model_uncompressed_and_without_a_date():
    data = append_files(MODEL, {"labels.txt": b"cat\ndog\n", "notes.txt": b""})
    assert data.startswith(MODEL)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt") == b"cat\ndog\n"
        infos = archive.infolist()
    assert {(i.date_time, i.compress_type, i.create_system) for i in infos} == {((1980, 1, 1, 0, 0, 0), 0, 3)}
    # Readers that do not correct for what lies before the zip find its entries all the same.
    assert data[infos[0].header_offset :].startswith(b"PK\x03\x04")


def test_weights_that_look_like_a_zip_are_left_alone():
    empty_zip = b"PK\x05\x06" + bytes(18)
    data = append_files(MODEL + empty_zip, {"labels.txt": b"cat"})
    assert data.startswith(MODEL + empty_zip)
    assert AssociatedFiles(data).read("labels.txt") == b"cat"


def test_what_was_appended_is_read_back():
    files = AssociatedFiles(append_files(MODEL, {"a.txt": b"1", "b.txt": b"2"}))
    assert files.names == ("a.txt", "b.txt")
    assert (files.read("a.txt"), files.read("b.txt"), files.read("c.txt")) == (b"1", b"2", None)


def test_a_compressed_zip_whose_offsets_count_from_its_own_beginning_is_read_too():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "dog" * 1000)
    assert AssociatedFiles(MODEL + stream.getvalue()).read("labels.txt") == b"dog" * 1000


def test_a_model_without_a_zip_has_no_files():
    files = AssociatedFiles(MODEL)
    assert (files.names, files.read("labels.txt")) == ((), None)


def test_a_zip_behind_a_large_model_is_found():
    data = append_files(bytes(20_000_000), {"labels.txt": b"cat"})
    assert AssociatedFiles(data).read("labels.txt") == b"cat"


def test_a_file_that_swells_to_100_mb_is_refused_before_it_does():
    data = behind_model(("labels.txt", bytes(100_000_000)))
    assert len(data) < 1_000_000
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"labels\.txt in the zip at its end holds over 4 MB"):
        AssociatedFiles(data).read("labels.txt")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 40_000_000


def test_names_that_lead_elsewhere_are_only_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("../../escaped.txt", "/etc/escaped.txt", "C:\\escaped.txt", "a/../../escaped.txt")
    files = AssociatedFiles(behind_model(*((name, b"x") for name in names)))
    assert len(files.names) == 4
    assert files.read("../../escaped.txt") == b"x"
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent.parent / "escaped.txt").exists()


def test_a_crowd_of_files_is_refused():
    files = AssociatedFiles(behind_model(*((f"{i}.txt", b"") for i in range(1001))))
    assert files.names == ()
    with pytest.raises(ValueError, match="over 1000 files"):
        files.read("1.txt")


@pytest.mark.parametrize("count", [100_000, 400_000])
def test_a_listing_of_very_many_files_stays_small(count):
    entry = behind_model(("x", b""))
    start = entry.rindex(b"PK\x01\x02")
    listing = entry[start : entry.rindex(b"PK\x05\x06")] * count
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + len(listing).to_bytes(4, "little") + bytes(6)
    tracemalloc.start()
    files = AssociatedFiles(MODEL + listing + end)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert files.names == ()
    assert peak_bytes < 200_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(method):
    with pytest.raises(ValueError, match="compressed in an unusual way"):
        AssociatedFiles(behind_model(("labels.txt", b"cat"), method=method)).read("labels.txt")


def test_an_encrypted_file_is_refused():
    data = bytearray(append_files(MODEL, {"labels.txt": b"cat"}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(mark) + flags] |= 1
    with pytest.raises(ValueError, match="encrypted"):
        AssociatedFiles(bytes(data)).read("labels.txt")


def test_damage_is_refused_or_harmless():
    whole = behind_model(("labels.txt", b"cat\ndog\n" * 50))
    dice = random.Random(0)
    refused = 0
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(MODEL), len(data))] = dice.randrange(256)
        cut = dice.randrange(len(MODEL), len(data)) if dice.random() < 0.2 else len(data)
        try:
            AssociatedFiles(bytes(data[:cut])).read("labels.txt")
        except ValueError:
            refused += 1
    assert refused > 300
