"""The APK as a zip: the same entries give the same bytes, and what is mapped begins on its boundary."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from io import BytesIO

import pytest
from fakes.jvm import lacking

from mobile_deploy.android.apk_file import open_apk
from mobile_deploy.android.failures import BuildToolMissingError
from mobile_deploy.android.packaging import is_stored, read_zip, write_zip

ENTRIES = {
    "lib/arm64-v8a/libb.so": bytes(range(256)) * 9,
    "assets/models/Netz mit Ü/Netz mit Ü.tflite": b"TFL3" * 33,
    "resources.arsc": b"\x02\x00" * 7,
    "assets/a.png": b"\x89PNG",
    "lib/x86_64/liba.so": b"\x7fELF" * 5000,
    "classes.dex": b"dex\n038\0" * 99,
    "AndroidManifest.xml": b"<xml>" * 50,
    "assets/empty.png": b"",
}


def test_the_order_of_the_entries_does_not_matter():
    assert write_zip(dict(reversed(ENTRIES.items()))) == write_zip(ENTRIES)


def test_no_time_of_the_build_and_no_system_is_in_it():
    with zipfile.ZipFile(BytesIO(write_zip(ENTRIES))) as archive:
        infos = archive.infolist()
    assert {(info.date_time, info.create_system) for info in infos} == {((1980, 1, 1, 0, 0, 0), 0)}
    assert len({info.external_attr for info in infos}) == 1
    assert [info.filename for info in infos] == sorted(ENTRIES)


def test_what_went_in_comes_out():
    assert read_zip(write_zip(ENTRIES)) == ENTRIES


def test_stored_entries_begin_on_their_boundaries_and_the_rest_is_compressed(tmp_path):
    path = tmp_path / "a.apk"
    path.write_bytes(write_zip(ENTRIES))
    apk, data = open_apk(path), path.read_bytes()
    assert {name for name in ENTRIES if apk.entries[name].stored} == {name for name in ENTRIES if is_stored(name)}
    assert not apk.entries["classes.dex"].stored
    for name, entry in apk.entries.items():
        if entry.stored:
            assert entry.offset_bytes % 16384 == 0
            assert data[entry.offset_bytes : entry.offset_bytes + entry.size_bytes] == ENTRIES[name]


@pytest.mark.parametrize("length", range(1, 9))
def test_names_of_any_length_leave_the_next_entry_aligned(tmp_path, length):
    path = tmp_path / "a.apk"
    path.write_bytes(write_zip({"n" * length + ".arsc": b"x" * length, "z.tflite": b"y", "z.so": b"z"}))
    entries = open_apk(path).entries.values()
    assert [entry.offset_bytes % 16384 for entry in entries] == [0, 0, 0]


def test_models_and_resources_are_stored_and_text_is_not():
    assert is_stored("assets/models/n/n.tflite") and is_stored("resources.arsc") and is_stored("lib/x86/a.so")
    assert not is_stored("assets/models/n/model.json") and not is_stored("assets/models/n/golden_inputs.bin")


@pytest.mark.android
def test_androids_own_program_finds_the_alignment_right(tmp_path):
    zipalign = shutil.which("zipalign")
    if zipalign is None:
        lacking(BuildToolMissingError(program="zipalign", problem="is not here", hint=""))
    path = tmp_path / "ein Päckchen.apk"
    path.write_bytes(write_zip(ENTRIES))
    assert subprocess.run([zipalign, "-c", "-p", "4", path], check=False).returncode == 0
    assert subprocess.run([zipalign, "-c", "16384", path], check=False).returncode == 0
