from __future__ import annotations

import math
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mobile_deploy.report.plots import SqnrPoint, draw_sqnr

POINTS = tuple(SqnrPoint(name=f"layer {i}", local_db=30.0 - i % 5, cumulative_db=28.0 - i) for i in range(20))
BLUE, VERMILION = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)


def columns_of(png: bytes, color) -> np.ndarray:
    """Columns of the diagram in which this colour is seen."""
    return np.flatnonzero((np.abs(pixels(png) - color).max(axis=2) < 8).any(axis=0))


def test_both_lines_run_along_the_whole_network():
    png = draw_sqnr(POINTS, title="a network", named=[3])
    for color in (BLUE, VERMILION):
        seen = columns_of(png, color)
        assert seen.max() - seen.min() > pixels(png).shape[1] / 2


def test_the_same_layers_give_the_same_bytes():
    assert draw_sqnr(POINTS, title="a", named=[1, 2]) == draw_sqnr(POINTS, title="a", named=[1, 2])


def test_numbers_stand_at_the_line_that_ranks():
    apart = [SqnrPoint(name="a", local_db=40.0, cumulative_db=10.0) for _ in range(3)]
    without, local, cumulative = (
        pixels(draw_sqnr(apart, title="a", named=named, at_cumulative=at)).min(axis=2)
        for named, at in (([], False), ([1], False), ([1], True))
    )
    width = int(without.shape[1] * 0.75)  # beyond lies the legend
    rows = [
        np.flatnonzero((with_number[:, :width] < without[:, :width] - 100).any(axis=1)).mean()
        for with_number in (local, cumulative)
    ]
    assert rows[0] < without.shape[0] / 2 < rows[1]


def test_the_names_of_the_worst_layers_are_drawn():
    plain, named = draw_sqnr(POINTS, title="a", named=[]), draw_sqnr(POINTS, title="a", named=[3, 4])
    other = draw_sqnr(
        (*POINTS[:3], SqnrPoint(name="X", local_db=27.0, cumulative_db=25.0), *POINTS[4:]), title="a", named=[3, 4]
    )
    assert len({plain, named, other}) == 3


@pytest.mark.parametrize("value", [None, math.inf, -math.inf, math.nan])
def test_a_layer_without_a_number_leaves_a_gap(value):
    points = (*POINTS[:5], SqnrPoint(name="gap", local_db=value, cumulative_db=20.0), *POINTS[6:])
    assert draw_sqnr(points, title="a", named=[5]) != draw_sqnr(POINTS, title="a", named=[5])


@pytest.mark.parametrize("name", ["$a_{b$", "_hidden", "Schicht \u00e4", "\u5c64", "", "x" * 200])
def test_any_name_can_be_drawn(name):
    point = SqnrPoint(name=name, local_db=1.0, cumulative_db=0.0)
    assert draw_sqnr([point], title=name, named=[0]).startswith(b"\x89PNG")


def test_no_version_is_written_into_the_picture():
    assert b"matplotlib" not in draw_sqnr(POINTS, title="a", named=[])


def test_matplotlib_is_loaded_only_to_draw_and_without_a_screen():
    code = (
        "import sys; from mobile_deploy.report.plots import *; early = 'matplotlib' in sys.modules; "
        "draw_sqnr([SqnrPoint(name='a', local_db=1.0, cumulative_db=1.0)], title='a', named=[]); "
        "print(early, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
