"""What this program and the sample app on a phone say to each other when the app times a model.

**The request** goes with the start of the activity `dev.mobiledeploy.demo/.BenchmarkActivity` as the text extra
"request": a JSON object in base64url without padding, so that it holds nothing a shell could take amiss.

    token            hexadecimal digits, repeated in the answer
    model            path of the .tflite on the phone, which the app may read
    sha256           hash of the file, which the app checks before it opens it
    kind             "trial", "latency" or "memory"
    threads          threads of an inference
    delegate         "cpu", "cpu-plain" or "gpu"
    runs             least number of timed inferences
    seconds          least time of timed inferences, in seconds
    warmup_seconds   least time of inferences before them, at least one, in seconds

A phase goes on until both its least number and its least time are reached, and ends after 150 s, or the longer time
that was asked for, in any case. Inputs are noise, set once; the time of an inference includes no copying.

**The answer** is one line of at most 4000 bytes, a JSON object, logged once with priority I and the tag
`mobile-deploy`; longer lines would be cut by the phone's log.

    token            of the request
    schema_version   1
    error            why there is no result, in one sentence; null, or left out, if there is one
    sha256           hash of the file that was run
    runtime          such as "LiteRT 1.4.2"
    centre_ms        median of the timed inferences
    runs             timed inferences
    init_ms, first_ms, warmup_ms, mean_ms, min_ms, max_ms, std_ms, p5_ms, p95_ms
                     as in `Measurement`; null or left out where the app does not tell
    memory           {"init_mb", "overall_mb", "peak_mb"} for kind "memory", else null
    used             what ran the model, such as "XNNPACK, 65 of 67 operators"
    doubts           texts that speak against the number
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from mobile_deploy.device.failures import RunFailedError
from mobile_deploy.device.measurement import Configuration, Measurement, Memory, RunRequest
from mobile_deploy.errors import printable

PACKAGE = "dev.mobiledeploy.demo"
"""Android's name of the sample app."""

ACTIVITY = f"{PACKAGE}/.BenchmarkActivity"
"""What `am start` starts."""

LOG_TAG = "mobile-deploy"
"""The tag under which the app logs its answer."""

SCHEMA_VERSION = 1
"""The form of the answer."""

_OPTIONAL_TIMES = ("init_ms", "first_ms", "warmup_ms", "mean_ms", "min_ms", "max_ms", "std_ms", "p5_ms", "p95_ms")
_ASCENDING = ("min_ms", "p5_ms", "centre_ms", "p95_ms", "max_ms")
_MEMORY = ("init_mb", "overall_mb", "peak_mb")
_MOST_DOUBTS = 20
_OTHER_APP = "install the sample app of this version of mobile-deploy"


def encode_request(request: RunRequest, *, token: str, path: str, sha256: str) -> str:
    """Writes a request as letters, digits, "-" and "_".

    Args:
        request: What shall be run.
        token: Hexadecimal digits that the answer repeats.
        path: The .tflite on the phone.
        sha256: Its hash.
    """
    configuration = request.configuration
    says = {
        "token": token,
        "model": path,
        "sha256": sha256,
        "kind": request.kind,
        "threads": configuration.threads,
        "delegate": configuration.delegate,
        "runs": request.runs,
        "seconds": request.seconds,
        "warmup_seconds": request.warmup_seconds,
    }
    return base64.urlsafe_b64encode(json.dumps(says).encode()).decode().rstrip("=")


def parse_result(line: str, *, what: Configuration, sha256: str) -> tuple[Measurement, str]:
    """Reads the app's answer and believes none of it before it fits.

    Args:
        line: The line that the app logged.
        what: The configuration that was run.
        sha256: Hash of the model that should have been run.

    Returns:
        The result, and the runtime that the app used.

    Raises:
        RunFailedError: The app reports a failure, ran another file, or the line is no result.
    """
    said = _load(line, what)
    if said.get("schema_version") != SCHEMA_VERSION:
        told = printable(str(said.get("schema_version")))
        raise RunFailedError(what=what, reason=f"the app answers in form {told}, not {SCHEMA_VERSION}", hint=_OTHER_APP)
    if said.get("error"):
        raise RunFailedError(what=what, reason=f"the app says: {said['error']}")
    if said.get("sha256") != sha256:
        raise RunFailedError(
            what=what, reason=f"the app ran a file with sha256 {said.get('sha256')}, not {sha256}", hint="run it again"
        )
    try:
        return _measurement(said), _text(said.get("runtime"))
    except ValueError as error:
        raise RunFailedError(what=what, reason=f"the app's result does not fit: {error}", hint=_OTHER_APP) from error


def _load(line: str, what: Configuration) -> dict[str, Any]:
    try:
        said = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RunFailedError(what=what, reason=f"the app's result is cut off or no JSON ({error})") from error
    if not isinstance(said, dict):
        raise RunFailedError(what=what, reason="the app's result is no JSON object", hint=_OTHER_APP)
    return said


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _measurement(said: Mapping[str, Any]) -> Measurement:
    runs, centre_ms = said.get("runs"), _number(said, "centre_ms")
    if type(runs) is not int or runs < 1 or centre_ms is None:
        raise ValueError("it has no median, or no timed inference")
    times: dict[str, Any] = {name: _number(said, name) for name in _OPTIONAL_TIMES}
    ordered = [value for name in _ASCENDING if (value := {**times, "centre_ms": centre_ms}[name]) is not None]
    if ordered != sorted(ordered):
        raise ValueError(f"{', '.join(_ASCENDING)} do not ascend")
    doubts = said.get("doubts") or ()
    if not isinstance(doubts, list | tuple) or len(doubts) > _MOST_DOUBTS:
        raise ValueError("its doubts are no list of texts")
    return Measurement(
        centre_ms=centre_ms,
        runs=runs,
        **times,
        memory=_memory(said.get("memory")),
        used=_text(said.get("used")),
        doubts=tuple(map(_text, doubts)),
    )


def _number(said: Mapping[str, Any], name: str) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value!r}")
    return float(value)


def _memory(said: object) -> Memory | None:
    match said:
        case None:
            return None
        case dict():
            init_mb, overall_mb, peak_mb = (_number(said, name) for name in _MEMORY)
            return Memory(init_mb=init_mb, overall_mb=overall_mb, peak_mb=peak_mb)
    raise ValueError("its memory is no object")


def _text(said: object) -> str:
    match said:
        case None:
            return ""
        case str():
            return printable(said)
    raise ValueError(f"{said!r} is no text")
