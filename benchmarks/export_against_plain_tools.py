"""Wall time of one cold export of V2 int8 with 100 pictures, against the plain tools, each run in turn.

    python benchmarks/export_against_plain_tools.py [--weights FILE] [--pictures DIR] [--runs 5]

Three commands take turns as whole processes: the plain script, our export of int8, our export of all five recipes in
one call. Quoted are medians and the ratios of neighbouring runs, since a machine's speed drifts. Without --weights the
weights are random, which changes no time; without --pictures the pictures that ship are used.
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
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parent / "calibration_data" / "images"
COUNT = 100
RECIPES = "float32,float16,dynamic,int8,int16x8"


def commands(weights, pictures, folder):
    """Gives the three commands by name; each writes into a folder that is new to it."""
    export = [sys.executable, "-m", "mobile_deploy", "export", "--variant", "v2", "--weights", weights]
    export += [
        "--calibration",
        str(pictures),
        "--calibration-samples",
        str(COUNT),
        "--output",
        str(folder),
        "--overwrite",
    ]
    plain = [sys.executable, str(HERE / "plain_keras_tflite.py"), weights, str(pictures), str(COUNT)]
    return {
        "plain": [*plain, str(folder / "plain.tflite")],
        "export": [*export, "--quant", "int8"],
        "export_five": [*export, "--quant", RECIPES],
    }


def wall_s(command):
    """Runs a command as a whole process and gives its wall time in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(weights, pictures, runs):
    """Runs the commands in turn, after one round that warms the disk cache, and summarizes."""
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        todo = commands(weights, pictures, Path(folder))
        for round_ in range(runs + 1):
            for name, command in todo.items():
                seconds = wall_s(command)
                print(f"round {round_} {name:12} {seconds:6.2f} s", file=sys.stderr, flush=True)
                if round_:
                    times.setdefault(name, []).append(seconds)
    medians = {name: round(statistics.median(values), 2) for name, values in times.items()}

    def ratio(a, b):
        return round(statistics.median(x / y for x, y in zip(times[a], times[b], strict=True)), 3)

    return {
        "median_s": medians,
        "runs_s": {name: [round(v, 2) for v in values] for name, values in times.items()},
        "export_over_plain": ratio("export", "plain"),
        "five_recipes_over_one": ratio("export_five", "export"),
    }


def main():
    """Measures, prints and writes benchmarks/export_against_plain_tools.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="none", help="a Keras weight file of MobileNetV2 1.0 224")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="a folder of at least 100 pictures")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    result = measure(options.weights, options.pictures.resolve(), options.runs)
    result["machine"] = {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()}
    result["tools"] = {name: version(name) for name in ("tensorflow", "keras", "ai-edge-quantizer", "ai-edge-litert")}
    text = json.dumps(result, indent=2)
    (HERE / "export_against_plain_tools.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
