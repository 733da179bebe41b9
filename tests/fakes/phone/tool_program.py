"""What runs on a fake phone under the name benchmark_model.

It reads what it shall do from the file that a test pushed (fakes.phone.benchmark_tool) and notes each run in the
phone's state, so that a test can compare what was parsed with what was measured.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fakes.phone import heat, tool_delegates, tool_lines
from fakes.phone.tool_flags import FLAGS, help_text
from fakes.phone.tool_lines import Figures
from fakes.phone.tool_profile import Ops, compiled_model_profile, interpreter_profile

_OPS: Ops = (("CONV_2D", "model/conv"), ("DEPTHWISE_CONV_2D", "model/depthwise"), ("FULLY_CONNECTED", "model/dense"))
_HANGING_S = 120.0


def main(task: Mapping[str, Any]) -> NoReturn:
    """Behaves as the test wants, and exits."""
    state = Path(os.environ["PHONE_STATE"])
    refusal = state / "cannot_execute"
    if refusal.exists():
        print(f"/system/bin/sh: {sys.argv[0]}: {refusal.read_text()}", file=sys.stderr)
        sys.exit(126)
    flags, unknown = _parse(sys.argv[1:], task)
    if flags.get("help") == "true":
        sys.stderr.write(help_text(task["grammar"], without=task["without"]))
        sys.exit(1)
    number = _count(state, "calls/benchmark_model")
    for replay in task["replays"]:
        wanted = (not replay["calls"] or number in replay["calls"]) and replay["when"] in " ".join(sys.argv[1:])
        if wanted:
            _replay(replay)
    _benchmark(state, task, flags, unknown, number)
    sys.exit(0)


def _parse(arguments: Sequence[str], task: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    known = {flag.name for flag in FLAGS[task["grammar"]]} - set(task["without"])
    flags, unknown = {}, []
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        if argument == "--help":
            flags["help"] = "true"
        elif name in known and equals:
            flags[name] = value
        else:
            unknown.append(argument)
    return flags, unknown


def _count(state: Path, name: str) -> int:
    with (state / name).open("a+") as file:
        file.write(" ".join(sys.argv[1:]) + "\n")
        file.seek(0)
        return len(file.read().splitlines())


def _replay(replay: Mapping[str, Any]) -> NoReturn:
    sys.stdout.write(replay["text"])
    sys.stdout.flush()
    sys.stderr.write(replay["errors"])
    sys.stderr.flush()
    if replay["hangs"]:
        # As a program that the daemon does not reach: only a kill ends it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        time.sleep(_HANGING_S)
    if replay["signal"]:
        signal.signal(replay["signal"], signal.SIG_DFL)
        os.kill(os.getpid(), replay["signal"])
    sys.exit(replay["exit_code"])


def _benchmark(state: Path, task: Mapping[str, Any], flags: Mapping[str, str], unknown: list[str], number: int) -> None:
    graph = Path(flags.get("graph", ""))
    for line in _opening(flags, unknown):
        print(line)
    if not graph.is_file():
        _fail(f"Failed to load model {graph}")
    for line in _delegates(task, flags):
        print(line)
    sys.stdout.flush()
    measure = _really_run if task["real"] else _make_up
    figures, ops = measure(state, task, flags, graph, number)
    _note(state, task, flags, figures, number)
    _print(task, flags, figures, ops)


def _opening(flags: Mapping[str, str], unknown: list[str]) -> Iterator[str]:
    if unknown:
        yield f"WARN: Unconsumed cmdline flags: {' '.join(unknown)}"
    yield "INFO: STARTING!"
    yield "INFO: Log parameter values verbosely: [0]"
    labels = {"num_runs": "Min num runs", "num_threads": "Num threads", "min_secs": "Min runs duration (seconds)"}
    yield from (f"INFO: {label}: [{flags[name]}]" for name, label in labels.items() if name in flags)
    yield f"INFO: Graph: [{flags.get('graph', '')}]"
    yield "INFO: Signature to run: []"


def _delegates(task: Mapping[str, Any], flags: Mapping[str, str]) -> Iterator[str]:
    grammar = task["grammar"]
    yield tool_delegates.LOADED[grammar].format(graph=flags["graph"])
    if flags.get("use_gpu") == "true":
        if task["gpu"] == "fail":
            _fail(tool_delegates.FAILING_GPU[grammar])
        yield from tool_delegates.GPU[grammar][task["gpu"]]
    elif flags.get("use_xnnpack") == "true":
        yield tool_delegates.ASKED_XNNPACK
    elif flags.get("use_xnnpack") != "false" and not task["real"]:
        yield tool_delegates.XNNPACK


def _fail(reason: str) -> NoReturn:
    sys.stdout.flush()
    print(f"ERROR: {reason}\nERROR: Benchmarking failed.", file=sys.stderr)
    sys.exit(1)


def _really_run(
    _state: Path, task: Mapping[str, Any], flags: Mapping[str, str], graph: Path, _number: int
) -> tuple[Figures, Ops]:
    sys.path[:0] = task["libraries"]
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = flags.get("use_xnnpack") == "false" or flags.get("use_gpu") == "true"
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else OpResolverType.AUTO
    threads = int(flags.get("num_threads", "-1"))
    started = time.perf_counter_ns()
    try:
        interpreter = Interpreter(
            str(graph), num_threads=threads if threads > 0 else None, experimental_op_resolver_type=resolver
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError):
        _fail(f"Failed to load model {graph}")
    init_us = (time.perf_counter_ns() - started) // 1000
    warmup = _loop(interpreter, int(flags.get("warmup_runs", "1")), float(flags.get("warmup_min_secs", "0.5")))
    runs = _loop(interpreter, int(flags.get("num_runs", "50")), float(flags.get("min_secs", "1")))
    ops = tuple((op["op_name"], f"op{op['index']}") for op in interpreter._get_ops_details())
    return _figures(flags, graph, init_us, warmup, runs), ops


def _loop(interpreter: Any, count: int, seconds: float) -> list[int]:
    """Runs until both are reached; whole microseconds each."""
    taken: list[int] = []
    started = time.perf_counter()
    while len(taken) < count or time.perf_counter() - started < seconds:
        before = time.perf_counter_ns()
        interpreter.invoke()
        taken.append(max(1, (time.perf_counter_ns() - before) // 1000))
    return taken


def _make_up(
    state: Path, task: Mapping[str, Any], flags: Mapping[str, str], graph: Path, number: int
) -> tuple[Figures, Ops]:
    warmth = heat.read_heat(state)
    chance = random.Random(f"{task['seed']} {number}")
    latency_ms = task["latency_ms"].get(hashlib.sha256(graph.read_bytes()).hexdigest(), task["default_ms"])
    latency_ms *= max(1, int(flags.get("num_threads", "1"))) ** -0.8
    latency_ms *= 0.7 if flags.get("use_gpu") == "true" else 1.6 if flags.get("use_xnnpack") == "false" else 1.0
    centre_us = 1000 * latency_ms * warmth.factor * chance.lognormvariate(0.0, task["noise"])

    def phase(count: str, seconds: str) -> list[int]:
        size = max(int(count), round(float(seconds) * 1e6 / centre_us))
        return [max(1, round(centre_us * chance.lognormvariate(0.0, 0.01))) for _ in range(size)]

    warmup = phase(flags.get("warmup_runs", "1"), flags.get("warmup_min_secs", "0.5"))
    warmup[0] = round(1.5 * warmup[0])
    runs = phase(flags.get("num_runs", "50"), flags.get("min_secs", "1"))
    return _figures(flags, graph, round(centre_us / 2), warmup, runs), _OPS


def _figures(
    flags: Mapping[str, str], graph: Path, init_us: int, warmup: Sequence[int], runs: Sequence[int]
) -> Figures:
    peak_mb = 16.75 if flags.get("report_peak_memory_footprint") == "true" else None
    size_mb = graph.stat().st_size / 1e6
    return Figures(init_us=init_us, warmup_us=warmup, runs_us=runs, model_mb=size_mb, peak_mb=peak_mb)


def _note(state: Path, task: Mapping[str, Any], flags: Mapping[str, str], figures: Figures, number: int) -> None:
    """Leaves a record, and warms the phone by the work, which took virtual time."""
    root, warmth = Path(os.environ["PHONE_ROOT"]), heat.read_heat(state)
    record = {
        "number": number,
        "arguments": sys.argv[1:],
        "cpus_allowed": _cpus_allowed(),
        "graph_sha256": hashlib.sha256(Path(flags["graph"]).read_bytes()).hexdigest(),
        "thermal_status": warmth.status,
        "init_us": figures.init_us,
        "warmup_us": list(figures.warmup_us),
        "runs_us": list(figures.runs_us),
    }
    with (state / "runs.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
    if not task["real"]:
        seconds = (sum(figures.warmup_us) + sum(figures.runs_us)) / 1e6
        heat.spend_ticks(root, seconds)
        heat.pass_time(state, root, seconds)
    if warmth.rise_c:
        warmth = heat.read_heat(state)
        warmth.skin_c += warmth.rise_c
        heat.write_heat(state, root, warmth)


def _cpus_allowed() -> str:
    with Path(os.environ["PHONE_STATUS"]).open() as file:
        return next((line.split()[1] for line in file if line.startswith("Cpus_allowed:")), "")


def _print(task: Mapping[str, Any], flags: Mapping[str, str], figures: Figures, ops: Ops) -> None:
    mean_ms = tool_lines.mean(figures.runs_us) / 1000
    lines = [*tool_lines.phases(figures, percentiles=task["percentiles"])]
    if task["grammar"] == "interpreter":
        lines += tool_lines.interpreter_result(figures)
    if flags.get("enable_op_profiling") == "true":
        lines += interpreter_profile(ops, mean_ms)
    if result := flags.get("result_file_path"):
        Path(result).write_bytes(tool_lines.result_bytes(figures))
        lines += (f"INFO: Saving benchmark result to: {result}", f"INFO: Saved benchmark result to: {result}")
    print("\n".join(lines), flush=True)
    if task["grammar"] == "compiled-model":
        print("\n".join(tool_lines.compiled_model_result(figures)), file=sys.stderr)
    if flags.get("use_profiler") == "true":
        print("\n".join(compiled_model_profile(ops, mean_ms)), file=sys.stderr)
