"""The figures that benchmark_model prints: lines of statistics, the final line or block, and memory.

Both tools print a line of statistics in µs for the inferences before the timed ones and another for the timed ones, and
at the end a line or a block. Whatever is cut short, missing or no number is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from mobile_deploy.device.log_lines import LogLine
from mobile_deploy.device.measurement import Measurement, Memory
from mobile_deploy.device.tool import ToolKind

_STATISTICS = re.compile(r"count=(?P<count>\S+)")
_PAIR = re.compile(r"(?P<name>\w+)=(?P<value>[^\s(]+)")
_NEEDED = ("first", "min", "max", "avg", "std")
_PERCENTILES = ("p5", "median", "p95")

_FINAL_LINE = re.compile(
    r"Inference timings in us: Init: (?P<init>[^,]+), First inference: (?P<first>[^,]+), "
    r"Warmup \(avg\): (?P<warmup>[^,]+), Inference \(avg\): (?P<mean>\S+)$"
)
_BLOCK_START, _BLOCK_END = re.compile(r"=+ BENCHMARK RESULTS =+"), re.compile(r"=+")
_BLOCK_INIT = re.compile(r"Model initialization: +(?P<init>\S+) ms$")

_DELTA = r"Memory footprint delta from the start of the tool \(MB\): "
_MEMORY = {
    "init_mb": re.compile(rf"{_DELTA}init=(?P<delta>\S+)|Init footprint: +(?P<block>\S+) MB"),
    "overall_mb": re.compile(rf"{_DELTA}.*overall=(?P<delta>\S+)|Overall footprint: +(?P<block>\S+) MB"),
    "peak_mb": re.compile(
        r"Overall peak memory footprint \(MB\) via periodic monitoring: (?P<delta>\S+)|Peak memory: +(?P<block>\S+) MB"
    ),
}
# What C++ prints for a number by default, and nothing else that Python would also take for one.
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|nan|inf)", re.ASCII)


def timed_counts(lines: Iterable[LogLine]) -> tuple[str, ...]:
    """Gives the counts of all lines of statistics, as they are printed."""
    return tuple(found["count"] for line in lines if (found := _STATISTICS.match(line.text)))


def read_printed(lines: Sequence[LogLine], kind: ToolKind) -> Measurement:
    """Reads a whole result.

    Args:
        lines: All that the tool printed.
        kind: Which tool.

    Returns:
        Latencies only.

    Raises:
        ValueError: The result is not complete, or a figure is none.
    """
    texts = [line.text for line in lines]
    printed = [text for text in texts if _STATISTICS.match(text)]
    if len(printed) != 2:
        raise ValueError(
            f"{len(printed)} lines of statistics instead of one before the timed inferences and one of them"
        )
    (_, warmup), (runs, timed) = map(_statistics, printed)
    median_ms = timed.get("median")
    return Measurement(
        centre_ms=timed["avg"] if median_ms is None else median_ms,
        centre="mean" if median_ms is None else "median",
        runs=runs,
        init_ms=_init_of_final_line(texts) if kind == "interpreter" else _init_of_block(texts),
        first_ms=warmup["first"],
        warmup_ms=warmup["avg"],
        mean_ms=timed["avg"],
        min_ms=timed["min"],
        max_ms=timed["max"],
        std_ms=timed["std"],
        p5_ms=timed.get("p5"),
        p95_ms=timed.get("p95"),
    )


def read_printed_memory(lines: Iterable[LogLine]) -> Memory:
    """Reads what is printed about memory.

    Raises:
        ValueError: A figure is none.
    """
    found: dict[str, float] = {}
    for line in lines:
        for name, pattern in _MEMORY.items():
            if match := pattern.match(line.text):
                found[name] = _number(name, match["delta"] or match["block"])
    return Memory(init_mb=found.get("init_mb"), overall_mb=found.get("overall_mb"), peak_mb=found.get("peak_mb"))


def _statistics(text: str) -> tuple[int, Mapping[str, float]]:
    """Gives the number of inferences and their times in ms by name; `count=1 curr=9` stands for all being 9."""
    values = {found["name"]: found["value"] for found in _PAIR.finditer(text)}
    count = values.get("count", "")
    if not re.fullmatch(r"[1-9][0-9]*", count):
        raise ValueError(f"no inference is counted in {text!r}")
    if "curr" in values and "first" not in values and (count == "1" or "(all same)" in text):
        values |= {**dict.fromkeys(_NEEDED, values["curr"]), "std": "0"}
    if missing := [name for name in _NEEDED if name not in values]:
        raise ValueError(f"{text!r} lacks {', '.join(missing)}")
    present = [name for name in (*_NEEDED, *_PERCENTILES) if name in values]
    return int(count), {name: _number(name, values[name]) / 1000 for name in present}


def _init_of_final_line(texts: Iterable[str]) -> float:
    found = next((found for text in texts if (found := _FINAL_LINE.match(text))), None)
    if found is None:
        raise ValueError("the line 'Inference timings in us' is missing or cut short")
    return {name: _number(name, value) for name, value in found.groupdict().items()}["init"] / 1000


def _init_of_block(texts: Sequence[str]) -> float:
    start = next((index for index, text in enumerate(texts) if _BLOCK_START.fullmatch(text)), None)
    if start is None:
        raise ValueError("the block 'BENCHMARK RESULTS' is missing")
    end = next((index for index in range(start + 1, len(texts)) if _BLOCK_END.fullmatch(texts[index])), None)
    if end is None:
        raise ValueError("the block 'BENCHMARK RESULTS' is cut short")
    found = next((found for text in texts[start:end] if (found := _BLOCK_INIT.match(text))), None)
    if found is None:
        raise ValueError("the block 'BENCHMARK RESULTS' lacks the line 'Model initialization'")
    return _number("init", found["init"])


def _number(name: str, text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text!r}, which is no number")
    return value
