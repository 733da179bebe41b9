"""Result tables: one small description that becomes text on a terminal, text in a file, or HTML in a notebook.

Numbers stand right, with thousands separators; units are in the headers; a name is never cut short. A table that is
wider than the terminal folds only the columns that say they may fold.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Cell = str | int | float | None
"""What a cell may hold; None is shown as a dash and means that there is no such value."""

# Columns that a word in a column that may fold keeps before it breaks.
_NARROWEST_FOLD = 16
# Columns in which folded text is as easy to read as in one line.
_EASY_FOLD = 20
_GAP = 2
# It moves the cursor or breaks the line, or is no letter at all.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        header: Its heading, with the unit: "size (MB)".
        digits: Digits after the point of a float.
        folds: Whether long text may break into several lines on a narrow terminal.
    """

    header: str
    digits: int = 2
    folds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTable:
    """Rows under headings; prints well and draws itself in a notebook.

    Attributes:
        columns: The columns, left to right.
        rows: One cell per column.
        title: A line above the table; empty for none.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""

    def __str__(self) -> str:
        target = StringIO()
        print_table(self, file=target)
        return target.getvalue().rstrip("\n")

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(column.header)}</th>" for column in self.columns)
        body = "".join(f"<tr>{_html_cells(self, row)}</tr>" for row in self.rows)
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts_table(facts: Mapping[str, Cell], *, title: str = "") -> ResultTable:
    """Makes a table of names and values, without headings.

    Args:
        facts: Values by name, in order; units are in the names.
        title: A line above the table; empty for none.

    >>> print(facts_table({"layers": 28, "parameters": 4253864}))
    layers      28
    parameters  4,253,864
    """
    rows = tuple((name, format_cell(value)) for name, value in facts.items())
    return ResultTable(columns=(Column(header=""), Column(header="", folds=True)), rows=rows, title=title)


def format_cell(value: Cell, *, digits: int = 2) -> str:
    """Writes one value.

    Args:
        value: Text, a number, or None for no value.
        digits: Digits after the point of a float.

    >>> format_cell(4253864), format_cell(3.14159), format_cell(None)
    ('4,253,864', '3.14', '-')
    """
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.{digits}f}"
        case str():
            return in_one_line(value)


def in_one_line(text: str) -> str:
    r"""Makes a text that anyone may have written fit for a line of a terminal.

    >>> print(in_one_line("file\x1b[2J\nname"))
    file\x1b[2J\nname
    """
    return _UNFIT.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def counted(count: int, noun: str) -> str:
    """Writes a number with what it counts, an English noun whose plural ends in "s".

    >>> counted(1, "picture"), counted(5000, "picture")
    ('1 picture', '5,000 pictures')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def what_differs(names: Sequence[str]) -> tuple[str, ...]:
    """Leaves out the words that all names of models begin with, so that two fit side by side.

    Args:
        names: Names, words parted by hyphens.

    >>> what_differs(("mobilenet_v2_1.0_224-int8", "mobilenet_v2_1.0_224-float32"))
    ('int8', 'float32')
    """
    words = [name.split("-") for name in names]
    shared = 0
    while all(len(parts) > shared + 1 and parts[shared] == words[0][shared] for parts in words) and len(set(names)) > 1:
        shared += 1
    return tuple("-".join(parts[shared:]) for parts in words)


def print_table(table: ResultTable, *, file: TextIO | None = None) -> None:
    """Prints a table.

    A terminal gets bold headings and its own width. Anything else gets plain text, as wide as the widest row.

    Args:
        table: The table.
        file: Where to; standard output if None.
    """
    target = file or sys.stdout
    console = Console(file=target, highlight=False)
    widths = _widths(table, console.width if console.is_terminal else None)
    drawn = _draw(table, widths)
    console.width = max(console.width if console.is_terminal else 1, sum(widths) + _GAP * (len(widths) - 1))
    if console.is_terminal:
        _print_titled(console, table.title, drawn)
        return
    with console.capture() as captured:
        _print_titled(console, table.title, drawn)
    # Padding is for the eye only; in a file it is noise.
    target.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _print_titled(console: Console, title: str, drawn: Table) -> None:
    """Prints the title on its own, since inside the table it would break at the width of a narrow one."""
    if title:
        for line in title.split("\n"):
            console.print(Text(in_one_line(line), style="bold"), no_wrap=True, overflow="ignore", crop=False)
    console.print(drawn, crop=False)


def _draw(table: ResultTable, widths: Sequence[int]) -> Table:
    drawn = Table(
        box=SIMPLE_HEAD,
        show_header=any(column.header for column in table.columns),
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for index, (column, width) in enumerate(zip(table.columns, widths, strict=True)):
        drawn.add_column(
            Text(column.header),
            justify="right" if _is_numeric(table, index) else "left",
            width=width,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in _texts(table, row)))
    return drawn


def _widths(table: ResultTable, available: int | None) -> tuple[int, ...]:
    """Gives each column its width; None of available columns stands for as many as the table likes.

    Where there are too few, long text folds, then headings break at their words, then all that may fold does; the
    widest columns first.
    """
    texts = [_texts(table, row) for row in table.rows]
    cells = [[row[index] for row in texts] for index in range(len(table.columns))]
    widths = [_longest((column.header, *own)) for column, own in zip(table.columns, cells, strict=True)]
    if available is None:
        return tuple(widths)
    too_wide = sum(widths) + _GAP * (len(widths) - 1) - available
    for least_of in (_least_easy, _least_below_heading, _least):
        floors = map(least_of, table.columns, cells)
        least = list(map(min, widths, floors))
        while too_wide > 0 and widths != least:
            loose = (index for index in range(len(widths)) if widths[index] > least[index])
            widths[max(loose, key=widths.__getitem__)] -= 1
            too_wide -= 1
    return tuple(widths)


def _least_easy(column: Column, cells: Sequence[str]) -> int:
    """Gives the width down to which folding is no harm to the eye."""
    return _EASY_FOLD if column.folds else _longest((column.header, *cells))


def _least_below_heading(column: Column, cells: Sequence[str]) -> int:
    """Gives the width below which more than the heading would break."""
    return _longest((*column.header.split(), *cells))


def _least(column: Column, cells: Sequence[str]) -> int:
    """Gives the width below which a column would break what must stay whole."""
    if not column.folds:
        return _least_below_heading(column, cells)
    words = [word for text in (column.header, *cells) for word in text.split()]
    return min(_longest(words), _NARROWEST_FOLD)


def _longest(texts: Iterable[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.splitlines()), default=0)


def _is_numeric(table: ResultTable, index: int) -> bool:
    cells = [row[index] for row in table.rows if row[index] is not None]
    return bool(cells) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)


def _texts(table: ResultTable, row: tuple[Cell, ...]) -> tuple[str, ...]:
    pairs = zip(table.columns, row, strict=True)
    return tuple(format_cell(cell, digits=column.digits) for column, cell in pairs)


def _html_cells(table: ResultTable, row: tuple[Cell, ...]) -> str:
    def cell(index: int, text: str) -> str:
        align = "right" if _is_numeric(table, index) else "left"
        return f'<td style="text-align: {align}">{escape(text)}</td>'

    return "".join(cell(index, text) for index, text in enumerate(_texts(table, row)))
