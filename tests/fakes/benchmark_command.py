"""Runs `mobile-deploy benchmark` in this process and reads what it left."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.tiny_bundles import tiny_network

from mobile_deploy.cli import main

_CONTROL = re.compile(r"[^\n\x20-\x7e\u00a0-\U0010ffff]|\x85|\u2028|\u2029")


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes nothing beside the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A model without a bundle."""
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_network())
    return path


def run_benchmark(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """Gives the whole envelope of a run that ends with a code."""
    ended = main(["benchmark", *map(str, arguments), "--json", "--quiet"])
    printed = capsys.readouterr()
    assert ended == code, printed
    envelope: dict[str, Any] = json.loads(printed.out)
    assert envelope["command"] == "benchmark"
    assert envelope["exit_code"] == code
    return envelope


def report_of(envelope: dict[str, Any]) -> dict[str, Any]:
    """Reads the benchmark.json of a run."""
    report: dict[str, Any] = json.loads(Path(envelope["data"]["report"], "benchmark.json").read_text(encoding="utf-8"))
    return report


def records_of(envelope: dict[str, Any]) -> list[dict[str, Any]]:
    """Gives the processes of a run on one place, in the order they ran."""
    (place,) = report_of(envelope)["places"]
    records: list[dict[str, Any]] = place["records"]
    return records


def summaries_of(envelope: dict[str, Any]) -> list[dict[str, Any]]:
    """Gives the rows of a run on one place."""
    (place,) = envelope["data"]["places"]
    summaries: list[dict[str, Any]] = place["summaries"]
    return summaries


def unprintable(text: str) -> Sequence[str]:
    """Finds what moves a cursor or breaks a line where none should be."""
    return _CONTROL.findall(text)
