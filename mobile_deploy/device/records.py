"""What is kept of every process that was run, whether it gave a number or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mobile_deploy.device.measurement import Condition, Configuration, Kind, Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One process: what was asked, what came of it, and how the place was before and after.

    Attributes:
        configuration: What was run.
        kind: What for.
        round: Round of the session, from 0; each has one latency process of every configuration.
        attempt: From 0; above it the process repeats one of the same round that failed or was throttled.
        started_s: Start, in seconds since the session began.
        measurement: What the process said; None if it failed.
        failure: Why it failed; empty if it did not.
        failure_log: All that a failed process printed.
        before: How the place was before.
        after: How it was afterwards; None if it fell silent by then.
        cores: Cores the process was bound to; empty if it was not bound.
        throttled: Whether the place had slowed itself down.
        reasons: What tells that it had, each with its numbers.
        replaced: Whether a later attempt counts in its place.
    """

    configuration: Configuration
    kind: Kind
    round: int
    attempt: int
    started_s: float
    measurement: Measurement | None
    failure: str = ""
    failure_log: str = field(default="", repr=False)
    before: Condition = field(repr=False)
    after: Condition | None = field(repr=False)
    cores: tuple[int, ...] = ()
    throttled: bool = False
    reasons: tuple[str, ...] = ()
    replaced: bool = False

    @property
    def is_latency(self) -> bool:
        """Whether it holds a latency, replaced or not."""
        return self.kind == "latency" and self.measurement is not None

    @property
    def centre_ms(self) -> float:
        """Median of the process in ms.

        Raises:
            ValueError: The process failed.
        """
        if self.measurement is None:
            raise ValueError(f"a process that failed has no latency: {self.failure}")
        return self.measurement.centre_ms

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """How the place was, before and, if it still answered, after."""
        return (self.before,) if self.after is None else (self.before, self.after)

    @property
    def slot(self) -> tuple[Configuration, Kind, int]:
        """What attempts have in common that repeat each other."""
        return self.configuration, self.kind, self.round

    def to_json(self) -> dict[str, Any]:
        """Gives all of it as JSON values."""
        return {**asdict(self), "cores": list(self.cores), "reasons": list(self.reasons)}


def with_replaced(records: Iterable[Record]) -> tuple[Record, ...]:
    """Marks every attempt that a later one with a measurement stands in for."""
    ordered = tuple(records)
    last = {record.slot: number for number, record in enumerate(ordered) if record.measurement is not None}
    return tuple(replace(record, replaced=number < last.get(record.slot, -1)) for number, record in enumerate(ordered))
