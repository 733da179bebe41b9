"""What `benchmark` leaves and shows: table, report, diagram, latencies in the bundle."""

from __future__ import annotations

import json
import shutil
import struct
from io import StringIO
from pathlib import Path

import pytest
from fakes.benchmark_command import report_of, run_benchmark, summaries_of
from fakes.phone.benchmark_tool import FakeTool
from fakes.tiny_bundles import make_tiny_bundles, sha256

import mobile_deploy.pipeline.benchmark_report as benchmark_report
from mobile_deploy.cli import main
from mobile_deploy.errors import OutputNotWritableError
from mobile_deploy.pipeline.benchmark import benchmark
from mobile_deploy.pipeline.benchmark_result import BenchmarkResult
from mobile_deploy.report.tables import print_table

pytestmark = pytest.mark.usefixtures("own_folders")

COMMITTED = Path(__file__).parent.parent / "data" / "benchmark_schema_1" / "benchmark.json"
QUICK = ("--quick", "--processes", 1, "--threads", 4)


@pytest.fixture(scope="module")
def made_bundles(tmp_path_factory) -> Path:
    return make_tiny_bundles(tmp_path_factory.mktemp("made"), quant=("float32", "int8"))["int8"].parent


@pytest.fixture
def bundles(made_bundles, tmp_path) -> tuple[Path, ...]:
    """A float32 and an int8 bundle."""
    shutil.copytree(made_bundles, tmp_path / "bundles")
    return tuple(sorted((tmp_path / "bundles").iterdir()))


def tool_with(tmp_path: Path, **settings: object) -> Path:
    return FakeTool(**settings).write(tmp_path / "tool")


def latencies_in(bundle: Path) -> list[dict]:
    return json.loads((bundle / "model.json").read_text(encoding="utf-8")).get("latency", [])


# The report


def shape(value: object) -> object:
    """Keys and kinds of values, lists by their first element; a number is a number."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return {bool: "truth", int: "number", float: "number", str: "text", type(None): "nothing"}[type(value)]


def test_the_report_has_the_shape_of_its_schema(fake_phone, bundles, tmp_path, capsys, update_goldens):
    fake_phone()
    options = ("--processes", 2, "--threads", 4, "--profile")
    envelope = run_benchmark(capsys, *bundles, "--tool", tool_with(tmp_path, seed=1), *options)
    report = report_of(envelope)
    if update_goldens:
        COMMITTED.parent.mkdir(exist_ok=True)
        COMMITTED.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert report["schema_version"] == 1
    assert shape(report) == shape(committed)


def test_the_envelope_holds_the_report_without_its_processes(fake_phone, model_file, tmp_path, capsys):
    fake_phone()
    envelope = run_benchmark(capsys, model_file, "--tool", tool_with(tmp_path), *QUICK)
    assert (envelope["schema_version"], envelope["status"], envelope["errors"]) == (1, "ok", [])
    assert set(envelope["data"]) == {"report", "places", "comparisons", "attached", "notes"}
    (place,) = report_of(envelope)["places"]
    assert len(place.pop("records")) == 2
    assert place == envelope["data"]["places"][0]
    folder = Path(envelope["data"]["report"])
    assert sorted(path.name for path in folder.iterdir()) == ["benchmark.json", "latency.png", "logs.txt"]
    assert report_of(envelope)["models"][0]["sha256"] == sha256(model_file)
    assert place["about"]["tool"]["sha256"] == sha256(tmp_path / "tool")


def test_two_reports_of_one_second_do_not_meet(fake_phone, model_file, tmp_path, monkeypatch, capsys):
    fake_phone()
    monkeypatch.setattr(benchmark_report.time, "strftime", lambda form, *_: form.replace("%", ""))
    made = (run_benchmark(capsys, model_file, "--tool", tool_with(tmp_path), *QUICK) for _ in range(2))
    folders = {envelope["data"]["report"] for envelope in made}
    assert len(folders) == 2


def test_the_boxes_of_the_diagram_are_the_figures_of_the_table(fake_phone, bundles, tmp_path, monkeypatch, capsys):
    fake_phone()
    drawn, draw = [], benchmark_report.draw_latencies

    def noting(boxes, *, title):
        drawn.extend((*boxes, title))
        return draw(boxes, title=title)

    monkeypatch.setattr(benchmark_report, "draw_latencies", noting)
    envelope = run_benchmark(capsys, *bundles, "--tool", tool_with(tmp_path), *QUICK)
    *boxes, title = drawn
    assert [box.name for box in boxes] == ["float32, 4 threads, cpu", "int8, 4 threads, cpu"]
    assert title.startswith("Pixel 8, Google Tensor G3, Android 14, ")
    for box, summary in zip(boxes, summaries_of(envelope), strict=True):
        assert list(box.processes_ms) == summary["centres_ms"]
        assert (box.median_ms, box.p5_ms, box.p95_ms) == tuple(
            summary[name] for name in ("latency_ms", "p5_ms", "p95_ms")
        )
    picture = Path(envelope["data"]["report"], "latency.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">2I", picture[16:24])[0] == 1100


# Text for people


class FakeTerminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_table_fits_a_terminal_and_nothing_is_cut(fake_phone, bundles, tmp_path, monkeypatch):
    fake_phone()
    options = {"threads": 4, "delegates": ("cpu", "cpu-plain"), "profile": True, "compare": COMMITTED}
    result = benchmark(bundles, tool=tool_with(tmp_path), quick=True, **options)
    monkeypatch.setenv("TERM", "dumb")
    for columns in (80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        shown = FakeTerminal()
        for table in result.tables():
            print_table(table, file=shown)
        assert_readable(shown.getvalue(), result, columns)


def assert_readable(text: str, result: BenchmarkResult, columns: int) -> None:
    titles = {table.title for table in result.tables()}
    assert max(len(line.rstrip()) for line in text.splitlines() if line not in titles) <= columns
    assert "…" not in text
    words = set(text.split())
    assert {"float32", "int8", "cpu-plain", "DEPTHWISE_CONV_2D"} <= words
    for summary in result.places[0].summaries:
        figures_ms = (summary.latency_ms, summary.first_ms, summary.init_ms, summary.p5_ms, summary.p95_ms)
        assert {f"{figure_ms:.2f}" for figure_ms in figures_ms} <= words
        assert f"[{summary.low_ms:.2f},{summary.high_ms:.2f}]" in words


def test_people_read_what_was_measured_and_where_it_lies(fake_phone, bundles, tmp_path, capsys):
    fake_phone()
    assert main(["benchmark", *map(str, bundles), "--tool", str(tool_with(tmp_path)), "--processes", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert "Pixel 8, Google Tensor G3, Android 14, benchmark_model " in printed.out
    assert any(line.startswith("int8 against float32, 4 threads, cpu: ") for line in lines)
    assert any(line == "int8, cpu: ran on XNNPACK, all operators" for line in lines)
    assert sum(line.startswith("report: ") for line in lines) == 1
    assert sum(line.startswith("latencies added to ") for line in lines) == 2


# The bundle


def test_latencies_are_added_to_the_bundle_and_replaced_by_newer_ones(fake_phone, bundles, tmp_path, capsys):
    fake_phone()
    bundle = bundles[1]
    options = ("--tool", tool_with(tmp_path), "--processes", 2, "--threads", 4)
    first = run_benchmark(capsys, bundle, *options)
    assert first["data"]["attached"] == [str(bundle)]
    (entry,) = latencies_in(bundle)
    (summary,) = summaries_of(first)
    assert (entry["device"], entry["soc"], entry["system"]) == ("Pixel 8", "Google Tensor G3", "Android 14")
    assert (entry["threads"], entry["delegate"], entry["processes"]) == (4, "cpu", 2)
    for name in ("latency_ms", "low_ms", "high_ms", "p5_ms", "p95_ms", "first_ms", "init_ms", "spread"):
        assert entry[name] == summary[name], name
    second = run_benchmark(capsys, bundle, *options)
    (entry,) = latencies_in(bundle)
    assert entry["latency_ms"] == summaries_of(second)[0]["latency_ms"] != summary["latency_ms"]
    run_benchmark(capsys, bundle, *options[:-1], 2)
    assert [entry["threads"] for entry in latencies_in(bundle)] == [4, 2]
    assert main(["verify", str(bundle)]) == 0


def test_a_bundle_that_cannot_be_written_costs_a_note_and_no_figure(fake_phone, bundles, tmp_path, capsys, monkeypatch):
    fake_phone()

    def refused(directory, entries):
        raise OutputNotWritableError(path=directory, reason="read-only file system")

    monkeypatch.setattr("mobile_deploy.pipeline.benchmark.record_latencies", refused)
    envelope = run_benchmark(capsys, bundles[1], "--tool", tool_with(tmp_path), "--processes", 1, "--threads", 1)
    (note,) = envelope["data"]["notes"]
    assert "the latencies are not in the bundle" in note
    assert "read-only file system" in note
    assert envelope["data"]["attached"] == []
    assert summaries_of(envelope)[0]["latency_ms"] > 0


def test_a_first_look_stays_out_of_the_bundle(fake_phone, bundles, tmp_path, capsys):
    fake_phone()
    assert run_benchmark(capsys, bundles[1], "--tool", tool_with(tmp_path), *QUICK)["data"]["attached"] == []
    assert latencies_in(bundles[1]) == []
