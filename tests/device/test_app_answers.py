"""What of the app's answer to a picture is believed."""

from __future__ import annotations

from typing import Any

import pytest

from mobile_deploy.device.app_run import AppAnswer, AppGuess, ask_about_picture
from mobile_deploy.device.failures import RunFailedError
from mobile_deploy.device.measurement import Configuration

WHAT = Configuration(model="net-int8", threads=4)
HASH = "ab" * 32
GUESSES = [{"index": 3, "label": "cat", "score": 0.75}, {"index": 1, "label": "dog", "score": 0}]
SAID = {"sha256": "5a", "input_sha256": HASH, "guesses": GUESSES, "pre_ms": 2, "run_ms": 7.5, "runtime": "TFLite"}


class Conversation:
    """Stands in for the app: notes what it is asked, and says what it is told to."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.said, self.asked = said, {}

    def ask(self, says: dict[str, Any], *, what: object) -> dict[str, Any]:
        self.asked = says
        return self.said


def ask(**changes: Any) -> tuple[AppAnswer, dict[str, Any]]:
    app = Conversation({**SAID, **changes})
    return ask_about_picture(app, WHAT, sha256="5a", picture="samples/boat.png"), app.asked


def test_the_app_is_asked_by_name_and_hash_and_its_answer_is_taken_over():
    answer, asked = ask()
    assert asked == {
        "kind": "answer",
        "model": "net-int8",
        "sha256": "5a",
        "picture": "samples/boat.png",
        "threads": 4,
        "delegate": "cpu",
    }
    assert answer.guesses == (AppGuess(index=3, label="cat", score=0.75), AppGuess(index=1, label="dog", score=0.0))
    assert (answer.input_sha256, answer.pre_ms, answer.run_ms, answer.post_ms) == (HASH, 2.0, 7.5, None)
    assert (answer.runtime, answer.used) == ("TFLite", "")


def test_what_the_app_says_cannot_move_the_cursor():
    answer, _ = ask(guesses=[{"index": 0, "label": "\x1b[2J", "score": 1}], used="\x1b[2J")
    assert (answer.guesses[0].label, answer.used) == ("\\x1b[2J", "\\x1b[2J")


@pytest.mark.parametrize(
    "changes",
    [
        {"guesses": []},
        {"guesses": GUESSES * 3},
        {"guesses": None},
        {"guesses": [{"index": -1, "label": "x", "score": 1.0}]},
        {"guesses": [{"index": True, "label": "x", "score": 1.0}]},
        {"guesses": [{"index": 1.0, "label": "x", "score": 1.0}]},
        {"guesses": [{"index": 1, "label": 2, "score": 1.0}]},
        {"guesses": [{"index": 1, "label": "x", "score": float("inf")}]},
        {"guesses": [{"index": 1, "label": "x", "score": True}]},
        {"guesses": [{"index": 1, "label": "x"}]},
        {"input_sha256": "AB" * 32},
        {"input_sha256": 7},
        {"pre_ms": -1},
        {"runtime": 1},
    ],
)
def test_an_answer_that_does_not_fit_is_none(changes):
    with pytest.raises(RunFailedError, match=r"net-int8, 4 threads, cpu: the app's result does not fit"):
        ask(**changes)


def test_an_answer_of_another_file_is_refused():
    with pytest.raises(RunFailedError, match="sha256 6b, not 5a"):
        ask(sha256="6b")
