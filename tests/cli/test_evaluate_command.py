"""`evaluate` as a user types it: tables, the envelope, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import write_pictures
from fakes.small_networks import LABELS

from mobile_deploy.cli import main


@pytest.fixture(scope="module")
def bench(v2_network, tmp_path_factory) -> list[str]:
    """The first arguments: the int8 file, 24 pictures in class folders, class names."""
    folder = tmp_path_factory.mktemp("bench")
    for quant in ("float32", "int8"):
        (folder / f"net-{quant}.tflite").write_bytes(v2_network.quantized(quant).data)
    for number, path in enumerate(write_pictures(folder / "loose", 24)):
        home = folder / "data" / LABELS[number % len(LABELS)] / path.name
        home.parent.mkdir(parents=True, exist_ok=True)
        path.rename(home)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    return [str(folder / "net-int8.tflite"), "--data", str(folder / "data"), "--labels", str(folder / "labels.txt")]


@pytest.fixture
def against(bench) -> list[str]:
    """The options that compare it with its float twin."""
    return ["--against", bench[0].replace("int8", "float32"), "--input-range=-1,1"]


def envelope_of(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_a_model_alone_has_one_table_and_its_confusions(bench, capsys):
    assert main(["evaluate", *bench]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0].split() == ["on", "24", "pictures", "net-int8"]
    assert "most frequent confusions" in lines
    assert "picture by picture" not in printed.out
    assert lines[-1].endswith("latency is the median on this machine, decoding not counted; threads: 1")


def test_a_sheet_of_a_model_alone_is_named_last(bench, tmp_path, capsys):
    sheet = tmp_path / "answers.png"
    assert main(["evaluate", *bench, "--sheet", str(sheet)]) == 0
    assert capsys.readouterr().out.endswith(f"pictures with their answers: {sheet}\n")
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_a_comparison_is_printed_with_the_bar_and_its_unit(bench, against, tmp_path, capsys):
    sheet = tmp_path / "flips.png"
    arguments = [*bench, *against, "--sheet", str(sheet), "--max-drop", "50%", "--fail-below", "0"]
    assert main(["evaluate", *arguments]) == 0
    out = capsys.readouterr().out
    assert "McNemar's exact p" in out
    assert "asked for: top-1 of at least 0 %\n" in out
    assert "asked for: a drop of at most 50 percentage points" in out
    assert out.endswith(f"pictures with different answers: {sheet}\n")
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_the_envelope_holds_both_models_and_the_comparison(bench, against, capsys):
    assert main(["evaluate", *bench, *against, "--json"]) == 0
    envelope = envelope_of(capsys)
    assert (envelope["command"], envelope["status"], envelope["exit_code"]) == ("evaluate", "ok", 0)
    data = envelope["data"]
    assert (data["model"]["name"], data["reference"]["name"]) == ("net-int8", "net-float32")
    assert data["model"]["top1"]["total"] == data["pictures"] == 24
    counts = [
        data["comparison"][key] for key in ("both_right", "only_model_right", "only_reference_right", "both_wrong")
    ]
    assert sum(counts) == 24
    assert (data["fail_below_points"], data["max_drop_points"], data["sheet"]) == (None, None, None)


def test_a_missed_bar_exits_1_with_the_result(bench, capsys):
    assert main(["evaluate", *bench, "--fail-below", "99.5%", "--json"]) == 1
    envelope = envelope_of(capsys)
    assert (envelope["status"], envelope["exit_code"]) == ("error", 1)
    assert envelope["errors"][0]["type"] == "MissedBarError"
    assert envelope["data"]["model"]["top1"]["total"] == 24
    assert envelope["data"]["fail_below_points"] == 99.5

    assert main(["evaluate", *bench, "--fail-below", "99.5"]) == 1
    printed = capsys.readouterr()
    assert "top-1 [95 %]" in printed.out
    assert "below the 99.5 % asked for" in printed.err


def test_pictures_left_out_make_the_result_partial(bench, tmp_path, capsys):
    (tmp_path / LABELS[0]).mkdir()
    (tmp_path / LABELS[0] / "bad.png").write_bytes(b"no picture")
    write_pictures(tmp_path / LABELS[1], 3)
    arguments = [bench[0], "--data", str(tmp_path), *bench[3:]]
    assert main(["evaluate", *arguments, "--json"]) == 0
    envelope = envelope_of(capsys)
    assert envelope["status"] == "partial"
    assert [Path(file["name"]).name for file in envelope["data"]["skipped"]] == ["bad.png"]
    assert main(["evaluate", *arguments]) == 0
    assert capsys.readouterr().out.startswith("note: 1 labelled picture cannot be decoded and was left out: ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--max-drop", "0.5"], 2, "--max-drop: a drop is measured against another model"),
        (["--fail-below", "much"], 2, "--fail-below: 'much' is no number of percentage points"),
        (["--fail-below", "-1"], 2, "--fail-below: '-1' is not from 0 to 100"),
        (["--max-drop", "nan%"], 2, "--max-drop: 'nan%' is not from 0 to 100"),
        (["--label-offset", "20"], 5, "is no wnid, no class name and no index"),
        (["--threads", "0"], 2, "--threads: 0 is below 1"),
    ],
)
def test_what_a_user_can_get_wrong(bench, arguments, code, words, tmp_path, capsys):
    (tmp_path / "0").mkdir()
    write_pictures(tmp_path / "0", 1)
    given = [bench[0], "--data", str(tmp_path), *bench[3:], *arguments]
    assert main(["evaluate", *given]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err


def test_the_data_is_needed(bench, capsys):
    assert main(["evaluate", bench[0]]) == 2
    assert "--data" in capsys.readouterr().err


def test_a_file_that_is_no_model_is_named(bench, tmp_path, capsys):
    junk = tmp_path / "junk.tflite"
    junk.write_bytes(np.random.default_rng(0).bytes(500))
    assert main(["evaluate", str(junk), *bench[1:]]) == 5
    assert "junk.tflite" in capsys.readouterr().err
