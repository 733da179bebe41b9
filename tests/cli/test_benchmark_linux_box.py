"""`benchmark` on an x86-64 Linux box behind an old daemon: no exit codes, CR LF, none of Android's commands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from fakes.benchmark_command import records_of, run_benchmark, summaries_of
from fakes.phone.benchmark_tool import FakeTool, runs_of
from fakes.phone.system_files import Cluster
from fakes.phone.tool_lines import percentile
from fakes.tiny_bundles import make_tiny_bundles, sha256, tflite_of

pytestmark = pytest.mark.usefixtures("own_folders")

LOGS = Path(__file__).parent.parent / "device" / "golden_logs"
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
NEEDS_TWO_CORES = pytest.mark.skipif(CORES[:2] != [0, 1], reason="needs the cores 0 and 1")


def test_a_linux_box_measures_too(fake_phone, tmp_path, capsys):
    made = make_tiny_bundles(tmp_path, quant=("int8",))["int8"]
    phone = fake_phone(linux=True, crlf=True)
    tool = FakeTool(real=True).write(tmp_path / "tool")
    envelope = run_benchmark(capsys, made, "--tool", tool, "--processes", 1, "--threads", "1,2")
    assert envelope["errors"] == []
    (place,) = envelope["data"]["places"]
    assert (place["about"]["system"], place["about"]["sdk"]) == ("Linux x86_64", None)
    assert len(runs_of(phone)) == 2 * (1 + 1 + 1)
    for run, record in zip(runs_of(phone), records_of(envelope), strict=True):
        assert run["graph_sha256"] == sha256(tflite_of(made))
        assert record["cores"] == []  # it does not tell which are fast
        assert record["measurement"]["centre_ms"] == pytest.approx(percentile(run["runs_us"], 50) / 1000)
        assert record["measurement"]["doubts"] == []
    assert phone.leftovers() == ()
    assert phone.processes() == ()
    assert len(json.loads((made / "model.json").read_text(encoding="utf-8"))["latency"]) == 2
    assert b"\r" not in Path(envelope["data"]["report"], "logs.txt").read_bytes()
    # Nothing that only Android has was needed.
    assert not any("input keyevent" in script or "svc power" in script for script in phone.shell_log)


@NEEDS_TWO_CORES
def test_a_linux_box_binds_a_run_to_real_cores_and_tells_so(fake_phone, model_file, tmp_path, capsys):
    phone = fake_phone(linux=True, crlf=True)
    phone.cores(Cluster(cores=1, max_khz=1_000_000), Cluster(cores=1, max_khz=2_000_000))
    tool = FakeTool(real=True).write(tmp_path / "tool")
    envelope = run_benchmark(capsys, model_file, "--tool", tool, "--quick", "--processes", 1, "--threads", 1)
    for run, record in zip(runs_of(phone), records_of(envelope), strict=True):
        assert record["cores"] == [1]
        assert int(run["cpus_allowed"].replace(",", ""), 16) == 0b10
        assert record["measurement"]["doubts"] == []


@NEEDS_TWO_CORES
def test_a_linux_box_that_cannot_bind_is_doubted(fake_phone, model_file, tmp_path, capsys):
    phone = fake_phone(linux=True, missing=("taskset",))
    phone.cores(Cluster(cores=1, max_khz=1_000_000), Cluster(cores=1, max_khz=2_000_000))
    tool = FakeTool().write(tmp_path / "tool")
    envelope = run_benchmark(capsys, model_file, "--tool", tool, "--quick", "--processes", 1, "--threads", 1)
    (summary,) = summaries_of(envelope)
    could = ",".join(map(str, CORES))
    assert summary["doubts"] == [f"it was to run on the cores 1 and could run on {could}"]
    assert envelope["status"] == "partial"


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (FakeTool.replaying("", exit_code=3), "exit status 3"),
        (FakeTool.replaying("", signal=11), "it crashed on a bad address (exit status 139)"),
        (FakeTool.replaying((LOGS / "failed_model_load.log").read_text(), exit_code=1), "Failed to load model"),
        (FakeTool.replaying((LOGS / "truncated.log").read_text()), "no complete result"),
        (FakeTool.replaying((LOGS / "interpreter_litert_1_2.log").read_text(), exit_code=1), "exit status 1"),
    ],
)
def test_a_failing_run_is_noticed_where_the_shell_always_reports_0(
    tool, words, fake_phone, model_file, tmp_path, capsys
):
    phone = fake_phone(linux=True, crlf=True)
    envelope = run_benchmark(capsys, model_file, "--tool", tool.write(tmp_path / "tool"), "--quick", code=4)
    assert words in envelope["errors"][0]["message"]
    assert phone.leftovers() == ()


def test_a_tool_that_the_linux_box_cannot_start_is_named(fake_phone, model_file, tmp_path, capsys):
    phone = fake_phone(linux=True, crlf=True)
    (tmp_path / "tool").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))
    envelope = run_benchmark(capsys, model_file, "--tool", tmp_path / "tool", "--quick", code=3)
    assert "not built for the ABI x86_64" in envelope["errors"][0]["message"]
    assert phone.leftovers() == ()
