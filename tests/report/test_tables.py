"""Result tables read well at 80 and 120 columns, in a file and in a notebook."""

from __future__ import annotations

from io import StringIO

import pytest

from mobile_deploy.report.tables import Column, ResultTable, facts_table, print_table

LONG_NAME = "mobilenet_v3_large_1.0_224-int16x8"

TABLE = ResultTable(
    columns=(
        Column(header="bundle"),
        Column(header="parameters"),
        Column(header="top-1 (%)", digits=1),
        Column(header="note", folds=True),
    ),
    rows=(
        (LONG_NAME, 4_253_864, 70.64, "word " * 16),
        ("v2", 56_510_400, None, "a <b> [b]"),
    ),
)


class FakeTerminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "dumb")


def on_terminal(table: ResultTable, monkeypatch, *, columns: int) -> list[str]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    target = FakeTerminal()
    print_table(table, file=target)
    plain = target.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    return plain.splitlines()


def test_in_a_file_every_row_is_one_line_without_colour_or_trailing_blanks():
    lines = str(TABLE).splitlines()
    assert len(lines) == 4
    assert "\x1b" not in str(TABLE)
    assert all(line == line.rstrip() for line in lines)
    assert lines[2].endswith("word word")


def test_numbers_stand_right_with_thousands_separators_and_their_digits():
    header, _, first, second = str(TABLE).splitlines()
    end = header.index("parameters") + len("parameters")
    assert first[:end].endswith(" 4,253,864")
    assert second[:end].endswith("56,510,400")
    assert " 70.6 " in first
    assert second[: header.index("note")].rstrip().endswith(" -")


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_only_the_column_that_may_fold_does(monkeypatch, columns):
    lines = on_terminal(TABLE, monkeypatch, columns=columns)
    assert max(map(len, lines)) <= columns
    assert any(line.startswith(f"{LONG_NAME}   4,253,864       70.6  word") for line in lines)
    assert " ".join(line[len(LONG_NAME) :] for line in lines).count("word") == 16
    assert "…" not in "".join(lines)


def test_a_table_that_fits_has_the_same_lines_at_80_and_120_columns(monkeypatch):
    table = ResultTable(columns=TABLE.columns[1:3], rows=((1000, 0.5),))
    narrow = [line.rstrip() for line in on_terminal(table, monkeypatch, columns=80)]
    assert narrow == [line.rstrip() for line in on_terminal(table, monkeypatch, columns=120)]


def test_a_name_wider_than_the_terminal_is_kept_whole(monkeypatch):
    assert any(LONG_NAME in line for line in on_terminal(TABLE, monkeypatch, columns=40))


def test_nothing_is_cut_where_nothing_may_fold_and_headings_break_at_their_words(monkeypatch):
    columns = tuple(Column(header=header) for header in ("model", "latency (ms) [95 %]", "first (ms)", "init (ms)"))
    table = ResultTable(columns=columns, rows=((LONG_NAME, "12.34 [12.10, 12.50]", 25.21, 6.2),))
    wide, narrow = (on_terminal(table, monkeypatch, columns=columns) for columns in (100, 70))
    assert f"{LONG_NAME}  12.34 [12.10, 12.50]  " in wide[-1] and f"{LONG_NAME}  12.34 [12.10, 12.50]  " in narrow[-1]
    assert len(wide) == 3 and len(narrow) == 4
    assert max(map(len, narrow)) <= 70
    assert narrow[0].split() == ["first", "init"]


def test_the_widest_column_that_may_fold_folds_first(monkeypatch):
    columns = tuple(Column(header=header, folds=True) for header in ("a", "b"))
    table = ResultTable(columns=columns, rows=(("word " * 40, "two words"),))
    lines = on_terminal(table, monkeypatch, columns=60)
    assert max(map(len, lines)) <= 60
    assert lines[2].rstrip().endswith("  two words")


def test_cells_are_text_not_markup():
    assert "a <b> [b]" in str(TABLE)


def test_a_notebook_gets_escaped_html_with_numbers_on_the_right():
    html = TABLE._repr_html_()
    assert "a &lt;b&gt; [b]" in html
    assert "<b>" not in html
    assert '<td style="text-align: right">4,253,864</td>' in html


def test_facts_have_no_headings_and_are_formatted_each_by_its_kind():
    table = facts_table({"layers": 28, "share (%)": 94.86, "weights": "UNTRAINED", "audited": True}, title="v1")
    lines = str(table).splitlines()
    assert [line.split() for line in lines] == [
        ["v1"],
        ["layers", "28"],
        ["share", "(%)", "94.86"],
        ["weights", "UNTRAINED"],
        ["audited", "yes"],
    ]


def test_a_title_wider_than_its_table_stays_on_one_line():
    narrow = ResultTable(columns=(Column(header="a"),), rows=((1,),), title="a title wider than its table")
    assert str(narrow).splitlines()[0] == narrow.title


def test_text_that_anyone_may_have_written_stays_in_its_line():
    rows = (("a\x1b[2J\nb\r",), ("\udcff",))
    shown = str(ResultTable(columns=(Column(header="name"),), rows=rows, title="t\x07"))
    assert shown.splitlines()[0] == "t\\x07"
    assert [line.strip() for line in shown.splitlines()[3:]] == ["a\\x1b[2J\\nb\\r", "\\udcff"]
