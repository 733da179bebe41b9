"""Settings of a phone that are changed for the time of a measurement and always put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mobile_deploy.device.connection import Connection
from mobile_deploy.device.failures import PhoneRefusedError
from mobile_deploy.device.measurement import Condition
from mobile_deploy.errors import MobileDeployError

_TIMEOUT_S = 10.0
_STAY_ON = "stay_on_while_plugged_in"
# Source: android.view.KeyEvent, KEYCODE_WAKEUP and KEYCODE_SLEEP.
_WAKE, _SLEEP = "input keyevent 224", "input keyevent 223"
_WAKING = "waking its screen"
_RESTORING = "putting its settings back"
_FIXED = "cmd power set-fixed-performance-mode-enabled"


class Unrestored(Protocol):
    """Is told what could not be put back, as a rule because the phone is gone."""

    def append(self, command: str, /) -> None:
        """Takes the command that the user should run."""


@contextmanager
def screen_on(connection: Connection, *, was_awake: bool | None, unrestored: Unrestored) -> Iterator[None]:
    """Keeps the screen on, since phones slow their cores down behind a dark one.

    Args:
        connection: An Android phone.
        was_awake: Whether the screen is on; None where the phone does not tell.
        unrestored: Is told what could not be put back.
    """
    before = connection.shell(f"settings get global {_STAY_ON}", timeout_s=_TIMEOUT_S, doing="asking for its settings")
    value = before.output.strip()
    back = [f"settings put global {_STAY_ON} {value}" if value.isdigit() else f"settings delete global {_STAY_ON}"]
    if was_awake is False:
        back.append(_SLEEP)
    with _put_back(connection, back, unrestored):
        connection.shell(f"svc power stayon true; {_WAKE}", timeout_s=_TIMEOUT_S, doing=_WAKING)
        yield


def keep_awake(connection: Connection, condition: Condition) -> None:
    """Switches the screen on again where it went off; a phone that is not charging keeps none on.

    Args:
        connection: The phone.
        condition: How it is; where it does not tell, or is awake, nothing is done.

    Raises:
        PhoneLostError: The phone vanished or does not answer.
        PhoneRefusedError: The phone is there and opens no shell.
    """
    if condition.awake is False:
        connection.shell(_WAKE, timeout_s=_TIMEOUT_S, doing=_WAKING)


@contextmanager
def fixed_performance(connection: Connection, *, unrestored: Unrestored) -> Iterator[None]:
    """Holds the clocks at a steady level that the phone can keep, below its peak.

    Source: PowerManager, fixed performance mode, since Android 11.

    Args:
        connection: An Android phone.
        unrestored: Is told what could not be put back.

    Raises:
        PhoneRefusedError: The phone has no such mode.
    """
    back = [f"{_FIXED} false"]
    with _put_back(connection, back, unrestored):
        answer = connection.shell(f"{_FIXED} true", timeout_s=_TIMEOUT_S, doing="holding its clocks steady")
        said = answer.output.strip()
        if answer.code != 0 or said:  # it is silent when it succeeds
            if answer.code != 0:
                back.clear()
            raise PhoneRefusedError(
                serial=connection.serial,
                doing="holding its clocks steady",
                problem=said or f"exit code {answer.code}",
                hint="leave out --fixed-performance",
            )
        yield


@contextmanager
def _put_back(connection: Connection, commands: list[str], unrestored: Unrestored) -> Iterator[None]:
    try:
        yield
    finally:
        for command in commands:
            try:
                connection.check(connection.shell(command, timeout_s=_TIMEOUT_S, doing=_RESTORING), _RESTORING)
            except MobileDeployError:  # what went wrong before matters more, and the next setting may be put back
                unrestored.append(command)
