"""How hot and how fast a phone is at a moment."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from mobile_deploy.device.connection import Connection
from mobile_deploy.device.measurement import Condition
from mobile_deploy.device.sections import ask_all, one_line

_CLOCKS = "cd /sys/devices/system/cpu && grep . cpu[0-9]*/cpufreq"
_ZONES = "/sys/class/thermal/thermal_zone*"
_QUESTIONS: Mapping[str, str] = {
    "thermal": "dumpsys thermalservice",
    "battery": "dumpsys battery",
    "caps": f"{_CLOCKS}/scaling_max_freq /dev/null",
    "ticks": f"{_CLOCKS}/stats/time_in_state /dev/null",
    "zones": f"grep . {_ZONES}/type {_ZONES}/temp /dev/null",
    "power": "dumpsys power | grep mWakefulness=",
}

SENSORS: Mapping[int, str] = {
    0: "CPU",
    1: "GPU",
    2: "BATTERY",
    3: "SKIN",
    4: "USB_PORT",
    5: "POWER_AMPLIFIER",
    9: "NPU",
}
"""Android's kinds of temperature sensors by number; 6 to 8 are currents and voltages.

Source: AOSP hardware/interfaces/thermal/2.0/types.hal, TemperatureType.
"""

_ASKING_S = 30.0
_LIKELY_C = (1.0, 150.0)  # sensors that are off, or are none, say 0, -40 or thousands
_STATUS = re.compile(r"^\s*Thermal Status: (\d)\s*$", re.MULTILINE)
_HAL = re.compile(r"^\s*Current temperatures from HAL:[^\n]*\n((?:\s*Temperature\{[^\n]*\n?)*)", re.MULTILINE)
_READING = re.compile(r"Temperature\{mValue=([-+.\w]+), mType=(-?\d+),")
_BATTERY = re.compile(r"^\s*(level|scale|temperature|present): (-?\d{1,9}|true|false)\s*$", re.MULTILINE)
_CLOCK = re.compile(r"^cpu(\d{1,4})/cpufreq/scaling_max_freq:(\d{1,12})$", re.MULTILINE)
_TIME = re.compile(r"^cpu(\d{1,4})/cpufreq/stats/time_in_state:(\d{1,12})\s+(\d{1,18})\s*$", re.MULTILINE)
_WAKEFULNESS = re.compile(r"^\s*mWakefulness=(\w+)", re.MULTILINE)
_AWAKE = "Awake"  # Source: `dumpsys power`; the others are Asleep, Dreaming and Dozing.
_ZONE = re.compile(r"thermal_zone(\d+)/(type|temp):([^\n]*)$", re.MULTILINE)


def read_condition(connection: Connection) -> Condition:
    """Asks a phone how it is, in one call.

    Temperatures come from Android's thermal service and battery service, the hottest of each kind of sensor; where
    neither tells any, from the kernel's thermal zones by their own names.

    Raises:
        PhoneLostError: The phone vanished or does not answer.
        PhoneRefusedError: The phone is there and opens no shell.
    """
    return condition_from(ask_all(connection, _QUESTIONS, timeout_s=_ASKING_S, doing="asking how hot it is"))


def condition_from(answers: Mapping[str, str]) -> Condition:
    """Reads the answers to `read_condition`'s questions; missing ones count as unanswered."""
    thermal, battery = answers.get("thermal", ""), answers.get("battery", "")
    status = _STATUS.search(thermal)
    temperatures = {**_battery_temperature(battery), **parse_thermal_service(thermal)}
    wakefulness = _WAKEFULNESS.search(answers.get("power", ""))
    ticks: dict[int, dict[int, int]] = {}
    for core, khz, ticked in _TIME.findall(answers.get("ticks", "")):
        ticks.setdefault(int(core), {})[int(khz)] = int(ticked)
    return Condition(
        thermal_status=int(status[1]) if status else None,
        temperatures_c=temperatures or parse_thermal_zones(answers.get("zones", "")),
        battery_percent=_battery_percent(battery),
        clock_cap_khz={int(core): int(khz) for core, khz in _CLOCK.findall(answers.get("caps", ""))},
        ticks=ticks,
        awake=wakefulness[1] == _AWAKE if wakefulness else None,
    )


def parse_thermal_service(dump: str) -> dict[str, float]:
    """Reads the temperatures that the sensors have now, in °C, from `dumpsys thermalservice`.

    The service also prints cached ones, which may be hours old.
    """
    block = _HAL.search(dump)
    readings = _READING.findall(block[1]) if block else []
    return _hottest((SENSORS.get(int(kind), ""), _number(value)) for value, kind in readings)


def parse_thermal_zones(listing: str) -> dict[str, float]:
    """Reads the kernel's thermal zones in °C from "FILE:VALUE" lines."""
    zones: dict[str, dict[str, str]] = {}
    for zone, what, value in _ZONE.findall(listing):
        zones.setdefault(zone, {})[what] = value
    return _hottest(
        (one_line(zone.get("type", "")), _number(zone.get("temp", "")) / 1000)  # in thousandths of a degree
        for zone in zones.values()
    )


def _battery_temperature(dump: str) -> dict[str, float]:
    tenths = dict(_BATTERY.findall(dump)).get("temperature", "")
    return _hottest([("BATTERY", _number(tenths) / 10)])


def _battery_percent(dump: str) -> float | None:
    told = dict(_BATTERY.findall(dump))
    level, scale = _number(told.get("level", "")), _number(told.get("scale", "100"))
    if told.get("present") == "false" or math.isnan(level) or not scale > 0 or not 0 <= level <= scale:
        return None
    return 100 * level / scale


def _hottest(readings: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Keeps the highest likely temperature by name."""
    low, high = _LIKELY_C
    found: dict[str, float] = {}
    for name, value in readings:
        if name and low <= value <= high:
            found[name] = max(value, found.get(name, value))
    return found


def _number(text: str) -> float:
    """Reads a number; NaN when the text is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
