"""How warm a fake phone is: inferences heat it, time cools it, and from a limit on it slows down.

The tool on the phone and the test's clock both turn these files; no real time passes.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

THERMAL_SERVICE = """IsStatusOverride: false
ThermalEventListeners:
	callbacks: 1
	killed: false
	broadcasts count: -1
ThermalStatusListeners:
	callbacks: 1
	killed: false
	broadcasts count: -1
Thermal Status: {status}
Cached temperatures:
	Temperature{{mValue=99.0, mType=3, mName=VIRTUAL-SKIN, mStatus=3}}
HAL Ready: true
HAL connection:
	ThermalHAL 2.0 connected: yes
Current temperatures from HAL:
{temperatures}Current cooling devices from HAL:
	CoolingDevice{{mValue=0, mType=2, mName=thermal-cpufreq-0}}
	CoolingDevice{{mValue=0, mType=2, mName=thermal-cpufreq-1}}
"""

_TYPES = {"CPU": 0, "GPU": 1, "BATTERY": 2, "SKIN": 3, "USB_PORT": 4, "NPU": 9}
_CPU_FOLDER = "sys/devices/system/cpu"


@dataclass(slots=True, kw_only=True)
class Heat:
    """The phone's warmth and what it does to it.

    Attributes:
        skin_c: Temperature of its skin in °C.
        ambient_c: Temperature of the room, which it cools to.
        rise_c: How much one run of the tool warms it.
        cooling_s: Time in which the difference to the room falls to 1/e.
        limits_c: From each of these temperatures on the thermal status is one higher.
        slow_down: Factor on latency from status 1 on.
        capped: Whether clocks are capped by that factor, too.
        told: Whether Android tells the status and the temperature.
    """

    skin_c: float = 30.0
    ambient_c: float = 25.0
    rise_c: float = 0.0
    cooling_s: float = 60.0
    limits_c: tuple[float, ...] = (39.0, 43.0, 46.0)
    slow_down: float = 1.4
    capped: bool = True
    told: bool = True

    @property
    def status(self) -> int:
        """Android's thermal status."""
        return sum(self.skin_c >= limit for limit in self.limits_c)

    @property
    def factor(self) -> float:
        """Factor on latency."""
        return self.slow_down if self.status else 1.0

    def cool(self, seconds: float) -> None:
        """Lets time pass."""
        self.skin_c = self.ambient_c + (self.skin_c - self.ambient_c) * math.exp(-seconds / self.cooling_s)


def read_heat(state: Path) -> Heat:
    """Reads how warm the phone is."""
    return Heat(**json.loads((state / "heat.json").read_text()))


def write_heat(state: Path, root: Path, heat: Heat) -> None:
    """Sets how warm the phone is, and shows it where Android would."""
    (state / "heat.json").write_text(json.dumps(asdict(heat)))
    if heat.told:
        show_thermal_service(state, heat.status, {"CPU": heat.skin_c + 8.0, "SKIN": heat.skin_c})
    for folder in (root / _CPU_FOLDER).glob("cpu*/cpufreq"):
        highest = int((folder / "cpuinfo_max_freq").read_text())
        cap = round(highest / heat.factor) if heat.capped else highest
        (folder / "scaling_max_freq").write_text(f"{cap}\n")
        (folder / "scaling_cur_freq").write_text(f"{cap}\n")


def show_thermal_service(state: Path, status: int, temperatures_c: dict[str, float]) -> None:
    """Sets what `dumpsys thermalservice` prints."""
    lines = "".join(
        f"\tTemperature{{mValue={value}, mType={_TYPES.get(name, -1)}, mName={name}, mStatus={status}}}\n"
        for name, value in temperatures_c.items()
    )
    text = THERMAL_SERVICE.format(status=status, temperatures=lines)
    (state / "dumpsys/thermalservice").write_text(text)


def spend_ticks(root: Path, seconds: float) -> None:
    """Counts time at the highest clock that each core may take, in 10 ms, as the kernel does."""
    for folder in (root / _CPU_FOLDER).glob("cpu*/cpufreq"):
        cap, file = int((folder / "scaling_max_freq").read_text()), folder / "stats/time_in_state"
        ticks = {int(clock): int(count) for clock, count in map(str.split, file.read_text().splitlines())}
        ticks[cap] = ticks.get(cap, 0) + round(seconds * 100)
        file.write_text("".join(f"{clock} {count}\n" for clock, count in sorted(ticks.items())))


def read_clock(state: Path) -> float:
    """Gives the phone's virtual time in seconds."""
    return float((state / "clock").read_text())


def pass_time(state: Path, root: Path, seconds: float) -> None:
    """Lets virtual time pass; the phone cools."""
    (state / "clock").write_text(repr(read_clock(state) + seconds))
    heat = read_heat(state)
    heat.cool(seconds)
    write_heat(state, root, heat)
