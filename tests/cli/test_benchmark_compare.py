"""`benchmark --compare`: an older report is held against the figures, and nothing else passes for one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fakes.benchmark_command import run_benchmark
from fakes.phone.benchmark_tool import FakeTool, started_runs

import mobile_deploy.pipeline.benchmark_report as benchmark_report

pytestmark = pytest.mark.usefixtures("own_folders")

COMMITTED = Path(__file__).parent.parent / "data" / "benchmark_schema_1" / "benchmark.json"
QUICK = ("--quick", "--processes", 1, "--threads", 4)


def tool_with(tmp_path: Path, **settings: object) -> Path:
    return FakeTool(**settings).write(tmp_path / "tool")


def older(capsys, model_file: Path, tool: Path, *options: object) -> Path:
    """Makes the report that a newer one is held against."""
    return Path(run_benchmark(capsys, model_file, "--tool", tool, *options)["data"]["report"])


def test_a_report_is_compared_with_an_equal_one_and_with_a_slower_phone(fake_phone, model_file, tmp_path, capsys):
    phone = fake_phone()
    tool = tool_with(tmp_path, noise=0.001)
    options = ("--quick", "--processes", 3, "--threads", 4)
    old = older(capsys, model_file, tool, *options)
    compared = ("--compare", old / "benchmark.json", "--fail-on-regression", "5%")
    same = run_benchmark(capsys, model_file, "--tool", tool, *options, *compared)
    (comparison,) = same["data"]["comparisons"]
    assert comparison["verdict"] == "held"
    assert comparison["ratio"]["low"] < 1.01
    assert comparison["ratio"]["high"] > 0.99
    # The same program on the same phone, which tells nothing of its heat.
    phone.heat(limits_c=(20.0,), slow_down=1.3, capped=False, told=False)
    slower = run_benchmark(capsys, model_file, "--tool", tool, *options, *compared, code=1)
    (error,) = slower["errors"]
    assert error["type"] == "RegressionError"
    assert "slower than the older report by more than 5 %: model, 4 threads, cpu: 1.3" in error["message"]
    assert slower["data"]["comparisons"][0]["verdict"] == "slower"
    assert slower["data"]["comparisons"][0]["ratio"]["value"] == pytest.approx(1.3, rel=0.02)
    # Without a bar it is told and no failure.
    told = run_benchmark(capsys, model_file, "--tool", tool, *options, "--compare", old)
    assert told["errors"] == []
    assert told["data"]["comparisons"][0]["verdict"] == "slower"


@pytest.mark.parametrize(
    ("change", "reason"),
    [("phone", "another phone and another chip"), ("tool", "another runtime"), ("threads", "not in the old report")],
)
def test_what_is_not_the_same_is_not_comparable(change, reason, fake_phone, model_file, tmp_path, capsys):
    phone = fake_phone()
    old = older(capsys, model_file, tool_with(tmp_path), *QUICK)
    if change == "phone":
        phone.set_property("ro.product.model", "Pixel 4")
        phone.set_property("ro.soc.model", "SM8150")
    tool = tool_with(tmp_path, seed=2 if change == "tool" else 0)
    options = ("--quick", "--threads", 1 if change == "threads" else 4)
    compared = ("--compare", old, "--fail-on-regression", 5)
    envelope = run_benchmark(capsys, model_file, "--tool", tool, *options, *compared, code=1)
    (error,) = envelope["errors"]
    assert error["type"] == "NothingComparedError"
    assert reason in error["message"]
    comparison = envelope["data"]["comparisons"][0]
    assert (comparison["verdict"], comparison["ratio"]) == ("not comparable", None)
    assert comparison["reason"] == reason


def test_the_committed_report_can_be_read(fake_phone, model_file, tmp_path, capsys):
    fake_phone()
    assert [len(results.timings) for results in benchmark_report.read_results(COMMITTED)] == [2]
    envelope = run_benchmark(capsys, model_file, "--tool", tool_with(tmp_path), *QUICK, "--compare", COMMITTED)
    names = [comparison["configuration"]["model"] for comparison in envelope["data"]["comparisons"]]
    assert names == ["model", "kleines Netz-float32", "kleines Netz-int8"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "no benchmark report"),
        (b"\x00\xff garbage", "no benchmark report"),
        (b"[1, 2]", "no benchmark report"),
        (b'{"schema_version": 0, "places": []}', "schema_version is 0, this version of mobile-deploy reads 1"),
        (b'{"schema_version": 2}', "schema_version is 2, this version of mobile-deploy reads 1"),
        (b'{"schema_version": 1}', "no benchmark report"),
        (b"[" * 1_000_000, "no benchmark report"),
        ("huge", "over 0.0002 MB"),
        ("long name", "the name is too long"),
        ("folder", "no such file"),
    ],
)
def test_an_older_report_that_is_none_is_refused_before_anything_runs(
    content, words, fake_phone, model_file, tmp_path, capsys, monkeypatch
):
    phone = fake_phone()
    old = tmp_path / "old.json"
    if content == "huge":
        monkeypatch.setattr(benchmark_report, "_LARGEST_REPORT_BYTES", 200)
        shutil.copy(COMMITTED, old)
    elif content == "long name":
        old = tmp_path / f"{'x' * 300}old.json"
    elif content == "folder":
        old.mkdir()
    elif content is not None:
        old.write_bytes(content)
    envelope = run_benchmark(capsys, model_file, "--tool", tool_with(tmp_path), *QUICK, "--compare", old, code=5)
    (error,) = envelope["errors"]
    assert "old.json" in error["message"]
    assert words in error["message"]
    assert "benchmark.json" in error["hint"]
    assert phone.shell_log == []
    assert started_runs(phone) == ()
