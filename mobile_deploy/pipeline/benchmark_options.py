"""What the options of `benchmark` may be, and what they come to; refused before anything is read or asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast, get_args

from mobile_deploy.device.app import check_app_offers
from mobile_deploy.device.host import check_offered
from mobile_deploy.device.measurement import DELEGATES
from mobile_deploy.device.plan import Plan
from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.pipeline.benchmark_targets import Via, Wishes

_MOST_THREADS = 64
_MOST_PROCESSES = 100
_SUSTAINED_PROCESS_S = 20.0
_LEAST_SUSTAINED_PROCESSES = 3
_LONGEST_SUSTAINED_S = 24 * 3600.0


def take_via(text: str) -> Via:
    """Gives what runs the models on a phone.

    Raises:
        UnknownNameError: It is neither "tool" nor "app".
    """
    if text not in get_args(Via):
        raise UnknownNameError(kind="--via", name=text, known=get_args(Via))
    return cast(Via, text)


def check_wishes(wishes: Wishes, *, host: bool, serial: str | None, all_devices: bool) -> None:
    """Refuses wishes that contradict each other or that the place cannot fulfil.

    Args:
        wishes: What the user wants.
        host: Whether this machine is measured.
        serial: The phone that was named, if one was.
        all_devices: Whether all phones are meant.

    Raises:
        BadOptionError: Two options contradict each other, or one is not for the place.
        UnknownNameError: A delegate does not exist.
    """
    for delegate in wishes.delegates:
        if delegate not in DELEGATES:
            raise UnknownNameError(kind="delegate", name=delegate, known=DELEGATES)
    if not wishes.delegates:
        raise BadOptionError(option="--delegate", problem=f"none is named; there are {', '.join(DELEGATES)}")
    of_phones = {
        "--serial": serial is not None,
        "--all-devices": all_devices,
        "--via": wishes.via != "tool",
        "--tool": wishes.tool is not None,
        "--tool-arg": bool(wishes.tool_arguments),
        "--fixed-performance": wishes.fixed_performance,
    }
    for option, given in of_phones.items():
        if host and given:
            raise BadOptionError(option=option, problem="it is for phones; leave it or --host out")
    if serial is not None and all_devices:
        raise BadOptionError(option="--all-devices", problem="-s names one phone; leave one of both out")
    for option in ("--tool", "--tool-arg"):
        if wishes.via == "app" and of_phones[option]:
            raise BadOptionError(
                option=option, problem="the app runs without benchmark_model; leave it or --via app out"
            )
    if host:
        check_offered(delegates=wishes.delegates, profile=wishes.profile)
    if wishes.via == "app":
        check_app_offers(profile=wishes.profile)


def check_bar(percent: float | None, *, has_older: bool) -> None:
    """Refuses a bar against an older report that cannot be one.

    Args:
        percent: How much slower is allowed; None for no bar.
        has_older: Whether there is an older report.

    Raises:
        BadOptionError: It is out of range, or there is nothing to hold it against.
    """
    if percent is None:
        return
    if not has_older:
        raise BadOptionError(
            option="--fail-on-regression", problem="it needs an older report", hint="add --compare OLD.json"
        )
    if not 0 <= percent <= 100:  # NaN is not
        raise BadOptionError(option="--fail-on-regression", problem=f"{percent:g} is not from 0 to 100 %")


def check_sustained(sustained_s: float | None, *, configurations: int, processes: int | None, profile: bool) -> None:
    """Refuses what a run without a pause cannot heed.

    Args:
        sustained_s: How long it shall be in seconds; None for rounds of processes, which heed all.
        configurations: How many there are.
        processes: How many processes were asked for; None for none in particular.
        profile: Whether the time by operator is wanted.

    Raises:
        BadOptionError: It is too long, or would leave an option out of account.
    """
    if sustained_s is None:
        return
    if not 0 < sustained_s <= _LONGEST_SUSTAINED_S:  # NaN is not
        raise BadOptionError(option="--sustained", problem=f"{sustained_s:g} s is no time of up to a day")
    if configurations != 1:
        raise BadOptionError(
            option="--sustained", problem="one model with one number of threads and one delegate runs without a pause"
        )
    for option, given in {"--processes": processes is not None, "--profile": profile}.items():
        if given:
            raise BadOptionError(
                option=option, problem="a run without a pause lasts as long as --sustained says; leave one of both out"
            )


def take_threads(given: Sequence[int] | int | None) -> tuple[int, ...]:
    """Gives numbers of threads, each once; none where the place is to choose.

    Raises:
        BadOptionError: One is out of range.
    """
    counts = () if given is None else (given,) if isinstance(given, int) else tuple(given)
    for count in counts:
        if not 1 <= count <= _MOST_THREADS:
            raise BadOptionError(option="--threads", problem=f"{count} is not from 1 to {_MOST_THREADS}")
    return tuple(dict.fromkeys(counts))


def make_plan(
    processes: int | None, *, cools: bool, quick: bool, profile: bool, seed: int, sustained_s: float | None
) -> Plan:
    """Gives how much is measured.

    Args:
        processes: What the user says; None for the plan's own number.
        cools: Whether heat is waited for. This machine tells of none, and what slows it down are other programs, which
            no rest ends; and the user may not want to wait.
        quick: Whether a first look is enough.
        profile: Whether the time by operator is wanted.
        seed: Of the order.
        sustained_s: How long one configuration runs without a pause in seconds; None for rounds.

    Raises:
        BadOptionError: The number of processes is out of range.
    """
    plan = Plan.quick(profile=profile, seed=seed) if quick else Plan(profile=profile, seed=seed)
    if not cools:
        plan = replace(plan, retries=0, cool_down_s=0.0)
    if sustained_s is not None:
        # Between processes the cores rest for a moment, so the processes are long.
        seconds = min(_SUSTAINED_PROCESS_S, sustained_s / _LEAST_SUSTAINED_PROCESSES)
        plan = replace(plan, runs=1, seconds=seconds, warmup_seconds=0.0, memory=False)
    if processes is None:
        return plan
    if not 1 <= processes <= _MOST_PROCESSES:
        raise BadOptionError(option="--processes", problem=f"{processes} is not from 1 to {_MOST_PROCESSES}")
    return replace(plan, processes=processes)
