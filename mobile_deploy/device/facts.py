"""What a phone is: model, chip, Android, ABIs, cores, space. What it does not tell is empty or None."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobile_deploy.device.connection import Connection
from mobile_deploy.device.cores import Core, clusters
from mobile_deploy.device.private_folder import BASES
from mobile_deploy.device.sections import ask_all, one_line, whole_number

_PROPERTIES = {
    "model": "ro.product.model",
    "manufacturer": "ro.product.manufacturer",
    "soc_maker": "ro.soc.manufacturer",
    "soc_model": "ro.soc.model",
    "platform": "ro.board.platform",
    "android": "ro.build.version.release",
    "sdk": "ro.build.version.sdk",
    "fingerprint": "ro.build.fingerprint",
    "abis": "ro.product.cpu.abilist",
    "abi": "ro.product.cpu.abi",
}
_SERIALS = {"serialno": "ro.serialno", "boot_serialno": "ro.boot.serialno"}
# What phones say that have no number of their own: android.os.Build.UNKNOWN, and what makers forget to change.
_NO_SERIALS = ("", "unknown", "0123456789ABCDEF")

_QUESTIONS: Mapping[str, str] = {
    **{name: f"getprop {key}" for name, key in (_PROPERTIES | _SERIALS).items()},
    "machine": "uname -s; uname -m",
    # With /dev/null grep names the file even where there is only one.
    "cpu": "cd /sys/devices/system/cpu && grep . present online cpu[0-9]*/online cpu[0-9]*/cpu_capacity "
    "cpu[0-9]*/cpufreq/cpuinfo_max_freq /dev/null",
    "governors": "grep -h . /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor",
    "charging": "dumpsys battery | grep powered:",
    "space": f'for base in {" ".join(BASES)}; do [ -w "$base" ] && df -k "$base" && break; done',
    "low_power": "settings get global low_power",
    "power": "dumpsys power | grep mWakefulness=",
}

_ABIS_BY_MACHINE = {
    "aarch64": "arm64-v8a",
    "armv8l": "armeabi-v7a",
    "armv7l": "armeabi-v7a",
    "x86_64": "x86_64",
    "i686": "x86",
    "riscv64": "riscv64",
}
"""Android's name for what `uname -m` prints.

Source: developer.android.com/ndk/guides/abis.
"""

_ASKING_S = 30.0
_MOST_CORES = 1024
_MOST_GOVERNORS = 16
_POWERED = re.compile(r"^[\w ]* powered: (true|false)\s*$", re.MULTILINE)
_SPACE = re.compile(r"\s\d+\s+\d+\s+(\d+)\s+\d+%")
_CPU_FILE = re.compile(r"^cpu(\d{1,4})/(?:cpufreq/)?(\w+):(\d{1,12})$", re.MULTILINE | re.ASCII)
_CPU_LIST = re.compile(r"^(present|online):([\d,-]{1,200})$", re.MULTILINE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneFacts:
    """What a phone tells about itself. A text that it does not tell is empty.

    Attributes:
        serial: What adb calls it; other over USB than over the network.
        hardware_serial: Its own serial number, the same however it is connected.
        model: Such as "Pixel 8".
        manufacturer: Such as "Google".
        soc: The chip, such as "Google Tensor G3".
        platform: The board's code name, such as "zuma".
        android: Android's version, such as "14".
        sdk: Android's API level; None when it is not told.
        abis: What its programs are built for, best first: on Android by its names, such as "arm64-v8a", elsewhere what
            `uname -m` says, such as "aarch64".
        fingerprint: The build of its system.
        machine: Kernel and machine, such as "Linux aarch64".
        cores: Its cores by number; empty when they are not told.
        governors: What steers the clocks of its cores, each kind once, such as "sched_pixel"; empty when not told.
        charging: Whether it is on a charger; None when it is not told.
        free_bytes: Space for models and tools; None when it is not told.
        power_saver: Whether it saves power at the cost of speed; None when it is not told.
        wakefulness: "Awake", "Asleep", "Dozing".
    """

    serial: str
    hardware_serial: str = ""
    model: str = ""
    manufacturer: str = ""
    soc: str = ""
    platform: str = ""
    android: str = ""
    sdk: int | None = None
    abis: tuple[str, ...] = ()
    fingerprint: str = ""
    machine: str = ""
    cores: tuple[Core, ...] = ()
    governors: tuple[str, ...] = ()
    charging: bool | None = None
    free_bytes: int | None = None
    power_saver: bool | None = None
    wakefulness: str = ""

    @property
    def name(self) -> str:
        """What people call it: the model, else the machine, else the serial number."""
        return self.model or self.machine or one_line(self.serial)

    @property
    def system(self) -> str:
        """Its system, such as "Android 14" or "Linux x86_64"."""
        return f"Android {self.android}" if self.android else self.machine

    def to_json(self) -> dict[str, Any]:
        """Gives it as JSON values, with the cores by cluster."""
        return {
            "serial": self.serial,
            "hardware_serial": self.hardware_serial,
            "model": self.model,
            "manufacturer": self.manufacturer,
            "soc": self.soc,
            "platform": self.platform,
            "android": self.android,
            "sdk": self.sdk,
            "abis": list(self.abis),
            "fingerprint": self.fingerprint,
            "machine": self.machine,
            "clusters": [cluster.to_json() for cluster in clusters(self.cores)],
            "offline_cores": [core.index for core in self.cores if not core.online],
            "governors": list(self.governors),
            "charging": self.charging,
            "free_bytes": self.free_bytes,
            "power_saver": self.power_saver,
            "wakefulness": self.wakefulness,
        }


def read_facts(connection: Connection) -> PhoneFacts:
    """Asks a phone what it is, in one call.

    Raises:
        PhoneLostError: The phone vanished or does not answer.
        PhoneRefusedError: The phone is there and opens no shell.
    """
    answers = ask_all(connection, _QUESTIONS, timeout_s=_ASKING_S, doing="asking what it is")
    return facts_from(connection.serial, answers)


def hardware_serial(connection: Connection) -> str:
    """Asks a phone for its own serial number, which is the same however it is connected.

    Returns:
        The number; empty where the phone has none or does not tell.

    Raises:
        PhoneLostError: The phone vanished or does not answer.
        PhoneRefusedError: The phone is there and opens no shell.
    """
    questions = {name: f"getprop {key}" for name, key in _SERIALS.items()}
    return _hardware_serial(ask_all(connection, questions, timeout_s=_ASKING_S, doing="asking for its serial number"))


def facts_from(serial: str, answers: Mapping[str, str]) -> PhoneFacts:
    """Reads the answers to `read_facts`'s questions.

    Args:
        serial: What adb calls the phone.
        answers: What each command printed, by the name of the question; missing ones count as unanswered.
    """
    said = {name: one_line(answers.get(name, "")) for name in _QUESTIONS}
    return PhoneFacts(
        serial=serial,
        hardware_serial=_hardware_serial(answers),
        **{name: said[name] for name in ("model", "manufacturer", "platform", "android", "fingerprint", "machine")},
        soc=" ".join(filter(None, (said["soc_maker"], said["soc_model"]))),
        sdk=whole_number(said["sdk"]),
        abis=_abis(said["abis"] or said["abi"], said["machine"], is_android=whole_number(said["sdk"]) is not None),
        cores=parse_cores(answers.get("cpu", "")),
        governors=tuple(sorted({one_line(name) for name in answers.get("governors", "").splitlines()}))[
            :_MOST_GOVERNORS
        ],
        charging=_charging(answers.get("charging", "")),
        free_bytes=parse_free_bytes(answers.get("space", "")),
        power_saver={"1": True, "0": False}.get(said["low_power"]),
        wakefulness=said["power"].partition("mWakefulness=")[2].split(" ")[0],
    )


def parse_cores(listing: str) -> tuple[Core, ...]:
    """Reads "FILE:VALUE" lines for files under /sys/devices/system/cpu.

    Cores that are asleep may have no files of their own; the list of those present names them.
    """
    lists = {name: _numbers(ranges) for name, ranges in _CPU_LIST.findall(listing)}
    files = {(int(index), name): int(value) for index, name, value in _CPU_FILE.findall(listing)}
    indices = sorted({index for index, _ in files} | lists.get("present", set()))
    awake = lists.get("online", set(indices))
    return tuple(
        Core(
            index=index,
            max_khz=files.get((index, "cpuinfo_max_freq")) or None,
            capacity=files.get((index, "cpu_capacity")) or None,
            online=index in awake and files.get((index, "online"), 1) != 0,
        )
        for index in indices
    )


def parse_free_bytes(listing: str) -> int | None:
    """Reads how much `df -k` says is available; None when it does not."""
    found = _SPACE.search(listing)
    return int(found[1]) * 1024 if found else None


def _charging(dump: str) -> bool | None:
    chargers = _POWERED.findall(dump)
    return "true" in chargers if chargers else None


def _hardware_serial(answers: Mapping[str, str]) -> str:
    told = (one_line(answers.get(name, "")) for name in _SERIALS)
    return next((serial for serial in told if serial not in _NO_SERIALS), "")


def _abis(told: str, machine: str, *, is_android: bool) -> tuple[str, ...]:
    names = tuple(name for name in re.split(r"[,\s]+", told) if name)
    processor = machine.rpartition(" ")[2]
    guess = _ABIS_BY_MACHINE.get(processor, "") if is_android else processor
    return names or ((guess,) if guess else ())


def _numbers(ranges: str) -> set[int]:
    """Reads the kernel's way to list cores.

    >>> sorted(_numbers("0-2,6"))
    [0, 1, 2, 6]
    """
    found = re.findall(r"(\d{1,4})(?:-(\d{1,4}))?", ranges)
    return {core for low, high in found for core in range(int(low), int(high or low) + 1) if core < _MOST_CORES}
