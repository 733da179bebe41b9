"""The result of one benchmark_model process, from what it printed and the file that it wrote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from mobile_deploy.device.delegation import read_delegation
from mobile_deploy.device.failures import GarbledResultError, RunFailedError
from mobile_deploy.device.log_lines import LogLine, read_lines
from mobile_deploy.device.measurement import Measurement, Memory, OpTime, RunRequest
from mobile_deploy.device.op_profile import parse_profile
from mobile_deploy.device.result_proto import ResultProto, decode_result
from mobile_deploy.device.result_text import read_printed, read_printed_memory, timed_counts
from mobile_deploy.device.tool import ToolAbilities
from mobile_deploy.device.tool_failures import check_ended_well, stated_reason

_KIB_PER_MB = 1024  # as both tools count where they print "MB"
_TIMES = ("centre_ms", "init_ms", "first_ms", "warmup_ms", "mean_ms", "min_ms", "max_ms", "p5_ms", "p95_ms")


def parse_log(
    text: str,
    *,
    request: RunRequest,
    abilities: ToolAbilities,
    proto: bytes | None = None,
    exit_status: int = 0,
) -> Measurement:
    """Reads the result of one process.

    Args:
        text: All that it printed, standard error included.
        request: What was asked of it.
        abilities: The tool that ran.
        proto: Its result file, which is preferred and enough; None if there is none.
        exit_status: Its exit status, as a shell reports it.

    Returns:
        The result, with what speaks against it.

    Raises:
        RunFailedError: The process failed, or did not know a flag.
        GarbledResultError: The result is not there, not complete or not possible.
    """
    what = request.configuration
    lines = read_lines(text)
    check_ended_well(lines, what=what, log=text, exit_status=exit_status)
    try:
        result = _read(text, lines, request, abilities, proto)
    except ValueError as error:
        if reason := stated_reason(lines):
            raise RunFailedError(what=what, reason=f"it printed no result: {reason}", log=text) from error
        raise GarbledResultError(what=what, reason=str(error), log=text) from error
    delegation = read_delegation(lines, what.delegate)
    doubts = (*delegation.doubts, *_thread_doubts(lines, request, abilities))
    return replace(result, used=delegation.used, doubts=doubts, log=text)


def _read(
    text: str, lines: Sequence[LogLine], request: RunRequest, abilities: ToolAbilities, proto: bytes | None
) -> Measurement:
    decoded = None if proto is None else decode_result(proto)
    result = read_printed(lines, abilities.kind) if decoded is None else _from_proto(decoded, lines)
    _check_possible(result)
    if request.kind == "memory":
        memory = read_printed_memory(lines) if decoded is None else _memory_of_proto(decoded)
        return replace(result, memory=memory)
    return replace(result, profile=_profile(text)) if request.kind == "profile" else result


def _from_proto(proto: ResultProto, lines: Sequence[LogLine]) -> Measurement:
    if proto.median_ms is None or not proto.runs:
        raise ValueError("the result file holds no median, or no timed inference")
    printed = timed_counts(lines)
    if printed and printed[-1] != str(proto.runs):
        raise ValueError(f"the log counts {printed[-1]} timed inferences, the result file {proto.runs}")
    return Measurement(
        centre_ms=proto.median_ms,
        runs=proto.runs,
        init_ms=proto.init_ms,
        first_ms=proto.first_ms,
        warmup_ms=proto.warmup_ms,
        mean_ms=proto.avg_ms,
        min_ms=proto.min_ms,
        max_ms=proto.max_ms,
        std_ms=proto.stddev_ms,
        p5_ms=proto.p5_ms,
        p95_ms=proto.p95_ms,
    )


def _memory_of_proto(proto: ResultProto) -> Memory:
    return Memory(
        init_mb=None if proto.init_kb is None else proto.init_kb / _KIB_PER_MB,
        overall_mb=None if proto.overall_kb is None else proto.overall_kb / _KIB_PER_MB,
        peak_mb=proto.peak_mb,
    )


def _profile(text: str) -> tuple[OpTime, ...]:
    profile = parse_profile(text)
    if not profile:
        raise ValueError("there is no profile of the timed inferences")
    return profile


def _check_possible(result: Measurement) -> None:
    """Refuses what no process can have measured."""
    if result.runs < 1:
        raise ValueError(f"{result.runs} timed inferences")
    times = {name: value for name in _TIMES if (value := getattr(result, name)) is not None}
    for name, value in times.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value:g}")
    if result.std_ms is not None and not 0 <= result.std_ms < math.inf:
        raise ValueError(f"std_ms is {result.std_ms:g}")
    # A mean is printed with six digits, which may put it beyond the largest.
    order = ("min_ms", "p5_ms", "centre_ms", "p95_ms", "max_ms") if result.centre == "median" else ("min_ms", "max_ms")
    known = [name for name in order if name in times]
    for smaller, larger in pairwise(known):
        if times[smaller] > times[larger]:
            raise ValueError(f"{smaller} is {times[smaller]:g}, above {larger}, {times[larger]:g}")


def _thread_doubts(lines: Sequence[LogLine], request: RunRequest, abilities: ToolAbilities) -> tuple[str, ...]:
    """Knows the CompiledModel tool of LiteRT 2.0 by its lines, which do not yet name their source."""
    block = [line for line in lines if line.text.startswith("Model initialization:")]
    if abilities.kind == "interpreter" or request.configuration.delegate == "gpu" or any(line.source for line in block):
        return ()
    threads = request.configuration.threads
    return (
        (f"the tool of LiteRT 2.0 does not heed the number of threads that was asked for, {threads}",) if block else ()
    )
