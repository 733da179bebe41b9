"""Opening APKs of strangers: entries and their content, and a readable refusal of everything else."""

from __future__ import annotations

import os
import random
import zipfile
from io import BytesIO

import pytest

from mobile_deploy.android.apk_file import open_apk
from mobile_deploy.android.badging import parse_badging
from mobile_deploy.errors import UnreadableFileError


def archive(**entries: bytes) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.mkdir("folder")
        for name, data in entries.items():
            opened.writestr(name.replace("_", "/"), data)
    return target.getvalue()


def test_entries_are_listed_and_read_up_to_a_size(tmp_path):
    path = tmp_path / "ä b.apk"
    path.write_bytes(archive(a_x=b"123456", a_y=b"", b_x=b"7"))
    apk = open_apk(path)
    assert [entry.name for entry in apk.matching("a/", "x")] == ["a/x"]
    assert set(apk.entries) == {"a/x", "a/y", "b/x"}
    assert (apk.read("a/x", most_bytes=4), apk.read("b/x", most_bytes=4)) == (b"1234", b"7")


def test_a_missing_entry_is_named(tmp_path):
    path = tmp_path / "a.apk"
    path.write_bytes(archive(a=b"1"))
    with pytest.raises(UnreadableFileError, match="it has no b"):
        open_apk(path).read("b", most_bytes=1)


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip" * 99, archive(a=b"1" * 999)[:-30]])
def test_what_is_no_zip_is_refused(tmp_path, data):
    path = tmp_path / "a.apk"
    path.write_bytes(data)
    with pytest.raises(UnreadableFileError, match="no APK"):
        open_apk(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "gone.apk", tmp_path):
        with pytest.raises(UnreadableFileError, match=str(path)):
            open_apk(path)


def test_a_damaged_entry_is_refused_when_it_is_read(tmp_path):
    content = os.urandom(4000)
    data = bytearray(archive(a=content))
    data[data.index(content[100:120])] ^= 0xFF
    path = tmp_path / "a.apk"
    path.write_bytes(data)
    apk = open_apk(path)
    with pytest.raises(UnreadableFileError, match="damaged"):
        apk.read("a", most_bytes=10_000)


def test_a_changed_file_is_read_or_refused_and_nothing_else(tmp_path):
    whole = archive(a=b"1" * 300, b=b"2" * 300)
    path = tmp_path / "a.apk"
    draw = random.Random(3)
    refused = 0
    for _ in range(300):
        changed = bytearray(whole)
        changed[draw.randrange(len(changed))] = draw.randrange(256)
        path.write_bytes(changed)
        try:
            apk = open_apk(path)
            [apk.read(name, most_bytes=1000) for name in apk.entries]
        except UnreadableFileError:
            refused += 1
    assert 50 < refused < 300


BADGING = """\
package: name='dev.some.app' versionCode='7' versionName='1.2' compileSdkVersion='34'
sdkVersion:'26'
targetSdkVersion:'35'
uses-permission: name='android.permission.CAMERA'
uses-permission-sdk-23: name='android.permission.INTERNET'
uses-permission: name='android.permission.CAMERA'
application-label:'x'
application-debuggable
feature-group: label=''
  uses-feature-not-required: name='android.hardware.camera.autofocus'
  uses-feature: name='android.hardware.faketouch'
  uses-implied-feature: name='android.hardware.camera' reason='requested android.permission.CAMERA permission'
"""


def test_badging_is_read_into_its_parts(tmp_path):
    badging = parse_badging(BADGING, path=tmp_path)
    assert (badging.application, badging.version_code, badging.version_name) == ("dev.some.app", 7, "1.2")
    assert (badging.min_sdk, badging.target_sdk, badging.debuggable) == (26, 35, True)
    assert badging.permissions == ("android.permission.CAMERA", "android.permission.INTERNET")
    assert badging.required_features == ("android.hardware.faketouch", "android.hardware.camera")
    assert badging.optional_features == ("android.hardware.camera.autofocus",)


def test_a_manifest_without_levels_means_the_first_android(tmp_path):
    badging = parse_badging("package: name='a.b' versionCode='' versionName=''\n", path=tmp_path)
    assert (badging.version_code, badging.min_sdk, badging.target_sdk, badging.debuggable) == (0, 1, 1, False)


def test_a_manifest_without_a_package_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="names no package"):
        parse_badging("sdkVersion:'26'\n", path=tmp_path)
