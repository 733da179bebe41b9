"""`train` as a user types it: what is printed, the envelope, what is left, and that the next commands work."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.colored_classes import write_colored_classes
from fakes.tiny_model_file import write_tiny_model

from mobile_deploy.bundle import load_bundle
from mobile_deploy.cli import main

VARIANT = ["train", "--variant", "v1-shallow", "--alpha", "0.25", "--resolution", "32", "--weights", "none"]
NAME = "mobilenet_v1_shallow_0.25_32"


@pytest.fixture(scope="module")
def colors(tmp_path_factory) -> Path:
    return write_colored_classes(tmp_path_factory.mktemp("data") / "it's colors", per_class=8, side=40)


def course(data: Path, output: Path) -> list[str]:
    return [*VARIANT, "--data", str(data), "--batch", "6", "--epochs", "2", "--qat", "-o", str(output)]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished run with --json: its output folder and what it printed."""

    output: Path
    printed: str


@pytest.fixture(scope="module")
def trained(colors, tmp_path_factory) -> Trained:
    output, printed = tmp_path_factory.mktemp("o"), io.StringIO()
    with redirect_stdout(printed):
        assert main([*course(colors, output), "--json"]) == 0
    return Trained(output=output, printed=printed.getvalue())


def test_a_run_that_is_done_is_not_trained_again_and_its_next_commands_work(colors, trained, tmp_path, capsys):
    output = shutil.copytree(trained.output, tmp_path / "o")
    assert main([*course(colors, output), "--resume", "--overwrite"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = [line.rstrip() for line in printed.out.splitlines()]
    assert lines[0] == "note: 18 pictures of 3 classes to train on, 6 to validate on."
    assert "note: Trained from scratch, as asked for." in lines
    (phases,) = (number for number, line in enumerate(lines) if line.startswith("phase "))
    assert [line.split()[:2] for line in lines[phases + 2 : phases + 4]] == [["scratch", "2"], ["qat", "1"]]
    (recipes,) = (number for number, line in enumerate(lines) if line.startswith("recipe "))
    rows = [line.split()[0] for line in lines[recipes + 2 : lines.index("written")] if line]
    assert rows == ["float32", "int8", "int8"]
    written = lines[lines.index("written") + 1 :][:3]
    assert [line.split(f"{NAME}-")[1].split()[0] for line in written] == ["float32", "int8", "training"]
    for recipe in ("float32", "int8"):
        file = f"{NAME}-{recipe}/{NAME}-{recipe}.tflite"
        assert (output / file).read_bytes() == (trained.output / file).read_bytes()
    predict, evaluate = (
        shlex.split(line.removeprefix("next: mobile-deploy ")) for line in lines if line.startswith("next: ")
    )
    (picture, *_) = sorted((colors / "red").iterdir())
    assert main([word.replace("PICTURE.jpg", str(picture)) for word in predict]) == 0
    assert main(evaluate) == 0
    assert "6 pictures" in capsys.readouterr().out


def test_the_envelope_says_what_was_made_and_how(trained):
    envelope = json.loads(trained.printed)
    assert (envelope["command"], envelope["status"], envelope["exit_code"], envelope["errors"]) == (
        "train",
        "ok",
        0,
        [],
    )
    data = envelope["data"]
    assert [bundle["recipe"] for bundle in data["bundles"]] == ["float32", "int8"]
    for bundle in data["bundles"]:
        assert Path(bundle["tflite"]).stat().st_size == bundle["size_bytes"]
    training = data["training"]
    assert [(epoch["phase"], epoch["epoch"]) for epoch in training["curve"]] == [
        ("scratch", 1),
        ("scratch", 2),
        ("qat", 1),
    ]
    assert [phase["name"] for phase in training["phases"]] == ["scratch", "qat"]
    assert (training["seed"], training["data"]["train"], training["data"]["validation"]) == (0, 18, 6)
    assert Path(data["validation"], "labels.csv").is_file()


def test_what_is_left_can_be_checked_and_read(trained, capsys):
    for recipe in ("float32", "int8"):
        bundle = load_bundle(trained.output / f"{NAME}-{recipe}")
        assert bundle.contract.labels == ("blue", "green", "red")
        assert bundle.manifest["training"]["data"]["train"] == 18
        assert main(["verify", str(bundle.directory)]) == 0
    run = trained.output / f"{NAME}-training"
    with (run / "log.csv").open(newline="") as file:
        assert [(row["phase"], row["epoch"]) for row in csv.DictReader(file)] == [
            ("scratch", "1"),
            ("scratch", "2"),
            ("qat", "1"),
        ]
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")
    manifest = json.loads((run / "training.json").read_text(encoding="utf-8"))
    assert len(manifest["files"]) == 24
    assert {file["side"] for file in manifest["files"]} == {"train", "validation"}


def test_a_model_of_the_users_own_trains_on_with_qat(keras, colors, tmp_path, capsys):
    model = write_tiny_model(keras, tmp_path / "mine.keras")
    arguments = ["train", "--model", str(model), "--fit", "stretch", "--data", str(colors), "--batch", "6"]
    assert main([*arguments, "--qat", "--epochs", "2", "-o", str(tmp_path / "o"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert [phase["name"] for phase in data["training"]["phases"]] == ["qat"]
    assert any("in the order of their names" in note for note in data["notes"])


def test_help_shows_what_a_user_looks_for(capsys):
    assert main(["train", "--help"]) == 0
    shown = capsys.readouterr().out
    for option in ("--data", "--epochs", "--qat", "--teacher", "--resume", "--recover", "--sparsity", "--validation"):
        assert f" {option} " in shown
