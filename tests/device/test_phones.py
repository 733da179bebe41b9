"""Phones as adb lists them, what to do about each state, and which phone is meant."""

from __future__ import annotations

import pytest

from mobile_deploy.device.failures import NoPhoneError, PhoneNotUsableError, SeveralPhonesError
from mobile_deploy.device.phones import PHONE_FIXES, Phone, choose_phones, parse_phones

HOSTILE = "a b'\"$(reboot);`id`"


@pytest.fixture(autouse=True)
def no_serial(monkeypatch):
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)


def phone(serial: str, state: str = "device") -> Phone:
    return Phone(serial=serial, state=state)


@pytest.mark.parametrize(
    ("line", "serial", "state"),
    [
        ("R58M\tdevice", "R58M", "device"),
        ("192.168.0.7:5555\toffline\r", "192.168.0.7:5555", "offline"),
        (f"{HOSTILE}\tunauthorized", HOSTILE, "unauthorized"),
        ("a\tb\tdevice", "a\tb", "device"),
        ("a\u2028b\tdevice", "a\u2028b", "device"),
        (
            "R58M\tno permissions (user in plugdev group; are your udev rules wrong?); see [http://a.example]",
            "R58M",
            "no permissions",
        ),
        ("R58M\tno permissions; see [http://a.example]", "R58M", "no permissions"),
    ],
)
def test_a_line_of_the_list_is_read(line, serial, state):
    listing = f"* daemon started successfully\nList of devices attached\n{line}\n\n"
    assert parse_phones(listing) == (phone(serial, state),)


@pytest.mark.parametrize("state", sorted(set(PHONE_FIXES) - {"missing", "other"}))
def test_every_state_comes_with_its_remedy(state):
    with pytest.raises(PhoneNotUsableError) as caught:
        choose_phones([phone("R58M", state)], serial=None)
    assert caught.value.state == state
    assert PHONE_FIXES[state] in caught.value.hint
    assert caught.value.exit_code == 3


def test_a_state_that_nobody_knows_has_a_remedy_too():
    assert phone("R58M", "dreaming").remedy == PHONE_FIXES["other"]


def test_a_usable_phone_needs_no_remedy():
    assert (phone("R58M").usable, phone("R58M").remedy) == (True, "")


@pytest.mark.parametrize("serial", ["(no serial number)", "a\x1b[2Jb"])
def test_a_phone_that_cannot_be_named_is_not_usable(serial):
    with pytest.raises(PhoneNotUsableError, match="without a serial number") as caught:
        choose_phones([phone(serial)], serial=None)
    assert "adb tcpip" in caught.value.hint
    assert "\x1b" not in caught.value.message


def test_the_only_usable_phone_is_meant():
    assert choose_phones([phone("A", "offline"), phone("B")], serial=None) == (phone("B"),)


def test_a_named_phone_is_meant_among_several():
    assert choose_phones([phone("A"), phone(HOSTILE)], serial=HOSTILE) == (phone(HOSTILE),)


def test_the_environment_names_a_phone(monkeypatch):
    monkeypatch.setenv("ANDROID_SERIAL", "B")
    both = [phone("A"), phone("B")]
    assert choose_phones(both, serial=None) == (phone("B"),)
    assert choose_phones(both, serial="A") == (phone("A"),)
    assert choose_phones(both, serial=None, all_devices=True) == tuple(both)


def test_one_of_several_must_be_named():
    with pytest.raises(SeveralPhonesError) as caught:
        choose_phones([phone("A"), phone("B"), phone("C", "offline")], serial=None)
    assert caught.value.serials == ("A", "B")


def test_all_phones_are_all_that_are_usable():
    assert choose_phones([phone("A"), phone("B", "offline"), phone("C")], serial=None, all_devices=True) == (
        phone("A"),
        phone("C"),
    )


def test_a_named_phone_that_is_not_usable_is_not_replaced_by_another():
    with pytest.raises(PhoneNotUsableError, match="'A' is unauthorized"):
        choose_phones([phone("A", "unauthorized"), phone("B")], serial="A")


def test_a_phone_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(NoPhoneError, match="no phone 'X' is connected; connected: 'A'"):
        choose_phones([phone("A")], serial="X")


@pytest.mark.parametrize("all_devices", [False, True])
def test_no_phone_at_all_is_told(all_devices):
    with pytest.raises(NoPhoneError, match="no phone is connected"):
        choose_phones([], serial=None, all_devices=all_devices)
