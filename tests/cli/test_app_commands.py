"""`mobile-deploy app` and those of its commands that need no phone: help, envelopes, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes.app_folders import other_app, tree, write_bundle

from mobile_deploy.cli import main
from mobile_deploy.cli.android import COMMANDS

pytestmark = pytest.mark.usefixtures("own_folders")


def app(capsys, *arguments: object, code: int = 0) -> dict[str, Any]:
    """Runs `mobile-deploy app` and gives its envelope."""
    ended = main(["app", *map(str, arguments), "--json"])
    printed = capsys.readouterr()
    assert (ended, printed.err) == (code, ""), printed
    envelope: dict[str, Any] = json.loads(printed.out)
    assert (envelope["command"], envelope["exit_code"]) == (f"app {arguments[0]}", code)
    return envelope


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_json_and_one_line_that_says_what_it_does(command, capsys):
    assert main(["app", command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: mobile-deploy app {command}") and "--json" in shown
    assert main(["app"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    summary = next(words[1] for words in lines if words and words[0] == command)
    assert summary.endswith(".") and "..." not in summary


@pytest.mark.parametrize(
    ("arguments", "command", "message"),
    [
        (["app", "biuld"], "app", "No such command 'biuld'"),
        (["app", "build"], "app build", "Missing argument 'BUNDLE...'"),
        (["app", "run", "--samples", "x"], "app run", "Invalid value for '--samples'"),
    ],
)
def test_a_usage_error_exits_2_in_two_lines_or_an_envelope(arguments, command, message, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {message}")
    assert printed.err.splitlines()[-1] == f"hint: see mobile-deploy {command} --help"
    assert main([*arguments, "--json"]) == 2
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["command"], envelope["exit_code"]) == (command, 2)


@pytest.mark.parametrize("arguments", [["--help"], ["add", "--help"], ["run", "--help"]])
def test_help_imports_neither_numpy_nor_pillow(arguments):
    code = (
        "import sys; from mobile_deploy.cli import main; main(['app', *sys.argv[1:]]); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "mobile_deploy" in loaded and loaded.isdisjoint({"numpy", "PIL", "tensorflow", "keras", "ai_edge_litert"})


def test_the_sources_are_written_and_a_bundle_is_added_to_them(tmp_path, capsys):
    data = app(capsys, "init", "demo")["data"]
    assert set(tree(tmp_path / "demo")) == {*data["written"], "mobile-deploy.json"}
    assert app(capsys, "init", "demo", code=2)["errors"][0]["type"] == "OutputExistsError"
    app(capsys, "init", "demo", "--overwrite")
    bundle = write_bundle(tmp_path / "made", "net-int8")
    data = app(capsys, "add", bundle.directory, "demo")["data"]
    assert (data["app"], data["package"], data["call"]) == ("sample", None, [])
    assert "app/src/main/assets/models/net-int8/net-int8.tflite" in data["written"]


def test_another_app_gets_what_its_engineer_must_add_printed(tmp_path, capsys):
    bundle, module = write_bundle(tmp_path / "made", "net-int8"), other_app(tmp_path / "mobile")
    assert main(["app", "add", str(bundle.directory), str(module), "--package", "com.example.eyes"]) == 0
    printed = capsys.readouterr().out
    call = app(capsys, "add", bundle.directory, module, "--package", "com.example.eyes")["data"]["call"]
    assert len(call) == 10 and all(f"\n  {line}\n" in printed for line in call)
    for words in ('noCompress += "tflite"', "litert:1.4.2", "import com.example.eyes.NetInt8", "tasks-vision", "crop"):
        assert words in printed
    assert "  written src/main/kotlin/com/example/eyes/NetInt8.kt\n" in printed


def test_the_folder_of_add_is_this_one_by_default(tmp_path, capsys, monkeypatch):
    bundle = write_bundle(tmp_path / "made", "net-int8")
    monkeypatch.chdir(other_app(tmp_path / "mobile"))
    app(capsys, "add", bundle.directory)
    assert Path("src/main/assets/models/index.json").is_file()


@pytest.mark.parametrize("command", ["add", "build"])
def test_an_untrained_bundle_is_refused_and_with_the_option_it_is_partial(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # nothing is built here
    bundle, module = write_bundle(tmp_path / "made", "net-untrained-int8"), other_app(tmp_path / "mobile")
    where = [module] if command == "add" else []
    (error,) = app(capsys, command, bundle.directory, *where, code=5)["errors"]
    assert error["type"] == "UntrainedBundleError" and "--allow-untrained" in error["hint"]
    assert not (tmp_path / "build").exists() and not (module / "src/main/assets").exists()
    if command == "add":
        envelope = app(capsys, command, bundle.directory, module, "--allow-untrained")
        assert envelope["status"] == "partial"
        assert "is untrained" in envelope["data"]["notes"][0]


def test_a_bundle_that_needs_the_newest_litert_is_too_new_for_what_is_built_here(tmp_path, capsys):
    from fakes.app_folders import contract

    bundle = write_bundle(tmp_path / "made", "net-int8", contract=contract(minimum_runtime="2.17"))
    (error,) = app(capsys, "build", bundle.directory, code=5)["errors"]
    assert error["type"] == "BundleTooNewError" and "the app's runtime is 2.16" in error["message"]
    app(capsys, "add", bundle.directory, other_app(tmp_path / "mobile"))


def test_an_apk_that_is_there_is_not_replaced_and_nothing_slow_begins(tmp_path, capsys):
    bundle = write_bundle(tmp_path / "made", "net-int8")
    (tmp_path / "build").mkdir()
    (tmp_path / "build/mobile-deploy-demo.apk").write_bytes(b"older")
    (error,) = app(capsys, "build", bundle.directory, code=2)["errors"]
    assert error["type"] == "OutputExistsError"
    assert (tmp_path / "build/mobile-deploy-demo.apk").read_bytes() == b"older"


def test_what_is_no_bundle_is_named(tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    for arguments in (["add", "folder", "."], ["build", "folder"], ["push", "folder"], ["run", "folder"]):
        (error,) = app(capsys, *arguments, code=5)["errors"]
        assert "there is no model.json" in error["message"]
