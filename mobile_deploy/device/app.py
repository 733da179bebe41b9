"""The sample app on a phone as a place where models are timed; what it is told and answers is in `app_protocol`."""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mobile_deploy.device.app_protocol import ACTIVITY, LOG_TAG, PACKAGE, encode_request, parse_result
from mobile_deploy.device.condition import read_condition
from mobile_deploy.device.connection import Connection, ShellAnswer
from mobile_deploy.device.deadline import longest_s
from mobile_deploy.device.facts import PhoneFacts
from mobile_deploy.device.failures import AppMissingError, RunFailedError, RunTimedOutError
from mobile_deploy.device.measurement import Clock, Condition, Configuration, Measurement, RunRequest, SystemClock
from mobile_deploy.device.settings import keep_awake
from mobile_deploy.errors import BadOptionError, MobileDeployError

_STEP_S = 20.0
_POLL_S = 1.0
_GRACE_S = 120.0  # to start the app, to open the file, and for the inference with which a phase ends
_MOST_MISSES = 3  # an app that is being started has no process for a moment
_NO_PROCESS = 1  # Source: pidof(1), exit status where there is none
_VERSION = re.compile(r"^\s*versionName=(\S{1,100})\s*$", re.MULTILINE)
# What `am start` prints where it refuses, the most telling first; older ones exit with 0 all the same.
_REFUSALS = tuple(
    re.compile(words, re.MULTILINE) for words in (r"^java\.[\w.]+: .*$", r"^Error: .*$", r"^.*Exception.*$")
)
_JAVA_CRASH = re.compile(rf"^Process: {re.escape(PACKAGE)}, PID: \d+$")
_NATIVE_CRASH = re.compile(rf">>> {re.escape(PACKAGE)} <<<")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOnPhone:
    """A model that was brought to a phone.

    Attributes:
        folder: Folder of our own that it lies in, such as "/data/local/tmp/mobile-deploy-1f".
        name: Its name there, such as "model-0.tflite".
        sha256: Its hash.
    """

    folder: str
    name: str
    sha256: str

    @property
    def path(self) -> str:
        """Its path on the phone."""
        return f"{self.folder}/{self.name}"


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


def check_app_offers(*, profile: bool = False) -> None:
    """Refuses what the app cannot measure.

    Raises:
        BadOptionError: The time by operator was asked for.
    """
    if profile:
        raise BadOptionError(
            option="--profile", problem="the app gives no time by operator", hint="leave out --via app to measure it"
        )


class AppTarget:
    """The sample app on a phone.

    Args:
        connection: The phone.
        facts: What the phone is.
        version: The app's version, as `app_version` tells.
        models: The models by name; they are on the phone already.
        clock: The time that passes while the app works.
        grace_s: How long a run may take beyond its two phases in seconds.
    """

    def __init__(
        self,
        connection: Connection,
        facts: PhoneFacts,
        *,
        version: str,
        models: Mapping[str, ModelOnPhone],
        clock: Clock | None = None,
        grace_s: float = _GRACE_S,
    ) -> None:
        self._connection = connection
        self._facts = facts
        self._version = version
        self._models = dict(models)
        self._clock: Clock = clock or SystemClock()
        self._grace_s = grace_s
        self._runtime = ""

    @property
    def name(self) -> str:
        """What people call the phone."""
        return self._facts.name

    def cores(self, threads: int) -> tuple[int, ...]:
        """Gives nothing: Android chooses the cores of an app."""
        return ()

    def condition(self) -> Condition:
        """Says how the phone is now, and switches its screen on again if that went off."""
        condition = read_condition(self._connection)
        keep_awake(self._connection, condition)
        return condition

    def to_json(self) -> dict[str, Any]:
        """Gives what identifies the phone, the app and, after the first run, the runtime in it."""
        return {
            "kind": "app",
            "name": self.name,
            "system": self._facts.system,
            "runtime": f"{self._runtime or 'unknown'} in the app",
            **self._facts.to_json(),
            "app": {"package": PACKAGE, "version": self._version},
        }

    def run(self, request: RunRequest) -> Measurement:
        """Starts the app, waits for its answer and ends it.

        Raises:
            AppMissingError: The app, or its benchmark, is not on the phone.
            BadOptionError: The app cannot measure what was asked for.
            PhoneLostError: The phone vanished or does not answer.
            RunFailedError: The app failed, ended without an answer, or gave one that is no result.
            RunTimedOutError: There was no answer in time.
        """
        check_app_offers(profile=request.kind == "profile")
        model, token = self._models[request.configuration.model], secrets.token_hex(16)
        with self._ended_app():
            self._start(request, model, token)
            line = self._wait(request, token)
        measurement, self._runtime = parse_result(line, what=request.configuration, sha256=model.sha256)
        return measurement

    @contextmanager
    def _ended_app(self) -> Iterator[None]:
        try:
            yield
        finally:
            # What was measured, or what went wrong, matters more; the next start ends the app as well.
            with contextlib.suppress(MobileDeployError):
                self._shell(f"am force-stop {PACKAGE}", doing="ending the app")

    def _start(self, request: RunRequest, model: ModelOnPhone, token: str) -> None:
        encoded = encode_request(request, token=token, path=model.path, sha256=model.sha256)
        # Apps are other users than the shell: they get at a file whose path they know, and cannot list the folder.
        share = f"chmod 711 {shlex.quote(model.folder)} && chmod 644 {shlex.quote(model.path)} || exit"
        mark = f"log -p i -t {LOG_TAG} {_mark(token)} 2>/dev/null"  # what was logged before is of no concern
        start = f"am start -S -n {ACTIVITY} --es request {encoded}"
        self._check_start(self._shell(f"{share}\n{mark}\n{start}", doing="starting the app"), request.configuration)

    def _check_start(self, answer: ShellAnswer, what: Configuration) -> None:
        if "does not exist" in answer.output or "Error type 3" in answer.output:
            problem = f"the sample app {self._version} has no benchmark that can be started".replace("  ", " ")
            raise AppMissingError(serial=self._connection.serial, problem=problem)
        refusal = next(filter(None, (words.search(answer.output) for words in _REFUSALS)), None)
        if answer.code != 0 or refusal:
            reason = refusal[0] if refusal else answer.complaint
            raise RunFailedError(what=what, reason=f"the app does not start: {reason}", log=answer.output)

    def _wait(self, request: RunRequest, token: str) -> str:
        """Gives the app's line; asks as seldom as possible, since every question takes time on the phone."""
        what, expected_s = request.configuration, request.warmup_seconds + request.seconds
        timeout_s = self._grace_s + longest_s(request)
        deadline, misses = self._clock.now() + timeout_s, 0
        self._clock.sleep(expected_s)
        while self._clock.now() < deadline:
            self._clock.sleep(_POLL_S)
            is_gone, log = self._look(token)
            if line := _answer_in(log, token):
                return line
            _check_crash(log, token, what)
            misses = misses + 1 if is_gone else 0
            if misses == _MOST_MISSES:
                raise RunFailedError(what=what, reason="the app ended without a result", log=log)
        raise RunTimedOutError(what=what, timeout_s=timeout_s)

    def _look(self, token: str) -> tuple[bool, str]:
        """Says whether the app has no process, and gives what was logged after that was asked."""
        log = f"logcat -d -v raw -s {LOG_TAG}:I AndroidRuntime:E DEBUG:F"
        answer = self._shell(f"pidof {PACKAGE} >/dev/null 2>&1\necho {token} $?\n{log}", doing="waiting for the app")
        status, _, logged = answer.output.partition("\n")
        return status.strip() == f"{token} {_NO_PROCESS}", logged

    def _shell(self, script: str, *, doing: str) -> ShellAnswer:
        return self._connection.shell(script, timeout_s=_STEP_S, doing=doing)


def _mark(token: str) -> str:
    return f"request-{token}"


def _answer_in(log: str, token: str) -> str:
    """Finds the app's line; "" while there is none."""
    return next((line for line in log.splitlines() if line.startswith("{") and token in line), "")


def _check_crash(log: str, token: str, what: Configuration) -> None:
    """Looks for the end of our app after our mark; an older one is of no concern.

    Raises:
        RunFailedError: The app crashed.
    """
    lines = log.partition(_mark(token))[2].splitlines()
    for number, line in enumerate(lines):
        if _JAVA_CRASH.search(line) or _NATIVE_CRASH.search(line):
            reason = " ".join(lines[number + 1 : number + 2]).strip() or "it gave no reason"
            raise RunFailedError(what=what, reason=f"the app crashed: {reason}", log="\n".join(lines[number:]))
