"""A phone's screen and clocks are changed for the time of a measurement and put back, whatever happens in between."""

from __future__ import annotations

import sys

import pytest

from mobile_deploy.device.adb import find_adb
from mobile_deploy.device.connection import Connection, ShellAnswer
from mobile_deploy.device.failures import PhoneLostError, PhoneRefusedError
from mobile_deploy.device.kept_settings import keep_settings, put_kept_settings_back
from mobile_deploy.device.lock import phone_file
from mobile_deploy.device.settings import fixed_performance, screen_on

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")

KEY = "38211FDJH0012"
STAY_ON = "stay_on_while_plugged_in"


def connect(phone) -> Connection:
    return Connection(adb=find_adb(), serial=phone.serial)


@pytest.mark.parametrize("before", [None, "0", "3", "7"])
def test_the_screen_stays_on_and_its_setting_comes_back(fake_phone, before):
    phone = fake_phone()
    if before is not None:
        phone.set_setting(STAY_ON, before)
    unrestored: list[str] = []
    with screen_on(connect(phone), was_awake=False, unrestored=unrestored):
        assert phone.wakefulness() == "Awake"
        assert phone.setting(STAY_ON) not in (None, "0")
    assert phone.setting(STAY_ON) == before
    assert phone.wakefulness() == "Asleep"
    assert unrestored == []


@pytest.mark.parametrize("was_awake", [True, None])
def test_a_screen_that_was_on_or_does_not_tell_is_not_switched_off(fake_phone, was_awake):
    phone = fake_phone()
    with screen_on(connect(phone), was_awake=was_awake, unrestored=[]):
        pass
    assert phone.wakefulness() == "Awake"


@pytest.mark.parametrize("value", ["null", "", "$(reboot)", "7; rm -rf /", "x\ny"])
def test_a_setting_that_is_no_number_is_never_written_back(fake_phone, value):
    phone = fake_phone()
    phone.set_setting(STAY_ON, value)
    with screen_on(connect(phone), was_awake=True, unrestored=[]):
        pass
    assert phone.setting(STAY_ON) is None
    assert "reboot" not in "".join(phone.shell_log)
    assert "rm -rf" not in "".join(phone.shell_log)


@pytest.mark.parametrize("error", [KeyboardInterrupt, PhoneLostError(serial="R5", doing="x", problem="y")], ids=str)
def test_settings_come_back_after_ctrl_c_and_after_errors(fake_phone, error):
    phone = fake_phone()
    phone.set_setting(STAY_ON, "1")
    connection = connect(phone)
    with (
        pytest.raises(error if isinstance(error, type) else type(error)),
        screen_on(connection, was_awake=False, unrestored=[]),
        fixed_performance(connection, unrestored=[]),
    ):
        assert phone.fixed_performance() == "true"
        raise error
    assert (phone.setting(STAY_ON), phone.wakefulness(), phone.fixed_performance()) == ("1", "Asleep", "false")


def test_what_a_lost_phone_keeps_is_told_as_commands(fake_phone):
    phone = fake_phone()
    phone.set_setting(STAY_ON, "3")
    connection = connect(phone)
    unrestored: list[str] = []
    with (
        screen_on(connection, was_awake=False, unrestored=unrestored),
        fixed_performance(connection, unrestored=unrestored),
    ):
        phone.vanish()
    assert unrestored == [
        "cmd power set-fixed-performance-mode-enabled false",
        f"settings put global {STAY_ON} 3",
        "input keyevent 223",
    ]


def test_one_setting_that_the_phone_refuses_to_take_back_does_not_keep_the_others(fake_phone):
    phone = fake_phone()
    connection = ShellThatRefuses(connect(phone), "settings put")
    phone.set_setting(STAY_ON, "3")
    unrestored: list[str] = []
    with screen_on(connection, was_awake=False, unrestored=unrestored):
        pass
    assert unrestored == [f"settings put global {STAY_ON} 3"]
    assert phone.wakefulness() == "Asleep"


def test_a_setting_whose_command_fails_counts_as_not_put_back(fake_phone):
    phone = fake_phone()
    phone.set_setting(STAY_ON, "3")
    unrestored: list[str] = []
    with (
        screen_on(connect(phone), was_awake=False, unrestored=unrestored),
        fixed_performance(connect(phone), unrestored=unrestored),
    ):
        for name in ("cmd", "settings"):
            phone.write_program(name, "#!/bin/sh\necho 'Failure calling service'\nexit 255\n")
    assert unrestored == ["cmd power set-fixed-performance-mode-enabled false", f"settings put global {STAY_ON} 3"]
    assert phone.wakefulness() == "Asleep"


def test_a_phone_without_steady_clocks_says_so_and_how_to_go_on(fake_phone):
    phone = fake_phone()
    phone.refuse_fixed_performance()
    unrestored: list[str] = []
    with pytest.raises(PhoneRefusedError) as caught, fixed_performance(connect(phone), unrestored=unrestored):
        pytest.fail("it was opened all the same")
    assert caught.value.hint == "leave out --fixed-performance"
    assert unrestored == []


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path))
    (tmp_path / "phones").mkdir()


@pytest.mark.usefixtures("cache")
def test_what_is_kept_is_put_back_once(fake_phone):
    phone = fake_phone()
    connection = connect(phone)
    keep_settings(KEY, [f"settings put global {STAY_ON} 3", "input keyevent 223"])
    assert put_kept_settings_back(connection, key=KEY) == ()
    assert phone.setting(STAY_ON) == "3"
    phone.set_setting(STAY_ON, "0")
    assert put_kept_settings_back(connection, key=KEY) == ()
    assert phone.setting(STAY_ON) == "0"


@pytest.mark.usefixtures("cache")
def test_what_fails_again_stays_kept_and_is_told(fake_phone):
    phone = fake_phone()
    connection = connect(phone)
    works = (phone.folder / "bin/settings").read_text()
    keep_settings(KEY, [f"settings put global {STAY_ON} 3", "input keyevent 223"])
    phone.write_program("settings", "#!/bin/sh\nexit 1\n")
    assert put_kept_settings_back(connection, key=KEY) == (f"settings put global {STAY_ON} 3",)
    phone.write_program("settings", works)
    assert put_kept_settings_back(connection, key=KEY) == ()
    assert phone.setting(STAY_ON) == "3"


@pytest.mark.usefixtures("cache")
def test_what_a_phone_that_is_lost_again_keeps_stays_kept(fake_phone):
    phone = fake_phone()
    connection = connect(phone)
    keep_settings(KEY, [f"settings put global {STAY_ON} 3"])
    phone.vanish()
    with pytest.raises(PhoneLostError):
        put_kept_settings_back(connection, key=KEY)
    assert phone_file(KEY, "settings").read_text() == f"settings put global {STAY_ON} 3\n"


class ShellThatRefuses:
    """A connection that opens no shell for scripts that hold some words."""

    def __init__(self, connection: Connection, words: str) -> None:
        self._connection = connection
        self._words = words
        self.serial = connection.serial

    def shell(self, script: str, *, timeout_s: float, doing: str):
        if self._words in script:
            raise PhoneRefusedError(serial=self.serial, doing=doing, problem="closed")
        return self._connection.shell(script, timeout_s=timeout_s, doing=doing)

    def check(self, answer: ShellAnswer, doing: str) -> None:
        self._connection.check(answer, doing)
