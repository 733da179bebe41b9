"""Diagrams as PNG files; matplotlib is loaded when the first is drawn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Two hues that every kind of colour vision tells apart; the lines differ in style and mark too.
# Source: Okabe and Ito, Color Universal Design, 2008: blue and vermilion.
_LOCAL, _CUMULATIVE, _INK = "#0072b2", "#d55e00", "#1a1a1a"
_LONGEST_LABEL = 44  # letters
_WIDTH_INCHES, _HEIGHT_INCHES, _DOTS_PER_INCH = 12.0, 6.0, 110


@dataclass(frozen=True, slots=True, kw_only=True)
class SqnrPoint:
    """One layer of the diagram.

    Attributes:
        name: Name of the layer.
        local_db: SQNR of the layer on its own; None where it was not measured.
        cumulative_db: SQNR of the file up to here.
    """

    name: str
    local_db: float | None
    cumulative_db: float


def draw_sqnr(points: Sequence[SqnrPoint], *, title: str, named: Sequence[int], at_cumulative: bool = False) -> bytes:
    """Draws the SQNR of all layers along a network.

    Args:
        points: The layers in execution order.
        title: The heading.
        named: Positions of the layers to number and name beside the diagram, in this order.
        at_cumulative: Whether the numbers stand at the cumulative line instead of the local one.

    Returns:
        A PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_lines(axes, points)
    keys = [
        Line2D([], [], color=_LOCAL, linestyle="-", marker="o", markersize=4, label="local: fed with float values"),
        Line2D([], [], color=_CUMULATIVE, linestyle="--", marker="s", markersize=4, label="cumulative: the whole file"),
    ]
    for number, position in enumerate(named, start=1):
        point = points[position]
        heights = (_shown(point.cumulative_db), _shown(point.local_db))
        _number(axes, str(number), position, *(heights if at_cumulative else heights[::-1]))
        label = _label(point.name)
        keys.append(Line2D([], [], color=_INK, linestyle="", marker=f"${number}$", markersize=7, label=label))
    legend = figure.legend(handles=keys, loc="outside right upper", frameon=False, fontsize=9)
    for text in (*legend.get_texts(), axes.set_title(title, loc="left", color=_INK)):
        text.set_parse_math(False)  # a dollar sign in a name is no formula
    axes.set_ylabel("SQNR (dB), higher is better", color=_INK)
    axes.set_xlabel("layer, in execution order", color=_INK)
    target = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box stands for the letter
        # Without this, the file would name the version that drew it.
        figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _label(name: str) -> str:
    """Makes a name fit beside the diagram; a legend would pass by what begins with an underscore."""
    short = name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL // 2]}…{name[-_LONGEST_LABEL // 2 :]}"
    return f" {short}" if short.startswith("_") else short


def _draw_lines(axes: Axes, points: Sequence[SqnrPoint]) -> None:
    positions = range(len(points))
    cumulative, local = ([_shown(v) for v in values] for values in zip(*map(_values, points), strict=True))
    axes.plot(positions, cumulative, color=_CUMULATIVE, linestyle="--", marker="s", markersize=4)
    axes.plot(positions, local, color=_LOCAL, linestyle="-", marker="o", markersize=4)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02, y=0.1)


def _values(point: SqnrPoint) -> tuple[float, float | None]:
    return point.cumulative_db, point.local_db


def _shown(value: float | None) -> float:
    """Leaves a gap where there is no finite value: not measured, or computed without any error."""
    return value if value is not None and math.isfinite(value) else math.nan


def _number(axes: Axes, text: str, position: int, wanted: float, other: float) -> None:
    """Writes a number below the point of a layer; on the other line where the wanted one has none."""
    height = other if math.isnan(wanted) else wanted
    if math.isfinite(height):
        axes.annotate(
            text,
            (position, height),
            xytext=(0, -6),
            textcoords="offset points",
            ha="center",
            va="top",
            fontweight="bold",
            color=_INK,
        )
