"""What becomes of `train` when it is interrupted, killed, started twice or out of disk: nothing is lost."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.colored_classes import write_colored_classes
from fakes.tiny_model_file import write_tiny_model

from mobile_deploy.cli import main

MODEL = ["train", "--model", "tiny.keras", "--data", "colors", "--fit", "stretch", "--batch", "8", "--quant", "float32"]
VARIANT = ["train", "--variant", "v1-shallow", "--alpha", "0.25", "--resolution", "32", "--weights", "none"]
FOR_EVER = ["--epochs", "100000"]
RUN = Path("build/tiny-training")

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
needs_root_on_linux = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting a file system takes root on Linux"
)


@pytest.fixture(scope="module")
def made_once(keras, tmp_path_factory) -> Path:
    """Coloured classes and a model for them."""
    folder = tmp_path_factory.mktemp("made")
    write_colored_classes(folder / "colors", per_class=8, side=24)
    write_tiny_model(keras, folder / "tiny.keras")
    return folder


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(made_once, tmp_path, monkeypatch) -> None:
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


@contextmanager
def running(arguments: list[str]) -> Iterator[subprocess.Popen]:
    """Runs the program as a user does; it does not outlive the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mobile_deploy", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def wait_for(is_so: Callable[[], bool], process: subprocess.Popen) -> None:
    until = time.monotonic() + 240
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def leftovers() -> list[Path]:
    return list(Path().rglob(".mobile-deploy-*"))


@on_posix
def test_ctrl_c_in_an_epoch_says_how_to_go_on_and_a_second_run_stays_out_meanwhile(capsys):
    with running([*MODEL, *FOR_EVER]) as process:
        wait_for((RUN / "01-all.npz").exists, process)
        for added in ([], ["--resume"], ["--overwrite"]):
            assert main([*MODEL, "--epochs", "1", *added]) == 2
            message = capsys.readouterr().err
            assert "hint: " in message
            assert added == [] or f"error: another process is training in {RUN}" in message
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    first, second = said.splitlines()
    assert re.fullmatch(rf"{RUN} holds [1-9]\d* of 100000 epochs of phase all; go on with --resume", first)
    assert second == "interrupted; nothing half-written is left"
    assert (RUN / "01-all.npz").is_file()
    assert not leftovers()


def mount(folder: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A folder to mount something on."""
    (tmp_path / "disk").mkdir()
    yield Path("disk")
    if os.path.ismount(tmp_path / "disk"):
        subprocess.run(["umount", str(tmp_path / "disk")], check=True)


@needs_root_on_linux
def test_a_disk_that_cannot_be_written_is_found_at_once(disk, capsys):
    mount(disk, "ro")
    start = time.monotonic()
    assert main([*MODEL, "-o", "disk"]) == 3
    assert time.monotonic() - start < 5
    assert capsys.readouterr().err.startswith("error: cannot write disk")


@needs_root_on_linux
def test_out_of_disk_at_any_moment_keeps_what_was_trained_and_goes_on_from_there(disk, capsys):
    assert main([*MODEL, "--epochs", "3", "-o", "whole"]) == 0
    whole = Path("whole/tiny-float32/tiny-float32.tflite").read_bytes()
    capsys.readouterr()
    mount(disk, "size=12k")
    seen, size_kb = set(), 12
    while main([*MODEL, "--epochs", "3", "-o", "disk", *(["--resume"] if list(disk.iterdir()) else [])]):
        error, hint = capsys.readouterr().err.splitlines()
        assert error.startswith("error: cannot write disk")
        assert error.endswith("the disk is full")
        assert hint.startswith("hint: free some space and run again with --resume; ")
        assert not list(disk.rglob(".mobile-deploy-*"))
        seen.add(error)
        size_kb += 8
        subprocess.run(["mount", "-o", f"remount,size={size_kb}k", "disk"], check=True)
    assert Path("disk/tiny-float32/tiny-float32.tflite").read_bytes() == whole
    assert len(seen) > 2


def files_of(output: Path) -> dict[str, bytes]:
    """Bytes of the .tflite files and the trained weights."""
    return {path.name: path.read_bytes() for path in output.rglob("*") if path.suffix in (".tflite", ".h5")}


@on_posix
@pytest.mark.slow
def test_kill_9_in_the_float_phase_and_in_qat_gives_the_bundles_of_the_uninterrupted_run():
    arguments = [*VARIANT, "--data", "colors", "--batch", "6", "--epochs", "25", "--qat", "--qat-epochs", "12"]
    assert main([*arguments, "-o", "whole"]) == 0
    run = Path("build/mobilenet_v1_shallow_0.25_32-training")
    moments = {
        "before the first checkpoint": run / "run.json",
        "in the float phase": run / "01-scratch.npz",
        "in quantization-aware training": run / "02-qat.npz",
    }
    for number, (moment, file) in enumerate(moments.items()):
        with running([*arguments, *(["--resume"] if number else [])]) as process:
            wait_for(file.exists, process)
            process.kill()
            process.communicate()
        assert process.returncode == -signal.SIGKILL, moment
        assert not list(Path("build").glob("*int8")), moment
    assert len((run / "log.csv").read_text().splitlines()) < 1 + 25 + 12  # the last kill was not too late
    assert main([*arguments, "--resume"]) == 0
    assert not leftovers()
    assert files_of(Path("build")) == files_of(Path("whole"))
    assert len(files_of(Path("build"))) == 3
