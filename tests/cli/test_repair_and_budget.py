"""`--repair`, `--max-drop` and `--target` as a user types them: what is printed, the envelope, exit codes."""

from __future__ import annotations

import json

import pytest
from fakes.pictures import write_pictures
from fakes.stubborn_networks import with_coarse_layers, write_as_answered

from mobile_deploy.bundle import load_bundle
from mobile_deploy.cli import main


@pytest.fixture(scope="module")
def ground(tmp_path_factory) -> list[str]:
    """The first words: a float file with one layer that int8 ruins, calibration pictures and how it is fed."""
    folder = tmp_path_factory.mktemp("ground")
    data = with_coarse_layers(1)
    (folder / "net.tflite").write_bytes(data)
    write_pictures(folder / "calibration", 25)
    write_as_answered(data, folder / "data")
    words = ["quantize", str(folder / "net.tflite"), "--calibration", str(folder / "calibration")]
    return [*words, "--fit", "stretch", "--input-range=-1,1", "--quiet"]


@pytest.fixture
def with_data(ground) -> list[str]:
    """The same with labelled pictures."""
    return [*ground, "--data", ground[1].replace("net.tflite", "data")]


def envelope_of(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_what_repairs_are_worth_is_said_before_the_table_and_in_the_envelope(ground, tmp_path, capsys):
    assert main([*ground, "--granularity", "per-tensor", "-o", str(tmp_path / "a")]) == 0
    (note,) = (line for line in capsys.readouterr().out.splitlines() if "logit SQNR" in line)
    assert note.startswith("note: int8: ")
    assert main([*ground, "--granularity", "per-tensor", "-o", str(tmp_path / "b"), "--json"]) == 0
    data = envelope_of(capsys)["data"]
    repairs = data["bundles"][0]["repairs"]
    assert {*repairs["kept"], *repairs["left_out"]} == {
        "dead-channels",
        "equalization",
        "mse-ranges",
        "bias-correction",
    }
    assert repairs["held_back_pictures"] == 5
    assert data["budget"] is None


@pytest.mark.parametrize(
    ("words", "tried"),
    [
        ("none", set()),
        ("bias-correction", {"bias-correction"}),
        ("percentile-ranges, equalization", {"equalization", "percentile-ranges"}),
    ],
)
def test_only_repairs_that_were_named_are_tried(words, tried, ground, tmp_path, capsys):
    assert main([*ground, "--repair", words, "-o", str(tmp_path), "--json"]) == 0
    repairs = envelope_of(capsys)["data"]["bundles"][0]["repairs"]
    assert {*repairs["kept"], *repairs["left_out"]} == tried


def test_a_budget_that_is_met_prints_every_rung_and_exits_0(with_data, tmp_path, capsys):
    assert main([*with_data, "--max-drop", "20%", "-o", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    first = lines.index(next(line for line in lines if "accuracy budget: at most 20 percentage points" in line))
    header, rule, *rows = lines[first + 1 : lines.index("written") - 1]
    assert header.split("  ")[0] == "rung"
    assert set(rule) <= {"─", "━", "-", " "}
    assert rows[0].startswith("int8 ")
    assert [row.split()[-1] for row in rows] == ["no"] * (len(rows) - 1) + ["yes"]
    assert "1 layer in float" in rows[-1]
    assert lines[-2] == f"  {tmp_path / 'net-int8'}"
    assert printed.err == ""


def test_a_budget_that_is_missed_exits_1_with_the_rungs_and_the_best_file(with_data, tmp_path, capsys):
    words = [*with_data, "--max-drop", "0", "--target", "edgetpu", "-o", str(tmp_path)]
    assert main([*words, "--json"]) == 1
    envelope = envelope_of(capsys)
    assert (envelope["status"], envelope["exit_code"]) == ("error", 1)
    assert envelope["errors"][0]["type"] == "BudgetMissedError"
    assert "no file is within --max-drop 0 percentage points" in envelope["errors"][0]["message"]
    budget = envelope["data"]["budget"]
    assert (budget["max_drop_points"], budget["is_within"]) == (0, False)
    assert all(rung["host_latency_ms"] > 0 and not rung["float_layers"] for rung in budget["rungs"])
    best = max(rung["accuracy"]["top1"]["count"] for rung in budget["rungs"])
    row = envelope["data"]["bundles"][0]
    assert row["accuracy"]["top1"]["count"] == best
    assert load_bundle(row["directory"]).manifest["budget"]["is_within"] is False

    assert main([*words, "--overwrite"]) == 1
    printed = capsys.readouterr()
    assert "accuracy budget: at most 0 percentage points below float32" in printed.out
    assert printed.err.startswith("error: no file is within --max-drop 0 percentage points")
    assert "hint: " in printed.err
