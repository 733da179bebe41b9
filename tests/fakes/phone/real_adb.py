"""Fixtures: the real adb client with a server of its own, and fake phones that are connected to it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from fakes.phone.device import FakePhone
from fakes.phone.knobs import Knobs

_KNOB_NAMES = frozenset(field.name for field in fields(Knobs))
_ELSEWHERE = ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_SERIAL", "ADB_VENDOR_KEYS", "ADB_TRACE")

MakePhone = Callable[..., FakePhone]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdbServer:
    """A server of the real adb on a port of its own.

    Attributes:
        program: The adb program.
        port: The port.
        environment: What processes need in their environment to reach this server and no other.
    """

    program: str
    port: int
    environment: dict[str, str]

    def run(self, *arguments: str | os.PathLike[str], timeout_s: float = 20.0) -> subprocess.CompletedProcess[bytes]:
        """Runs adb to its end."""
        return subprocess.run(
            [self.program, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )

    def on(
        self, phone: FakePhone, *arguments: str | os.PathLike[str], timeout_s: float = 20.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs adb on one phone."""
        return self.run("-s", phone.serial, *arguments, timeout_s=timeout_s)

    def connect(self, phone: FakePhone) -> str:
        """Connects a phone; gives what adb says to it."""
        return self.run("connect", phone.serial).stdout.decode()


@contextmanager
def running_adb_server(program: str, folder: Path) -> Iterator[AdbServer]:
    """Runs a server as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "ANDROID_ADB_SERVER_PORT": str(port),
        "ADB_USB": "0",
        "ADB_EMU": "0",
        "ADB_MDNS": "0",
    }
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    server = AdbServer(program=program, port=port, environment=kept | own)
    try:
        started = server.run("start-server")
        if started.returncode:
            pytest.fail(f"adb's server does not start: {started.stderr.decode()}")
        yield server
    finally:
        server.run("kill-server")


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory) -> Iterator[AdbServer]:
    """A server of the real adb that no other test run shares."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the fake phone needs Linux's shell and /proc")
    program = shutil.which("adb")
    if program is None:
        if os.environ.get("REQUIRE_ADB"):
            pytest.fail("adb is not installed, and REQUIRE_ADB asks for it")
        pytest.skip("adb is not installed; on Debian: apt-get install adb")
    with running_adb_server(program, tmp_path_factory.mktemp("adb")) as server:
        yield server


@pytest.fixture
def own_adb(adb_server, monkeypatch) -> AdbServer:
    """The same server, which code of this process reaches, too."""
    for name in _ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    for name in ("TMPDIR", "ANDROID_ADB_SERVER_PORT", "ADB_USB", "ADB_EMU", "ADB_MDNS"):
        monkeypatch.setenv(name, adb_server.environment[name])
    return adb_server


@pytest.fixture
def fake_phone(own_adb, tmp_path_factory) -> Iterator[MakePhone]:
    """Makes phones that are connected to adb; takes knobs, `linux`, `missing` and `connect` by name."""
    with ExitStack() as phones:

        def make(**settings: object) -> FakePhone:
            knobs = Knobs(**{name: value for name, value in settings.items() if name in _KNOB_NAMES})
            rest = {name: value for name, value in settings.items() if name not in _KNOB_NAMES}
            return phones.enter_context(_connected(own_adb, tmp_path_factory.mktemp("phone"), knobs, **rest))

        yield make


@contextmanager
def _connected(
    server: AdbServer,
    folder: Path,
    knobs: Knobs,
    *,
    linux: bool = False,
    missing: tuple[str, ...] = (),
    connect: bool = True,
) -> Iterator[FakePhone]:
    made = (
        FakePhone.linux_box(folder, knobs, missing) if linux else FakePhone(folder=folder, knobs=knobs, missing=missing)
    )
    made.start()
    # A host that meets a phone offline waits ten seconds for it; one whose phone falls offline does not.
    offline, knobs.offline = knobs.offline, False
    try:
        if connect:
            server.connect(made)
        if offline:
            made.fall_offline()
        yield made
    finally:
        made.stop()
        server.run("disconnect", made.serial)
