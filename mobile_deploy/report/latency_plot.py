"""The latency diagram: one box per configuration, one dot per process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from mobile_deploy.report.plots import CUMULATIVE, INK, LOCAL, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH_INCHES, _DOTS_PER_INCH = 10.0, 110
_ROW_INCHES, _FRAME_INCHES = 0.5, 1.4


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyBox:
    """One row of the diagram; times in ms.

    Attributes:
        name: What was measured.
        processes_ms: The median of each process that counts, at least one.
        throttled_ms: The medians of processes that ran while the phone was throttled and do not count.
        median_ms: The figure of the table.
        p5_ms: Fifth percentile of single inferences; None where the tool does not say.
        p95_ms: Ninety-fifth percentile likewise.
    """

    name: str
    processes_ms: tuple[float, ...]
    throttled_ms: tuple[float, ...] = ()
    median_ms: float
    p5_ms: float | None = None
    p95_ms: float | None = None


def draw_latencies(boxes: Sequence[LatencyBox], *, title: str) -> bytes:
    """Draws configurations below each other, in the given order.

    A box spans the middle half of the medians of the processes, its line is their median, its whiskers reach from the
    fifth to the ninety-fifth percentile of single inferences. Every process is a dot; an open one was throttled.

    Args:
        boxes: The rows, at least one.
        title: Heading of the diagram.

    Returns:
        A PNG file.
    """
    from matplotlib.figure import Figure

    size = (_WIDTH_INCHES, _FRAME_INCHES + _ROW_INCHES * len(boxes))
    figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    places = range(len(boxes), 0, -1)
    axes.bxp([_statistics(box) for box in boxes], positions=list(places), orientation="horizontal", **_look())
    for box, place in zip(boxes, places, strict=True):
        _draw_processes(axes, box, place)
    axes.set_yticks(list(places), labels=[box.name for box in boxes])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_xlim(left=0)
    axes.set_xlabel("latency (ms): box and dots are processes, whiskers 5 % to 95 % of inferences", color=INK)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", color=INK).set_parse_math(False)
    return png(figure)


def _statistics(box: LatencyBox) -> dict[str, Any]:
    times = box.processes_ms
    low, _, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else (times[0],) * 3
    return {
        "med": box.median_ms,
        "q1": low,
        "q3": high,
        "whislo": min(low, low if box.p5_ms is None else box.p5_ms),
        "whishi": max(high, high if box.p95_ms is None else box.p95_ms),
    }


def _look() -> dict[str, Any]:
    return {
        "showfliers": False,
        "widths": 0.45,
        "boxprops": {"color": LOCAL},
        "whiskerprops": {"color": LOCAL},
        "capprops": {"color": LOCAL},
        "medianprops": {"color": CUMULATIVE, "linewidth": 2},
    }


def _draw_processes(axes: Axes, box: LatencyBox, place: int) -> None:
    axes.plot(box.processes_ms, [place] * len(box.processes_ms), "o", color=INK, markersize=3)
    axes.plot(box.throttled_ms, [place] * len(box.throttled_ms), "o", color=INK, markersize=4, fillstyle="none")
    axes.annotate(
        f"{box.median_ms:.2f}",
        (box.median_ms, place + 0.26),
        ha="center",
        va="bottom",
        fontsize=8,
        color=INK,
    )
