"""The connected phones, what keeps each from being measured, and a table of them that fits a terminal."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path

import pytest
from fakes.scripted_adb import scripted_adb

from mobile_deploy.device.failures import AdbMissingError, NoPhoneError
from mobile_deploy.pipeline.devices import DevicesResult, list_devices
from mobile_deploy.report.tables import print_table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")

HOSTILE = "evil\x1b[2J $(touch canary) `touch canary`'\";touch canary"


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT", "ANDROID_SERIAL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def stub_adb(monkeypatch, tmp_path):
    """Puts an adb in the way that answers by a script; "$1" is the command."""

    def make(listing: str, script: str = "exit 1"):
        answers = f"case \"$1\" in start-server) ;; devices) printf '%b' '{listing}' ;; *) {script} ;; esac"
        stub = scripted_adb(tmp_path / "bin", answers)
        monkeypatch.setenv("PATH", f"{stub.folder}:/usr/bin:/bin")
        return stub

    return make


def only(result: DevicesResult):
    (device,) = result.devices
    return device


def on_terminal(result: DevicesResult, monkeypatch, columns: int) -> list[str]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    target = Terminal()
    print_table(result.table(), file=target)
    return [line.rstrip() for line in target.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()]


def test_a_phone_tells_what_and_how_it_is(fake_phone):
    phone = fake_phone()
    phone.battery(80, 28.0)
    phone.thermal(0, {"CPU": 41.5, "SKIN": 30.0})
    result = list_devices(clock=phone.clock)
    device = only(result)
    assert (device.serial, device.state, device.remedies, result.errors, result.notes) == (
        phone.serial,
        "ready",
        (),
        (),
        (),
    )
    row = result.table().rows[0]
    assert row == (
        phone.serial,
        "Pixel 8",
        "Google Tensor G3",
        "Android 14, arm64-v8a",
        "1x2.91, 4x2.37, 4x1.70",
        80.0,
        41.5,
        "ready",
    )
    assert json.loads(json.dumps(result.to_json()))["devices"][0]["facts"]["model"] == "Pixel 8"


@pytest.mark.parametrize(
    ("disturb", "problem", "remedy"),
    [
        (lambda phone: phone.battery(12), "battery at 12 %", "charge it"),
        (lambda phone: phone.battery(80, 41.0), "battery at 41.0 °C", "let it cool down"),
        (lambda phone: phone.set_setting("low_power", "1"), "the power saver is on", "switch the power saver off"),
        (lambda phone: phone.thermal(2), "thermal status 2 (moderate)", "let it cool down"),
    ],
    ids=["battery", "heat", "power-saver", "throttled"],
)
def test_a_phone_that_would_not_be_believed_is_not_ready_and_says_what_to_do(fake_phone, disturb, problem, remedy):
    phone = fake_phone()
    disturb(phone)
    result = list_devices(clock=phone.clock)
    device = only(result)
    assert device.state == "not ready"
    assert device.remedies[0].startswith(problem) and device.remedies[0].endswith(f": {remedy}")
    assert f"{phone.serial}: {device.remedies[0]}" in result.remedies()
    assert result.errors == ()


def test_a_phone_that_waits_for_its_owner_is_listed_with_the_remedy(fake_phone):
    phone = fake_phone(unauthorized=True)
    result = list_devices(clock=phone.clock)
    device = only(result)
    assert (device.state, device.facts, device.condition) == ("unauthorized", None, None)
    assert device.remedies == ("unlock the phone and accept the USB debugging prompt",)
    phone.accept()
    assert wait_for_state("ready", phone) == "ready"


def wait_for_state(state: str, phone) -> str:
    """Adb takes a moment to hear of it."""
    for _ in range(20):
        found = only(list_devices()).state
        if found == state:
            break
    return found


@pytest.mark.parametrize(
    "state", ["offline", "no permissions", "recovery", "sideload", "bootloader", "host", "strange"]
)
def test_every_state_of_adb_has_a_remedy(stub_adb, state):
    stub_adb(f"List of devices attached\\nR5\\t{state}\\n")
    device = only(list_devices())
    assert (device.serial, device.state) == ("R5", state)
    assert len(device.remedies) == 1 and len(device.remedies[0]) > 15


def test_a_phone_that_is_being_connected_is_waited_for_but_not_for_ever(stub_adb):
    class Clock:
        seconds = 0.0

        def now(self) -> float:
            return self.seconds

        def sleep(self, seconds: float) -> None:
            self.seconds += seconds

    stub = stub_adb("List of devices attached\\nR5\\tconnecting\\n")
    clock = Clock()
    assert only(list_devices(clock=clock)).state == "connecting"
    assert 5.0 <= clock.seconds <= 6.0
    assert len([call for call in stub.calls if call[-1] == "devices"]) >= 5


def test_a_phone_that_vanishes_while_it_is_looked_at_is_lost_and_the_others_stay(fake_phone):
    there, gone = fake_phone(), fake_phone(vanish_in_shell="getprop")
    found = {device.serial: device for device in list_devices(clock=there.clock).devices}
    assert found[there.serial].state == "ready"
    lost = found[gone.serial]
    assert lost.state == "lost"
    assert "was lost while asking what it is" in lost.remedies[0]
    assert "check the cable" in lost.remedies[1]


def test_a_linux_box_is_listed_with_what_it_has(fake_phone):
    phone = fake_phone(linux=True)
    device = only(list_devices(clock=phone.clock))
    assert device.state == "ready"
    (row,) = list_devices(clock=phone.clock).table().rows
    assert row[1] == "Linux x86_64" and row[2] is None
    assert row[3] == "Linux x86_64, x86_64"
    assert row[5] is None and row[-1] == "ready"


def test_no_phone_is_an_error_with_the_remedy_also_where_it_is_printed(own_adb):
    result = list_devices()
    (error,) = result.errors
    assert isinstance(error, NoPhoneError) and error.exit_code == 3
    assert "switch on Developer options > USB debugging" in str(result)
    assert "no phone is connected" in result._repr_html_() and "<table>" not in result._repr_html_()


def test_without_adb_the_install_command_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AdbMissingError) as caught:
        list_devices()
    assert "install" in caught.value.hint


def test_hostile_properties_are_shown_and_never_run(fake_phone, monkeypatch, home):
    phone = fake_phone()
    for name in ("ro.product.model", "ro.soc.model", "ro.build.version.release", "ro.product.cpu.abilist"):
        phone.set_property(name, HOSTILE)
    phone.set_service("battery", f"level: {HOSTILE}\n")
    result = list_devices(clock=phone.clock)
    assert "evil" in str(result)
    for text in (str(result), result._repr_html_(), json.dumps(result.to_json())):
        assert "\x1b" not in text
    assert not list(phone.root.rglob("canary")) and not list(home.rglob("canary"))
    assert "\x1b[2J" not in "".join(on_terminal(result, monkeypatch, 80))


@pytest.mark.parametrize("serial", ["\\0033[2Jevil", "$(touch canary)", "-s", "a b", "ünï", "x;touch canary", "`id`"])
def test_hostile_serial_numbers_are_shown_and_never_run(stub_adb, home, serial):
    stub_adb(f"List of devices attached\\n{serial}\\tdevice\\nR5\\t\\0033[31mstrange\\n")
    result = list_devices()
    assert len(result.devices) == 2
    assert all((device.serial + device.state).isprintable() for device in result.devices)
    assert "\x1b" not in str(result) + json.dumps(result.to_json()) + "".join(result.remedies())
    assert not list(home.rglob("canary"))


def test_the_table_fits_80_columns_and_cuts_nothing(fake_phone, monkeypatch):
    phones = fake_phone(), fake_phone(unauthorized=True)
    phones[0].battery(12, 28.0)
    result = list_devices(clock=phones[0].clock)
    for columns in (80, 120):
        lines = on_terminal(result, monkeypatch, columns)
        assert max(map(len, lines)) <= columns, "\n".join(lines)
        text = "".join(lines)
        assert "…" not in text
        for word in (*(phone.serial for phone in phones), "Pixel", "Tensor", "14,", "1x2.91", "unauthorized", "not"):
            assert word in text, "\n".join(lines)


def test_the_result_prints_with_its_remedies_and_draws_itself_in_a_notebook(fake_phone):
    phone = fake_phone()
    phone.battery(12)
    result = list_devices(clock=phone.clock)
    assert str(result).splitlines()[0].startswith("serial")
    assert str(result).splitlines()[-1] == f"{phone.serial}: battery at 12 %, needed are 30 %: charge it"
    assert "<table>" in result._repr_html_() and "charge it" in result._repr_html_()
