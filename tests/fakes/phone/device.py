"""A phone that is not there: a daemon on a port of this machine, a file tree and commands that real shells run."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from fakes.phone import heat, system_files, wire
from fakes.phone.daemon import Daemon, Service
from fakes.phone.heat import Heat
from fakes.phone.knobs import Knobs
from fakes.phone.paths import PhonePaths
from fakes.phone.shell_service import ShellService
from fakes.phone.sync_service import SyncService
from fakes.phone.system_files import Cluster

_PROGRAMS = Path(__file__).parent / "programs"
_ANDROID_ONLY = (
    "am",
    "cmd",
    "dumpsys",
    "getprop",
    "input",
    "log",
    "logcat",
    "pidof",
    "pm",
    "settings",
    "setprop",
    "svc",
    "toybox",
)
_THIS_MACHINES = (
    *("base64", "basename", "cat", "chmod", "cmp", "cp", "cut", "date", "dd", "dirname", "du", "echo", "env", "expr"),
    *("false", "find", "grep", "head", "id", "kill", "ln", "ls", "md5sum", "mkdir", "mktemp", "mv", "nohup", "pgrep"),
    *("pkill", "printf", "ps", "readlink", "rm", "rmdir", "sed", "seq", "setsid", "sh", "sha256sum", "sleep"),
    *("sort", "stat", "sync", "tail", "tee", "test", "timeout", "touch", "tr", "true", "uniq", "wc", "which", "xargs"),
)


@dataclass(slots=True, kw_only=True)
class FakePhone:
    """A phone that a test makes, turns and looks into.

    Attributes:
        folder: Where everything of it lies on this machine.
        knobs: What it does wrong.
        android: Whether it has Android's commands; otherwise it is a Linux box.
        missing: Commands that it lacks.
        shell_log: Every script that came, in order.
    """

    folder: Path
    knobs: Knobs = field(default_factory=Knobs)
    android: bool = True
    missing: tuple[str, ...] = ()
    shell_log: list[str] = field(default_factory=list)
    _paths: PhonePaths = field(init=False, repr=False)
    _daemon: Daemon = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._paths = PhonePaths(root=self.root, status=self.android)
        self._daemon = Daemon(knobs=self.knobs, banner=self._banner, find_service=self._find_service)
        self._furnish()

    @classmethod
    def linux_box(cls, folder: Path, knobs: Knobs, missing: tuple[str, ...] = ()) -> Self:
        """Makes an x86-64 Linux machine with an old daemon: no exit codes, none of Android's commands."""
        knobs.shell_v2, knobs.crlf = False, bool(knobs.crlf)
        knobs.version, knobs.max_payload_bytes = wire.OLD_VERSION, wire.OLD_MAX_PAYLOAD_BYTES
        return cls(folder=folder, knobs=knobs, android=False, missing=missing)

    @property
    def root(self) -> Path:
        """Where the phone's "/" lies on this machine."""
        return self.folder / "root"

    @property
    def state(self) -> Path:
        """Where its commands read their answers."""
        return self.folder / "state"

    @property
    def base(self) -> str:
        """The folder on the phone that everyone may write to."""
        return "/data/local/tmp" if self.android else "/tmp"

    @property
    def serial(self) -> str:
        """What adb calls it."""
        return f"127.0.0.1:{self._daemon.port}"

    @property
    def clock(self) -> PhoneClock:
        """Its virtual time, in which it cools."""
        return PhoneClock(self)

    def here(self, path: str) -> Path:
        """Gives the place of a phone's file on this machine."""
        return self._paths.here(path)

    def start(self) -> None:
        """Plugs it in; also again after it vanished."""
        self._daemon.start()

    def vanish(self) -> None:
        """Pulls the cable; what runs on it goes on, but for its shells."""
        self._daemon.stop()

    def stop(self) -> None:
        """Ends it and all that runs on it."""
        self._daemon.stop()
        for process, _ in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def accept(self) -> None:
        """Lets the person at the phone accept this computer."""
        self.knobs.unauthorized = False
        self._daemon.greet_all()

    def fall_offline(self) -> None:
        """Sends nothing sensible any more, also to hosts that come anew."""
        self.knobs.offline = True
        self._daemon.garble_all()

    def leftovers(self) -> tuple[str, ...]:
        """Lists all that lies in the folder that everyone may write to."""
        base = self.here(self.base)
        return tuple(sorted(path.relative_to(base).as_posix() for path in base.rglob("*")))

    def processes(self) -> tuple[tuple[int, str], ...]:
        """Lists what runs on it: process id and command line."""
        mark = f"PHONE_STATE={self.state}\0".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes():
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    found.append((int(folder.name), b" ".join(words).decode(errors="replace").strip()))
        return tuple(sorted(found))

    def set_property(self, name: str, value: str) -> None:
        """Sets what getprop says."""
        (self.state / "properties" / name).write_text(value)

    def set_setting(self, name: str, value: str, table: str = "global") -> None:
        """Sets what `settings get` says."""
        file = self.state / "settings" / table / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value)

    def setting(self, name: str, table: str = "global") -> str | None:
        """Gives a setting; None where it was never set."""
        file = self.state / "settings" / table / name
        return file.read_text().strip() if file.exists() else None

    def set_service(self, name: str, text: str | None) -> None:
        """Sets what `dumpsys NAME` prints; None removes the service."""
        file = self.state / "dumpsys" / name
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text)

    def battery(self, level: int = 80, temperature_c: float = 28.0, *, charging: bool = True) -> None:
        """Sets charge and temperature of the battery."""
        system_files.write_battery(self.state, level, temperature_c, charging=charging)

    def thermal(self, status: int = 0, temperatures_c: dict[str, float] | None = None) -> None:
        """Sets what Android says about heat, until the heat model next speaks."""
        heat.show_thermal_service(self.state, status, temperatures_c or {"CPU": 38.0, "SKIN": 30.0})

    def thermal_zones(self, temperatures_c: dict[str, float]) -> None:
        """Sets what the kernel says about heat."""
        system_files.write_thermal_zones(self.root, temperatures_c)

    def heat(self, **values: float | bool | tuple[float, ...]) -> None:
        """Sets the heat model; names are those of `Heat`."""
        heat.write_heat(self.state, self.root, Heat(**values))

    def cores(self, *clusters: Cluster, offline: tuple[int, ...] = ()) -> None:
        """Sets its cores."""
        shutil.rmtree(self.root / "sys/devices/system/cpu", ignore_errors=True)
        system_files.write_cores(self.root, self.state, clusters or system_files.TENSOR_G3, offline)

    def free(self, size_bytes: int) -> None:
        """Sets what df says is free."""
        (self.state / "free_kib").write_text(f"{size_bytes // 1024}\n")

    def wakefulness(self) -> str:
        """Gives how awake it is, such as "Awake"."""
        return (self.state / "dumpsys/power").read_text().split("mWakefulness=")[1].split()[0]

    def fixed_performance(self) -> str | None:
        """Gives what its clocks were last told: "true", "false", or None."""
        file = self.state / "fixed_performance"
        return file.read_text() if file.exists() else None

    def refuse_fixed_performance(self) -> None:
        """Makes it one of those that cannot fix their clocks."""
        (self.state / "no_fixed_performance").touch()

    def cannot_execute(self, reason: str = "not executable: 64-bit ELF file") -> None:
        """Makes the benchmark program one for another machine."""
        (self.state / "cannot_execute").write_text(reason)

    def log(self, tag: str, message: str, level: str = "I") -> None:
        """Writes a line into Android's log."""
        with (self.state / "logcat").open("a") as file:
            file.write(f"{level} {tag}\t{message}\n")

    def noted(self, name: str) -> tuple[str, ...]:
        """Gives the calls of one of Android's commands that change something, such as "cmd", one line each."""
        file = self.state / "calls" / name
        return tuple(file.read_text().splitlines()) if file.exists() else ()

    def write_program(self, name: str, text: str) -> None:
        """Adds or replaces a command."""
        file = self.folder / "bin" / name
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def remove_program(self, name: str) -> None:
        """Removes a command."""
        (self.folder / "bin" / name).unlink(missing_ok=True)

    def _furnish(self) -> None:
        for folder in ("calls", "dumpsys", "packages", "properties", "settings"):
            (self.state / folder).mkdir(parents=True)
        for folder in (self.base, "/proc/self", "/sys/class/thermal", "/sys/devices/system/cpu"):
            self.here(folder).mkdir(parents=True)
        (self.state / "clock").write_text("0.0")
        self.free(40_000_000_000)
        self._install_programs()
        if self.android:
            self._furnish_android()
        else:
            self.cores(Cluster(cores=os.cpu_count() or 1, max_khz=0, capacity=0))
        self.heat(told=self.android)

    def _furnish_android(self) -> None:
        for name, value in system_files.PIXEL_8.items():
            self.set_property(name, value)
        self.cores()
        self.battery()
        self.set_setting("low_power", "0")
        self.set_service("power", "POWER MANAGER (dumpsys power)\n  mWakefulness=Asleep\n  mStayOn=false\n")

    def _install_programs(self) -> None:
        (self.folder / "bin").mkdir()
        for name in _THIS_MACHINES:
            if found := shutil.which(name):
                (self.folder / "bin" / name).symlink_to(found)
        for program in _PROGRAMS.iterdir():
            if self.android or program.name not in _ANDROID_ONLY:
                self.write_program(program.name, program.read_text())
        if not self.android and (found := shutil.which("taskset")):
            self.remove_program("taskset")
            (self.folder / "bin/taskset").symlink_to(found)
        for name in self.missing:
            self.remove_program(name)

    def _banner(self) -> str:
        if not self.android:
            return ""
        names = ("ro.product.name", "ro.product.model", "ro.product.device")
        return "".join(f"{name}={(self.state / 'properties' / name).read_text()};" for name in names)

    def _find_service(self, name: bytes) -> Service | None:
        kind, _, script = name.partition(b":")
        if kind == b"sync":
            return SyncService(paths=self._paths, writable=self.base, knobs=self.knobs, vanish=self.vanish).serve
        # A shell without a script waits for someone who types.
        if kind.split(b",")[0] in (b"shell", b"exec") and script:
            return self._shell.serve
        return None

    @property
    def _shell(self) -> ShellService:
        environment = {
            "PATH": str(self.folder / "bin"),
            "HOME": str(self.root),
            "TMPDIR": str(self.here(self.base)),
            "LANG": "C.UTF-8",
            "PHONE_STATE": str(self.state),
            "PHONE_ROOT": str(self.root),
            "PHONE_PYTHON": sys.executable,
            "PHONE_APP": str(Path(__file__).with_name("app_program.py")),
            "PHONE_MACHINE": "aarch64" if self.android else "x86_64",
        }
        return ShellService(
            paths=self._paths,
            knobs=self.knobs,
            environment=environment,
            vanish=self.vanish,
            shell_log=self.shell_log,
        )


@dataclass(frozen=True, slots=True)
class PhoneClock:
    """The virtual time of a fake phone, in seconds; it cools while the test sleeps in it."""

    phone: FakePhone

    def now(self) -> float:
        """Gives the time since some fixed moment."""
        return heat.read_clock(self.phone.state)

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        heat.pass_time(self.phone.state, self.phone.root, seconds)
