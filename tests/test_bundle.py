from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mobile_deploy.bundle import (
    SCHEMA_VERSION,
    BundleChangedError,
    compose_bundle,
    load_bundle,
    read_labels,
    record_latencies,
    write_bundles,
)
from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract, Quantization
from mobile_deploy.errors import OutputExistsError, OutputNotWritableError, UnreadableFileError

LABELS = ("Apfel", "Bär, braun", "雪")
CONTRACT = ModelContract(
    input=InputContract(
        side=32,
        dtype="uint8",
        low=0.0,
        high=1.0,
        fit=Fit(kind="stretch"),
        quantization=Quantization(scale=1 / 255, zero_point=0),
    ),
    output=OutputContract(
        dtype="uint8", meaning="softmax", size=3, quantization=Quantization(scale=1 / 256, zero_point=0)
    ),
    labels=LABELS,
    minimum_runtime="2.14",
)
TFLITE = b"\x1c\0\0\0TFL3 stands for a model"
FACTS = {"io": "uint8", "weights": {"kind": "none", "note": "größer"}}
RELEASED = Path(__file__).parent / "data"


def draft(parent, name="tiny-int8", tflite=TFLITE, contract=CONTRACT):
    return compose_bundle(parent, name, tflite=tflite, recipe="int8", contract=contract, facts=FACTS)


@pytest.fixture
def written(tmp_path):
    """A bundle on the disk."""
    made = draft(tmp_path / "build")
    write_bundles([made], overwrite=False)
    return made.bundle


def edit(bundle, change):
    """Rewrites model.json."""
    path = bundle.directory / "model.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(change(manifest) or manifest), encoding="utf-8")


def refused(directory, words):
    with pytest.raises(UnreadableFileError, match=words) as caught:
        load_bundle(directory)
    assert caught.value.exit_code == 5


def test_a_written_bundle_loads_as_it_was_composed(written):
    assert load_bundle(written.directory) == written
    assert load_bundle(str(written.directory)).contract == CONTRACT
    assert (written.size_bytes, written.sha256) == (len(TFLITE), hashlib.sha256(TFLITE).hexdigest())
    assert written.manifest["weights"] == FACTS["weights"]


def test_a_bundle_is_three_files(written):
    assert sorted(path.name for path in written.directory.iterdir()) == ["labels.txt", "model.json", "tiny-int8.tflite"]
    assert written.tflite.read_bytes() == TFLITE
    assert (written.directory / "labels.txt").read_bytes() == "Apfel\nBär, braun\n雪\n".encode()
    assert "größer" in (written.directory / "model.json").read_text(encoding="utf-8")


def test_the_same_bundle_has_the_same_bytes(tmp_path, written):
    again = draft(tmp_path / "elsewhere")
    for name, data in again.files.items():
        assert (written.directory / name).read_bytes() == data


def test_an_existing_bundle_is_replaced_only_when_asked(tmp_path, written):
    changed = draft(tmp_path / "build", tflite=TFLITE + b"!")
    with pytest.raises(OutputExistsError):
        write_bundles([changed], overwrite=False)
    assert load_bundle(written.directory) == written
    write_bundles([changed], overwrite=True)
    assert load_bundle(written.directory) == changed.bundle


def test_no_bundle_appears_when_one_cannot(tmp_path):
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "second").write_text("in the way")
    with pytest.raises(OutputNotWritableError):
        write_bundles([draft(tmp_path / "build", "first"), draft(tmp_path / "build", "second")], overwrite=True)
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["second"]


def test_numbers_that_json_does_not_have_are_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        compose_bundle(tmp_path, "n", tflite=TFLITE, recipe="int8", contract=CONTRACT, facts={"top1": float("nan")})


@pytest.mark.parametrize("name", ["tiny-int8.tflite", "labels.txt"])
def test_a_changed_file_is_refused(written, name):
    path = written.directory / name
    path.write_bytes(path.read_bytes().replace(b"p", b"q").replace(b"m", b"n"))
    with pytest.raises(BundleChangedError, match=name) as caught:
        load_bundle(written.directory)
    assert caught.value.exit_code == 5
    assert caught.value.found == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["tiny-int8.tflite", "labels.txt"])
def test_a_missing_file_is_refused(written, name):
    (written.directory / name).unlink()
    refused(written.directory, name)


def test_a_folder_without_manifest_is_no_bundle(tmp_path):
    refused(tmp_path, "no model.json, so it is no bundle")


def test_a_missing_folder_is_no_bundle(tmp_path):
    refused(tmp_path / "absent", "no bundle")


@pytest.mark.parametrize("text", ["", "{", "[1", "[" * 100_000, "\0", b"\xff\xfe".decode("latin-1")])
def test_a_manifest_that_is_no_json_is_refused(written, text):
    (written.directory / "model.json").write_text(text, encoding="latin-1")
    refused(written.directory, "no readable JSON")


def test_an_enormous_manifest_is_not_read(written):
    with (written.directory / "model.json").open("wb") as file:
        file.truncate(2**40)  # a hole: it takes no space
    refused(written.directory, "too large")


def test_enormous_labels_are_not_read(written):
    with (written.directory / "labels.txt").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UnreadableFileError, match="too large: over 16 MB"):
        read_labels(written.directory / "labels.txt")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize("name", ["model.json", "labels.txt", "tiny-int8.tflite"])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(written, name):
    path = written.directory / name
    path.unlink()
    os.mkfifo(path)
    refused(written.directory, "it is no file")


@pytest.mark.parametrize("version", [None, 0, 2, "1", []])
def test_another_schema_is_refused_with_both_versions(written, version):
    edit(written, lambda manifest: manifest.update(schema_version=version))
    refused(written.directory, f"reads {SCHEMA_VERSION}")


@pytest.mark.parametrize("value", [[], "text", 3, None])
def test_a_manifest_that_is_no_object_is_refused(written, value):
    edit(written, lambda manifest: [value])
    refused(written.directory, "schema_version is None")


@pytest.mark.parametrize("key", ["name", "recipe", "tflite", "labels", "contract"])
def test_a_missing_field_is_named(written, key):
    edit(written, lambda manifest: {name: value for name, value in manifest.items() if name != key})
    refused(written.directory, f"lacks '{key}'")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tflite", None),
        ("tflite", []),
        ("tflite", "x.tflite"),
        ("tflite", {"sha256": "0" * 64}),
        ("tflite", {"sha256": "0" * 64, "size_bytes": "many"}),
        ("tflite", {"sha256": "0" * 64, "size_bytes": None}),
        ("tflite", {"sha256": "0" * 64, "size_bytes": float("inf")}),
        ("labels", None),
        ("labels", 3),
        ("contract", None),
        ("contract", []),
        ("contract", {}),
    ],
)
def test_a_wrong_field_is_refused(written, key, value):
    edit(written, lambda manifest: manifest.update({key: value}))
    refused(written.directory, "wrong type|lacks|bad contract")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "", ".", "\0", "\ud800"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, written, name):
    shutil.copy(written.tflite, tmp_path / "build" / "secret.tflite")
    edit(written, lambda manifest: manifest.update(name=name))
    refused(written.directory, "is no file name|cannot be read")


def test_labels_that_do_not_fit_the_contract_are_refused(tmp_path):
    made = draft(tmp_path)
    labels = "Apfel\nBär\n".encode()
    write_bundles([replace(made, files={**made.files, "labels.txt": labels})], overwrite=False)
    edit(made.bundle, lambda manifest: manifest["labels"].update(sha256=hashlib.sha256(labels).hexdigest()))
    refused(made.bundle.directory, "3 labels promised, 2 found")


def labels_file(tmp_path, data):
    path = tmp_path / "labels.txt"
    path.write_bytes(data)
    return path


def test_labels_are_read_with_mark_umlauts_and_foreign_line_ends(tmp_path):
    data = "\ufeffÄpfel\r\n  gebrannte Mandeln \r\n雪\r\n\r\n \n".encode()
    assert read_labels(labels_file(tmp_path, data)) == ("Äpfel", "gebrannte Mandeln", "雪")


def test_the_last_label_needs_no_line_end(tmp_path):
    assert read_labels(labels_file(tmp_path, b"cat\ndog")) == ("cat", "dog")


@pytest.mark.parametrize(("data", "line"), [(b"cat\n\ndog\n", 2), (b"\ncat\n", 1), (b"cat\ndog\n \t\nfox", 3)])
def test_a_blank_line_among_labels_is_named(tmp_path, data, line):
    with pytest.raises(UnreadableFileError, match=f"line {line} is blank"):
        read_labels(labels_file(tmp_path, data))


@pytest.mark.parametrize("data", [b"\xff\xfea\0", "Äpfel".encode("latin-1")])
def test_labels_in_another_encoding_are_refused(tmp_path, data):
    with pytest.raises(UnreadableFileError, match="UTF-8"):
        read_labels(labels_file(tmp_path, data))


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x07", "\x7f", "\x9b"])
def test_labels_that_would_move_the_cursor_of_a_terminal_are_refused(tmp_path, character):
    with pytest.raises(UnreadableFileError, match="line 2 holds a control character"):
        read_labels(labels_file(tmp_path, f"cat\ndog{character}[2J\n".encode()))
    assert read_labels(labels_file(tmp_path, b"n02084071\tdog\n")) == ("n02084071\tdog",)


def test_missing_labels_are_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="absent"):
        read_labels(tmp_path / "absent.txt")


@pytest.mark.parametrize("schema", range(1, SCHEMA_VERSION + 1))
def test_every_released_schema_loads(schema, update_goldens):
    directory = RELEASED / f"bundle_schema_{schema}"
    if update_goldens and schema == SCHEMA_VERSION:
        shutil.rmtree(directory, ignore_errors=True)
        made = draft(directory.parent, directory.name)
        write_bundles([made], overwrite=False)
    bundle = load_bundle(directory)
    assert bundle.manifest["schema_version"] == schema
    assert (bundle.recipe, bundle.contract) == ("int8", CONTRACT)
    assert bundle.tflite.read_bytes() == TFLITE


def latency(**says):
    setting = {"device": "Pixel 8", "soc": "Tensor G3", "system": "Android 15", "runtime": "2.2.0", "delegate": "cpu"}
    return {**setting, "threads": 1, "median_ms": 2.5, **says}


def test_latencies_are_added_and_one_of_the_same_setting_is_replaced(written):
    record_latencies(written.directory, [latency(), latency(threads=4, median_ms=1.1)])
    record_latencies(written.directory, [latency(median_ms=2.4), latency(device="Galaxy S24")])
    loaded = load_bundle(written.directory)
    found = [(entry["device"], entry["threads"], entry["median_ms"]) for entry in loaded.manifest["latency"]]
    assert found == [("Pixel 8", 1, 2.4), ("Pixel 8", 4, 1.1), ("Galaxy S24", 1, 2.5)]
    assert {key: value for key, value in loaded.manifest.items() if key != "latency"} == dict(written.manifest)


@pytest.mark.parametrize("stranger", [None, 7, ["x", 3], [{"device": {"a": []}}]])
def test_what_a_stranger_wrote_as_latencies_does_not_keep_ours_out(written, stranger):
    edit(written, lambda manifest: manifest.update(latency=stranger))
    record_latencies(written.directory, [latency()])
    assert load_bundle(written.directory).manifest["latency"][-1] == latency()
