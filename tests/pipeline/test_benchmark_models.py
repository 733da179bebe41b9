"""The models of a benchmark have names of their own, each file counts once, and anything else is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from fakes.tiny_bundles import edit_manifest, make_tiny_bundles, tflite_of, tiny_network

from mobile_deploy.bundle import BundleChangedError
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.files import sha256_of_bytes
from mobile_deploy.pipeline.benchmark_models import baseline, open_models


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> dict[str, Path]:
    return make_tiny_bundles(tmp_path_factory.mktemp("models"), quant=("float32", "dynamic"))


def write(path: Path, seed: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiny_network(seed=seed))
    return path


def test_a_file_has_its_stem_as_name_and_a_bundle_its_own(tmp_path, bundles):
    file = write(tmp_path / "a.b.tflite")
    alone, bundled = open_models([file, bundles["dynamic"]])
    assert (alone.name, alone.recipe, alone.bundle) == ("a.b", "", None)
    assert (bundled.name, bundled.recipe) == ("kleines Netz-dynamic", "dynamic")
    assert alone.data == file.read_bytes() and alone.sha256 == sha256_of_bytes(alone.data)
    assert alone.to_json() == {
        "name": "a.b",
        "recipe": None,
        "size_bytes": len(alone.data),
        "sha256": alone.sha256,
    }


def test_the_tflite_in_a_bundle_is_the_bundle(bundles):
    (model,) = open_models([tflite_of(bundles["dynamic"])])
    assert model.bundle is not None and model.recipe == "dynamic"


def test_two_of_one_name_are_named_by_their_paths(tmp_path):
    paths = [write(tmp_path / "old/net.tflite"), write(tmp_path / "new/net.tflite", seed=4)]
    assert [model.name for model in open_models(paths)] == list(map(str, paths))


@pytest.mark.parametrize("spelling", ["net.tflite", "./net.tflite", "sub/../net.tflite", "link.tflite"])
def test_one_file_is_not_measured_twice_by_whatever_path(tmp_path, monkeypatch, spelling):
    monkeypatch.chdir(tmp_path)
    write(Path("net.tflite"))
    Path("sub").mkdir()
    Path("link.tflite").symlink_to("net.tflite")
    with pytest.raises(BadOptionError, match="is given twice") as caught:
        open_models([Path("net.tflite"), Path(spelling)])
    assert caught.value.exit_code == 2


def test_a_bundle_and_the_file_in_it_are_the_same(bundles):
    with pytest.raises(BadOptionError, match="is given twice, as "):
        open_models([bundles["dynamic"], tflite_of(bundles["dynamic"])])


def test_equal_bytes_in_two_files_are_two_models(tmp_path):
    assert len(open_models([write(tmp_path / "a.tflite"), write(tmp_path / "b.tflite")])) == 2


def test_the_baseline_is_the_float_bundle_else_the_first(tmp_path, bundles):
    file = write(tmp_path / "net.tflite")
    assert baseline(open_models([file, bundles["dynamic"], bundles["float32"]])) == "kleines Netz-float32"
    assert baseline(open_models([file, bundles["dynamic"]])) == "net"


def test_a_bundle_that_changed_is_refused(tmp_path):
    bundle = make_tiny_bundles(tmp_path, quant=("dynamic",))["dynamic"]
    edit_manifest(bundle, lambda manifest: manifest["tflite"].update(sha256="0" * 64))
    with pytest.raises(BundleChangedError):
        open_models([bundle])


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\0" * 64, b"\x1c\0\0\0TFL3" + b"\xff" * 200, tiny_network()[:700]], ids=len
)
def test_a_file_that_is_no_tflite_is_refused(tmp_path, content):
    path = tmp_path / "hostile.tflite"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"hostile\.tflite") as caught:
        open_models([path])
    assert caught.value.exit_code == 5


def test_what_is_not_there_or_no_file_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFileError, match="no such file"):
        open_models([tmp_path / "absent.tflite"])
    with pytest.raises(UnreadableFileError):
        open_models([tmp_path / "empty"])


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    with pytest.raises(UnreadableFileError, match="no such file"):
        open_models([tmp_path / "pipe.tflite"])
