"""Names and literals of the generated Kotlin."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mobile_deploy.android.kotlin_names import float_literal, object_name, text_literal


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mobilenet_v3-small_0.75_160-int8", "MobilenetV3Small0_75_160Int8"),
        ("10 flowers", "Model10Flowers"),
        ("a..b--C", "ABC"),
        ("x1_2", "X1_2"),
    ],
)
def test_a_bundles_name_becomes_an_objects_name(name, expected):
    assert object_name(name) == expected


def test_names_that_lose_letters_stay_apart():
    names = {object_name(name) for name in ("Bär-int8", "Bar-int8", "雪-int8", "花-int8", "雪", "花", "---")}
    assert len(names) == 7
    assert all(name.isascii() and name.isidentifier() for name in names)


@pytest.mark.parametrize("text", ['"', "\\", "$x", "${x}", "\n", "\u2028", "é", "😀", "\x7f", "*/", "\ud800", ""])
def test_a_text_cannot_leave_its_literal(text):
    literal = text_literal(f"a{text}b")
    assert literal.isascii() and literal.isprintable()
    # But for the sign of templates, Kotlin's escapes are JSON's.
    assert "$" not in literal.replace("\\$", "")
    assert json.loads(literal.replace("\\$", "$")) == f"a{text}b"


def test_a_float_reads_back_as_the_same_float32():
    for bits in np.random.default_rng(0).integers(1, 0x7F800000, 2000, dtype=np.uint32):
        value = bits.view(np.float32)
        literal = float_literal(float(value))
        assert literal.endswith("f") and np.float32(literal[:-1]) == value
