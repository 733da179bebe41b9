"""Lists of numbers and times as people write them."""

from __future__ import annotations

import pytest

from mobile_deploy.cli.options import parse_counts, parse_duration
from mobile_deploy.errors import BadOptionError


@pytest.mark.parametrize(
    ("text", "counts"), [(None, None), ("1", (1,)), ("1,4", (1, 4)), (" 4 , 2,4 ", (4, 2)), ("007", (7,))]
)
def test_counts_are_whole_numbers_each_once(text, counts):
    assert parse_counts(text, option="--threads") == counts


@pytest.mark.parametrize(
    "text",
    ["", " ", ",", "0", "1,0", "-1", "+1", "1.5", "1e3", "two", "1;2", "²", "٣", "0x2", "1_0", "9" * 10, "9" * 5000],
)
def test_anything_else_is_no_list_of_counts(text):
    with pytest.raises(
        BadOptionError, match=r"--threads: .* is no list of whole numbers from 1, such as 1,4"
    ) as caught:
        parse_counts(text, option="--threads")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("10", 600),
        ("1.5 m", 90),
        (" 24h ", 86400),
        ("0.5s", 0.5),
    ],
)
def test_a_time_has_a_unit_or_is_in_minutes(text, seconds):
    assert parse_duration(text, option="--sustained") == seconds


@pytest.mark.parametrize(
    "text",
    ["", "0", "0s", "-5m", "10d", "10 min", "m", "1h30m", "nan", "inf", "1e3s", "24.1h", "9" * 400, "1,5m", ".5h"],
)
def test_anything_else_is_no_time(text):
    with pytest.raises(BadOptionError, match=r"--sustained: .* is no time of up to a day, such as 90s, 10m or 1h"):
        parse_duration(text, option="--sustained")
