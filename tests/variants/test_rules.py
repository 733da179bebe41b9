from __future__ import annotations

import pytest

from mobile_deploy.variants.rules import (
    fixed,
    round_to_eight,
    to_eight,
    truncated,
    truncated_to_eight,
    widened_only,
)


@pytest.mark.parametrize(
    ("filters", "rounded"),
    [(1, 8), (8, 8), (11.2, 16), (12, 16), (16.8, 16), (18, 24), (22.4, 24), (33.6, 32)],
)
def test_rounding_to_eight_never_loses_more_than_a_tenth(filters, rounded):
    assert round_to_eight(filters) == rounded


def test_v1_truncates_and_never_reaches_zero():
    assert [truncated(32, alpha) for alpha in (1.0, 0.6, 0.35, 0.01)] == [32, 19, 11, 1]


def test_truncating_first_can_change_the_rounding():
    assert to_eight(16, 0.56) == 16
    assert truncated_to_eight(16, 0.56) == 8


def test_last_layers_are_widened_but_not_narrowed_and_the_stem_is_neither():
    assert [widened_only(1280, alpha) for alpha in (0.35, 1.0, 1.3)] == [1280, 1280, 1664]
    assert [fixed(16, alpha) for alpha in (0.35, 2.0)] == [16, 16]
