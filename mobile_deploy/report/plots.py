"""Diagrams as PNG files; matplotlib is loaded when the first is drawn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Two hues that every kind of colour vision tells apart; the lines differ in style and mark too.
# Source: Okabe and Ito, Color Universal Design, 2008: blue and vermilion.
LOCAL, CUMULATIVE, INK = "#0072b2", "#d55e00", "#1a1a1a"
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
        Line2D([], [], color=LOCAL, linestyle="-", marker="o", markersize=4, label="local: fed with float values"),
        Line2D([], [], color=CUMULATIVE, linestyle="--", marker="s", markersize=4, label="cumulative: the whole file"),
    ]
    for number, position in enumerate(named, start=1):
        point = points[position]
        heights = (_shown(point.cumulative_db), _shown(point.local_db))
        _number(axes, str(number), position, *(heights if at_cumulative else heights[::-1]))
        label = _label(point.name)
        keys.append(Line2D([], [], color=INK, linestyle="", marker=f"${number}$", markersize=7, label=label))
    legend = figure.legend(handles=keys, loc="outside right upper", frameon=False, fontsize=9)
    for text in (*legend.get_texts(), axes.set_title(title, loc="left", color=INK)):
        text.set_parse_math(False)  # a dollar sign in a name is no formula
    axes.set_ylabel("SQNR (dB), higher is better", color=INK)
    axes.set_xlabel("layer, in execution order", color=INK)
    return png(figure)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One epoch of the diagram; what was not measured is None.

    Attributes:
        phase: Name of the phase it belongs to.
        loss: Mean loss in training.
        accuracy: Share of training examples that were right.
        validation_loss: Mean loss on the validation pictures.
        validation_accuracy: Share of those that were right.
    """

    phase: str
    loss: float
    accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None


def draw_learning_curve(points: Sequence[CurvePoint], *, title: str) -> bytes:
    """Draws loss and, where there are labels, accuracy by epoch.

    Args:
        points: All epochs of a run, in order; phases follow each other.
        title: The heading.

    Returns:
        A PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    losses = [(point.loss, point.validation_loss) for point in points]
    rights = [(_percent(point.accuracy), _percent(point.validation_accuracy)) for point in points]
    panels = {"loss": losses} | ({"right (%)": rights} if any(_has_values(pair) for pair in rights) else {})
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, pairs) in zip(all_axes, panels.items(), strict=True):
        _draw_epochs(axes, pairs, [point.phase for point in points], name=name)
        _mark_phases(axes, [point.phase for point in points], named=axes is all_axes[0])
    all_axes[-1].set_xlabel("epoch", color=INK)
    all_axes[0].legend(loc="upper right", frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", color=INK).set_parse_math(False)
    return png(figure)


def png(figure: Figure) -> bytes:
    """Writes a diagram as a PNG file that depends on nothing but the diagram."""
    target = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box stands for the letter
        # Without this, the file would name the version that drew it.
        figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _has_values(pair: tuple[float | None, ...]) -> bool:
    return any(value is not None for value in pair)


def _draw_epochs(
    axes: Axes, pairs: Sequence[tuple[float | None, float | None]], phases: Sequence[str], *, name: str
) -> None:
    from matplotlib.ticker import MaxNLocator

    train, validation = ([_shown(value) for value in values] for values in zip(*pairs, strict=True))
    lines = [("training", train, LOCAL, "o-")]
    if any(map(math.isfinite, validation)):
        lines.append(("validation", validation, CUMULATIVE, "s--"))
    for label, values, color, style in lines:
        # No line leads from one phase into the next, whose loss is another one.
        for number, (_, span) in enumerate(groupby(range(len(pairs)), key=lambda position: phases[position])):
            epochs = list(span)
            shown = [values[position] for position in epochs]
            told = "" if number else label
            axes.plot([position + 1 for position in epochs], shown, style, color=color, markersize=4, label=told)
    axes.set_ylabel(name, color=INK)
    _plain(axes)
    axes.set_xlim(0.5, len(pairs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _mark_phases(axes: Axes, phases: Sequence[str], *, named: bool) -> None:
    """Draws a line where a phase begins, with its name above the diagram."""
    for position, phase in enumerate(phases):
        if position and phase == phases[position - 1]:
            continue
        if position:
            axes.axvline(position + 0.5, color="#999999", linewidth=0.8, linestyle=":")
        if named:
            start = axes.get_xaxis_transform()
            axes.text(position + 0.55, 1.02, phase, transform=start, fontsize=9, color=INK, parse_math=False)


def _label(name: str) -> str:
    """Makes a name fit beside the diagram; a legend would pass by what begins with an underscore."""
    short = name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL // 2]}…{name[-_LONGEST_LABEL // 2 :]}"
    return f" {short}" if short.startswith("_") else short


def _draw_lines(axes: Axes, points: Sequence[SqnrPoint]) -> None:
    positions = range(len(points))
    cumulative, local = ([_shown(v) for v in values] for values in zip(*map(_values, points), strict=True))
    axes.plot(positions, cumulative, color=CUMULATIVE, linestyle="--", marker="s", markersize=4)
    axes.plot(positions, local, color=LOCAL, linestyle="-", marker="o", markersize=4)
    _plain(axes)


def _plain(axes: Axes) -> None:
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
            color=INK,
        )
