"""The user's own adb, run as a program: every call has a deadline, and none reads the keyboard.

It is found on the PATH or in the Android SDK. A server on another machine is used where the environment names one
(ADB_SERVER_SOCKET, ANDROID_ADB_SERVER_ADDRESS), since adb itself heeds these variables.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mobile_deploy.device.failures import AdbMissingError
from mobile_deploy.device.measurement import Clock
from mobile_deploy.device.phones import PASSING_STATES, Phone, parse_phones
from mobile_deploy.errors import ToolFailedError

ADB_FIXES: Mapping[str, str] = {
    "linux": "sudo apt install adb",
    "darwin": "brew install --cask android-platform-tools",
    "win32": "choco install adb",
}
"""How to install adb, by `sys.platform`."""

VERSION_PATTERN = r"^Version (\S+)"
"""Finds the version in what `adb version` prints, line by line."""

_SDK_VARIABLES = ("ANDROID_HOME", "ANDROID_SDK_ROOT")
# Where Android Studio puts the SDK when nobody says otherwise.
_SDK_FOLDERS = ("Android/Sdk", "Library/Android/sdk", "AppData/Local/Android/Sdk")

_ASKING_S = 10.0
_STARTING_S = 30.0  # a server that starts looks at every USB port first
_POLL_S = 0.5
_LOOK_S = 0.2  # between two looks whether to stop
# More than any benchmark prints; what a runaway program prints is cut at its beginning.
_LONGEST_OUTPUT_BYTES = 32 * 2**20

_THIS_MACHINE = ("", "localhost", "::1")
_OTHER_VERSION = re.compile(r"adb server version \(\d+\) doesn't match this client \(\d+\)[^\n]*")
_CHATTER = re.compile(r"^\* daemon .*$|^(?:adb: )?(?:error: )?", re.MULTILINE)


class AdbTimeoutError(ToolFailedError):
    """Adb did not end in time and was killed.

    Attributes:
        timeout_s: The deadline in seconds.
        output: What it had printed on standard output until then.
    """

    def __init__(self, *, action: str, timeout_s: float, output: str = "") -> None:
        self.timeout_s = timeout_s
        self.output = output
        super().__init__(
            f"adb {action} did not end within {timeout_s:g} s and was killed",
            hint="run: adb kill-server, then try again",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdbAnswer:
    """What one call of adb gave.

    Attributes:
        code: Its exit code, which says little: see `mobile_deploy.device.connection`.
        output: Standard output; what a phone sent is here.
        errors: Standard error; what adb itself had to say is here.
    """

    code: int
    output: str
    errors: str

    @property
    def complaint(self) -> str:
        """What adb complains about in one line; empty if it does not."""
        return " ".join(_CHATTER.sub("", self.errors).split())[:300]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adb:
    """An adb program.

    Attributes:
        program: Its path.
        stop: When it is set, calls that have begun by then end early; those that begin later, to clean up, do not.
    """

    program: Path
    stop: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    def run(self, arguments: Sequence[str], *, timeout_s: float, serial: str | None = None) -> AdbAnswer:
        """Runs adb once. It is killed at the deadline and on any exception, Ctrl-C included.

        Args:
            arguments: The command and its arguments.
            timeout_s: The deadline in seconds.
            serial: The phone to talk to; None where the command is for none.

        Raises:
            AdbMissingError: It does not start.
            AdbTimeoutError: It did not end in time.
            KeyboardInterrupt: `stop` was set meanwhile, as it is for threads that Ctrl-C does not reach.
        """
        command = (str(self.program), *(() if serial is None else ("-s", serial)), *arguments)
        # Files, not pipes: the server that adb may start keeps a pipe open, and its reader stuck, for ever.
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = _start(command, output, errors)
            try:
                code = self._wait(process, timeout_s)
            except subprocess.TimeoutExpired as error:
                said = _read(output)
                raise AdbTimeoutError(action=arguments[0], timeout_s=timeout_s, output=said) from error
            finally:
                process.kill()  # Nothing happens to one that has ended.
                process.wait()
            return AdbAnswer(code=code, output=_read(output), errors=_read(errors))

    def _wait(self, process: subprocess.Popen[bytes], timeout_s: float) -> int:
        may_stop, end_s = not self.stop.is_set(), time.monotonic() + timeout_s
        while (left_s := end_s - time.monotonic()) > _LOOK_S:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=_LOOK_S)
            if may_stop and self.stop.is_set():
                raise KeyboardInterrupt
        return process.wait(timeout=max(0.0, left_s))

    def version(self) -> str:
        """Gives its version, such as "29.0.6-debian".

        Raises:
            AdbMissingError: It does not start, or is no adb.
        """
        answer = self.run(("version",), timeout_s=_ASKING_S)
        match = re.search(VERSION_PATTERN, answer.output, re.MULTILINE)
        if match is None:
            problem = f"{self.program} is no adb: it does not tell its version"
            raise AdbMissingError(problem=problem, hint=install_hint())
        return match[1]

    def start_server(self) -> str:
        """Starts adb's server on this machine if none runs; does nothing where the server is on another machine.

        Returns:
            What the user should know: a server of another version was replaced, which ends the work of other
            programs with it. Empty as a rule.

        Raises:
            AdbMissingError: The server does not start.
            AdbTimeoutError: Its port is taken by something that does not answer.
        """
        if server_elsewhere():
            return ""
        answer = self.run(("start-server",), timeout_s=_STARTING_S)
        if answer.code != 0:
            problem = f"adb cannot start its server: {answer.complaint or f'exit code {answer.code}'}"
            raise AdbMissingError(problem=problem, hint="run: adb kill-server; or end the program that uses its port")
        found = _OTHER_VERSION.search(answer.output + answer.errors)
        return found[0] if found else ""

    def phones(self) -> tuple[Phone, ...]:
        """Lists the phones that the server knows, usable or not.

        Raises:
            AdbMissingError: The server cannot be reached.
            AdbTimeoutError: It does not answer.
        """
        answer = self.run(("devices",), timeout_s=_ASKING_S)
        if answer.code != 0:
            where = server_elsewhere()
            raise AdbMissingError(
                problem=f"adb reaches no server{where and f' on {where}'}: {answer.complaint or 'no reason given'}",
                hint="check ADB_SERVER_SOCKET and the machine it names" if where else "run: adb kill-server",
            )
        return parse_phones(answer.output)


def find_adb() -> Adb:
    """Finds adb; see `adb_path`.

    Raises:
        AdbMissingError: There is none.
    """
    path = adb_path()
    if path is None:
        problem = "there is no adb: not on the PATH, not in the Android SDK (ANDROID_HOME)"
        raise AdbMissingError(problem=problem, hint=install_hint())
    return Adb(program=Path(path))


def adb_path() -> str | None:
    """Finds adb on the PATH, else in the Android SDK that ANDROID_HOME names or Android Studio installed.

    The PATH comes first: its adb is the one that runs the server already, and another version would end that.

    Returns:
        Its path; None where there is none.
    """
    found = (shutil.which("adb", path=folder) for folder in (None, *_sdk_folders()))
    return next(filter(None, found), None)


def install_hint() -> str:
    """Says how to install adb on this platform."""
    return ADB_FIXES.get(sys.platform, "install adb and put it on the PATH")


def await_phones(adb: Adb, *, clock: Clock, patience_s: float = 5.0) -> tuple[Phone, ...]:
    """Lists phones, and waits a little for those that are just being connected or authorized.

    Args:
        adb: Who is asked.
        clock: The time that is waited by.
        patience_s: Longest wait in seconds.

    Raises:
        AdbMissingError: The server cannot be reached.
        AdbTimeoutError: It does not answer.
    """
    end = clock.now() + patience_s
    while True:
        phones = adb.phones()
        if not any(phone.state in PASSING_STATES for phone in phones) or clock.now() >= end:
            return phones
        clock.sleep(_POLL_S)


def server_elsewhere() -> str:
    """Names the machine of adb's server if it is not this one; empty if it is.

    Source: AOSP system/core/adb, socket_spec.cpp and client/commandline.cpp: a socket that is named outweighs an
    address, and "tcp:PORT" is this machine.
    """
    socket = os.environ.get("ADB_SERVER_SOCKET", "")
    host = os.environ.get("ANDROID_ADB_SERVER_ADDRESS", "")
    if socket:
        kind, _, rest = socket.partition(":")
        host = rest.rpartition(":")[0] if kind == "tcp" else ""
    host = host.strip("[]")
    return "" if host in _THIS_MACHINE or host.startswith("127.") else host


def _sdk_folders() -> Iterator[str]:
    homes = [Path(value) for variable in _SDK_VARIABLES if (value := os.environ.get(variable))]
    user = Path("~").expanduser()
    yield from (str(home / "platform-tools") for home in (*homes, *(user / folder for folder in _SDK_FOLDERS)))


def _start(command: Sequence[str], output: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,  # adb would eat what the user types for the next prompt
            stdout=output,
            stderr=errors,
            # Ctrl-C is for us, who then clean up on the phone, and not for adb, which that needs.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError as error:
        problem = f"{command[0]} does not start: {error.strerror}"
        raise AdbMissingError(problem=problem, hint=install_hint()) from error


def _read(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LONGEST_OUTPUT_BYTES))
    return file.read().decode(errors="replace")
