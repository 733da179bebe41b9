"""The sample app as a place to measure, on a phone that plays a script."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from mobile_deploy.device.adb import find_adb
from mobile_deploy.device.app import AppTarget, ModelOnPhone
from mobile_deploy.device.app_conversation import app_version
from mobile_deploy.device.connection import Connection, ShellAnswer
from mobile_deploy.device.facts import PhoneFacts
from mobile_deploy.device.failures import AppMissingError, PhoneLostError, RunFailedError, RunTimedOutError
from mobile_deploy.device.measurement import Configuration, RunRequest
from mobile_deploy.errors import BadOptionError

MODEL = ModelOnPhone(folder="/data/local/tmp/mobile-deploy-1f", name="model-0.tflite", sha256="5a")
STARTED = "Starting: Intent { cmp=dev.mobiledeploy.demo/.ShellActivity (has extras) }\n"
OLDER_CRASH = "FATAL EXCEPTION: main\nProcess: dev.mobiledeploy.demo, PID: 9\njava.lang.Error: long ago\n"


@dataclass
class VirtualClock:
    """Time that passes by sleeping."""

    seconds: float = 1000.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class ScriptedPhone:
    """Stands in for a connection: answers scripts as an Android phone with the app would.

    Attributes:
        logs: Gives what the app has logged `seconds` after its start, for a request.
        lives_s: How long the app has a process.
        starts: What `am start` gives.
        knows_pidof: Whether the phone has that program.
        keeps_mark: Whether the phone's log still holds where the run began.
    """

    clock: VirtualClock
    logs: Callable[[float, dict], str]
    lives_s: float = 1e9
    starts: ShellAnswer = field(default_factory=lambda: ShellAnswer(code=0, output=STARTED))
    knows_pidof: bool = True
    keeps_mark: bool = True
    serial: str = "R5"
    scripts: list[str] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)
    mark: str = ""
    request: dict = field(default_factory=dict)
    started_at: float = 0.0

    def shell(self, script: str, *, timeout_s: float, doing: str) -> ShellAnswer:
        assert timeout_s > 0 and doing
        self.scripts.append(script)
        if found := re.search(r"am start -S -n (\S+) --es request (\S+)$", script):
            return self._start(found[1], found[2], script)
        if found := re.search(r"^echo (\S+) \$\?\nlogcat -d ", script, re.MULTILINE):
            return self._look(found[1])
        assert script == "am force-stop dev.mobiledeploy.demo"
        return ShellAnswer(code=0, output="")

    def _start(self, activity: str, request: str, script: str) -> ShellAnswer:
        assert activity == "dev.mobiledeploy.demo/.ShellActivity"
        self.request = json.loads(base64.urlsafe_b64decode(request + "=" * (-len(request) % 4)))
        self.mark = re.search(r"^log -p i -t mobile-deploy (\S+)", script, re.MULTILINE)[1]
        self.started_at = self.clock.now()
        return self.starts

    def _look(self, token: str) -> ShellAnswer:
        passed = self.clock.now() - self.started_at
        self.polls.append(passed)
        status = (0 if passed < self.lives_s else 1) if self.knows_pidof else 127
        mark = f"{self.mark}\n" if self.keeps_mark else ""
        log = f"--------- beginning of main\n{OLDER_CRASH}{mark}{self.logs(passed, self.request)}"
        return ShellAnswer(code=0, output=f"{token} {status}\n{log}")


def answer(request: dict, **changes) -> str:
    says = {"token": request["token"], "schema_version": 1, "sha256": "5a", "centre_ms": 6.5, "runs": 50}
    return json.dumps({**says, "runtime": "LiteRT 1.4.2", **changes}) + "\n"


def nothing(_seconds: float, _request: dict) -> str:
    return ""


def after(seconds: float, **changes) -> Callable[[float, dict], str]:
    return lambda passed, request: answer(request, **changes) if passed >= seconds else ""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def run(phone: ScriptedPhone, **settings):
    request = RunRequest(configuration=Configuration(model="net", threads=2), **settings)
    facts = PhoneFacts(serial=phone.serial, model="Pixel 8")
    target = AppTarget(phone, facts, version="1.2", models={"net": MODEL}, clock=phone.clock)
    return target.run(request), target


def test_the_app_is_started_with_the_request_and_its_answer_is_the_result(clock):
    phone = ScriptedPhone(clock, after(4.0))
    told, target = run(phone, runs=50, seconds=1.0, warmup_seconds=0.5)
    assert (told.centre_ms, told.runs) == (6.5, 50)
    assert (phone.request["model"], phone.request["sha256"]) == (MODEL.path, "5a")
    assert (phone.request["threads"], phone.request["runs"], phone.request["seconds"]) == (2, 50, 1.0)
    described = json.loads(json.dumps(target.to_json()))
    assert (described["kind"], described["name"], described["serial"]) == ("app", "Pixel 8", "R5")
    assert described["app"] == {"package": "dev.mobiledeploy.demo", "version": "1.2"}
    assert described["runtime"] == "LiteRT 1.4.2 in the app"
    assert (target.name, target.cores(4)) == ("Pixel 8", ())


def test_the_app_may_read_the_model_and_nobody_may_list_the_folder(clock):
    phone = ScriptedPhone(clock, after(0))
    run(phone)
    assert phone.scripts[0].startswith(f"chmod 711 {MODEL.folder} && chmod 644 {MODEL.path} || exit\n")


def test_the_app_is_left_in_peace_while_it_must_be_busy(clock):
    phone = ScriptedPhone(clock, after(35.0))
    run(phone, seconds=30.0, warmup_seconds=2.0)
    assert phone.polls == [33.0, 34.0, 35.0]


def test_the_app_is_ended_afterwards(clock):
    phone = ScriptedPhone(clock, after(0))
    run(phone)
    assert phone.scripts[-1] == "am force-stop dev.mobiledeploy.demo"


def test_answers_to_other_requests_are_passed_over(clock):
    def logs(passed, request):
        return answer({"token": "0" * 32}, centre_ms=1.0) + "request {strange}\n" + after(3.0)(passed, request)

    assert run(ScriptedPhone(clock, logs))[0].centre_ms == 6.5


def test_every_run_has_a_token_of_its_own(clock):
    phone = ScriptedPhone(clock, after(0))
    tokens = {run(phone) and phone.request["token"] for _ in range(5)}
    assert len(tokens) == 5


def test_an_app_that_is_silent_is_given_up_and_ended(clock):
    phone = ScriptedPhone(clock, nothing)
    start = clock.now()
    with pytest.raises(RunTimedOutError, match=r"net, 2 threads, cpu: it did not end within 270\.5 s"):
        run(phone, runs=50, seconds=1.0, warmup_seconds=0.5)
    assert 270 < clock.now() - start < 275
    assert phone.scripts[-1] == "am force-stop dev.mobiledeploy.demo"


JAVA_CRASH = "FATAL EXCEPTION: main\nProcess: {0}, PID: 77\njava.lang.OutOfMemoryError: 4 MB\n\tat a.b\n"
NATIVE_CRASH = "*** *** ***\npid: 7, tid: 8, name: bench  >>> {0} <<<\nsignal 11 (SIGSEGV), code 1\n"


@pytest.mark.parametrize(
    ("crash", "reason"),
    [(JAVA_CRASH, r"java\.lang\.OutOfMemoryError: 4 MB$"), (NATIVE_CRASH, r"signal 11 \(SIGSEGV\), code 1$")],
)
def test_a_crash_of_the_app_is_told_by_its_first_line(clock, crash, reason):
    phone = ScriptedPhone(clock, lambda *_: crash.format("dev.mobiledeploy.demo"))
    with pytest.raises(RunFailedError, match=f"net, 2 threads, cpu: the app crashed: {reason}") as caught:
        run(phone)
    assert caught.value.log.splitlines()[-1] in crash
    assert phone.scripts[-1] == "am force-stop dev.mobiledeploy.demo"


@pytest.mark.parametrize("crash", [JAVA_CRASH, NATIVE_CRASH])
@pytest.mark.parametrize("keeps_mark", [True, False])
def test_a_crash_of_another_app_and_an_older_one_are_passed_over(clock, crash, keeps_mark):
    """The phone's log begins with a crash of our app."""

    def logs(passed, request):
        return crash.format("dev.mobiledeploy.demonstration") + after(3.0)(passed, request)

    assert run(ScriptedPhone(clock, logs, keeps_mark=keeps_mark))[0].runs == 50


def test_an_app_that_ends_without_a_word_is_not_waited_for(clock):
    phone = ScriptedPhone(clock, nothing, lives_s=0)
    with pytest.raises(RunFailedError, match="the app ended without a result"):
        run(phone)
    assert len(phone.polls) == 3


def test_an_app_that_answers_and_ends_at_once_is_believed(clock):
    assert run(ScriptedPhone(clock, after(0), lives_s=0))[0].runs == 50


def test_a_phone_that_cannot_tell_of_processes_is_waited_for(clock):
    assert run(ScriptedPhone(clock, after(30.0), lives_s=0, knows_pidof=False))[0].runs == 50


@pytest.mark.parametrize(
    "output",
    [
        "Error type 3\nError: Activity class {dev.mobiledeploy.demo/x} does not exist.\n",
        "Error: Activity class {dev.mobiledeploy.demo/x} does not exist.\n",
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_an_app_without_the_activity_is_too_old(clock, output, code):
    phone = ScriptedPhone(clock, nothing, starts=ShellAnswer(code=code, output=STARTED + output))
    with pytest.raises(AppMissingError, match=r"'R5': the sample app 1\.2 answers no requests") as caught:
        run(phone)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("code", "output", "reason"),
    [
        (0, "\nException occurred while executing 'start':\njava.lang.SecurityException: Denial\n", "java.*: Denial$"),
        (0, "Error: Activity not started, unable to resolve\n", "Error: Activity not started, unable to resolve$"),
        (1, "chmod: model-0.tflite: No such file\n", "No such file$"),
    ],
)
def test_a_refused_start_fails_that_run_alone(clock, code, output, reason):
    phone = ScriptedPhone(clock, after(0), starts=ShellAnswer(code=code, output=output))
    with pytest.raises(RunFailedError, match=f"the app does not start: .*{reason}"):
        run(phone)


def test_a_failure_that_the_app_reports_ends_the_run(clock):
    with pytest.raises(RunFailedError, match="the app says: the file has another hash"):
        run(ScriptedPhone(clock, after(0, error="the file has another hash")))


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), PhoneLostError(serial="R5", doing="x", problem="y")])
def test_the_app_is_ended_when_the_wait_is_interrupted(clock, trouble):
    def logs(_passed, _request):
        raise trouble

    phone = ScriptedPhone(clock, logs)
    with pytest.raises(type(trouble)):
        run(phone)
    assert phone.scripts[-1] == "am force-stop dev.mobiledeploy.demo"


def test_a_phone_that_vanishes_for_good_is_lost(clock):
    class Vanishing(ScriptedPhone):
        def shell(self, script, *, timeout_s, doing):
            if "am start" in script:
                return super().shell(script, timeout_s=timeout_s, doing=doing)
            raise PhoneLostError(serial=self.serial, doing=doing, problem="gone")

    with pytest.raises(PhoneLostError, match="lost while waiting for the app: gone"):
        run(Vanishing(clock, nothing))


def test_a_profile_is_refused_before_anything_is_started(clock):
    phone = ScriptedPhone(clock, nothing)
    with pytest.raises(BadOptionError, match="--profile: the app gives no time by operator"):
        run(phone, kind="profile")
    assert phone.scripts == []


class PackageList:
    """Stands in for a connection to a phone that is asked about one package."""

    serial = "R5"

    def __init__(self, path: ShellAnswer, details: str) -> None:
        self._answers = {"pm path": path, "dumpsys package": ShellAnswer(code=0, output=details)}

    def shell(self, script: str, *, timeout_s: float, doing: str) -> ShellAnswer:
        return next(answer for words, answer in self._answers.items() if script.startswith(words))


INSTALLED = ShellAnswer(code=0, output="package:/data/app/dev.mobiledeploy.demo-1/base.apk\n")


def test_the_version_of_the_app_is_told():
    assert app_version(PackageList(INSTALLED, "    versionName=1.2.3\n")) == "1.2.3"
    assert app_version(PackageList(INSTALLED, "")) == ""


@pytest.mark.parametrize("code", [0, 1])
def test_a_missing_app_is_named_with_the_way_to_it(code):
    with pytest.raises(
        AppMissingError, match=r"'R5': the sample app dev\.mobiledeploy\.demo is not installed"
    ) as caught:
        app_version(PackageList(ShellAnswer(code=code, output=""), ""))
    assert "mobile-deploy app install" in caught.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")
def test_a_screen_that_went_off_is_switched_on_again(fake_phone):
    phone = fake_phone()
    connection = Connection(adb=find_adb(), serial=phone.serial)
    target = AppTarget(connection, PhoneFacts(serial=phone.serial), version="1.2", models={})
    assert target.condition().awake is False
    assert phone.wakefulness() == "Awake"
