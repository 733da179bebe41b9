"""What every command keeps to: --json, one envelope also on failure, exit codes, and no heavy imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from mobile_deploy.cli import main
from mobile_deploy.cli.app import COMMANDS
from mobile_deploy.cli.options import split_list
from mobile_deploy.cli.output import emit
from mobile_deploy.errors import OutputNotWritableError, UnreadableFileError
from mobile_deploy.pipeline.progress import SilentProgress

KEYS = ["schema_version", "command", "status", "exit_code", "data", "errors"]


def envelope_of(capsys) -> dict:
    printed = capsys.readouterr()
    assert printed.err == ""
    return json.loads(printed.out)


def in_doctor(monkeypatch, error: BaseException) -> None:
    """Lets the doctor fail the way any job may."""

    def fail(**_):
        raise error

    monkeypatch.setattr("mobile_deploy.cli.doctor.diagnose", fail)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_json(command, capsys):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: mobile-deploy {command}")
    assert "--json" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_one_line_that_says_what_it_does(command, capsys):
    assert main(["--help"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    summary = next(words[1] for words in lines if words and words[0] == command)
    assert summary.endswith(".")
    assert "..." not in summary


def test_without_a_command_it_shows_its_help(capsys):
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_version_is_the_package_version(capsys):
    from mobile_deploy import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mobile-deploy {__version__}\n"


def test_python_m_mobile_deploy_is_the_same_program():
    done = python("-m", "mobile_deploy", "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "mobile-deploy")


@pytest.mark.parametrize("arguments", [["--help"], ["variants"], ["variants", "v1"], ["doctor"]])
def test_light_commands_import_neither_tensorflow_nor_numpy(arguments, tmp_path):
    code = (
        "import sys; from mobile_deploy.cli import main; main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        # No adb, Java or Maven to wait for.
        env={**os.environ, "PATH": str(tmp_path)},
    )
    loaded = done.stderr.splitlines()[-1].split()
    assert "mobile_deploy" in loaded
    assert {"tensorflow", "keras", "tf_keras", "ai_edge_litert", "ai_edge_quantizer", "numpy"} & set(loaded) == set()


def test_the_envelope_of_a_success_has_its_keys_in_order(capsys):
    assert main(["variants", "--json"]) == 0
    envelope = envelope_of(capsys)
    assert list(envelope) == KEYS
    assert {key: envelope[key] for key in KEYS if key != "data"} == {
        "schema_version": 1,
        "command": "variants",
        "status": "ok",
        "exit_code": 0,
        "errors": [],
    }


def test_an_unknown_variant_exits_2_and_names_the_near_ones(capsys):
    assert main(["variants", "v3-smal"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: unknown variant 'v3-smal'; did you mean v3-small")
    assert "hint: " in printed.err


def test_an_unknown_variant_gives_an_envelope_with_json(capsys):
    assert main(["variants", "v3-smal", "--json"]) == 2
    envelope = envelope_of(capsys)
    assert list(envelope) == KEYS
    assert (envelope["command"], envelope["status"], envelope["exit_code"]) == ("variants", "error", 2)
    assert envelope["data"] is None
    assert envelope["errors"][0]["type"] == "UnknownNameError"
    assert list(envelope["errors"][0]) == ["type", "message", "hint"]


@pytest.mark.parametrize(
    ("arguments", "command", "message"),
    [
        (["variants", "--alhpa", "1"], "variants", "No such option: --alhpa"),
        (["variants", "--alpha", "wide"], "variants", "Invalid value for '--alpha'"),
        (["convert"], None, "No such command 'convert'"),
        (["--verison"], None, "No such option: --verison"),
    ],
)
def test_a_usage_error_exits_2_in_two_lines_or_an_envelope(arguments, command, message, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {message}")
    hint = f"hint: see mobile-deploy {command} --help" if command else "hint: see mobile-deploy --help"
    assert printed.err.splitlines()[-1] == hint

    assert main([*arguments, "--json"]) == 2
    envelope = envelope_of(capsys)
    assert (envelope["command"], envelope["status"], envelope["exit_code"]) == (command, "error", 2)
    assert message in envelope["errors"][0]["message"]


def test_json_after_two_dashes_is_a_name_not_a_request(capsys):
    assert main(["variants", "--", "--json"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown variant '--json'")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OutputNotWritableError(path="build", reason="the disk is full"), 3),
        (UnreadableFileError(path="x.keras", problem="it is a text file", hint="save it again"), 5),
    ],
)
def test_an_error_of_the_toolkit_exits_with_its_own_code(monkeypatch, capsys, error, code):
    in_doctor(monkeypatch, error)
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == f"error: {error.message}\nhint: {error.hint}\n"
    assert main(["doctor", "--json"]) == code
    assert envelope_of(capsys)["errors"] == [
        {"type": type(error).__name__, "message": error.message, "hint": error.hint}
    ]


def test_an_error_nobody_foresaw_keeps_its_traceback(monkeypatch):
    in_doctor(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_ctrl_c_says_one_line_and_exits_130(monkeypatch, capsys):
    in_doctor(monkeypatch, KeyboardInterrupt())
    assert main(["doctor"]) == 130
    assert capsys.readouterr() == ("", "interrupted; nothing half-written is left\n")
    assert main(["doctor", "--json"]) == 130
    assert envelope_of(capsys)["exit_code"] == 130


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself a POSIX signal")
def test_ctrl_c_that_native_code_turns_into_another_error_is_still_ctrl_c(monkeypatch, capsys):
    def load(**_options):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setattr("mobile_deploy.cli.doctor.diagnose", load)
    assert main(["doctor"]) == 130
    assert capsys.readouterr() == ("", "interrupted; nothing half-written is left\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal to a shell script's parent")
def test_a_real_ctrl_c_while_a_tool_is_asked_exits_130(tmp_path):
    started = tmp_path / "started"
    adb = tmp_path / "adb"
    adb.write_text(f"#!/bin/sh\n: > {started}\nexec /bin/sleep 30\n")
    adb.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "mobile_deploy", "doctor"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    deadline = time.monotonic() + 20
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "interrupted; nothing half-written is left\n")
    assert process.returncode == 130


@dataclass(frozen=True)
class Size:
    file: Path
    size_bytes: int


def test_a_result_below_the_bar_is_shown_whole_and_then_exits(capsys):
    error = UnreadableFileError(path="a.jpg", problem="cut short")
    with pytest.raises(typer.Exit) as stopped:
        emit("export", {"size": Size(Path("a"), 3)}, show=lambda: print("table"), as_json=False, errors=[error])
    assert stopped.value.exit_code == 5
    assert capsys.readouterr() == ("table\n", "error: cannot use a.jpg: cut short\n")
    with pytest.raises(typer.Exit):
        emit("export", {"size": Size(Path("a"), 3)}, show=lambda: print("table"), as_json=True, errors=[error])
    envelope = envelope_of(capsys)
    assert (envelope["status"], envelope["exit_code"]) == ("error", 5)
    assert envelope["data"] == {"size": {"file": "a", "size_bytes": 3}}


def test_a_result_with_a_reservation_is_partial_and_exits_0(capsys):
    emit("export", {}, show=lambda: None, as_json=True, partial=True)
    envelope = envelope_of(capsys)
    assert (envelope["status"], envelope["exit_code"]) == ("partial", 0)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes"])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        emit("export", {"value": value}, show=lambda: None, as_json=True)


def test_lists_are_split_at_commas():
    assert split_list(" float32,int8 ,,") == ("float32", "int8")
    assert split_list("") == ()


def test_silent_progress_takes_steps_and_says_nothing(capsys):
    with SilentProgress().stage("convert") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_an_output_file_on_a_full_disk_is_an_error_and_not_a_trace(as_json):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "mobile_deploy", "variants", "v1", *as_json]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.stderr.startswith("error: cannot write standard output: ")
    assert len(ended.stderr.splitlines()) == 2
    assert ended.returncode == OutputNotWritableError.exit_code


@pytest.mark.skipif(sys.platform == "win32", reason="closing a stream takes a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_does_not_stop_a_command(closed):
    command = f'"{sys.executable}" -m mobile_deploy variants v1 {closed}'
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
