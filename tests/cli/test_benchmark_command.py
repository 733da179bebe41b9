"""`benchmark` on phones: what ran, what it measured and what stands in the report are one and the same."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pytest
from fakes.benchmark_command import records_of, report_of, run_benchmark, summaries_of
from fakes.phone.benchmark_tool import FakeTool, runs_of, started_runs
from fakes.phone.tool_lines import percentile
from fakes.tiny_bundles import sha256, tflite_of, tiny_network

from mobile_deploy.pipeline.quantize import quantize

LOGS = Path(__file__).parent.parent / "device" / "golden_logs"
GRAMMARS = ("interpreter", "compiled-model")


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch) -> None:
    """Writes nothing beside the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def bundle(v2_network, tmp_path_factory) -> Path:
    """V2 0.35 at 64 px as int8, calibrated."""
    folder = tmp_path_factory.mktemp("v2")
    (folder / "v2.tflite").write_bytes(v2_network.data)
    (folder / "labels.txt").write_text("".join(f"name {i}\n" for i in range(10)))
    made = quantize(
        folder / "v2.tflite",
        quant=("int8",),
        labels=folder / "labels.txt",
        fit="stretch",
        input_range=(-1.0, 1.0),
        calibration=list(v2_network.pictures),
        output=folder / "made",
    )
    return made.bundles[0].directory


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_network())
    return path


# Figures are those of the tool


@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize("with_file", [True, False], ids=["result file", "text"])
def test_an_int8_bundle_really_runs_and_its_figures_are_the_tools(
    bundle, grammar, with_file, fake_phone, tmp_path, capsys
):
    phone = fake_phone()
    without = () if with_file else ("result_file_path",)
    tool = FakeTool(grammar=grammar, real=True, without=without).write(tmp_path / "tool")
    envelope = run_benchmark(capsys, bundle, "--tool", tool, "--quick", "--threads", 1)
    runs, records = runs_of(phone), records_of(envelope)
    assert len(runs) == len(records) == 3
    for run, record in zip(runs, records, strict=True):
        assert run["graph_sha256"] == sha256(tflite_of(bundle))
        assert "--num_threads=1" in run["arguments"]
        assert any("result_file_path" in argument for argument in run["arguments"]) is with_file
        assert_figures(record["measurement"], run, inexact_init=grammar == "compiled-model" and not with_file)
        assert record["cores"] == [4, 5, 6, 7, 8]
        assert run["cpus_allowed"] == "1f0"
    assert phone.leftovers() == ()
    assert phone.processes() == ()
    assert_summary(summaries_of(envelope)[0], runs[1:])
    (model,) = report_of(envelope)["models"]
    assert model["sha256"] == sha256(tflite_of(bundle))


def assert_figures(measured, run, *, inexact_init) -> None:
    """Files hold floats of 32 bits, text six digits of means and hundredths of ms of the initialization."""
    times_us, first_us = run["runs_us"], run["warmup_us"][0]
    figures_us = {
        "centre_ms": percentile(times_us, 50),
        "p5_ms": percentile(times_us, 5),
        "p95_ms": percentile(times_us, 95),
        "min_ms": min(times_us),
        "max_ms": max(times_us),
        "first_ms": first_us,
    }
    for name, figure_us in figures_us.items():
        assert measured[name] == pytest.approx(figure_us / 1000, rel=1e-6), name
    assert measured["runs"] == len(times_us)
    assert measured["centre"] == "median"
    assert measured["mean_ms"] == pytest.approx(sum(times_us) / len(times_us) / 1000, rel=1e-5)
    assert measured["init_ms"] == pytest.approx(run["init_us"] / 1000, abs=0.0051 if inexact_init else 1e-5)


def assert_summary(summary, runs) -> None:
    def middle_ms(figures_us) -> float:
        return median(figures_us) / 1000

    assert summary["centres_ms"] == pytest.approx([percentile(run["runs_us"], 50) / 1000 for run in runs], rel=1e-6)
    assert summary["latency_ms"] == pytest.approx(middle_ms(percentile(run["runs_us"], 50) for run in runs), rel=1e-6)
    assert summary["p5_ms"] == pytest.approx(middle_ms(percentile(run["runs_us"], 5) for run in runs), rel=1e-6)
    assert summary["p95_ms"] == pytest.approx(middle_ms(percentile(run["runs_us"], 95) for run in runs), rel=1e-6)
    assert summary["first_ms"] == pytest.approx(middle_ms(run["warmup_us"][0] for run in runs), rel=1e-6)
    assert summary["init_ms"] == pytest.approx(middle_ms(run["init_us"] for run in runs), abs=0.0051)
    assert summary["min_ms"] == pytest.approx(min(min(run["runs_us"]) for run in runs) / 1000, rel=1e-6)
    assert summary["runs"] == sum(len(run["runs_us"]) for run in runs)


@pytest.mark.parametrize(
    ("log", "grammar", "delegate", "shell_v2"),
    [
        ("interpreter_litert_1_2", "interpreter", "cpu", True),
        ("interpreter_tf_2_6", "interpreter", "cpu", False),
        ("gpu_partial", "interpreter", "gpu", False),
        ("compiled_model_2_1", "compiled-model", "cpu", True),
        ("compiled_model_gpu_fell_back", "compiled-model", "gpu", False),
    ],
)
def test_a_golden_log_gives_the_same_through_the_whole_chain(
    log, grammar, delegate, shell_v2, fake_phone, file, tmp_path, capsys
):
    """That every log is read right is held by tests/device/test_tool_log.py."""
    fake_phone(shell_v2=shell_v2)
    tool = FakeTool.replaying((LOGS / f"{log}.log").read_text()).changed(grammar=grammar).write(tmp_path / "tool")
    options = ("--quick", "--processes", 1, "--threads", 4, "--delegate", delegate)
    envelope = run_benchmark(capsys, file, "--tool", tool, *options)
    expected = json.loads((LOGS / f"{log}.json").read_text())
    for record in records_of(envelope):
        assert record["measurement"] == expected
    logs = Path(envelope["data"]["report"], "logs.txt").read_text(encoding="utf-8")
    assert logs.count((LOGS / f"{log}.log").read_text().strip()) == 2


# Delegates, profile, memory


@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize(
    ("gpu", "used", "doubt"),
    [
        ("full", "GPU", ""),
        ("partial", "GPU", "partially executed by the GPU delegate"),
        ("none", "", {"interpreter": "not executed by the GPU delegate", "compiled-model": "only XNNPACK"}),
        ("silent", "XNNPACK", "gpu was asked, the log shows only XNNPACK"),
    ],
)
def test_what_became_of_the_gpu_is_told(grammar, gpu, used, doubt, fake_phone, file, tmp_path, capsys):
    phone = fake_phone()
    tool = FakeTool(grammar=grammar, gpu=gpu).write(tmp_path / "tool")
    options = ("--quick", "--processes", 1, "--delegate", "gpu")
    envelope = run_benchmark(capsys, file, "--tool", tool, *options)
    (summary,) = summaries_of(envelope)
    assert used in summary["used"]
    wanted = doubt[grammar] if isinstance(doubt, dict) else doubt
    assert wanted in " ".join(summary["doubts"])
    assert bool(summary["doubts"]) is bool(doubt)
    assert envelope["status"] == ("partial" if doubt else "ok")
    assert sum("--use_gpu=true" in run["arguments"] for run in runs_of(phone)) == 2


def test_a_gpu_that_fails_leaves_the_others_their_figures(fake_phone, file, tmp_path, capsys):
    phone = fake_phone()
    tool = FakeTool(gpu="fail").write(tmp_path / "tool")
    options = ("--quick", "--delegate", "cpu,cpu-plain,gpu")
    envelope = run_benchmark(capsys, file, "--tool", tool, *options, code=4)
    latencies = {summary["configuration"]["delegate"]: summary["latency_ms"] for summary in summaries_of(envelope)}
    assert latencies["gpu"] is None
    assert latencies["cpu-plain"] == pytest.approx(1.6 * latencies["cpu"], rel=0.2)
    (error,) = envelope["errors"]
    assert error["type"] == "RunFailedError"
    assert error["message"].startswith("model, 4 threads, gpu: ")
    assert "Failed to apply GPU delegate" in error["message"]
    assert report_of(envelope)["complete"] is False
    assert phone.leftovers() == ()


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_memory_and_profile_have_processes_of_their_own(grammar, fake_phone, file, tmp_path, capsys):
    phone = fake_phone()
    tool = FakeTool(grammar=grammar).write(tmp_path / "tool")
    envelope = run_benchmark(capsys, file, "--tool", tool, "--processes", 2, "--profile")
    assert [record["kind"] for record in records_of(envelope)] == ["trial", "latency", "latency", "memory", "profile"]
    flags = {"memory": "--report_peak_memory_footprint=true"}
    flags["profile"] = "--enable_op_profiling=true" if grammar == "interpreter" else "--use_profiler=true"
    for record, run in zip(records_of(envelope), runs_of(phone), strict=True):
        asked = [flag for flag in flags.values() if flag in run["arguments"]]
        assert asked == ([flags[record["kind"]]] if record["kind"] in flags else [])
    (summary,) = summaries_of(envelope)
    assert summary["memory"] == {"init_mb": 5.25, "overall_mb": 12.5, "peak_mb": 16.75}
    assert [op["kind"] for op in summary["profile"]] == ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    assert sum(op["share"] for op in summary["profile"]) == pytest.approx(1, abs=0.01)
    # Polling and profiling slow a process down, so the latency is of the two others.
    assert summary["centres_ms"] == [r["measurement"]["centre_ms"] for r in records_of(envelope)[1:3]]


@pytest.mark.parametrize(
    ("tool", "options", "words"),
    [
        (FakeTool(), ["--tool-arg=--gpu_backnd=cl"], "gpu_backnd"),
        (FakeTool(), ["--tool-arg=--graph=/data/x"], "--graph is set by mobile-deploy itself"),
        (FakeTool(), ["--tool-arg=-v"], "'-v' is not --name=value"),
        (FakeTool(grammar="compiled-model"), ["--delegate", "cpu,cpu-plain"], "'cpu-plain' does not exist"),
        (FakeTool(without=("use_gpu",)), ["--delegate", "cpu,gpu"], "--use_gpu"),
        (FakeTool(grammar="compiled-model", without=("use_profiler",)), ["--profile"], "--use_profiler"),
    ],
)
def test_what_the_tool_cannot_do_is_said_before_anything_runs(tool, options, words, fake_phone, file, tmp_path, capsys):
    phone = fake_phone()
    tool = tool.write(tmp_path / "tool")
    code_and_errors = run_benchmark(capsys, file, "--tool", tool, *options, code=2)
    (error,) = code_and_errors["errors"]
    assert words in error["message"]
    assert error["hint"]
    assert started_runs(phone) == ()
    assert phone.leftovers() == ()
    assert not (tmp_path / "build").exists()
