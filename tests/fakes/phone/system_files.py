"""Files that describe a fake phone: what getprop, dumpsys and the kernel say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PIXEL_8 = {
    "ro.product.name": "shiba",
    "ro.product.model": "Pixel 8",
    "ro.product.device": "shiba",
    "ro.product.manufacturer": "Google",
    "ro.product.brand": "google",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.product.cpu.abilist": "arm64-v8a",
    "ro.soc.manufacturer": "Google",
    "ro.soc.model": "Tensor G3",
    "ro.board.platform": "zuma",
    "ro.hardware": "shiba",
    "ro.build.version.release": "14",
    "ro.build.version.sdk": "34",
    "ro.build.fingerprint": "google/shiba/shiba:14/UD1A.230803.041/10808477:user/release-keys",
}
"""Properties of the phone that the fake is by default."""

BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: {usb}
  Wireless powered: false
  Max charging current: 500000
  Max charging voltage: 5000000
  Charge counter: 3000000
  status: {status}
  health: 2
  present: true
  level: {level}
  scale: 100
  voltage: 4100
  temperature: {tenths}
  technology: Li-ion
"""

_STATUS = """Name:	sh
Umask:	0077
Pid:	4711
Cpus_allowed:	{mask:x}
Cpus_allowed_list:	{list}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Equal cores.

    Attributes:
        cores: How many.
        max_khz: Highest clock; 0 where the kernel does not tell it.
        capacity: Computing power, where 1024 is the strongest core; 0 where the kernel does not tell it.
    """

    cores: int
    max_khz: int
    capacity: int = 1024


TENSOR_G3 = (
    Cluster(cores=4, max_khz=1_704_000, capacity=160),
    Cluster(cores=4, max_khz=2_367_000, capacity=549),
    Cluster(cores=1, max_khz=2_914_000, capacity=1024),
)
"""Cores of the phone that the fake is by default."""


def write_cores(root: Path, state: Path, clusters: Iterable[Cluster], offline: Iterable[int] = ()) -> None:
    """Writes what the kernel says about cores; those that are off have no clock."""
    folder, off = root / "sys/devices/system/cpu", frozenset(offline)
    cores = [cluster for cluster in clusters for _ in range(cluster.cores)]
    on = [core for core in range(len(cores)) if core not in off]
    for core, cluster in enumerate(cores):
        if cluster.capacity:
            _write(folder / f"cpu{core}/cpu_capacity", f"{cluster.capacity}\n")
        # The first core cannot be switched off and mostly has no such file.
        if core:
            _write(folder / f"cpu{core}/online", f"{int(core in on)}\n")
        if core in on and cluster.max_khz:
            _write_clock(folder / f"cpu{core}/cpufreq", cluster.max_khz)
    _write(folder / "possible", f"0-{len(cores) - 1}\n")
    _write(folder / "present", f"0-{len(cores) - 1}\n")
    _write(folder / "online", f"{core_list(on)}\n")
    mask = sum(1 << core for core in on)
    _write(state / "online_mask", f"{mask}\n")
    _write(root / "proc/self/status", _STATUS.format(mask=mask, list=core_list(on)))


def _write_clock(folder: Path, max_khz: int) -> None:
    for name, khz in {"cpuinfo_min_freq": 300_000, "cpuinfo_max_freq": max_khz}.items():
        _write(folder / name, f"{khz}\n")
    for name, khz in {"scaling_min_freq": 300_000, "scaling_max_freq": max_khz, "scaling_cur_freq": max_khz}.items():
        _write(folder / name, f"{khz}\n")
    _write(folder / "scaling_governor", "sched_pixel\n")
    _write(folder / "stats/time_in_state", f"300000 90000\n{max_khz // 2} 500\n{max_khz} 1000\n")


def core_list(cores: Iterable[int]) -> str:
    """Writes cores as the kernel does, such as "0-3,6".

    >>> core_list([0, 1, 2, 3, 6])
    '0-3,6'
    """
    spans: list[list[int]] = []
    for core in cores:
        if spans and spans[-1][1] == core - 1:
            spans[-1][1] = core
        else:
            spans.append([core, core])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def write_battery(state: Path, level: int, temperature_c: float, *, charging: bool) -> None:
    """Sets what `dumpsys battery` prints."""
    text = BATTERY.format(
        usb=str(charging).lower(), status=2 if charging else 3, level=level, tenths=round(temperature_c * 10)
    )
    _write(state / "dumpsys/battery", text)


def write_thermal_zones(root: Path, temperatures_c: dict[str, float]) -> None:
    """Sets what the kernel says about temperatures, in thousandths of a degree."""
    for number, (name, value) in enumerate(temperatures_c.items()):
        folder = root / f"sys/class/thermal/thermal_zone{number}"
        _write(folder / "type", f"{name}\n")
        _write(folder / "temp", f"{round(value * 1000)}\n")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
