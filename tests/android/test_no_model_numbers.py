"""No number of a model stands in the app's Kotlin: side, range and classes come from the bundle."""

from __future__ import annotations

import re

import pytest

from mobile_deploy.android.sources import app_sources

MODEL_NUMBER = re.compile(r"(?<![\w.])(?:224|127\.5f?|1_?000|1001|0\.875)(?![\w.])")
MAIN_SOURCES = sorted(app_sources().glob("*/src/main/**/*.kt"))


@pytest.mark.parametrize("line", ["val side = 224", "x / 127.5f - 1", "FloatArray(1000)", "crop(0.875)", "List(1_000)"])
def test_the_search_finds_such_numbers(line):
    assert MODEL_NUMBER.search(line)


def test_no_kotlin_of_the_app_holds_a_number_of_a_model():
    assert len(MAIN_SOURCES) > 80
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in MAIN_SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MODEL_NUMBER.search(line)
    ]
    assert found == []
