"""A talk with the sample app on a phone: one request, one start of the app, one line of answer; see `app_protocol`."""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mobile_deploy.device.app_protocol import ACTIVITY, LOG_TAG, PACKAGE, encode, read_answer
from mobile_deploy.device.connection import Connection, ShellAnswer
from mobile_deploy.device.failures import AppMissingError, RunFailedError, RunTimedOutError
from mobile_deploy.device.measurement import Clock, SystemClock
from mobile_deploy.errors import MobileDeployError

GRACE_S = 120.0
"""How long the app may take to start and to open a file, in seconds."""

_STEP_S = 20.0
_POLL_S = 1.0
_MOST_MISSES = 3  # an app that is being started has no process for a moment
_SILENT = "unlock the phone, look at the app's screen and run it again; a measurement: try another delegate"
_NO_PROCESS = 1  # Source: pidof(1), exit status where there is none
_VERSION = re.compile(r"^\s*versionName=(\S{1,100})\s*$", re.MULTILINE)
# What `am start` prints where it refuses, the most telling first; older ones exit with 0 all the same.
_REFUSALS = tuple(
    re.compile(words, re.MULTILINE) for words in (r"^java\.[\w.]+: .*$", r"^Error: .*$", r"^.*Exception.*$")
)
_JAVA_CRASH = re.compile(rf"^Process: {re.escape(PACKAGE)}, PID: \d+$")
_NATIVE_CRASH = re.compile(rf">>> {re.escape(PACKAGE)} <<<")


def app_version(connection: Connection) -> str:
    """Asks a phone which version of the sample app it has.

    Returns:
        The version; "" when the phone does not tell.

    Raises:
        AppMissingError: The app is not installed.
        PhoneLostError: The phone vanished or does not answer.
    """
    doing = "asking for the sample app"
    found = connection.shell(f"pm path {PACKAGE}", timeout_s=_STEP_S, doing=doing)
    if found.code != 0 or "package:" not in found.output:
        raise AppMissingError(serial=connection.serial, problem=f"the sample app {PACKAGE} is not installed")
    told = connection.shell(f"dumpsys package {PACKAGE} | grep versionName=", timeout_s=_STEP_S, doing=doing)
    version = _VERSION.search(told.output)
    return version[1] if version else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFiles:
    """Files on the phone that the app may read while it answers.

    Attributes:
        folder: Folder of our own that they lie in, such as "/data/local/tmp/mobile-deploy-1f".
        names: Their names there.
    """

    folder: str
    names: Sequence[str]


class AppConversation:
    """Asks the sample app on one phone.

    Args:
        connection: The phone.
        version: The app's version, as `app_version` tells.
        clock: The time that passes while the app works.
        grace_s: How long an answer may take beyond the time that the work itself takes, in seconds.
    """

    def __init__(
        self, connection: Connection, *, version: str, clock: Clock | None = None, grace_s: float = GRACE_S
    ) -> None:
        self._connection = connection
        self._version = version
        self._clock: Clock = clock or SystemClock()
        self._grace_s = grace_s

    def ask(
        self,
        says: Mapping[str, Any],
        *,
        what: object,
        shared: SharedFiles | None = None,
        least_s: float = 0.0,
        most_s: float = 0.0,
        stays: bool = False,
    ) -> dict[str, Any]:
        """Starts the app with a request, waits for its answer and ends it.

        Args:
            says: The request without its token.
            what: What is asked for, for messages.
            shared: Files that the app needs.
            least_s: How long the work takes at least, in seconds; the app is left in peace for so long.
            most_s: How long the work may take, in seconds.
            stays: Whether the app goes on after it has answered, as one does that shows a screen.

        Returns:
            The answer, of which no more is known than that the app reports no failure.

        Raises:
            AppMissingError: The app, or the activity that answers, is not on the phone.
            PhoneLostError: The phone vanished or does not answer.
            RunFailedError: The app failed, ended without an answer, or gave one that is no result.
            RunTimedOutError: There was no answer in time.
        """
        token = secrets.token_hex(16)
        with self._ended_app(stays=stays):
            self._start({"token": token, **says}, shared, token=token, what=what)
            line = self._wait(token, what=what, least_s=least_s, timeout_s=self._grace_s + most_s)
            return read_answer(line, what=what)

    @contextmanager
    def _ended_app(self, *, stays: bool) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._end()
            raise
        if not stays:
            self._end()

    def _end(self) -> None:
        # What was answered, or what went wrong, matters more; the next start ends the app as well.
        with contextlib.suppress(MobileDeployError):
            self._shell(f"am force-stop {PACKAGE}", doing="ending the app")

    def _start(self, says: Mapping[str, Any], shared: SharedFiles | None, *, token: str, what: object) -> None:
        share = () if shared is None else (_sharing(shared),)
        mark = f"log -p i -t {LOG_TAG} {_mark(token)} 2>/dev/null"  # what was logged before is of no concern
        start = f"am start -S -n {ACTIVITY} --es request {encode(says)}"
        self._check_start(self._shell("\n".join((*share, mark, start)), doing="starting the app"), what)

    def _check_start(self, answer: ShellAnswer, what: object) -> None:
        if "does not exist" in answer.output or "Error type 3" in answer.output:
            problem = f"the sample app {self._version} answers no requests".replace("  ", " ")
            raise AppMissingError(serial=self._connection.serial, problem=problem)
        refusal = next(filter(None, (words.search(answer.output) for words in _REFUSALS)), None)
        if answer.code != 0 or refusal:
            reason = refusal[0] if refusal else answer.complaint
            raise RunFailedError(what=what, reason=f"the app does not start: {reason}", log=answer.output)

    def _wait(self, token: str, *, what: object, least_s: float, timeout_s: float) -> str:
        """Gives the app's line; asks as seldom as possible, since every question takes time on the phone."""
        deadline, misses = self._clock.now() + timeout_s, 0
        self._clock.sleep(least_s)
        while self._clock.now() < deadline:
            self._clock.sleep(_POLL_S)
            is_gone, log = self._look(token)
            if line := _answer_in(log, token):
                return line
            _check_crash(log, token, what)
            misses = misses + 1 if is_gone else 0
            if misses == _MOST_MISSES:
                raise RunFailedError(what=what, reason="the app ended without a result", log=log)
        raise RunTimedOutError(what=what, timeout_s=timeout_s, hint=_SILENT)

    def _look(self, token: str) -> tuple[bool, str]:
        """Says whether the app has no process, and gives what was logged after that was asked."""
        log = f"logcat -d -v raw -s {LOG_TAG}:I AndroidRuntime:E DEBUG:F"
        answer = self._shell(f"pidof {PACKAGE} >/dev/null 2>&1\necho {token} $?\n{log}", doing="waiting for the app")
        status, _, logged = answer.output.partition("\n")
        return status.strip() == f"{token} {_NO_PROCESS}", logged

    def _shell(self, script: str, *, doing: str) -> ShellAnswer:
        return self._connection.shell(script, timeout_s=_STEP_S, doing=doing)


def _sharing(shared: SharedFiles) -> str:
    """Writes the line that lets the app read files.

    Apps are other users than the shell: they get at a file whose path they know, and cannot list the folder.
    """
    paths = shlex.join(f"{shared.folder}/{name}" for name in shared.names)
    return f"chmod 711 {shlex.quote(shared.folder)} && chmod 644 {paths} || exit"


def _mark(token: str) -> str:
    return f"request-{token}"


def _answer_in(log: str, token: str) -> str:
    """Finds the app's line; "" while there is none."""
    return next((line for line in log.splitlines() if line.startswith("{") and token in line), "")


def _check_crash(log: str, token: str, what: object) -> None:
    """Looks for the end of our app after our mark; an older one is of no concern.

    Raises:
        RunFailedError: The app crashed.
    """
    lines = log.partition(_mark(token))[2].splitlines()
    for number, line in enumerate(lines):
        if _JAVA_CRASH.search(line) or _NATIVE_CRASH.search(line):
            reason = " ".join(lines[number + 1 : number + 2]).strip() or "it gave no reason"
            raise RunFailedError(what=what, reason=f"the app crashed: {reason}", log="\n".join(lines[number:]))
