"""How filter counts are rounded: one function per rule, named in the tables as data."""

from __future__ import annotations

from collections.abc import Callable

WidthRule = Callable[[int, float], int]
"""Takes the filters at width multiplier 1 and the width multiplier; gives the filters that are built."""


def round_to_eight(filters: float) -> int:
    """Rounds to the nearest multiple of 8, never below 8 nor more than 10 % down.

    Args:
        filters: A filter count before rounding; positive.

    Returns:
        The multiple of 8.

    Source: `make_divisible` of the MobileNetV2 and V3 reference code, TensorFlow models, slim/nets/mobilenet.

    >>> [round_to_eight(filters) for filters in (4, 11.2, 12, 33.6)]
    [8, 16, 16, 32]
    """
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * filters else rounded + 8


def fixed(filters: int, width_multiplier: float) -> int:
    """Leaves the filters alone, as the stem of MobileNetV3 in Keras does."""
    del width_multiplier
    return filters


def truncated(filters: int, width_multiplier: float) -> int:
    """Cuts the product off to a whole number, at least 1: MobileNetV1.

    >>> truncated(32, 0.35)
    11
    """
    return max(1, int(filters * width_multiplier))


def to_eight(filters: int, width_multiplier: float) -> int:
    """Rounds the product to a multiple of 8: the stem of MobileNetV2, the blocks of V3.

    >>> to_eight(24, 0.75)
    24
    """
    return round_to_eight(filters * width_multiplier)


def truncated_to_eight(filters: int, width_multiplier: float) -> int:
    """Cuts the product off to a whole number, then rounds that to a multiple of 8: the blocks of V2 in Keras."""
    return round_to_eight(int(filters * width_multiplier))


def widened_only(filters: int, width_multiplier: float) -> int:
    """Never goes below the table, so that a narrow network keeps its features: the last layers of V2 and V3.

    Source: arXiv:1801.04381 on multipliers below one; above one, keras.applications.

    >>> widened_only(1280, 0.35), widened_only(1280, 1.4)
    (1280, 1792)
    """
    return to_eight(filters, max(1.0, width_multiplier))
