"""How the two benchmark_model programs print what they measured.

Source: LiteRT v2.2.0, tflite/tools/benchmark/benchmark_model.cc and proto/benchmark_result.proto,
litert/tools/benchmark_litert_model.h.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one process measured, in whole microseconds.

    Attributes:
        init_us: Until the model stood.
        warmup_us: Inferences before the timed ones, in order; the first of all is the first here.
        runs_us: The timed inferences, in order.
        model_mb: Size of the file in MB.
        init_mb: Growth of memory until the model stood.
        overall_mb: Growth of memory until the end.
        peak_mb: Peak seen by polling; None where nobody asked.
    """

    init_us: int
    warmup_us: Sequence[int]
    runs_us: Sequence[int]
    model_mb: float = 4.0
    init_mb: float = 5.25
    overall_mb: float = 12.5
    peak_mb: float | None = None


def mean(values: Sequence[int]) -> float:
    """Gives the mean."""
    return sum(values) / len(values)


def percentile(values: Sequence[int], percent: int) -> int:
    """Gives the value at a rank, never one between two."""
    return sorted(values)[len(values) * percent // 100]


def deviation(values: Sequence[int]) -> float:
    """Gives the standard deviation of the population."""
    middle = mean(values)
    return math.sqrt(mean([(value - middle) ** 2 for value in values]))


def stats_line(values: Sequence[int], *, percentiles: bool) -> str:
    """Prints a phase, also in the short forms for one value and for equal ones."""
    if not values:
        text = "count=0"
    elif len(values) == 1:
        text = f"count=1 curr={values[0]}"
    elif min(values) == max(values):
        text = f"count={len(values)} curr={values[0]}(all same)"
    else:
        text = (
            f"count={len(values)} first={values[0]} curr={values[-1]} min={min(values)} max={max(values)} "
            f"avg={mean(values):g} std={int(deviation(values))}"
        )
    ranks = {"p5": 5, "median": 50, "p95": 95}
    tail = "".join(f" {name}={percentile(values, rank)}" for name, rank in ranks.items()) if values else ""
    return text + tail if percentiles else text


def phases(figures: Figures, *, percentiles: bool) -> Iterator[str]:
    """Prints the two phases; the logger adds an empty line to each."""
    warmup = (
        "Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds."
    )
    yield f"INFO: The input model file size (MB): {figures.model_mb:g}"
    yield f"INFO: Initialized session in {figures.init_us / 1000:g}ms."
    yield f"INFO: {warmup}"
    yield f"INFO: {stats_line(figures.warmup_us, percentiles=percentiles)}"
    yield ""
    yield f"INFO: {warmup.replace('1 iterations', '50 iterations')}"
    yield f"INFO: {stats_line(figures.runs_us, percentiles=percentiles)}"
    yield ""


def interpreter_result(figures: Figures) -> Iterator[str]:
    """Prints the last lines of the Interpreter tool."""
    yield (
        f"INFO: Inference timings in us: Init: {figures.init_us}, First inference: {figures.warmup_us[0]}, "
        f"Warmup (avg): {mean(figures.warmup_us):g}, Inference (avg): {mean(figures.runs_us):g}"
    )
    yield (
        "INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the "
        "actual memory footprint of the model at runtime. Take the information at your discretion."
    )
    yield (
        "INFO: Memory footprint delta from the start of the tool (MB): "
        f"init={figures.init_mb:g} overall={figures.overall_mb:g}"
    )
    if figures.peak_mb is not None:
        yield f"INFO: Overall peak memory footprint (MB) via periodic monitoring: {figures.peak_mb:g}"
    yield "INFO: Memory status at the end of exeution:"
    yield "INFO: - VmRSS              : 23 MB"
    yield "INFO: + RssAnnon           : 8 MB"
    yield "INFO: + RssFile + RssShmem : 15 MB"


def compiled_model_result(figures: Figures) -> Iterator[str]:
    """Prints the last block of the CompiledModel tool."""

    def ms(value_us: float) -> str:
        return f"{value_us / 1000:.2f} ms"

    peak = "Peak memory usage not available. (peak_mem_mb <= 0)"
    if figures.peak_mb is not None:
        peak = f"Peak memory:          {figures.peak_mb:.2f} MB"
    runs = figures.runs_us
    lines = (
        "\n========== BENCHMARK RESULTS ==========",
        "Signature name:       serving_default",
        f"Model initialization: {ms(figures.init_us)}",
        f"Warmup (first):       {ms(figures.warmup_us[0])}",
        f"Warmup (avg):         {ms(mean(figures.warmup_us))} ({len(figures.warmup_us)} runs)",
        f"Inference (avg):      {ms(mean(runs))} ({len(runs)} runs)",
        f"Inference (min):      {ms(min(runs))}",
        f"Inference (max):      {ms(max(runs))}",
        f"Inference (std):      {deviation(runs) / 1000:.2f}",
        f"Throughput:           {150528 / mean(runs):.2f} MB/s",
        "\nMemory Usage:",
        f"Init footprint:       {figures.init_mb:.2f} MB",
        f"Overall footprint:    {figures.overall_mb:.2f} MB",
        peak,
        "======================================",
    )
    return (f"INFO: [benchmark_litert_model.h:{213 + number}] {line}" for number, line in enumerate(lines))


def result_bytes(figures: Figures) -> bytes:
    """Encodes the result as a `tflite.tools.benchmark.BenchmarkResult`."""
    runs = figures.runs_us
    latency_us = (mean(runs), min(runs), max(runs), deviation(runs))
    ranks_us = (percentile(runs, 50), percentile(runs, 5), percentile(runs, 95))
    start_us = (figures.init_us, figures.warmup_us[0], mean(figures.warmup_us))
    latency = b"".join(
        _float(number, value / 1000) for number, value in enumerate((*latency_us, *ranks_us, *start_us), start=1)
    )
    memory = _integer(1, round(figures.init_mb * 1024)) + _integer(2, round(figures.overall_mb * 1024))
    if figures.peak_mb is not None:
        memory += _float(3, figures.peak_mb)
    misc = _float(1, figures.model_mb) + _integer(2, len(runs)) + _integer(3, len(figures.warmup_us))
    return _message(1, b"model") + _message(2, latency) + _message(3, memory) + _message(4, misc)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content
