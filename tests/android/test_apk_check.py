"""Looking into an APK: each fault is found by its own row, and nothing else turns red with it."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import pytest

from mobile_deploy.android.apk_report import ApkCheckFailedError, ApkReport
from mobile_deploy.android.check import check_apk
from mobile_deploy.android.manifest import AppVersion, complete_manifest
from mobile_deploy.android.packaging import read_zip, write_zip
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.report.tables import ResultTable

pytestmark = pytest.mark.android

MODEL = "assets/models/kleines Netz-int8/kleines Netz-int8.tflite"
ARM = "lib/arm64-v8a/libtensorflowlite_jni.so"
Change = Callable[[dict[str, bytes]], object]


@pytest.fixture
def entries(tiny_apk) -> dict[str, bytes]:
    """What is in a sound app."""
    return read_zip(tiny_apk.path.read_bytes())


@pytest.fixture
def failed(app_maker, app_tools, tmp_path) -> Callable[..., list[str]]:
    """Signs an APK again and gives the rows that failed."""

    def check(data: bytes) -> ApkReport:
        before, path = tmp_path / "unsigned.apk", tmp_path / "signed.apk"
        before.write_bytes(data)
        key = ["--ks", debug_key(), "--ks-key-alias", "androiddebugkey", "--ks-pass", "pass:android"]
        options = ["--v1-signing-enabled", "false", "--min-sdk-version", "26", "--in", before, "--out", path]
        subprocess.run([app_tools.toolchain.apksigner, "sign", *key, *options], check=True)
        return check_apk(path)

    return lambda data: [found.name for found in check(data).failures]


def debug_key() -> Path:
    from mobile_deploy.android.keystore import debug_keystore

    return debug_keystore()


def changed(entries: Mapping[str, bytes], change: Change) -> bytes:
    copy = dict(entries)
    change(copy)
    return write_zip(copy)


def edited(name: str, edit: Callable[[bytes], bytes]) -> Change:
    return lambda entries: entries.update({name: edit(entries[name])})


def with_map_item(kind: int) -> Callable[[bytes], bytes]:
    """Renames an item of the bytecode's list, so that it promises what Android cannot link."""

    def edit(data: bytes) -> bytes:
        (offset,) = struct.unpack_from("<I", data, 52)
        return data[: offset + 4] + struct.pack("<H", kind) + data[offset + 6 :]

    return edit


FAULTS: dict[str, tuple[Change, list[str]]] = {
    "a byte of the model": (edited(MODEL, lambda data: data[:-1] + b"?"), ["models"]),
    "no model": (lambda entries: entries.pop(MODEL), ["models"]),
    "no index": (lambda entries: entries.pop("assets/models/index.json"), ["models"]),
    "another index": (edited("assets/models/index.json", lambda data: data.replace(b"int8", b"int9")), ["models"]),
    "an index of another schema": (
        edited("assets/models/index.json", lambda data: data.replace(b'"schema_version": 1', b'"schema_version": 2')),
        ["models"],
    ),
    "other labels": (edited("assets/models/kleines Netz-int8/labels.txt", lambda data: data + b"x\n"), ["models"]),
    "a broken model.json": (edited("assets/models/kleines Netz-int8/model.json", lambda data: data[:99]), ["models"]),
    "model.json without hashes": (edited("assets/models/kleines Netz-int8/model.json", lambda _: b"{}"), ["models"]),
    "a library of another processor": (
        lambda entries: entries.update({ARM: entries[ARM.replace("arm64-v8a", "x86_64")]}),
        ["native libraries"],
    ),
    "a library that is none": (edited(ARM, lambda _: b"text"), ["native libraries"]),
    "a processor without a library": (lambda entries: entries.pop(ARM), ["native libraries"]),
    "no bytecode": (lambda entries: entries.pop("classes.dex"), ["bytecode"]),
    "bytecode that is too new": (edited("classes.dex", lambda data: b"dex\n039\0" + data[8:]), ["bytecode"]),
    "calls bound at run time": (edited("classes.dex", with_map_item(0x0007)), ["bytecode"]),
    "damaged bytecode": (edited("classes.dex", lambda data: data[:99]), ["bytecode"]),
    "classes of tests": (
        edited(
            "classes.dex", lambda data: data.replace(b"Ldev/mobiledeploy/demo/TinyA", b"Lorg/junit/ploy/demo/TinyA/")
        ),
        ["classes"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_its_row_alone(entries, failed, fault):
    change, rows = FAULTS[fault]
    assert failed(changed(entries, change)) == rows


def test_a_sound_app_fails_nowhere(entries, failed):
    assert failed(changed(entries, lambda copy: None)) == []


def packed_otherwise(entries: Mapping[str, bytes], *, compressed: str = "", shifted: str = "") -> bytes:
    """Writes the entries as our own zip has them, but for one."""
    target = BytesIO()
    with zipfile.ZipFile(BytesIO(write_zip(entries))) as whole, zipfile.ZipFile(target, "w") as archive:
        contents = {info.filename: whole.read(info) for info in whole.infolist()}
        for info in whole.infolist():
            if info.filename == compressed:
                info.compress_type = zipfile.ZIP_DEFLATED
            if info.filename == shifted:
                identity, size, alignment = struct.unpack_from("<HHH", info.extra)
                info.extra = struct.pack("<HHH", identity, size + 4, alignment) + bytes(size + 4 - 2)
            archive.writestr(info, contents[info.filename])
    return target.getvalue()


def test_what_is_compressed_and_must_be_mapped_is_found(entries, failed):
    one = {name: data for name, data in entries.items() if "x86" not in name and "v7a" not in name}
    # The last library: what is behind a compressed one moves off its boundary.
    last = max(name for name in one if name.endswith(".so"))
    assert failed(packed_otherwise(one, compressed=last)) == ["zip alignment"]
    assert "models" in failed(packed_otherwise(one, compressed=MODEL))


def test_a_library_off_its_boundary_is_found_and_named(entries, tmp_path):
    last = max(name for name in entries if name.endswith(".so"))
    path = tmp_path / "a.apk"
    path.write_bytes(packed_otherwise(entries, shifted=last))
    report = check_apk(path)
    assert [found.name for found in report.failures] == ["signature", "zip alignment"]
    assert report.failures[1].found == f"not on its boundary: {last}"


def test_an_app_without_a_signature_or_with_a_broken_one_is_found(entries, tiny_apk, tmp_path):
    path = tmp_path / "a.apk"
    path.write_bytes(write_zip(entries))
    assert [found.name for found in check_apk(path).failures] == ["signature"]
    whole = bytearray(tiny_apk.path.read_bytes())
    # Padding before a library: nothing but the signature covers it.
    place = whole.index(ARM.encode()) + len(ARM) + 6
    whole[place] ^= 1
    path.write_bytes(whole)
    assert [found.name for found in check_apk(path).failures] == ["signature"]


def test_an_entry_that_was_damaged_on_the_way_is_named(tiny_apk, tmp_path):
    whole = bytearray(tiny_apk.path.read_bytes())
    whole[whole.index(b"TFL3") + 40] ^= 1
    path = tmp_path / "a.apk"
    path.write_bytes(whole)
    with pytest.raises(UnreadableFileError, match=r"damaged.*kleines Netz-int8\.tflite"):
        check_apk(path)


MANIFEST = """\
<manifest xmlns:android="http://schemas.android.com/apk/res/android">
    {body}
    <application {attributes}/>
</manifest>
"""
CAMERA = '<uses-permission android:name="android.permission.CAMERA"/>'
OPTIONAL = '<uses-feature android:name="android.hardware.camera" android:required="false"/>'
NETWORK = '<uses-permission android:name="android.permission.INTERNET"/>'


@pytest.fixture
def with_manifest(entries, app_tools, tmp_path) -> Callable[..., dict[str, bytes]]:
    """Gives the entries of a sound app with another manifest."""

    def make(body: str, attributes: str = "", package: str = "") -> dict[str, bytes]:
        source = MANIFEST.format(body=body, attributes=attributes).encode()
        text = complete_manifest(source, [], AppVersion(code=1, name="1"))
        if package:
            text = text.replace(b"dev.mobiledeploy.demo", package.encode())
        manifest, linked = tmp_path / "AndroidManifest.xml", tmp_path / "linked.zip"
        manifest.write_bytes(text)
        options = ["-I", app_tools.toolchain.framework, "--manifest", manifest, "-o", linked]
        subprocess.run([app_tools.toolchain.aapt2, "link", *options], check=True)
        return entries | {"AndroidManifest.xml": read_zip(linked.read_bytes())["AndroidManifest.xml"]}

    return make


def test_the_demo_may_ask_for_the_camera_and_for_nothing_else(with_manifest, failed):
    assert failed(write_zip(with_manifest(CAMERA + OPTIONAL))) == []
    assert failed(write_zip(with_manifest(CAMERA + OPTIONAL + NETWORK))) == ["permissions"]


def test_what_another_app_asks_for_is_its_own_affair(with_manifest, failed):
    assert failed(write_zip(with_manifest(NETWORK, package="com.example.app"))) == []


def test_a_camera_that_is_required_is_found_also_where_the_permission_implies_it(with_manifest, failed):
    assert failed(write_zip(with_manifest(CAMERA))) == ["camera"]
    assert failed(write_zip(with_manifest(CAMERA + OPTIONAL.replace("false", "true")))) == ["camera"]


def test_a_debuggable_app_and_one_for_an_old_android_are_warned_of(with_manifest, tmp_path):
    path = tmp_path / "a.apk"
    path.write_bytes(write_zip(with_manifest("", attributes='android:debuggable="true"')))
    assert "package" in [found.name for found in check_apk(path).warnings]


def test_the_report_is_a_table_and_json_and_an_error_when_something_failed(entries, tiny_apk, tmp_path):
    report = check_apk(tiny_apk.path)
    report.require_sound()
    value = json.loads(json.dumps(report.to_json(), default=str))
    assert (value["verdict"], value["application"], value["min_sdk"]) == ("warn", "dev.mobiledeploy.demo", 26)
    assert {row["verdict"] for row in value["findings"]} == {"pass", "warn"}
    assert isinstance(report.table(), ResultTable) and "a demo, not a store build" in str(report)
    path = tmp_path / "a.apk"
    path.write_bytes(write_zip({name: data for name, data in entries.items() if name != MODEL}))
    bad = check_apk(path)
    assert bad.to_json()["verdict"] == "fail"
    with pytest.raises(ApkCheckFailedError, match=r"models: .*has no .*\.tflite") as caught:
        bad.require_sound()
    assert caught.value.exit_code == 1


def test_what_is_no_apk_is_refused(app_tools, tmp_path, tiny_apk):
    path = tmp_path / "a.apk"
    for data in (b"", b"text", tiny_apk.path.read_bytes()[:100_000], write_zip({"classes.dex": b"x"})):
        path.write_bytes(data)
        with pytest.raises(UnreadableFileError, match=r"a\.apk"):
            check_apk(path)
    shutil.rmtree(tmp_path)
    with pytest.raises(UnreadableFileError):
        check_apk(path)
