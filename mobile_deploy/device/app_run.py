"""Asks the sample app what a model says to one of the pictures that the app ships; see `app_protocol`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobile_deploy.device.app_conversation import AppConversation
from mobile_deploy.device.app_protocol import check_same_file, misfit, number_of, text_of
from mobile_deploy.device.measurement import Configuration

_MOST_GUESSES = 5
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppGuess:
    """One class with its score, as the app says it.

    Attributes:
        index: Its output index.
        label: Its name.
        score: Probability, or the raw value for logits.
    """

    index: int
    label: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAnswer:
    """What the app says to a picture.

    Attributes:
        input_sha256: Hash of the input tensor's bytes.
        guesses: The best classes, best first, at least one.
        pre_ms: Time of fitting and encoding the picture; None where the app does not tell.
        run_ms: Time of the inference, likewise.
        post_ms: Time of reading the answer, likewise.
        runtime: Such as "TensorFlow Lite 2.16.1".
        used: What ran the model, such as "XNNPACK, 4 threads".
    """

    input_sha256: str
    guesses: tuple[AppGuess, ...]
    pre_ms: float | None
    run_ms: float | None
    post_ms: float | None
    runtime: str
    used: str


def ask_about_picture(
    conversation: AppConversation, configuration: Configuration, *, sha256: str, picture: str
) -> AppAnswer:
    """Lets the app classify a picture of its own.

    Args:
        conversation: The app.
        configuration: A bundle in the app by its name, and how to run it.
        sha256: Hash of the bundle's .tflite.
        picture: Path in the app's assets, such as "samples/boat.png".

    Raises:
        AppMissingError: The app is not on the phone, or too old.
        PhoneLostError: The phone vanished or does not answer.
        RunFailedError: The app has no such bundle or picture, failed, or gave an answer that does not fit.
    """
    request = {
        "kind": "answer",
        "model": configuration.model,
        "sha256": sha256,
        "picture": picture,
        "threads": configuration.threads,
        "delegate": configuration.delegate,
    }
    said = conversation.ask(request, what=configuration)
    check_same_file(said, sha256=sha256, what=configuration)
    try:
        return _answer(said)
    except ValueError as error:
        raise misfit(error, what=configuration) from error


def _answer(said: Mapping[str, Any]) -> AppAnswer:
    input_sha256, guesses = said.get("input_sha256"), said.get("guesses")
    if not isinstance(input_sha256, str) or not _SHA256.fullmatch(input_sha256):
        raise ValueError(f"input_sha256 is {input_sha256!r}")
    if not isinstance(guesses, list) or not 1 <= len(guesses) <= _MOST_GUESSES:
        raise ValueError(f"its guesses are no list of 1 to {_MOST_GUESSES}")
    return AppAnswer(
        input_sha256=input_sha256,
        guesses=tuple(map(_guess, guesses)),
        pre_ms=number_of(said, "pre_ms"),
        run_ms=number_of(said, "run_ms"),
        post_ms=number_of(said, "post_ms"),
        runtime=text_of(said.get("runtime")),
        used=text_of(said.get("used")),
    )


def _guess(said: object) -> AppGuess:
    match said:
        case {"index": int(index), "label": str(label), "score": int(score) | float(score)} if (
            index >= 0 and math.isfinite(score) and bool not in (type(index), type(score))
        ):
            return AppGuess(index=index, label=text_of(label), score=float(score))
    raise ValueError(f"{said!r} is no guess")
