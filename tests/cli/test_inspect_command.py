"""`inspect` prints the label of the file, at every width, and rows that programs can read."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.cli import main

KERNEL_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D")


class FakeTerminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def file(v2_network, tmp_path_factory) -> Path:
    """V2 0.35 at 64 px as int8."""
    path = tmp_path_factory.mktemp("label") / "flowers.tflite"
    path.write_bytes(v2_network.quantized("int8").data)
    return path


def label_of(capsys, *arguments: str) -> dict:
    assert main(["inspect", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["data"]["label"]


def test_the_label_is_printed_in_a_screenful(file, capsys):
    assert main(["inspect", str(file)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "flowers.tflite"
    assert len(lines) < 40
    assert printed.err == ""
    words = [line.split() for line in lines]
    assert ["DEPTHWISE_CONV_2D", "int8", "17", "702,144", "33,904"] in words
    assert ["gpu", "67", "of", "67", "1", "67", "-"] in words


def test_layers_are_shown_when_asked_for(file, capsys):
    assert main(["inspect", str(file), "--layers"]) == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    start = words.index(["#", "operator", "output", "type", "mult-adds", "weights", "(B)", "alive", "(B)"])
    assert len(words[start + 2 :]) == 67
    assert words[start + 2] == ["0", "QUANTIZE", "1x64x64x3", "int8", "-", "-", "24,576"]


def test_json_carries_all_of_it(file, capsys):
    label = label_of(capsys, str(file))
    assert (label["path"], label["bundle"]) == (str(file), None)
    assert (label["precision"], label["mult_adds"], label["peak_activation_bytes"]) == ("int8", 4_747_968, 61_440)
    assert len(label["layers"]) == 67
    assert {op["op"] for op in label["ops"] if op["mult_adds"]} == {*KERNEL_OPS, "FULLY_CONNECTED"}
    assert label["targets"][0]["refused"] == [
        {"op": "QUANTIZE", "count": 2, "reason": "needs the same signedness in and out"},
        {"op": "SOFTMAX", "count": 1, "reason": "no int8 form"},
    ]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_label_fits_its_terminal(file, monkeypatch, columns):
    terminal = FakeTerminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["inspect", str(file), "--layers"]) == 0
    assert max(map(len, terminal.getvalue().splitlines())) <= columns


def test_warnings_follow_the_tables(capsys, tmp_path):
    file = TfliteFile()
    image = file.tensor((1, 4))
    file.ends([image], [file.op("FlexErf", [image], file.tensor((1, 4)), custom=True)])
    path = tmp_path / "flex.tflite"
    path.write_bytes(file.to_bytes())
    assert main(["inspect", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("warning: custom operators FlexErf")


@pytest.mark.parametrize(
    ("content", "words"), [(b"no network", "it is not a .tflite file"), (None, "No such file"), (b"", "not a .tflite")]
)
def test_what_has_no_label_exits_5_in_words(tmp_path, capsys, content, words):
    path = tmp_path / "model.tflite"
    if content is not None:
        path.write_bytes(content)
    assert main(["inspect", str(path)]) == 5
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: cannot use {path}: ")
    assert words.lower() in printed.err.lower()
    assert main(["inspect", str(path), "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["errors"][0]["type"] == "UnreadableFileError"


def test_no_tensorflow_and_no_interpreter_is_loaded(file):
    code = (
        "import sys; from mobile_deploy.cli import main; main(sys.argv[1:]); "
        "print(*{name for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", str(file)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "mobile_deploy.tflite.cost" in loaded
    assert {"tensorflow", "keras", "ai_edge_quantizer", "ai_edge_litert.interpreter"} & loaded == set()
