"""The tables by operator that the two benchmark_model programs print.

Source: LiteRT v2.2.0, tensorflow/core/util/stats_calculator.cc, litert/tools/benchmark_litert_model.cc.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_TITLES = ("[first]", "[avg ms]", "[%]", "[cdf%]", "[mem KB]", "[times called]")
_SUMMARY_TITLES = ("[Node type]", "[count]", "[avg ms]", "[avg %]", "[cdf %]", "[mem KB]", "[times called]")
_LAST = (
    "Timings (microseconds): count=50 first=1000 curr=1000 min=990 max=1010 avg=1000 std=5",
    "Memory (bytes): count=0",
)

Ops = Sequence[tuple[str, str]]
"""Kind and name of each operator."""


def interpreter_profile(ops: Ops, mean_ms: float) -> Iterator[str]:
    """Prints the Interpreter tool's two reports; every operator has the same share."""
    yield "Profiling Info for Benchmark Initialization:"
    yield from _interpreter_report((("ModifyGraphWithDelegate", "ModifyGraphWithDelegate/0"),), 1.5)
    yield "Operator-wise Profiling Info for Regular Benchmark Runs:"
    yield from _interpreter_report(ops, mean_ms)


def _interpreter_report(ops: Ops, mean_ms: float) -> Iterator[str]:
    yield "============================== Run Order =============================="
    yield _tabbed(("[node type]", *_TITLES)) + "\t[Name]"
    for number, (kind, name) in enumerate(ops):
        yield f"{_tabbed((kind, *_row(ops, mean_ms, number)))}\t[{name}]:{number}"
    yield ""
    yield f"Number of nodes executed: {len(ops)}"
    yield "============================== Summary by node type =============================="
    yield _tabbed(_SUMMARY_TITLES)
    yield from map(_tabbed, _summary(ops, mean_ms))
    yield ""
    yield from (*_LAST, f"{len(ops)} nodes observed", "")


def compiled_model_profile(ops: Ops, mean_ms: float) -> Iterator[str]:
    """Prints the CompiledModel tool's report; every operator has the same share."""
    yield "INFO: [benchmark_litert_model.h:190] "
    yield " Run Order ".center(150, "=")
    yield _spaced(("[node type]", "[start]", *_TITLES)) + "   [Name]"
    for number, (kind, _) in enumerate(ops):
        start = f"{number * mean_ms / len(ops):.3f}"
        yield f"{_spaced((kind, start, *_row(ops, mean_ms, number)))}   [Builtin]:{number}"
    yield ""
    yield f"Number of nodes executed: {len(ops)}"
    yield ""
    yield " Summary by node type ".center(150, "=")
    yield _spaced(_SUMMARY_TITLES)
    yield from map(_spaced, _summary(ops, mean_ms))
    yield ""
    yield from (*_LAST, f"{len(ops)} nodes observed")


def _row(ops: Ops, mean_ms: float, number: int) -> tuple[str, ...]:
    each, share = f"{mean_ms / len(ops):.3f}", 100 / len(ops)
    return (each, each, f"{share:.3f}%", f"{share * (number + 1):.3f}%", "0.000", "1")


def _summary(ops: Ops, mean_ms: float) -> Iterator[tuple[str, ...]]:
    counts = {kind: sum(kind == other for other, _ in ops) for kind, _ in ops}
    for kind, count in counts.items():
        share = count / len(ops)
        yield (kind, str(count), f"{mean_ms * share:.3f}", f"{100 * share:.3f}%", "100.000%", "0.000", str(count))


def _tabbed(values: Sequence[str]) -> str:
    widths = (40, 9, 9, 8, 8, 10, 9)
    return "".join(f"\t{value:>{width}}" for value, width in zip(values, widths, strict=True))


def _spaced(values: Sequence[str]) -> str:
    return f"{values[0]:>60}" + "".join(f" {value:>10}" for value in values[1:])
