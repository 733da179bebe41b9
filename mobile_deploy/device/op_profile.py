"""Time by operator, from the tables that benchmark_model prints or writes as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mobile_deploy.device.measurement import OpTime

_RUNS = "Operator-wise Profiling Info for Regular Benchmark Runs:"
_INITIALIZATION = "Profiling Info for Benchmark Initialization:"
_TITLE = re.compile(r"=+ (?P<title>[A-Z][^=]*?) =+\s*$")
_RUN_ORDER = "Run Order"
_INSIDE_DELEGATES = re.compile(r"(?:INFO: )?Delegate internal:")
_OTHER_GRAPH = re.compile(r"(?:INFO: )?Subgraph \(index: \d+")

_COLUMN = re.compile(r"\[[^\]]+\]")
_NUMBER = r"(-?\d{1,15}(?:\.\d{1,15})?(?:e[-+]?\d\d)?)%?"
_CSV_HEADER = ("node type", "first", "avg_ms", "%", "cdf%", "mem KB", "times called", "name")

# Operators that hold a graph of their own, whose operators have a table of their own.
_HOLDS_A_GRAPH = re.compile(r"(?:STABLEHLO_)?(?:WHILE|IF|CALL|CALL_ONCE|COMPOSITE|CASE)(?:/|$)")
_DELEGATE_NODE = re.compile(r"Delegate\w*(?:/|$)")
_HOLDERS = {"delegate": _DELEGATE_NODE, "subgraph": _HOLDS_A_GRAPH}
_INSIDE_NAME = re.compile(r"Delegate/(?P<kind>.+):\d+")


def parse_profile(text: str) -> tuple[OpTime, ...]:
    """Reads the profile of the timed inferences; what the initialization took is left out.

    An operator that a delegate or an operator such as WHILE holds is listed in a table of its own. Then the one that
    holds it is left out, since its time is the same time again.

    Args:
        text: All that the tool printed, or the CSV file that it wrote.

    Returns:
        The operators in the order in which they run; none where the text holds no profile.
    """
    rows = _without_holders(tuple(_rows(text)))
    # LiteRT 2 counts the calls of all inferences. What runs least often runs once in each.
    inferences = min((row.calls for row in rows if row.calls), default=1)
    calls = [max(1, round(row.calls / inferences)) for row in rows]
    means_ms = [row.call_ms * count for row, count in zip(rows, calls, strict=True)]
    total_ms = sum(means_ms) or 1.0
    return tuple(
        OpTime(name=row.name, kind=row.kind, mean_ms=mean_ms, share=mean_ms / total_ms, calls=count)
        for row, mean_ms, count in zip(rows, means_ms, calls, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row of a table "Run Order"; `call_ms` is the mean of one call."""

    table: str
    kind: str
    name: str
    call_ms: float
    calls: int


def _without_holders(rows: tuple[_Row, ...]) -> tuple[_Row, ...]:
    tables = {row.table for row in rows}
    holders = [pattern for table, pattern in _HOLDERS.items() if table in tables]
    return tuple(
        row for row in rows if row.table == "delegate" or not any(pattern.search(row.kind) for pattern in holders)
    )


def _rows(text: str) -> Iterator[_Row]:
    table, read = "graph", None
    for line in _report(text):
        if _INSIDE_DELEGATES.match(line):
            table = "delegate"
        elif _OTHER_GRAPH.match(line):
            table = "subgraph"
        elif found := _TITLE.search(line):
            read = _Columns() if found["title"] == _RUN_ORDER else None
        elif read is not None and (row := read.row(line, table)):
            yield row


def _report(text: str) -> Iterable[str]:
    """Gives the lines after the title of the report on the timed inferences, where there are titles at all."""
    _, title, report = text.partition(_RUNS)
    if title:
        return re.split(r"[\r\n]+", report)
    return () if _INITIALIZATION in text else re.split(r"[\r\n]+", text)


class _Columns:
    """Reads a table whose columns its first line names."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None

    def row(self, line: str, table: str) -> _Row | None:
        """Gives the row in a line; None where the line holds none."""
        if self._pattern is None:
            self._read_header(line)
            return None
        found = self._pattern.fullmatch(line)
        if found is None:
            return None
        cells = dict(zip(self._names, map(str.strip, found.groups()), strict=True))
        # Inside a delegate every type is DelegateOpInvoke; what runs is in the name: "Delegate/Add (ND, F32):7".
        inside = _INSIDE_NAME.fullmatch(cells["name"]) if table == "delegate" else None
        return _Row(
            table=table,
            kind=inside["kind"] if inside else cells["node type"].removeprefix("Delegate/"),
            name=cells["name"],
            call_ms=float(cells["avg ms"]),
            calls=int(cells["times called"]),
        )

    def _read_header(self, line: str) -> None:
        if tuple(line.split(", ")) == _CSV_HEADER:
            # Only the type of a node may hold commas.
            self._names = tuple(name.replace("_", " ") for name in _CSV_HEADER)
            gap, name = ", ", "([^,]*)"
        else:
            self._names = tuple(name.strip("[]").lower() for name in _COLUMN.findall(line))
            # One tool sets its columns apart by tabs, the other by blanks, which its names may hold, too.
            gap, name = (r" *\t *", r"(.*)") if "\t" in line else (r" +", r"(\S.*)")
        if "avg ms" not in self._names or self._names[0] != "node type" or self._names[-2:] != ("times called", "name"):
            return
        numbers = [_NUMBER] * (len(self._names) - 3)
        self._pattern = re.compile(gap.join((r"\s*(\S.*?)", *numbers, r"(\d{1,15})", name)), re.ASCII)
