from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from mobile_deploy.report.latency_plot import LatencyBox, draw_latencies

VERMILION = (0xD5, 0x5E, 0x00)


def box(name: str, *times: float, **other: object) -> LatencyBox:
    return LatencyBox(name=name, processes_ms=times, median_ms=sorted(times)[len(times) // 2], **other)


def medians_drawn(png: bytes) -> list[float]:
    """Where the median lines stand, as shares of the width, from top to bottom."""
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)
    is_line = np.abs(pixels - VERMILION).max(axis=2) < 8
    rows = np.flatnonzero(is_line.any(axis=1))
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 5) + 1)
    return [np.flatnonzero(is_line[group].any(axis=0)).mean() / pixels.shape[1] for group in groups]


def test_each_configuration_has_its_median_in_the_given_order_and_to_scale():
    slow, fast, middle = medians_drawn(
        draw_latencies([box("slow", 8.0, 8.1, 8.2), box("fast", 2.0), box("middle", 5.0, 5.1, 5.2)], title="a phone")
    )
    assert fast < middle < slow
    assert abs((slow - fast) / (middle - fast) - (8.1 - 2.0) / (5.1 - 2.0)) < 0.03


def test_a_throttled_process_is_drawn_and_does_not_move_the_median():
    plain = draw_latencies([box("a", 2.0, 2.1, 2.2), box("b", 8.0)], title="t")
    throttled = draw_latencies([box("a", 2.0, 2.1, 2.2, throttled_ms=(5.0,)), box("b", 8.0)], title="t")
    assert plain != throttled
    assert np.allclose(medians_drawn(plain), medians_drawn(throttled))


def test_whiskers_reach_to_the_percentiles():
    short, long = (draw_latencies([box("a", 2.0, 2.1), box("b", 9.0, p95_ms=p95)], title="t") for p95 in (9.5, 18.0))
    assert medians_drawn(long)[0] < medians_drawn(short)[0]  # the axis had to grow


def test_names_are_no_formulas_and_equal_figures_give_equal_bytes():
    boxes = [box("v2_$1.0$_a b", 2.0, 2.1)]
    assert draw_latencies(boxes, title="$x$") == draw_latencies(boxes, title="$x$")
    assert draw_latencies(boxes, title="$x$") != draw_latencies([box("v2_1.0_a b", 2.0, 2.1)], title="$x$")
