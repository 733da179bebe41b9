"""One process on a place; what comes of it is kept, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from mobile_deploy.device.failures import RunFailedError
from mobile_deploy.device.measurement import Condition, Measurement, RunRequest, Target
from mobile_deploy.device.records import Record


def run_process(
    target: Target,
    request: RunRequest,
    *,
    before: Condition,
    started_s: float,
    number: int,
    keep: Callable[[Record], None],
    attempt: int = 0,
) -> Record:
    """Runs one process and looks at the place afterwards.

    Args:
        target: The place.
        request: What to run.
        before: How the place is.
        started_s: Time since the session began, in seconds.
        number: Round of the session.
        keep: Gets the record, also if the place falls silent when the process has ended.
        attempt: How often the same was run before.

    Returns:
        The record.

    Raises:
        PhoneLostError: The place no longer answers.
    """
    cores = target.cores(request.configuration.threads)
    measurement, failure, log = _outcome(target, request)
    after: Condition | None = None
    try:
        after = target.condition()
    finally:
        record = Record(
            configuration=request.configuration,
            kind=request.kind,
            round=number,
            attempt=attempt,
            started_s=started_s,
            measurement=measurement,
            failure=failure,
            failure_log=log,
            before=before,
            after=after,
            cores=cores,
        )
        keep(record)
    return record


def _outcome(target: Target, request: RunRequest) -> tuple[Measurement | None, str, str]:
    """Gives what a process measured, or else why it did not and what it printed."""
    try:
        measurement = target.run(request)
    except RunFailedError as error:
        return None, error.reason, error.log
    if not (isfinite(measurement.centre_ms) and measurement.centre_ms > 0):
        return None, f"{measurement.centre_ms:g} ms is no latency", measurement.log
    return measurement, "", ""
