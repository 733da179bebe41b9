"""What benchmark_model and the runtime in it print, line by line and without the loggers' ornaments."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    # The logger of TensorFlow Lite, and in front of its text the place that LiteRT 2.1 and later name.
    r"(?:(?P<severity>VERBOSE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL): ?)?(?:\[(?P<source>[\w.]+\.(?:h|cc):\d+)\] ?)?"
    # The logger of Abseil, which delegates use.
    r"(?:(?P<letter>[IWEF])\d{4} [\d:.]+ +\d+ [\w./]+:\d+\] ?)?"
    r"(?P<text>.*)",
    re.ASCII,
)
_SEVERITIES = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL", "WARNING": "WARN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line.

    Attributes:
        severity: "INFO", "WARN", "ERROR", "FATAL", ...; empty where the line has none.
        source: File and line that printed it, as LiteRT names them from 2.1 on; empty otherwise.
        text: The rest, without blanks at its end.
    """

    severity: str
    source: str
    text: str


def read_lines(log: str) -> tuple[LogLine, ...]:
    r"""Splits a log; empty lines are left out.

    Lines end at line feeds and carriage returns only: a terminal on the phone doubles them, and names of operators may
    hold what Unicode calls the end of a line.

    >>> [(line.severity, line.source, line.text) for line in read_lines("INFO: [a.h:9] Memory\r\ncount=3\r\n")]
    [('INFO', 'a.h:9', 'Memory'), ('', '', 'count=3')]
    """
    return tuple(_read(line) for line in re.split(r"[\r\n]+", log) if line.strip())


def _read(line: str) -> LogLine:
    found = _LINE.match(line)
    if found is None:
        raise RuntimeError("the pattern for a line matches any text")
    severity = found["severity"] or found["letter"] or ""
    return LogLine(
        severity=_SEVERITIES.get(severity, severity), source=found["source"] or "", text=found["text"].rstrip()
    )
