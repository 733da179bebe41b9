"""Lines lose what the loggers put in front of them, and nothing else."""

from __future__ import annotations

import pytest

from mobile_deploy.device.log_lines import LogLine, read_lines


@pytest.mark.parametrize(
    ("line", "severity", "source", "text"),
    [
        ("count=3", "", "", "count=3"),
        ("INFO: count=3  ", "INFO", "", "count=3"),
        ("WARNING: linker: unused", "WARN", "", "linker: unused"),
        ("INFO: [benchmark_litert_model.h:94] Model", "INFO", "benchmark_litert_model.h:94", "Model"),
        ("INFO: [benchmark_litert_model.h:94] ", "INFO", "benchmark_litert_model.h:94", ""),
        ("E0000 00:00:1776763095.99   21214 delegate_kernel.cc:794] no", "ERROR", "", "no"),
        ("[Identity;a]:66", "", "", "[Identity;a]:66"),
        ("\t  CONV_2D\t 1", "", "", "\t  CONV_2D\t 1"),
        ("INFORMATION: none", "", "", "INFORMATION: none"),
    ],
)
def test_a_line_is_taken_apart(line, severity, source, text):
    assert read_lines(line) == (LogLine(severity=severity, source=source, text=text),)


def test_only_line_feeds_and_carriage_returns_end_a_line():
    lines = read_lines("a\u2028b\x0bc\x85d\r\r\ne\n\n\rf")
    assert [line.text for line in lines] == ["a\u2028b\x0bc\x85d", "e", "f"]
