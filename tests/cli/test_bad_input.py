"""What a user can get wrong: each with its message, its exit code, and nothing left behind."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.pictures import write_pictures
from fakes.weight_file import random_arrays, write_legacy

import mobile_deploy.files.directories as directories
from mobile_deploy.bundle import load_bundle
from mobile_deploy.cli import main
from mobile_deploy.tflite.child import Child
from mobile_deploy.variants.registry import make_spec

EXPORT = ["export", "--variant", "v1", "--alpha", "0.25", "--resolution", "64", "--weights", "none"]
SMALL = [*EXPORT, "--classes", "10", "--quant", "float32"]
NAME = "mobilenet_v1_0.25_64-untrained"

needs_root_on_linux = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting a file system takes root on Linux"
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))


def everything_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def fails(arguments: list[str], capsys) -> tuple[int, str]:
    """Runs a command that must fail without output and without a trace; gives its exit code and message."""
    before = everything_below(Path())
    code = main(arguments)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert everything_below(Path()) == before
    lines = printed.err.splitlines()
    assert lines[0].startswith("error: ")
    # What is wrong with a file the message itself says; where words were wrong there is a next step.
    assert [line[:6] for line in lines[1:]] in ([["hint: "]] if code in (2, 3) else [["hint: "], []])
    return code, printed.err


# Arguments, exit code, what is said.
WRONG_WORDS = [
    (["export", "--variant", "v2-small"], 2, "unknown variant 'v2-small'; did you mean v3-small"),
    (["export", "--variant", "mobilenetv2"], 2, "unknown variant 'mobilenetv2'"),
    (["export"], 2, "--variant: give either --variant NAME or --model FILE"),
    (["export", "--variant", "v2", "--model", "my.keras"], 2, "--variant: give either"),
    ([*EXPORT, "--resolution", "31"], 2, "--resolution: 31 is below the minimum of 32 px"),
    ([*EXPORT, "--resolution", "wide"], 2, "Invalid value for '--resolution'"),
    ([*EXPORT, "--alpha", "0"], 2, "--alpha: 0 must be a number above 0"),
    ([*EXPORT, "--alpha", "nan"], 2, "--alpha: nan must be a number above 0"),
    (["variants", "v2", "--alpha", "1e308"], 2, "--alpha: 1e+308 must be a number above 0 and at most 100"),
    ([*EXPORT, "--alpha", "90"], 2, "; a .tflite holds at most 536,870,912 in float32"),
    ([*EXPORT, "--resolution", "100000"], 2, "--resolution: 100000 is above the maximum of 4096 px"),
    ([*EXPORT, "--classes", "1000000000"], 2, "--classes: 1000000000 must be at most 1000000"),
    ([*EXPORT, "--classes", "0"], 2, "--classes: 0 must be at least 1"),
    ([*EXPORT, "--classes", "-3"], 2, "--classes: -3 must be at least 1"),
    ([*EXPORT, "--quant", "int4"], 2, "unknown recipe 'int4'; did you mean int8"),
    ([*EXPORT, "--quant", ","], 2, "--quant: names no recipe; known: float32"),
    ([*EXPORT, "--quant", "uint8", "--io", "int8"], 2, "uint8 means int8 with --io uint8, which contradicts --io int8"),
    ([*EXPORT, "--quant", "float16", "--io", "int8"], 2, "--io: int8 is not possible here (float16: float32)"),
    ([*EXPORT, "--io", "int4"], 2, "unknown input/output type 'int4'"),
    (
        [*EXPORT, "--granularity", "per-layer"],
        2,
        "unknown granularity 'per-layer'; did you mean per-tensor, per-channel?",
    ),
    (
        [*EXPORT, "--quant", "int8,dynamic", "--granularity", "per-tensor"],
        2,
        "--granularity: dynamic can only be per-channel",
    ),
    ([*EXPORT, "--repair", "equalisation"], 2, "unknown repair 'equalisation'; did you mean equalization"),
    ([*EXPORT, "--repair", "none,bias-correction"], 2, "--repair: none stands alone"),
    ([*EXPORT, "--labels", "absent.txt"], 5, "cannot use absent.txt: no such file or folder"),
    (
        [*EXPORT, "--repair", "mse-ranges,percentile-ranges"],
        2,
        "--repair: mse-ranges and percentile-ranges exclude each other",
    ),
    (["quantize", "gone.tflite", "--repair", "bias"], 2, "unknown repair 'bias'; did you mean bias-correction"),
    ([*EXPORT, "--max-drop", "0.5"], 2, "--max-drop: needs labelled pictures to measure the drop on"),
    ([*EXPORT, "--max-drop", "0.5", "--data", ".", "--quant", "float16"], 2, "--max-drop: is a budget for int8"),
    ([*EXPORT, "--max-drop", "1", "--data", ".", "--repair", "none"], 2, "--repair: --max-drop chooses repairs itself"),
    ([*EXPORT, "--max-drop", "101"], 2, "--max-drop: '101' is not from 0 to 100 percentage points"),
    ([*EXPORT, "--max-drop", "little"], 2, "--max-drop: 'little' is no number of percentage points"),
    (
        [*EXPORT, "--max-drop", "1", "--data", ".", "--target", "ethos"],
        2,
        "unknown target 'ethos'; did you mean ethos-u",
    ),
    ([*EXPORT, "--target", "gpu"], 2, "--target: says what --max-drop may try, which is not given"),
    ([*EXPORT, "--fit", "squash"], 2, "--fit: 'squash' is not one of stretch, center-crop, letterbox"),
    ([*EXPORT, "--input-range", "0,1"], 2, "belong to --model"),
    ([*EXPORT, "--input-range", "one"], 2, "--input-range: 'one' is not two numbers"),
    ([*EXPORT, "--input-range", "nan,1"], 2, "--input-range: 'nan,1': both numbers must be from -1000000 to 1000000"),
    ([*EXPORT, "--input-range", "0,1e300"], 2, "--input-range: '0,1e300': both numbers must be from"),
    ([*EXPORT, "--input-range", "1,-1"], 2, "--input-range: '1,-1': the first number must be the smaller one"),
    ([*EXPORT, "--calibration-samples", "5"], 2, "--calibration-samples: 5 is below 10"),
    ([*EXPORT, "--no-top", "--classes", "5"], 2, "--no-top: leaves no classes"),
    (["export", "--variant", "v1", "--alpha", "0.3"], 3, "no ImageNet weights are published for v1 with alpha 0.3"),
    (["export", "--variant", "v1-shallow", "--weights", "imagenet"], 3, "there are none for it"),
    ([*EXPORT, "--weights", "gone.h5"], 5, "cannot use gone.h5: no such file"),
    ([*EXPORT, "--labels", "gone.txt"], 5, "cannot use gone.txt"),
    ([*EXPORT, "--calibration", "gone"], 5, "cannot use gone: there is no such folder"),
    ([*EXPORT, "--data", "gone"], 5, "cannot use gone"),
    (["quantize", "gone.tflite"], 5, "cannot use gone.tflite: there is no such file"),
    (["predict", "gone", "a.jpg"], 5, "cannot use gone: there is no such file"),
    (["predict", "gone"], 2, "Missing argument 'IMAGE...'"),
]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"), WRONG_WORDS, ids=lambda v: " ".join(v[1:]) if isinstance(v, list) else ""
)
def test_a_request_that_cannot_be_carried_out_is_refused_before_slow_work(
    arguments, exit_code, said, capsys, monkeypatch
):
    def begin(self):
        pytest.fail("the child process was started, which is the beginning of the slow work")

    monkeypatch.setattr(Child, "start", begin)
    code, message = fails(arguments, capsys)
    assert said in message
    assert code == exit_code


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["predict", "LONG", "a.jpg"], 5),
        (["quantize", "LONG"], 5),
        (["export", "--model", "LONG", "--quant", "float32", "--fit", "stretch"], 5),
        ([*EXPORT, "--calibration", "LONG"], 5),
        ([*EXPORT, "--data", "LONG"], 5),
        ([*EXPORT, "--labels", "LONG"], 5),
        ([*EXPORT, "--output", "LONG"], 3),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows says only that there is no such file")
def test_a_name_that_no_system_can_hold_is_refused_with_the_reason(arguments, exit_code, capsys):
    code, message = fails([word.replace("LONG", "x" * 300) for word in arguments], capsys)
    assert (code, "too long" in message) == (exit_code, True)


def test_a_file_where_a_folder_of_pictures_should_be(capsys):
    Path("a.jpg").write_bytes(b"")
    code, message = fails([*EXPORT, "--calibration", "a.jpg"], capsys)
    assert (code, "cannot use a.jpg: it is a file, not a folder" in message) == (5, True)


def test_an_alpha_that_is_not_published_is_allowed_and_said(capsys):
    assert main([*SMALL, "--alpha", "0.3", "-o", "o"]) == 0
    assert (
        "note: Alpha 0.3 of v1 has no published weights; published are 0.25, 0.5, 0.75, 1.0." in capsys.readouterr().out
    )


def test_labels_against_classes(capsys):
    Path("labels.txt").write_text("cat\ndog\n")
    code, message = fails([*EXPORT, "--labels", "labels.txt", "--classes", "3"], capsys)
    assert (code, "labels.txt holds 2 names, --classes says 3" in message) == (2, True)


@pytest.mark.parametrize(
    ("content", "exit_code", "said"),
    [
        (b"", 2, "holds no names"),
        (b"cat\n\ndog\n", 5, "line 2 is blank"),
        (b"\xff\xfe\x00c", 5, "cannot be read as UTF-8"),
    ],
)
def test_labels_that_name_nothing(content, exit_code, said, capsys):
    Path("labels.txt").write_bytes(content)
    code, message = fails([*EXPORT, "--labels", "labels.txt"], capsys)
    assert (code, said in message) == (exit_code, True)


def test_weights_of_another_variant_say_whose_they_are(capsys):
    write_legacy(Path("w.h5"), random_arrays(make_spec("v2", width_multiplier=0.35)))
    code, message = fails([*EXPORT, "--weights", "w.h5", "--calibration", "builtin"], capsys)
    assert code == 5
    assert "the weights in w.h5 do not fit" in message
    assert "it looks like v2 with alpha 0.35" in message
    assert "hint: pass --variant v2 --alpha 0.35" in message


def test_weights_that_are_no_weight_file(capsys):
    Path("w.h5").write_text("not weights")
    code, message = fails([*EXPORT, "--weights", "w.h5"], capsys)
    assert (code, "cannot use w.h5" in message) == (5, True)


def test_an_empty_calibration_folder(capsys):
    Path("none").mkdir()
    code, message = fails([*EXPORT, "--calibration", "none"], capsys)
    assert code == 5
    assert "too few calibration pictures in none: 0 usable, at least 10 needed" in message
    assert "--calibration builtin" in message


def test_a_calibration_folder_with_five_pictures_and_junk_names_the_junk(capsys):
    write_pictures(Path("few"), 5)
    Path("few/broken.jpg").write_bytes(b"no picture")
    Path("few/film.mp4").write_bytes(b"no picture either")
    Path("few/notes.txt").write_text("companions are not worth a word")
    code, message = fails([*EXPORT, "--calibration", "few"], capsys)
    assert code == 5
    assert "5 usable, at least 10 needed; 2 skipped: broken.jpg (" in message
    assert "film.mp4 (" in message
    assert "notes.txt" not in message


def test_junk_among_enough_pictures_is_skipped_by_name_and_recorded(capsys):
    write_pictures(Path("mixed"), 12)
    Path("mixed/broken.jpg").write_bytes(b"no picture")
    arguments = [*EXPORT, "--classes", "10", "--calibration", "mixed", "--quant", "int8", "-o", "o"]
    assert main(arguments) == 0
    assert "note: Skipped broken.jpg: not a JPEG, PNG, WebP or BMP picture." in capsys.readouterr().out
    record = load_bundle(Path("o") / f"{NAME}-int8").manifest["calibration"]
    assert record["count"] == 12
    assert [file["name"] for file in record["skipped"]] == ["broken.jpg"]


def test_too_many_broken_pictures_are_found_before_anything_is_written(capsys):
    write_pictures(Path("broken"), 6)
    for number in range(6):
        Path(f"broken/x{number}.jpg").write_bytes(b"no picture")
    code, message = fails([*EXPORT, "--classes", "10", "--calibration", "broken", "-o", "o"], capsys)
    assert (code, "6 usable, at least 10 needed; 6 skipped: x0.jpg" in message) == (5, True)


def test_a_file_in_the_way_of_the_output(capsys):
    Path("build").write_text("a file")
    code, message = fails(SMALL, capsys)
    assert (code, message.startswith("error: cannot write build: ")) == (3, True)


def test_an_output_that_exists(capsys):
    Path(f"build/{NAME}-float32").mkdir(parents=True)
    code, message = fails(SMALL, capsys)
    assert code == 2
    assert f"output exists: {Path('build') / NAME}-float32" in message
    assert "--overwrite" in message


def test_a_folder_of_somebody_else_is_not_overwritten(capsys):
    theirs = Path(f"build/{NAME}-float32")
    theirs.mkdir(parents=True)
    (theirs / "thesis.docx").write_text("years of work")
    code, message = fails([*SMALL, "--overwrite"], capsys)
    assert (code, "holds no model.json" in message) == (3, True)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_without_permission(capsys):
    Path("build").mkdir(mode=0o500)
    code, message = fails(SMALL, capsys)
    assert (code, "permission denied" in message) == (3, True)


@pytest.fixture
def mounted(tmp_path) -> Iterator:
    """Mounts file systems in memory with the options asked for."""
    mounts = []

    def mount(name: str, options: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
        mounts.append(folder)
        return Path(name)

    yield mount
    for folder in mounts:
        subprocess.run(["umount", str(folder)], check=True)


@needs_root_on_linux
def test_a_file_system_that_cannot_be_written(mounted, capsys):
    code, message = fails([*SMALL, "-o", str(mounted("disk", "ro"))], capsys)
    assert (code, "the file system is read-only" in message) == (3, True)


@needs_root_on_linux
def test_a_disk_too_small_for_the_second_file_keeps_neither(mounted, capsys):
    disk = mounted("disk", "size=600k")
    code, message = fails([*SMALL, "--quant", "dynamic,float32", "-o", str(disk)], capsys)
    assert (code, f"cannot write {disk / NAME}-float32: the disk is full" in message) == (3, True)
    assert main([*SMALL, "--quant", "dynamic", "-o", str(disk)]) == 0


@needs_root_on_linux
def test_a_full_disk_for_temporary_files(mounted, monkeypatch, capsys):
    scratch = mounted("scratch", "size=64k")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    code, message = fails([*SMALL, "-o", "o"], capsys)
    assert (code, f"cannot write {scratch}: the disk is full" in message) == (3, True)


def test_a_disk_that_fills_up_while_writing(monkeypatch, capsys):
    real, written = directories.write_durably, []

    def write_until_full(path: Path, data: bytes) -> None:
        if len(written) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        real(path, data)

    Path("build").mkdir()
    monkeypatch.setattr(directories, "write_durably", write_until_full)
    code, message = fails([*SMALL, "--quant", "dynamic,float32"], capsys)
    assert (code, "the disk is full" in message, len(written)) == (3, True, 4)


def test_paths_may_hold_spaces_and_umlauts(capsys):
    write_pictures(Path("meine Bilder für später"), 12)
    write_legacy(
        Path("gelernte Gewichte Ä.h5"), random_arrays(make_spec("v1", width_multiplier=0.25, side=64, classes=2))
    )
    Path("Namen ß.txt").write_text("Käse\nBrötchen\n", encoding="utf-8")
    arguments = [*EXPORT, "--weights", "gelernte Gewichte Ä.h5", "--labels", "Namen ß.txt"]
    arguments += ["--calibration", "meine Bilder für später", "--quant", "float32,int8", "-o", "Aus gabe ö"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out.splitlines()[-1]
    command = shlex.split(printed.removeprefix("next: mobile-deploy "))
    bundle = load_bundle(command[1])
    assert bundle.directory == Path("Aus gabe ö") / "mobilenet_v1_0.25_64-int8"
    assert bundle.contract.labels == ("Käse", "Brötchen")
    assert bundle.manifest["calibration"]["source"] == "meine Bilder für später"
    assert bundle.manifest["weights"]["name"] == "gelernte Gewichte Ä.h5"
    assert main([*command[:-1], "meine Bilder für später/p000.png"]) == 0
    assert "Brötchen" in capsys.readouterr().out


TELLS_ITS_STAGES = """
import sys
from contextlib import contextmanager
import mobile_deploy.cli.export as command
from mobile_deploy.cli import main

class Tells:
    @contextmanager
    def stage(self, name):
        print(name, flush=True)
        yield lambda done, total: None

command.make_progress = lambda *, quiet: Tells()
sys.exit(main(sys.argv[1:]))
"""


def interrupted_at(stage: str, *, delay_s: float, whole_group: bool) -> tuple[int, list[str], str]:
    """Sends Ctrl-C while a real export is in a stage; gives exit code, stages and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", TELLS_ITS_STAGES, *EXPORT, "--quant", "float32,int8", "-o", "o"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    heard = []
    for line in process.stdout:
        heard.append(line.strip())
        if line.startswith(stage):
            break
    time.sleep(delay_s)
    if whole_group:  # as a terminal does
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    with pytest.raises(ProcessLookupError):  # no child outlives it
        os.killpg(process.pid, 0)
    return process.returncode, heard, said


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize(
    ("stage", "delay_s", "whole_group"),
    [
        ("calibrate", 0, True),
        pytest.param("find the weights", 0, False, marks=pytest.mark.slow),
        pytest.param("start TensorFlow", 0.3, True, marks=pytest.mark.slow),
        pytest.param("start TensorFlow", 2, False, marks=pytest.mark.slow),
        pytest.param("build", 0.2, True, marks=pytest.mark.slow),
        pytest.param("convert", 0.3, False, marks=pytest.mark.slow),
        pytest.param("quantize and audit float32", 0.1, True, marks=pytest.mark.slow),
        pytest.param("quantize and audit int8", 0.1, False, marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_leaves_nothing_behind(stage, delay_s, whole_group):
    code, heard, said = interrupted_at(stage, delay_s=delay_s, whole_group=whole_group)
    assert heard[-1].startswith(stage)
    assert said == "interrupted; nothing half-written is left\n"
    assert code == 130
    assert everything_below(Path()) == []


@pytest.mark.slow
def test_of_two_processes_that_export_one_bundle_one_wins():
    write_pictures(Path("pictures"), 12)
    command = [sys.executable, "-m", "mobile_deploy", *EXPORT, "--calibration", "pictures", "-o", "o"]
    command += ["--quant", "float32,int8"]
    running = [
        subprocess.Popen([*command, "--seed", seed], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for seed in "01"
    ]
    said = [process.communicate(timeout=120)[1] for process in running]
    codes = [process.returncode for process in running]
    assert sorted(codes) == [0, 2]
    assert "output exists" in said[codes.index(2)]
    bundles = [load_bundle(Path("o") / f"{NAME}-{recipe}") for recipe in ("float32", "int8")]
    assert [bundle.manifest["model"]["seed"] for bundle in bundles] == [codes.index(0)] * 2
    assert len(list(Path("o").iterdir())) == 2
