"""`variants` prints what the papers print, at 80 columns, and rows that programs can read."""

from __future__ import annotations

import json
from io import StringIO

import pytest

from mobile_deploy.cli import main
from mobile_deploy.variants.registry import VARIANTS


def rows_of(capsys, *arguments: str) -> dict[str, dict]:
    assert main(["variants", *arguments, "--json"]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)["data"]["variants"]}


def detail_of(capsys, *arguments: str) -> dict:
    assert main(["variants", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["data"]["detail"]


class FakeTerminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_every_variant_has_a_row_with_its_counts_and_published_widths(capsys):
    assert main(["variants"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2 : 2 + len(VARIANTS)]] == list(VARIANTS)
    assert lines[2].split() == ["v1", "4,253,864", "568,740,352", "0.25", "0.5", "0.75", "1.0", "1704.04861"]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_its_terminal(monkeypatch, columns):
    terminal = FakeTerminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["variants"]) == 0
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    assert next(line for line in lines if line.startswith("v1 ")).split()[1:3] == ["4,253,864", "568,740,352"]


# Source: arXiv:1704.04861, 1801.04381 and 1905.02244 for the rounded values; exact ones follow from their tables.
@pytest.mark.parametrize(
    ("name", "parameters", "mult_adds"),
    [
        ("v1", 4_253_864, 568_740_352),
        ("v1-conv", 29_306_056, 4_867_293_184),
        ("v1-shallow", 2_899_624, 307_323_392),
        ("v2", 3_538_984, 300_774_272),
        ("v3-large", 5_507_432, 216_589_760),
        ("v3-small", 2_554_968, 56_510_400),
    ],
)
def test_json_rows_carry_exact_counts(capsys, name, parameters, mult_adds):
    row = rows_of(capsys)[name]
    assert (row["parameters_total"], row["mult_adds"]) == (parameters, mult_adds)
    assert row["parameters_paper"] < row["parameters_trainable"] < row["parameters_total"]
    assert (row["alpha"], row["resolution"], row["classes"]) == (1.0, 224, 1000)


def test_width_side_and_classes_change_the_counts_as_they_should(capsys):
    base = rows_of(capsys)["v1"]
    smaller = rows_of(capsys, "--resolution", "192")["v1"]
    assert smaller["parameters_total"] == base["parameters_total"]
    assert smaller["mult_adds"] < base["mult_adds"]
    # 1,024 features and a bias for each of the 990 classes that are gone.
    assert base["parameters_total"] - rows_of(capsys, "--classes", "10")["v1"]["parameters_total"] == 990 * 1025
    # Source: arXiv:1704.04861, Table 6: 0.5 MobileNet-224 has 149 million mult-adds and 1.3 million parameters.
    half = rows_of(capsys, "--alpha", "0.5")["v1"]
    assert round(half["mult_adds"] / 1e6) == 149
    assert round(half["parameters_paper"] / 1e6, 1) == 1.3


def test_v1_in_detail_has_the_papers_shares_layers_and_ratio(capsys):
    detail = detail_of(capsys, "v1")
    shares = {share["layer_type"]: share for share in detail["shares"]}
    # Source: arXiv:1704.04861, Table 2.
    assert shares["conv 1x1"]["mult_adds_percent"] == pytest.approx(94.86, abs=0.005)
    assert shares["conv 1x1"]["parameters_percent"] == pytest.approx(74.59, abs=0.005)
    assert shares["fully connected"]["parameters_percent"] == pytest.approx(24.33, abs=0.005)
    assert detail["layer_count"] == 28
    separation = detail["separation"]
    assert separation["predicted_ratio"] == pytest.approx(1 / 512 + 1 / 9)
    assert separation["counted_ratio"] == pytest.approx(separation["predicted_ratio"])


def test_v1_in_detail_reads_well_at_80_columns(capsys):
    assert main(["variants", "v1"]) == 0
    shown = capsys.readouterr().out
    words = [line.split() for line in shown.splitlines()]
    assert ["conv", "1x1", "94.86", "74.59"] in words
    assert ["layers", "with", "a", "kernel", "28"] in words
    assert ["conv_dw_13", "7x7x1024", "9,216", "451,584"] in words
    assert "1/512 + 1/3^2 = 0.1131" in shown


@pytest.mark.parametrize("name", VARIANTS)
def test_layer_rows_of_every_variant_fit_80_columns(capsys, name):
    assert main(["variants", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("layer  "))
    assert max(map(len, lines[start:])) <= 80


def test_a_network_without_depthwise_layers_has_no_ratio(capsys):
    assert detail_of(capsys, "v1-conv")["separation"] is None
    assert main(["variants", "v1-conv"]) == 0
    assert "Depthwise separation" not in capsys.readouterr().out


def test_an_alpha_that_is_not_published_is_allowed_and_said(capsys):
    assert main(["variants", "v2", "--alpha", "0.6"]) == 0
    assert "Note: Alpha 0.6 of v2 has no published weights" in capsys.readouterr().out
    assert detail_of(capsys, "v2")["notes"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--alpha", "0"], "--alpha: 0"),
        (["--resolution", "31"], "--resolution: 31"),
        (["--classes", "0"], "--classes: 0"),
    ],
)
def test_impossible_networks_are_refused_as_usage(capsys, arguments, message):
    assert main(["variants", "v2", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
