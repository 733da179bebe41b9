"""How hot and how fast a phone is; what it does not tell is not made up."""

from __future__ import annotations

import sys

import pytest

from mobile_deploy.device.adb import find_adb
from mobile_deploy.device.condition import condition_from, parse_thermal_service, parse_thermal_zones, read_condition
from mobile_deploy.device.connection import LONGEST_SCRIPT_BYTES, Connection
from mobile_deploy.device.measurement import Condition

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")

# The layout of Android 14; the cached block tells what was true long ago.
DUMP = """IsStatusOverride: false
Thermal Status: 2
Cached temperatures:
\tTemperature{mValue=99.0, mType=3, mName=VIRTUAL-SKIN, mStatus=3}
HAL Ready: true
Current temperatures from HAL:
\tTemperature{mValue=57.9, mType=0, mName=LITTLE, mStatus=0}
\tTemperature{mValue=63.25, mType=0, mName=BIG, mStatus=0}
\tTemperature{mValue=60.0, mType=0, mName=MID, mStatus=0}
\tTemperature{mValue=NaN, mType=1, mName=G3D, mStatus=0}
\tTemperature{mValue=36.1, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
\tTemperature{mValue=-40.0, mType=9, mName=TPU, mStatus=0}
\tTemperature{mValue=4100.0, mType=6, mName=vbat, mStatus=0}
\tTemperature{mValue=88.0, mType=77, mName=unheard-of, mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=0, mType=2, mName=thermal-cpufreq-0}
Temperature static thresholds from HAL:
\tTemperature{mValue=120.0, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
"""
BATTERY = "Current Battery Service state:\n  present: true\n  level: 41\n  scale: 50\n  temperature: 287\n"


def condition_of(phone) -> Condition:
    return read_condition(Connection(adb=find_adb(), serial=phone.serial))


@pytest.mark.parametrize("dialect", [{}, {"shell_v2": False}], ids=str)
def test_a_phone_tells_heat_and_clocks_in_one_call(fake_phone, dialect):
    phone = fake_phone(**dialect)
    phone.battery(64, 31.5)
    phone.thermal(1, {"CPU": 55.0, "SKIN": 40.5})
    found = condition_of(phone)
    assert (found.thermal_status, found.battery_percent) == (1, 64)
    assert found.temperatures_c == {"BATTERY": 31.5, "CPU": 55.0, "SKIN": 40.5}
    assert found.clock_cap_khz[4] == 2_367_000
    assert found.ticks[8] == {300_000: 90_000, 1_457_000: 500, 2_914_000: 1000}
    assert len(found.ticks) == 9
    assert found.awake is False
    assert len(phone.shell_log) == 1
    assert len(phone.shell_log[0].encode()) <= LONGEST_SCRIPT_BYTES


def test_a_clock_that_is_held_down_is_seen(fake_phone):
    phone = fake_phone()
    phone.heat(skin_c=45.0, slow_down=2.0)
    found = condition_of(phone)
    assert found.thermal_status == 2
    assert found.clock_cap_khz[8] == 1_457_000


def test_a_box_that_tells_nothing_has_no_condition(fake_phone):
    assert condition_of(fake_phone(linux=True)) == Condition()


def test_kernel_zones_stand_in_where_android_tells_no_temperature(fake_phone):
    phone = fake_phone(linux=True)
    phone.thermal_zones({"x86_pkg_temp": 51.5, "soc": 0.1})
    assert condition_of(phone).temperatures_c == {"x86_pkg_temp": 51.5}


def test_only_what_the_sensors_say_now_counts_and_the_hottest_of_a_kind():
    assert parse_thermal_service(DUMP) == {"CPU": 63.25, "SKIN": 36.1}


@pytest.mark.parametrize("dump", ["", "Can't find service: thermalservice", "Current temperatures from HAL:\n"])
def test_no_sensors_are_no_temperatures(dump):
    assert parse_thermal_service(dump) == {}


def test_status_and_battery_are_read():
    found = condition_from({"thermal": DUMP, "battery": BATTERY})
    assert (found.thermal_status, found.battery_percent) == (2, 82.0)
    assert found.temperatures_c["BATTERY"] == 28.7
    assert found.hottest_c == 63.25


@pytest.mark.parametrize(
    "battery",
    [
        "present: false\nlevel: 0\nscale: 100",
        "level: 50\nscale: 0",
        "level: 101\nscale: 100",
        "level: -1",
        "",
        "level: x",
    ],
)
def test_a_phone_without_a_battery_has_no_charge(battery):
    assert condition_from({"battery": battery}).battery_percent is None


@pytest.mark.parametrize(
    ("power", "awake"),
    [
        ("  mWakefulness=Awake", True),
        ("mWakefulness=Asleep\n    mWakefulness=Awake", False),
        ("  mWakefulness=Dozing", False),
        ("mWakefulnessChanging=false", None),
        ("", None),
    ],
)
def test_a_screen_that_is_off_is_seen(power, awake):
    assert condition_from({"power": power}).awake is awake


def test_zones_are_thousandths_of_a_degree_and_may_lie():
    listing = "\n".join(
        f"/sys/class/thermal/thermal_zone{zone}/{what}:{value}"
        for zone, kind, value in (
            (0, "cpu-0", 41_300),
            (1, "cpu-0", 45_000),
            (2, "off", -40_000),
            (3, "\x1b[2J", 30_000),
        )
        for what, value in (("type", kind), ("temp", value))
    )
    assert parse_thermal_zones(listing) == {"cpu-0": 45.0, "\\x1b[2J": 30.0}
    assert parse_thermal_zones("/sys/class/thermal/thermal_zone0/temp:40000") == {}
