"""Latency that `benchmark --host` gives for V2 int8, against `litert-benchmark` of LiteRT's own wheel, in turn.

    python benchmarks/host_against_litert_benchmark.py [--model FILE] [--turns 15]

One turn is one process of each, in an order that swaps from turn to turn, with as many timed inferences. Quoted are the
median over all turns of each one's median, their ratio, and the median of the ratios within a turn. The tool runs the
file through LiteRT's CompiledModel, the host through its Interpreter; both hand it to XNNPACK.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from mobile_deploy.device.host import HostTarget
from mobile_deploy.device.measurement import Configuration, RunRequest
from mobile_deploy.pipeline.export import export

RESULT = Path(__file__).with_suffix(".json")
PICTURES = RESULT.parent.parent / "calibration_data" / "images"
THREADS = (1, 2)
RUNS = 150
SOURCES = ("host", "tool")


def host_ms(target, threads):
    """Gives the median of one process of ours in ms."""
    request = RunRequest(configuration=Configuration(model="v2", threads=threads), runs=RUNS)
    return target.run(request).centre_ms


def tool_ms(model, threads, folder):
    """Gives the median of one process of litert-benchmark in ms."""
    result = Path(folder) / "result.json"
    program = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model", "--model", str(model)]
    settings = ["--num_threads", str(threads), "--num_runs", str(RUNS), "--result_json", str(result)]
    subprocess.run([*program, *settings], check=True, capture_output=True)
    return json.loads(result.read_text(encoding="utf-8"))["latency"]["median_ms"]


def measure(model, threads, turns, folder):
    """Runs both in turn, after one turn that warms the disk cache, and summarizes."""
    target = HostTarget({"v2": model.read_bytes()})
    ask = {"host": lambda: host_ms(target, threads), "tool": lambda: tool_ms(model, threads, folder)}
    times = {name: [] for name in SOURCES}
    for turn in range(turns + 1):
        for name in SOURCES if turn % 2 else reversed(SOURCES):
            latency_ms = ask[name]()
            print(f"{threads} threads turn {turn:2} {name} {latency_ms:7.3f} ms", file=sys.stderr, flush=True)
            if turn:
                times[name].append(latency_ms)
    medians = {name: statistics.median(values) for name, values in times.items()}
    within = [host / tool for host, tool in zip(times["host"], times["tool"], strict=True)]
    return {
        "threads": threads,
        "median_ms": {name: round(value, 3) for name, value in medians.items()},
        "ratio_of_medians": round(medians["host"] / medians["tool"], 4),
        "median_ratio_of_a_turn": round(statistics.median(within), 4),
        "turns_ms": {name: [round(value, 3) for value in values] for name, values in times.items()},
    }


def main():
    """Measures, prints and writes benchmarks/host_against_litert_benchmark.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="an int8 .tflite; default: V2 with random weights, made here")
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or make_model(folder)
        result = {"cases": [measure(model, threads, options.turns, folder) for threads in THREADS]}
    result["machine"] = {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()}
    result["tools"] = {"ai-edge-litert": version("ai-edge-litert")}
    text = json.dumps(result, indent=2)
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


def make_model(folder):
    """Exports V2 as int8; its latency does not depend on what its weights are."""
    made = export(
        "v2", weights="none", calibration=PICTURES, calibration_samples=20, quant=["int8"], output=Path(folder)
    )
    return made.bundles[0].tflite


if __name__ == "__main__":
    main()
