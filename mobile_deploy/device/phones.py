"""The phones that adb lists, their states with remedies, and which of them is meant."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mobile_deploy.device.failures import NoPhoneError, PhoneNotUsableError, SeveralPhonesError

USABLE_STATE = "device"
"""What adb calls a phone that takes commands."""

PASSING_STATES = frozenset({"connecting", "authorizing"})
"""States that a phone leaves by itself, mostly within seconds."""

_PLUG_AGAIN = "unplug the phone, plug it in again and unlock it"
_RESTART = "restart the phone into Android: adb reboot"

PHONE_FIXES: Mapping[str, str] = {
    "missing": "connect a phone by USB and switch on Developer options > USB debugging",
    "unauthorized": "unlock the phone and accept the USB debugging prompt",
    "authorizing": "unlock the phone and accept the USB debugging prompt, then try again",
    "connecting": "wait some seconds and try again; if it stays so, plug the phone in again",
    "offline": f"{_PLUG_AGAIN}; one on a network: adb disconnect, then adb connect it again",
    "no permissions": "sudo apt install android-sdk-platform-tools-common, then plug the phone in again",
    "recovery": _RESTART,
    "sideload": _RESTART,
    "rescue": _RESTART,
    "bootloader": "restart the phone into Android: fastboot reboot",
    "host": "this is a computer that waits for a phone of its own; connect the phone to it instead",
    "other": _PLUG_AGAIN,
}
"""What to do when no phone is usable, by its state as adb names it.

Source: the state words of AOSP system/core/adb/transport.cpp, tag platform-tools-29.0.6.
"""

_SERIAL_VARIABLE = "ANDROID_SERIAL"
_NAMELESS = "(no serial number)"
_NAMELESS_STATE = "without a serial number"
_NAMELESS_FIX = "restart the phone; if it stays so, use it over the network: adb tcpip 5555, then adb connect ADDRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A phone as adb lists it.

    Attributes:
        serial: Its serial number. Anyone can make a phone with any characters in it.
        state: "device" when usable, else such as "offline", "unauthorized", "no permissions".
    """

    serial: str
    state: str

    @property
    def usable(self) -> bool:
        """Whether it takes commands and can be named to adb."""
        return self.state == USABLE_STATE and self._has_name

    @property
    def remedy(self) -> str:
        """What to do about its state; empty when it is usable."""
        if self.usable:
            return ""
        return fix_for(self.state) if self._has_name else _NAMELESS_FIX

    @property
    def _has_name(self) -> bool:
        return self.serial != _NAMELESS and self.serial.isprintable()

    def check_usable(self) -> None:
        """Does nothing for a usable phone.

        Raises:
            PhoneNotUsableError: It is not usable.
        """
        if not self.usable:
            state = self.state if self._has_name else _NAMELESS_STATE
            raise PhoneNotUsableError(serial=self.serial, state=state, remedy=self.remedy)


def fix_for(state: str) -> str:
    """Says what to do about a phone in a state, as adb names it."""
    return PHONE_FIXES.get(state, PHONE_FIXES["other"])


def parse_phones(listing: str) -> tuple[Phone, ...]:
    r"""Reads what `adb devices` prints.

    >>> parse_phones("List of devices attached\nR58M\tdevice\n")
    (Phone(serial='R58M', state='device'),)
    """
    # Only a newline ends a line here: serial numbers may hold other separators that `splitlines` knows.
    lines = (line.removesuffix("\r").rpartition("\t") for line in listing.split("\n"))
    # "no permissions (user in plugdev group; are your udev rules wrong?)": the state is what precedes the remark.
    return tuple(
        Phone(serial=serial, state=state.partition("(")[0].split(";")[0].strip()) for serial, tab, state in lines if tab
    )


def choose_phones(phones: Iterable[Phone], *, serial: str | None, all_devices: bool = False) -> tuple[Phone, ...]:
    """Chooses the phones to work with.

    Args:
        phones: Those that adb lists.
        serial: The one that was named; None stands for the environment variable ANDROID_SERIAL, and without it for
            the only usable one.
        all_devices: Whether every usable one is meant.

    Returns:
        Usable phones, one at least.

    Raises:
        NoPhoneError: There is none, or not the named one.
        PhoneNotUsableError: The named one, or the first where none is usable.
        SeveralPhonesError: Several are usable and none was named.
    """
    there = tuple(phones)
    named = None if all_devices else serial or os.environ.get(_SERIAL_VARIABLE)
    meant = tuple(phone for phone in there if named in (None, phone.serial))
    if not meant:
        raise NoPhoneError(serial=named, connected=(phone.serial for phone in there))
    usable = tuple(phone for phone in meant if phone.usable)
    if not usable:
        meant[0].check_usable()
    if len(usable) > 1 and not all_devices:
        raise SeveralPhonesError(serials=(phone.serial for phone in usable))
    return usable
