"""What this program and the sample app on a phone say to each other.

**The request** goes with the start of the activity `dev.mobiledeploy.demo/.ShellActivity`, which only the shell may
start (it asks for the permission DUMP), as the text extra "request": a JSON object in base64url without padding, so
that it holds nothing a shell could take amiss. Every request has

    token            hexadecimal digits, repeated in the answer
    kind             "trial", "latency", "memory", "answer" or "load"

**The answer** is one line of at most 4000 bytes, a JSON object, logged once with priority I and the tag
`mobile-deploy`; longer lines would be cut by the phone's log. Every answer has

    token            of the request
    schema_version   1
    error            why there is no result, in one sentence; null, or left out, if there is one

**To time a model**: "trial", "latency" and "memory".

    model            path of the .tflite on the phone, which the app may read
    sha256           hash of the file, which the app checks before it opens it
    threads          threads of an inference
    delegate         "cpu", "cpu-plain" or "gpu"
    runs             least number of timed inferences
    seconds          least time of timed inferences, in seconds
    warmup_seconds   least time of inferences before them, at least one, in seconds

A phase goes on until both its least number and its least time are reached, and ends after 150 s, or the longer time
that was asked for, in any case. Inputs are noise, set once; the time of an inference includes no copying. The answer:

    sha256           hash of the file that was run
    runtime          such as "LiteRT 1.4.2"
    centre_ms        median of the timed inferences
    runs             timed inferences
    init_ms, first_ms, warmup_ms, mean_ms, min_ms, max_ms, std_ms, p5_ms, p95_ms
                     as in `Measurement`; null or left out where the app does not tell
    memory           {"init_mb", "overall_mb", "peak_mb"} for kind "memory", else null
    used             what ran the model, such as "XNNPACK, 65 of 67 operators"
    doubts           texts that speak against the number

**To hear what a model says to a picture that the app ships**: "answer".

    model            name of a bundle in the app, built in or loaded
    sha256           hash of its .tflite, which the app checks
    picture          path in the app's assets, such as "samples/boat.png"
    threads, delegate  as above

The answer:

    sha256           hash of the file that was run
    input_sha256     hash of the input tensor's bytes
    guesses          the best classes, best first, at most five: {"index", "label", "score"}
    pre_ms, run_ms, post_ms   times of fitting and encoding, of the inference, of reading the answer
    runtime, used    as above

**To take a bundle that lies on the phone into the app**: "load".

    folder           where its files lie, each under its own hash as its name
    name             name of the bundle
    files            hash by the name that the file has in the bundle: {"model.json": "5a..."}
    show             what the app opens then: "picture", "camera", or "none"

The app copies them into its own folder of that name, whole or not at all, after it has checked every hash and read the
bundle, chooses the bundle and opens the screen. The answer:

    sha256           hash of the .tflite that it has now
    loaded           name of the bundle
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from mobile_deploy.device.failures import RunFailedError
from mobile_deploy.errors import printable

PACKAGE = "dev.mobiledeploy.demo"
"""Android's name of the sample app."""

ACTIVITY = f"{PACKAGE}/.ShellActivity"
"""What `am start` starts."""

LOG_TAG = "mobile-deploy"
"""The tag under which the app logs its answer."""

SCHEMA_VERSION = 1
"""The form of the answer."""

OTHER_APP = "install the sample app of this version of mobile-deploy"
"""What to do about an app that answers in another form."""


def encode(says: Mapping[str, Any]) -> str:
    """Writes a request as letters, digits, "-" and "_".

    Args:
        says: The request: JSON values.
    """
    return base64.urlsafe_b64encode(json.dumps(says).encode()).decode().rstrip("=")


def read_answer(line: str, *, what: object) -> dict[str, Any]:
    """Reads what every answer has, and believes none of it before it fits.

    Args:
        line: The line that the app logged.
        what: What was asked for, for messages.

    Returns:
        The answer; its other fields are not looked at.

    Raises:
        RunFailedError: The app reports a failure, or the line is no answer.
    """
    said = _load(line, what)
    if said.get("schema_version") != SCHEMA_VERSION:
        told = printable(str(said.get("schema_version")))
        raise RunFailedError(what=what, reason=f"the app answers in form {told}, not {SCHEMA_VERSION}", hint=OTHER_APP)
    if said.get("error"):
        raise RunFailedError(what=what, reason=f"the app says: {said['error']}")
    return said


def check_same_file(said: Mapping[str, Any], *, sha256: str, what: object) -> None:
    """Does nothing when the app used the file that it was meant to use.

    Raises:
        RunFailedError: It used another one.
    """
    if said.get("sha256") != sha256:
        raise RunFailedError(
            what=what, reason=f"the app ran a file with sha256 {said.get('sha256')}, not {sha256}", hint="run it again"
        )


def misfit(error: ValueError, *, what: object) -> RunFailedError:
    """Makes the error for an answer whose fields do not fit."""
    return RunFailedError(what=what, reason=f"the app's result does not fit: {error}", hint=OTHER_APP)


def number_of(said: Mapping[str, Any], name: str) -> float | None:
    """Reads a number that is not negative; None where it is left out.

    Raises:
        ValueError: It is something else.
    """
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value!r}")
    return float(value)


def text_of(said: object) -> str:
    """Reads a text, made fit for a terminal; "" where it is left out.

    Raises:
        ValueError: It is something else.
    """
    match said:
        case None:
            return ""
        case str():
            return printable(said)
    raise ValueError(f"{said!r} is no text")


def _load(line: str, what: object) -> dict[str, Any]:
    try:
        said = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RunFailedError(what=what, reason=f"the app's result is cut off or no JSON ({error})") from error
    if not isinstance(said, dict):
        raise RunFailedError(what=what, reason="the app's result is no JSON object", hint=OTHER_APP)
    return said


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
