"""What speaks against measuring at a moment, and waiting until heat no longer does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mobile_deploy.device.facts import PhoneFacts
from mobile_deploy.device.measurement import Clock, Condition, Target
from mobile_deploy.device.verdicts import status_name

LEAST_BATTERY_PERCENT = 30.0
"""Least charge: below, phones limit the current that their cores may draw, on the charger as well."""

MOST_BATTERY_C = 37.0
"""Highest temperature of the battery in °C. It follows the case slowly, so it tells of heat that the cores forgot."""

POLL_S = 5.0
"""Time between two looks at a place that cools, in seconds."""

SETTLE_S = 15.0
"""Further rest in seconds once the signs of heat are gone, so that they do not return at once."""

_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What is known of a place before it is measured; None where it does not tell.

    Attributes:
        battery_percent: Charge.
        battery_c: Temperature of the battery in °C.
        thermal_status: Android's thermal status, from 0 (none) on.
        power_saver: Whether the power saver is on.
        free_bytes: Space for models and tool.
        needed_bytes: What they take.
    """

    battery_percent: float | None = None
    battery_c: float | None = None
    thermal_status: int | None = None
    power_saver: bool | None = None
    free_bytes: int | None = None
    needed_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Something that speaks against measuring.

    Attributes:
        problem: A clause with its numbers, such as "battery at 12 %, needed are 30 %".
        remedy: What to do about it.
        waits: Whether time alone mends it, as it does heat.
    """

    problem: str
    remedy: str
    waits: bool = False


def objections(ready: Readiness) -> tuple[Objection, ...]:
    """Says what speaks against measuring.

    >>> [objection.problem for objection in objections(Readiness(battery_percent=12, thermal_status=0))]
    ['battery at 12 %, needed are 30 %']
    """
    return (*_heat(ready), *_battery(ready), *_settings(ready), *_space(ready))


def readiness(facts: PhoneFacts, condition: Condition, *, needed_bytes: int = 0) -> Readiness:
    """Gives what a phone tells that matters before it is measured.

    Args:
        facts: What the phone is.
        condition: How it is.
        needed_bytes: Space that models and tool take.
    """
    return Readiness(
        battery_percent=condition.battery_percent,
        battery_c=_battery_c(condition),
        thermal_status=condition.thermal_status,
        power_saver=facts.power_saver,
        free_bytes=facts.free_bytes,
        needed_bytes=needed_bytes,
    )


def heat_of(condition: Condition) -> tuple[str, ...]:
    """Says what speaks of heat before a session, for `cool_down`.

    Returns:
        One clause for each sign; none if the place is cool or does not tell.
    """
    ready = Readiness(thermal_status=condition.thermal_status, battery_c=_battery_c(condition))
    return tuple(objection.problem for objection in _heat(ready))


def _battery_c(condition: Condition) -> float | None:
    """The kernel's own names of its sensors are not as tidy as Android's."""
    found = [value for name, value in condition.temperatures_c.items() if "battery" in name.lower()]
    return max(found, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolDown:
    """What came of waiting.

    Attributes:
        condition: How the place is after it.
        waited_s: How long it took in seconds; 0 if the place was cool at once.
        heat: What still speaks of heat; empty if nothing does.
    """

    condition: Condition
    waited_s: float
    heat: tuple[str, ...]


def cool_down(
    target: Target,
    clock: Clock,
    *,
    signs: Callable[[Condition], tuple[str, ...]],
    limit_s: float,
    on_wait: Callable[[tuple[str, ...]], None] = lambda heat: None,
) -> CoolDown:
    """Waits until nothing speaks of heat any longer, and a little more.

    Args:
        target: The place.
        clock: The time.
        signs: Says what speaks of heat at a moment.
        limit_s: Longest wait in seconds; 0 only looks.
        on_wait: Is told before each pause what is waited for.

    Raises:
        PhoneLostError: The place no longer answers.
    """
    begin = clock.now()
    condition = target.condition()
    if not signs(condition):
        return CoolDown(condition=condition, waited_s=0.0, heat=())
    settled = False
    while not settled and (left := limit_s - (clock.now() - begin)) > 0:
        on_wait(signs(condition))
        cool = not signs(condition)
        clock.sleep(min(left, SETTLE_S if cool else POLL_S))
        condition = target.condition()
        # Heat may come back from the case into the cores meanwhile.
        settled = cool and not signs(condition)
    return CoolDown(condition=condition, waited_s=clock.now() - begin, heat=signs(condition))


def _heat(ready: Readiness) -> tuple[Objection, ...]:
    found = []
    if ready.thermal_status:
        problem = f"thermal status {ready.thermal_status} ({status_name(ready.thermal_status)}), needed is 0 (none)"
        found.append(Objection(problem=problem, remedy="let it cool down", waits=True))
    if ready.battery_c is not None and ready.battery_c > MOST_BATTERY_C:
        problem = f"battery at {ready.battery_c:.1f} °C, allowed are {MOST_BATTERY_C:g} °C"
        found.append(Objection(problem=problem, remedy="let it cool down", waits=True))
    return tuple(found)


def _battery(ready: Readiness) -> tuple[Objection, ...]:
    if ready.battery_percent is None or ready.battery_percent >= LEAST_BATTERY_PERCENT:
        return ()
    problem = f"battery at {ready.battery_percent:.0f} %, needed are {LEAST_BATTERY_PERCENT:g} %"
    return (Objection(problem=problem, remedy="charge it"),)


def _settings(ready: Readiness) -> tuple[Objection, ...]:
    if not ready.power_saver:
        return ()
    return (Objection(problem="the power saver is on", remedy="switch the power saver off"),)


def _space(ready: Readiness) -> tuple[Objection, ...]:
    if ready.free_bytes is None or ready.free_bytes >= ready.needed_bytes:
        return ()
    problem = f"{ready.free_bytes / _MB:.1f} MB free, needed are {ready.needed_bytes / _MB:.1f} MB"
    return (Objection(problem=problem, remedy="free some space"),)
