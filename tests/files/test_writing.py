"""Hashes, the cache, single files and whole folders."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mobile_deploy.errors import OutputExistsError, OutputNotWritableError, UnreadableFileError
from mobile_deploy.files import (
    cache_directory,
    check_writable,
    sha256_of_bytes,
    sha256_of_file,
    write_directory,
    write_file,
)

BUNDLE = {"model.json": b"{}", "model.tflite": b"TFL3" * 1000}
OTHER = {"model.json": b'{"other": 1}', "labels.txt": b"cat\n"}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class FailingFiles(Mapping[str, bytes]):
    """Gives one file and then fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getitem__(self, name: str) -> bytes:
        if name == "model.json":
            return b"{}"
        raise self.error

    def __iter__(self) -> Iterator[str]:
        return iter(("model.json", "model.tflite"))

    def __len__(self) -> int:
        return 2


@pytest.fixture
def full_disk(monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)


needs_permissions = pytest.mark.skipif(
    sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="this user may write anywhere"
)


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    data = bytes(range(256)) * 9999
    (tmp_path / "f").write_bytes(data)
    assert sha256_of_file(tmp_path / "f") == sha256_of_bytes(data) == hashlib.sha256(data).hexdigest()


def test_the_hash_of_a_missing_file_names_it(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"gone\.h5: no such file"):
        sha256_of_file(tmp_path / "gone.h5")


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "c"))
    assert cache_directory() == tmp_path / "c"
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", "")
    assert cache_directory().name in ("mobile-deploy", "Cache")


def test_a_file_is_replaced_whole_and_nothing_else_stays(tmp_path):
    path = tmp_path / "new folder" / "größe.json"
    write_file(path, b"old")
    write_file(path, b"new")
    assert content(path.parent) == {"größe.json": b"new"}


def test_a_full_disk_keeps_the_old_file_and_says_so(tmp_path, full_disk):
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(OutputNotWritableError, match="the disk is full") as caught:
        write_file(tmp_path / "f", b"new")
    assert caught.value.exit_code == 3
    assert content(tmp_path) == {"f": b"old"}


def test_a_folder_appears_with_exactly_its_files(tmp_path):
    target = tmp_path / "some where" / "bündel"
    write_directory(target, BUNDLE, overwrite=False)
    assert content(target) == BUNDLE
    assert names(target.parent) == ["bündel"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permission bits")
def test_a_folder_has_the_permissions_of_any_new_folder(tmp_path):
    (tmp_path / "plain").mkdir()
    write_directory(tmp_path / "b", BUNDLE, overwrite=False)
    assert (tmp_path / "b").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_that_is_there_is_kept_unless_it_may_be_replaced(tmp_path):
    target = tmp_path / "b"
    write_directory(target, BUNDLE, overwrite=False)
    with pytest.raises(OutputExistsError) as caught:
        write_directory(target, OTHER, overwrite=False)
    assert caught.value.exit_code == 2
    assert content(target) == BUNDLE
    write_directory(target, OTHER, overwrite=True)
    assert content(target) == OTHER
    assert names(tmp_path) == ["b"]


def test_a_folder_of_somebody_else_is_never_removed(tmp_path):
    target = tmp_path / "holiday"
    target.mkdir()
    (target / "photo.jpg").write_bytes(b"precious")
    with pytest.raises(OutputNotWritableError, match=r"holds no model\.json"):
        write_directory(target, BUNDLE, overwrite=True)
    assert content(target) == {"photo.jpg": b"precious"}


def test_an_empty_folder_is_replaced_only_on_request(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputExistsError):
        write_directory(tmp_path / "b", BUNDLE, overwrite=False)
    write_directory(tmp_path / "b", BUNDLE, overwrite=True)
    assert content(tmp_path / "b") == BUNDLE


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_way_is_named_and_kept(tmp_path, overwrite):
    (tmp_path / "b").write_bytes(b"mine")
    with pytest.raises(OutputNotWritableError, match="in the way"):
        write_directory(tmp_path / "b", BUNDLE, overwrite=overwrite)
    with pytest.raises(OutputNotWritableError, match="a file is in the way"):
        write_directory(tmp_path / "b" / "below", BUNDLE, overwrite=overwrite)
    assert content(tmp_path) == {"b": b"mine"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_to_a_folder_is_not_followed_and_not_replaced(tmp_path):
    write_directory(tmp_path / "real", BUNDLE, overwrite=False)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OutputNotWritableError, match="in the way"):
        write_directory(tmp_path / "link", OTHER, overwrite=True)
    assert content(tmp_path / "real") == BUNDLE


def test_a_name_that_is_too_long_is_said(tmp_path):
    with pytest.raises(OutputNotWritableError, match="too long"):
        write_directory(tmp_path / ("x" * 300), BUNDLE, overwrite=False)
    assert names(tmp_path) == []


@needs_permissions
def test_a_read_only_folder_is_said(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputNotWritableError, match="permission denied"):
            write_directory(tmp_path / "b", BUNDLE, overwrite=False)
        with pytest.raises(OutputNotWritableError, match="permission denied"):
            check_writable(tmp_path / "b")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("bug"), MemoryError()])
def test_any_interruption_leaves_the_old_folder_and_nothing_else(tmp_path, error):
    write_directory(tmp_path / "b", BUNDLE, overwrite=False)
    with pytest.raises(type(error)):
        write_directory(tmp_path / "b", FailingFiles(error), overwrite=True)
    assert names(tmp_path) == ["b"]
    assert content(tmp_path / "b") == BUNDLE


def test_a_full_disk_leaves_no_folder_and_says_so(tmp_path, full_disk):
    with pytest.raises(OutputNotWritableError, match="the disk is full"):
        write_directory(tmp_path / "b", BUNDLE, overwrite=False)
    assert names(tmp_path) == []


@pytest.fixture
def tiny_disk(tmp_path) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a tiny disk takes root on Linux")
    mount = tmp_path / "tiny"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_disk_that_is_really_full_leaves_no_folder(tiny_disk):
    with pytest.raises(OutputNotWritableError, match="the disk is full"):
        write_directory(tiny_disk / "b", {"model.json": b"{}", "model.tflite": bytes(100_000)}, overwrite=False)
    assert names(tiny_disk) == []


def test_a_really_full_disk_is_found_early(tiny_disk):
    check_writable(tiny_disk / "b")
    with pytest.raises(OSError, match="No space"), (tiny_disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(OutputNotWritableError, match="the disk is full"):
        check_writable(tiny_disk / "b")
    assert names(tiny_disk) == ["filler"]


def test_the_early_check_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "not" / "yet" / "there")
    assert names(tmp_path) == []


def test_the_early_check_finds_a_file_in_the_way(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(OutputNotWritableError):
        check_writable(tmp_path / "f" / "build")


def test_the_new_folder_failing_to_arrive_brings_the_old_one_back(tmp_path, monkeypatch):
    target = tmp_path / "b"
    write_directory(target, BUNDLE, overwrite=False)
    rename = Path.rename

    def refuse_once(source: Path, destination: Path) -> Path:
        if destination == target:
            monkeypatch.setattr(Path, "rename", rename)
            raise PermissionError(errno.EACCES, "held by a virus scanner")
        return rename(source, destination)

    monkeypatch.setattr(Path, "rename", refuse_once)
    with pytest.raises(OutputNotWritableError, match="permission denied"):
        write_directory(target, OTHER, overwrite=True)
    assert names(tmp_path) == ["b"]
    assert content(target) == BUNDLE


SLOW_WRITER = """
import sys, time
from pathlib import Path
from mobile_deploy.files import write_directory

class Slow(dict):
    def items(self):
        yield "model.json", b"{}"
        print("writing", flush=True)
        time.sleep(30)
        yield "model.tflite", b"late"

write_directory(Path(sys.argv[1]), Slow(), overwrite=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_control_c_leaves_no_partial_folder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_WRITER, str(tmp_path / "b")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline().strip() == b"writing"
    assert len(names(tmp_path)) == 1  # the hidden one
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert names(tmp_path) == []


def run_together(*actions) -> list[Exception | None]:
    results: list[Exception | None] = [None] * len(actions)
    barrier = threading.Barrier(len(actions))

    def run(index: int) -> None:
        barrier.wait()
        try:
            actions[index]()
        except (OutputExistsError, OutputNotWritableError) as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("round_number", range(20))
def test_of_writers_at_once_one_wins_and_the_others_are_told(tmp_path, round_number):
    target = tmp_path / "b"
    versions = [{"model.json": bytes([n]), "same": bytes([n]) * 5000} for n in range(4)]
    results = run_together(*[lambda v=v: write_directory(target, v, overwrite=False) for v in versions])
    assert sorted(type(result).__name__ for result in results) == ["NoneType", *["OutputExistsError"] * 3]
    assert content(target) == versions[results.index(None)]
    assert names(tmp_path) == ["b"]


def test_replacing_writers_at_once_never_mix(tmp_path):
    target = tmp_path / "b"
    versions = [{"model.json": bytes([n]), "same": bytes([n]) * 5000} for n in range(4)]
    for _ in range(20):
        results = run_together(*[lambda v=v: write_directory(target, v, overwrite=True) for v in versions])
        assert results == [None] * 4
        assert content(target) in versions
        assert names(tmp_path) == ["b"]


def test_a_reader_never_sees_half_a_folder(tmp_path):
    target = tmp_path / "b"
    seen: set[int] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            if target.exists():
                try:
                    seen.add(len(names(target)))
                except FileNotFoundError:
                    continue
            time.sleep(0.001)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        write_directory(target, {"model.json": b"", **{str(n): b"x" for n in range(30)}}, overwrite=False)
        shutil.move(target, tmp_path / "gone")
        shutil.rmtree(tmp_path / "gone")
    done.set()
    reader.join()
    assert seen <= {31}
