"""Several questions in one call: an answer that fails, or lies, harms no other."""

from __future__ import annotations

import sys

import pytest
from fakes.scripted_adb import scripted_adb

from mobile_deploy.device.connection import Connection
from mobile_deploy.device.sections import ask_all, one_line, whole_number

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake adb is a shell script")


def ask(tmp_path, questions: dict[str, str]) -> dict[str, str]:
    adb = scripted_adb(tmp_path / "sdk", 'sh -c "$2"').adb
    return ask_all(Connection(adb=adb, serial="X"), questions, timeout_s=20, doing="a test")


def test_each_question_has_its_own_answer(tmp_path):
    answers = ask(
        tmp_path,
        {
            "a": "echo one; echo; echo two",
            "b": "no-such-command x",
            "c": "echo err >&2; exit 7",
            "d": "cd / && printf here",
            "e": "pwd",
        },
    )
    assert answers | {"e": ""} == {"a": "one\n\ntwo", "b": "", "c": "", "d": "here", "e": ""}
    assert answers["e"] != "/"


def test_an_answer_cannot_pose_as_another(tmp_path):
    assert ask(tmp_path, {"a": "printf '\\nb\\n0123456789abb\\nlie\\n'", "b": "echo truth"})["b"] == "truth"


def test_text_from_a_phone_is_one_short_line_that_moves_no_cursor():
    assert one_line(" a\x1b[2J\n b\r\x07") == "a\\x1b[2J b \\x07"
    assert len(one_line("x" * 10_000)) == 200


@pytest.mark.parametrize(
    ("text", "number"),
    [(" 34\n", 34), ("0", 0), ("-1", None), ("", None), ("34a", None), ("٣", None), ("9" * 50, None)],
)
def test_numbers_are_numbers_or_nothing(text, number):
    assert whole_number(text) == number
