"""How the sample app is asked to time a model, and what of its answer is believed; see `app_protocol`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobile_deploy.device.app_protocol import check_same_file, misfit, number_of, text_of
from mobile_deploy.device.measurement import Configuration, Measurement, Memory, RunRequest

_OPTIONAL_TIMES = ("init_ms", "first_ms", "warmup_ms", "mean_ms", "min_ms", "max_ms", "std_ms", "p5_ms", "p95_ms")
_ASCENDING = ("min_ms", "p5_ms", "centre_ms", "p95_ms", "max_ms")
_MEMORY = ("init_mb", "overall_mb", "peak_mb")
_MOST_DOUBTS = 20


def measuring_request(request: RunRequest, *, path: str, sha256: str) -> dict[str, Any]:
    """Says what shall be timed.

    Args:
        request: What shall be run.
        path: The .tflite on the phone.
        sha256: Its hash.
    """
    configuration = request.configuration
    return {
        "kind": request.kind,
        "model": path,
        "sha256": sha256,
        "threads": configuration.threads,
        "delegate": configuration.delegate,
        "runs": request.runs,
        "seconds": request.seconds,
        "warmup_seconds": request.warmup_seconds,
    }


def parse_measurement(said: Mapping[str, Any], *, what: Configuration, sha256: str) -> tuple[Measurement, str]:
    """Reads what the app measured.

    Args:
        said: The app's answer.
        what: The configuration that was run.
        sha256: Hash of the model that should have been run.

    Returns:
        The result, and the runtime that the app used.

    Raises:
        RunFailedError: The app ran another file, or its answer is no result.
    """
    check_same_file(said, sha256=sha256, what=what)
    try:
        return _measurement(said), text_of(said.get("runtime"))
    except ValueError as error:
        raise misfit(error, what=what) from error


def _measurement(said: Mapping[str, Any]) -> Measurement:
    runs, centre_ms = said.get("runs"), number_of(said, "centre_ms")
    if type(runs) is not int or runs < 1 or centre_ms is None:
        raise ValueError("it has no median, or no timed inference")
    times: dict[str, Any] = {name: number_of(said, name) for name in _OPTIONAL_TIMES}
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
        used=text_of(said.get("used")),
        doubts=tuple(map(text_of, doubts)),
    )


def _memory(said: object) -> Memory | None:
    match said:
        case None:
            return None
        case dict():
            init_mb, overall_mb, peak_mb = (number_of(said, name) for name in _MEMORY)
            return Memory(init_mb=init_mb, overall_mb=overall_mb, peak_mb=peak_mb)
    raise ValueError("its memory is no object")
