"""Names, serials, properties and arguments of any kind reach no shell, on the phone or here, and print in peace."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fakes.benchmark_command import records_of, report_of, run_benchmark, summaries_of, unprintable
from fakes.phone.benchmark_tool import FakeTool, runs_of
from fakes.scripted_adb import scripted_adb
from fakes.tiny_bundles import edit_manifest, make_tiny_bundles, tflite_of, tiny_network

from mobile_deploy.cli import main
from mobile_deploy.errors import BadOptionError
from mobile_deploy.pipeline.benchmark import benchmark

pytestmark = pytest.mark.slow

CANARY = "canary"
ONE = ("--quick", "--processes", 1)
NASTY = (
    "$(touch canary)",
    "`touch canary`",
    "'; touch canary; '",
    '"; touch canary; "',
    "& touch canary | touch canary > canary",
    "a\ntouch canary\n#",
    "-rf --help ä 雪 %s \\ * ~ {a,b}",
    "\x1b[2J\x1b]0;title\x07\r\x08red",
)

VALUES = (*NASTY, "x" * 5000)
PROPERTIES = {
    "model": "ro.product.model",
    "soc": "ro.soc.model",
    "release": "ro.build.version.release",
    "abilist": "ro.product.cpu.abilist",
}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """The working folder, apart from the home and the cache."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def tool(place) -> Path:
    return FakeTool(noise=0.001).write(place / "tool")


def model(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiny_network())
    return path


def shown(capsys, *arguments: object, code: int = 0) -> str:
    """Everything that a run prints for people; nothing in it may move a cursor."""
    assert main(["benchmark", *map(str, arguments)]) == code
    printed = capsys.readouterr()
    assert unprintable(printed.out + printed.err) == []
    return printed.out + printed.err


def assert_nothing_ran(*folders: Path) -> None:
    assert [path for folder in folders for path in folder.rglob(CANARY)] == []


def test_the_canary_would_be_found(place):
    os.system("touch canary")
    with pytest.raises(AssertionError):
        assert_nothing_ran(place)


def test_names_of_model_files_run_nothing(fake_phone, place, tool, tmp_path, capsys):
    phone = fake_phone()
    files = [model(place / f"{name}.tflite") for name in NASTY]
    text = shown(capsys, *files, "--tool", tool, *ONE)
    assert "ä 雪 %s" in text
    assert len(runs_of(phone)) >= 2 * len(NASTY)
    assert_nothing_ran(tmp_path, phone.folder)
    assert phone.leftovers() == ()


def test_a_name_that_is_no_utf_8_is_reported(fake_phone, place, tool, capsys):
    fake_phone()
    file = model(place / os.fsdecode(b"\xff\xfe.tflite"))
    envelope = run_benchmark(capsys, file, "--tool", tool, *ONE)
    assert len(summaries_of(envelope)) == 1
    assert report_of(envelope)["complete"] is True


def test_names_of_bundles_run_nothing(fake_phone, place, tool, tmp_path, capsys):
    made = make_tiny_bundles(place, quant=("int8",))["int8"]
    phone, bundles = fake_phone(), [place / f"{number}" / name for number, name in enumerate(NASTY[:3])]
    for bundle in bundles:
        shutil.copytree(made, bundle)
        tflite_of(bundle).rename(bundle / "$(touch canary).tflite")
        edit_manifest(bundle, lambda manifest: manifest.update(name="$(touch canary)"))
    envelope = run_benchmark(capsys, *bundles, "--tool", tool, "--processes", 1)
    assert envelope["data"]["attached"] == [str(bundle) for bundle in bundles]
    assert_nothing_ran(tmp_path, phone.folder)


@pytest.mark.parametrize("name", [NASTY[0], NASTY[2], NASTY[5], NASTY[7]])
def test_paths_of_tool_cache_and_output_run_nothing(name, fake_phone, place, tmp_path, monkeypatch, capsys):
    phone, file = fake_phone(), model(place / "model.tflite")
    for folder in ("tools", "caches", "outs"):
        (tmp_path / folder / name).mkdir(parents=True)
    tool = FakeTool().write(tmp_path / "tools" / name / name)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "caches" / name))
    shown(capsys, file, "--tool", tool, *ONE, "-o", tmp_path / "outs" / name)
    assert_nothing_ran(tmp_path, phone.folder)
    assert len(list((tmp_path / "outs" / name).glob("*/benchmark.json"))) == 1


def test_arguments_reach_the_tool_letter_by_letter(fake_phone, place, tool, tmp_path, capsys):
    phone, file = fake_phone(), model(place / "model.tflite")
    given = [f"--benchmark_name={value}" for value in (*NASTY, "", " ", "--", "=")]
    envelope = run_benchmark(capsys, file, "--tool", tool, *ONE, *(f"--tool-arg={one}" for one in given))
    for run in runs_of(phone):
        assert run["arguments"][-len(given) :] == given
    assert_nothing_ran(tmp_path, phone.folder)
    (place_told,) = envelope["data"]["places"]
    assert place_told["about"]["tool"]["extra_arguments"] == given


@pytest.mark.parametrize("argument", ["--benchmark_name=\0", f"--benchmark_name={'x' * 9000}", "touch canary", "--x"])
def test_an_argument_that_cannot_reach_the_tool_is_refused(argument, fake_phone, place, tool):
    phone, file = fake_phone(), model(place / "model.tflite")
    with pytest.raises(BadOptionError, match="--tool-arg"):
        benchmark(file, tool=tool, tool_arguments=(argument,), processes=1)
    assert runs_of(phone) == ()
    assert phone.leftovers() == ()


@pytest.mark.parametrize(
    ("serial", "named"),
    [*((serial, "-s") for serial in (*NASTY[:5], NASTY[6])), (NASTY[0], "ANDROID_SERIAL"), (NASTY[2], "by nobody")],
)
def test_serials_run_nothing(serial, named, fake_phone, own_adb, place, tool, tmp_path, monkeypatch, capsys):
    phone, file = fake_phone(), model(place / "model.tflite")
    (tmp_path / "listing").write_text(f"List of devices attached\n{serial}\tdevice\n", encoding="utf-8")
    stub = scripted_adb(
        tmp_path / "bin",
        f'case "$1" in devices) cat \'{tmp_path}/listing\';; *) exec {own_adb.program} -s {phone.serial} "$@";; esac',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    if named == "ANDROID_SERIAL":
        monkeypatch.setenv("ANDROID_SERIAL", serial)
    arguments = ("-s", serial) if named == "-s" else ()
    envelope = run_benchmark(capsys, file, "--tool", tool, *ONE, *arguments)
    assert envelope["data"]["places"][0]["about"]["serial"] == serial
    assert {call[1] for call in stub.calls if call[0] == "-s"} == {serial}
    assert_nothing_ran(tmp_path, phone.folder)


def test_a_serial_that_moves_the_cursor_is_refused(place, tool, tmp_path, monkeypatch, capsys):
    scripted_adb(
        tmp_path / "bin", "[ \"$1\" = devices ] && printf 'List of devices attached\\n\\033[2J\\tdevice\\n'; :"
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    text = shown(capsys, model(place / "model.tflite"), "--tool", tool, code=3)
    assert "without a serial number" in text


@pytest.mark.parametrize("shift", range(3))
def test_properties_run_nothing(shift, fake_phone, place, tool, tmp_path, capsys):
    phone, file = fake_phone(), model(place / "model.tflite")
    for number, name in enumerate(("model", "soc", "release", "abilist")):
        phone.set_property(PROPERTIES[name], VALUES[(number * 3 + shift) % len(VALUES)])
    phone.set_setting("stay_on_while_plugged_in", VALUES[shift])
    text = shown(capsys, file, "--tool", tool, *ONE)
    assert_nothing_ran(tmp_path, phone.folder)
    assert max(map(len, text.splitlines())) < 1000


def test_what_the_tool_prints_about_a_delegate_prints_in_peace(fake_phone, place, tmp_path, capsys):
    phone, file = fake_phone(), model(place / "model.tflite")
    words = "\x1b[2J$(touch canary)"
    log = (
        f"INFO: Explicitly applied {words.split()[0]} delegate, and the model graph will be completely executed\n"
        f"ERROR: Failed to {words}\nERROR: Benchmarking failed.\n"
    )
    tool = FakeTool.replaying(log, exit_code=1).write(place / "tool")
    text = shown(capsys, file, "--tool", tool, *ONE, code=4)
    assert "Failed to \\x1b[2J$(touch canary)" in text
    assert_nothing_ran(tmp_path, phone.folder)


def test_every_process_is_kept_with_what_it_was_given(fake_phone, place, tool, capsys):
    phone, file = fake_phone(), model(place / "$(touch canary).tflite")
    envelope = run_benchmark(capsys, file, "--tool", tool, *ONE)
    assert len(records_of(envelope)) == len(runs_of(phone)) == 2  # a trial and a latency
    # No name of the user's is known to the phone.
    assert not any("touch" in script for script in phone.shell_log)
