"""Adb is found, is never waited for without end, and its troubles are told with what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from fakes.scripted_adb import ScriptedAdb, scripted_adb

from mobile_deploy.device import adb as adb_module
from mobile_deploy.device.adb import Adb, AdbTimeoutError, await_phones, find_adb, server_elsewhere
from mobile_deploy.device.failures import AdbMissingError
from mobile_deploy.device.phones import Phone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake adb is a shell script")

HOSTILE = "$(touch hacked) ';\"\n*"


@pytest.fixture(autouse=True)
def own_server(monkeypatch, tmp_path):
    """Nothing that the person who runs the tests has set or installed."""
    names = "ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS", "ANDROID_HOME", "ANDROID_SDK_ROOT"
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def make(tmp_path):
    def make(script: str) -> ScriptedAdb:
        return scripted_adb(tmp_path / "sdk", script)

    return make


class TurnedClock:
    """A clock that runs only when someone sleeps by it."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds


def test_streams_and_code_are_told_apart(make):
    answer = make("echo out; echo 'adb: error: no way' >&2; exit 3").adb.run(("x",), timeout_s=9)
    assert (answer.code, answer.output, answer.complaint) == (3, "out\n", "no way")


def test_a_serial_and_arguments_reach_adb_as_they_are(make, tmp_path):
    scripted = make("")
    scripted.adb.run(("shell", HOSTILE), timeout_s=9, serial=HOSTILE)
    assert scripted.calls == (("-s", HOSTILE, "shell", HOSTILE),)
    assert not list(tmp_path.rglob("hacked"))


def test_adb_cannot_read_what_the_user_types(make):
    code = (
        "import sys; from pathlib import Path; from mobile_deploy.device.adb import Adb\n"
        f"said = Adb(program=Path({str(make('cat').adb.program)!r})).run(('x',), timeout_s=9).output\n"
        "print(repr(said), sys.stdin.read())"
    )
    done = subprocess.run([sys.executable, "-c", code], input="typed", capture_output=True, text=True, check=True)
    assert done.stdout == "'' typed\n"


def test_adb_is_killed_at_the_deadline_and_what_it_said_is_kept(make, tmp_path):
    scripted = make(f"echo $$ > {tmp_path}/pid; echo so far; exec sleep 30")
    start = time.monotonic()
    with pytest.raises(AdbTimeoutError, match=r"adb x did not end within 0\.5 s") as caught:
        scripted.adb.run(("x",), timeout_s=0.5)
    assert time.monotonic() - start < 10
    assert caught.value.output == "so far\n"
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_server_that_lives_on_does_not_hold_the_answer(make, tmp_path):
    scripted = make(f"sleep 30 & echo $! > {tmp_path}/pid; echo started")
    start = time.monotonic()
    assert scripted.adb.run(("x",), timeout_s=9).output == "started\n"
    assert time.monotonic() - start < 8
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_ctrl_c_reaches_us_first_and_adb_is_killed_then(make, tmp_path):
    scripted = make(f"trap 'echo hit > {tmp_path}/hit' INT; echo $$ > {tmp_path}/pid; while :; do sleep 0.1; done")
    code = (
        "import signal, sys; from pathlib import Path; from mobile_deploy.device.adb import Adb\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"Adb(program=Path({str(scripted.adb.program)!r})).run(('x',), timeout_s=60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as process:
        pid_file = tmp_path / "pid"
        wait_until(lambda: pid_file.exists() and pid_file.read_text().strip())
        os.killpg(process.pid, signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate(timeout=20)[1]
    assert not is_alive(int(pid_file.read_text()))
    assert not (tmp_path / "hit").exists()


def test_output_without_end_is_cut_at_its_beginning(make, monkeypatch):
    monkeypatch.setattr(adb_module, "_LONGEST_OUTPUT_BYTES", 6)
    assert make("echo aaaaaa; echo bbbbb").adb.run(("x",), timeout_s=9).output == "bbbbb\n"


def test_bytes_that_are_no_text_are_borne(make):
    assert make(r"printf 'a\377b'").adb.run(("x",), timeout_s=9).output == "a\ufffdb"


def test_a_file_that_is_no_program_is_named_with_the_way_to_get_one(tmp_path):
    with pytest.raises(AdbMissingError, match="does not start") as caught:
        Adb(program=tmp_path / "adb").run(("x",), timeout_s=9)
    assert "adb" in caught.value.hint


def test_adb_is_found_on_the_path_before_the_sdk(make, tmp_path, monkeypatch):
    scripted = make("")
    (tmp_path / "home").mkdir()
    other = scripted_adb(tmp_path / "home" / "platform-tools", "")
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(scripted.folder))
    assert find_adb() == scripted.adb
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_adb() == other.adb


def test_adb_is_found_where_android_studio_puts_it(tmp_path, monkeypatch):
    folder = tmp_path / "Android/Sdk/platform-tools"
    folder.mkdir(parents=True)
    scripted = scripted_adb(folder, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_adb() == scripted.adb


@pytest.mark.parametrize(
    ("platform", "hint"), [("linux", "apt install adb"), ("darwin", "brew"), ("aix", "install adb")]
)
def test_without_adb_the_way_to_get_it_is_told(monkeypatch, tmp_path, platform, hint):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(AdbMissingError) as caught:
        find_adb()
    assert hint in caught.value.hint


def test_the_version_is_read(make):
    scripted = make(r"printf 'Android Debug Bridge version 1.0.41\nVersion 29.0.6-debian\nInstalled as /usr/bin/adb\n'")
    assert scripted.adb.version() == "29.0.6-debian"


def test_a_program_that_tells_no_version_is_no_adb(make):
    with pytest.raises(AdbMissingError, match="is no adb"):
        make("echo hello").adb.version()


def test_a_server_that_starts_says_nothing(make):
    chatter = "* daemon not running; starting now at tcp:5037\\n* daemon started successfully\\n"
    assert make(f"printf '{chatter}' >&2").adb.start_server() == ""


def test_a_server_of_another_version_that_is_replaced_is_told(make):
    said = "adb server version (41) doesn't match this client (40); killing..."
    scripted = make(f'echo "{said}" >&2; echo "* daemon started successfully" >&2')
    assert scripted.adb.start_server() == said


def test_a_server_that_does_not_start_is_told_without_chatter(make):
    scripted = make(
        "echo '* daemon not running; starting now at tcp:5037' >&2\n"
        "echo 'error: cannot bind: Address in use' >&2; exit 1"
    )
    with pytest.raises(AdbMissingError, match=r"adb cannot start its server: cannot bind: Address in use$") as caught:
        scripted.adb.start_server()
    assert "kill-server" in caught.value.hint


@pytest.mark.parametrize(
    ("variable", "value", "host"),
    [
        ("ADB_SERVER_SOCKET", "tcp:5038", ""),
        ("ADB_SERVER_SOCKET", "tcp:localhost:5037", ""),
        ("ADB_SERVER_SOCKET", "tcp:127.0.0.1:5037", ""),
        ("ADB_SERVER_SOCKET", "tcp:[::1]:5037", ""),
        ("ADB_SERVER_SOCKET", "localabstract:adb", ""),
        ("ADB_SERVER_SOCKET", "tcp:desk.example:5037", "desk.example"),
        ("ADB_SERVER_SOCKET", "tcp:[2001:db8::7]:5037", "2001:db8::7"),
        ("ANDROID_ADB_SERVER_ADDRESS", "10.0.0.7", "10.0.0.7"),
        ("ANDROID_ADB_SERVER_ADDRESS", "localhost", ""),
    ],
)
def test_a_server_on_another_machine_is_not_started_from_here(make, monkeypatch, variable, value, host):
    monkeypatch.setenv(variable, value)
    scripted = make("")
    assert server_elsewhere() == host
    scripted.adb.start_server()
    assert len(scripted.calls) == (0 if host else 1)


def test_a_server_elsewhere_that_is_not_there_is_named(make, monkeypatch):
    monkeypatch.setenv("ADB_SERVER_SOCKET", "tcp:desk.example:5037")
    scripted = make("echo 'error: cannot connect to daemon at tcp:desk.example:5037: refused' >&2; exit 1")
    with pytest.raises(AdbMissingError, match=r"no server on desk\.example: cannot connect") as caught:
        scripted.adb.phones()
    assert "ADB_SERVER_SOCKET" in caught.value.hint


def test_phones_are_listed(make):
    scripted = make(r"printf 'List of devices attached\nR58M\tdevice\nB C\toffline\n\n'")
    assert scripted.adb.phones() == (Phone(serial="R58M", state="device"), Phone(serial="B C", state="offline"))


def test_a_phone_that_is_connecting_is_waited_for(make, tmp_path):
    scripted = make(
        f"echo >> {tmp_path}/n; s=connecting; [ $(wc -l < {tmp_path}/n) -ge 3 ] && s=device\n"
        r"printf 'List of devices attached\nA\t%s\n' $s"
    )
    clock = TurnedClock()
    assert await_phones(scripted.adb, clock=clock) == (Phone(serial="A", state="device"),)
    assert 0 < clock.now() < 5


@pytest.mark.parametrize(("state", "waited"), [("authorizing", True), ("unauthorized", False), ("device", False)])
def test_only_states_that_pass_are_waited_for_and_not_for_ever(make, state, waited):
    clock = TurnedClock()
    phones = await_phones(make(rf"printf 'A\t{state}\n'").adb, clock=clock, patience_s=2)
    assert phones == (Phone(serial="A", state=state),)
    assert (clock.now() >= 2) == waited
    assert clock.now() < 3


def wait_until(happens, timeout_s: float = 15.0) -> None:
    end = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
