"""Runs `mobile-deploy benchmark` on phones that misbehave, and looks at what is left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes.network_file import float_network
from fakes.phone.benchmark_tool import FakeTool
from fakes.phone.device import FakePhone
from fakes.phone.real_adb import AdbServer

from mobile_deploy.cli import main
from mobile_deploy.device.adb import Adb, AdbAnswer
from mobile_deploy.device.lock import phone_lock
from mobile_deploy.pipeline import benchmark_report

STAY_ON = "stay_on_while_plugged_in"
QUICK = ("benchmark", "net.tflite", "--tool", "tool", "--threads", "1", "--quick", "--output", "out")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def problem(self) -> str:
        """The first error on standard error."""
        return next((line for line in self.err.splitlines() if line.startswith("error: ")), self.err)

    @property
    def hint(self) -> str:
        """The last line on standard error."""
        return self.err.rstrip("\n").rpartition("\n")[2]


Command = Callable[..., Ended]


@pytest.fixture
def home_with_model(tmp_path, monkeypatch) -> None:
    """A folder with a model and a tool; nobody's own settings matter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    Path("net.tflite").write_bytes(float_network())
    FakeTool().write(Path("tool"))
    # Drawing takes longer than all the rest, and has tests of its own.
    monkeypatch.setattr(benchmark_report, "draw_latencies", lambda boxes, title: b"")


@pytest.fixture
def command(capsys) -> Command:
    """Runs the program, and looks that it does not take long and does not fall over."""

    def run(*arguments: str) -> Ended:
        began = time.monotonic()
        code = main([*QUICK, *arguments])
        assert time.monotonic() - began < 20
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ended(code, said.out, said.err)

    return run


@dataclass(slots=True)
class Deadlines:
    """Makes calls of adb give up early.

    Attributes:
        limit_s: No call takes longer, in seconds.
        asked_s: The deadlines that were meant.
    """

    limit_s: float = 2.0
    asked_s: list[float] = field(default_factory=list)


@pytest.fixture
def short_deadlines(monkeypatch) -> Deadlines:
    """Shortens the deadlines of all calls of adb."""
    deadlines, run = Deadlines(), Adb.run

    def hurried(self: Adb, arguments: Sequence[str], *, timeout_s: float, serial: str | None = None) -> AdbAnswer:
        deadlines.asked_s.append(timeout_s)
        return run(self, arguments, timeout_s=min(timeout_s, deadlines.limit_s), serial=serial)

    monkeypatch.setattr(Adb, "run", hurried)
    return deadlines


class Alarm(list[str]):
    """A phone's log of scripts that does something when one comes."""

    def __init__(self, is_so: Callable[[str], bool], act: Callable[[], None]) -> None:
        super().__init__()
        self._is_so, self._act = is_so, act

    def append(self, script: str) -> None:
        """Takes a script that came."""
        super().append(script)
        if self._is_so(script):
            self._act()


def until(is_so: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Waits for what another process does; never longer than it takes."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def check_clean(phone: FakePhone) -> None:
    """Looks that nothing of ours is left on a phone, and that it is as it was."""
    assert until(lambda: phone.processes() == ()), phone.processes()
    assert phone.leftovers() == ()
    assert phone.setting(STAY_ON) is None
    assert not phone.android or phone.wakefulness() == "Asleep"
    assert phone.fixed_performance() in (None, "false")
    with phone_lock(phone.serial):
        pass


def plug_in_again(adb: AdbServer, phone: FakePhone) -> None:
    """Lets a lost phone come back, healthy."""
    knobs = phone.knobs
    knobs.vanish_after_push_bytes = knobs.vanish_after_shell_calls = None
    knobs.vanish_in_shell = knobs.hang_in_shell = ""
    adb.run("disconnect", phone.serial)
    phone.vanish()
    phone.start()
    adb.connect(phone)
    # Its server may take a moment to forget the connection that broke.
    assert until(lambda: f"{phone.serial}\tdevice" in adb.run("devices").stdout.decode())


def check_usable_again(adb: AdbServer, phone: FakePhone, command: Command) -> None:
    """Looks that the next run measures on a phone that came back, and cleans up after the one that was cut short."""
    plug_in_again(adb, phone)
    ended = command("-s", phone.serial)
    assert (ended.code, ended.err) == (0, ""), ended
    check_clean(phone)


def reports() -> list[dict[str, Any]]:
    """Reads all reports that were written, the oldest first."""
    return [json.loads(file.read_text()) for file in sorted(Path("out").glob("benchmark-*/benchmark.json"))]


def latencies(report: dict[str, Any]) -> list[float]:
    """Gives the medians of all processes that timed a model."""
    records = (record for place in report["places"] for record in place["records"])
    return [one["measurement"]["centre_ms"] for one in records if one["kind"] == "latency" and one["measurement"]]


def forging_tool(file: Path, result: bytes) -> None:
    """Writes a tool whose result file holds something else in the end."""
    text = FakeTool().write(file).read_text()
    forgery = (
        "import atexit\n"
        "def forge():\n"
        "    for word in sys.argv:\n"
        "        if word.startswith('--result_file_path='):\n"
        f"            open(word.partition('=')[2], 'wb').write({result!r})\n"
        "atexit.register(forge)\n"
    )
    file.write_text(text.replace("import json, sys\n", f"import json, sys\n{forgery}"))
