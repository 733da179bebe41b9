"""A benchmark_model on a phone: what it is started with, on which cores, for how long, and whose result is taken."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from hashlib import sha256

import pytest
from fakes.phone.benchmark_tool import FakeTool, Replay, runs_of, started_runs
from fakes.phone.system_files import Cluster
from fakes.tiny_bundles import tiny_network

from mobile_deploy.device.adb import find_adb
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.cores import Core
from mobile_deploy.device.facts import PhoneFacts, read_facts
from mobile_deploy.device.failures import RunFailedError, RunTimedOutError, ToolUnfitError
from mobile_deploy.device.measurement import Configuration, RunRequest
from mobile_deploy.device.phone_target import InstalledTool, PhoneTarget, install_tool
from mobile_deploy.device.private_folder import ProgramRun, private_folder
from mobile_deploy.device.tool import ToolAbilities

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")

MODEL = tiny_network()
ONE = Configuration(model="tiny", threads=1)
REQUEST = RunRequest(configuration=ONE, runs=20, seconds=0.3, warmup_seconds=0.2)
ORIGIN = {"sha256": "5a" * 32}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def open_target(fake_phone, tmp_path):
    """Opens a phone with a tool and the model `tiny` in its folder."""
    opened = []

    def make(tool: FakeTool | None = None, *, grace_s: float = 30.0, cores=(), offline=(), **knobs):
        phone = fake_phone(**knobs)
        if cores:
            phone.cores(*cores, offline=offline)
        connection = Connection(adb=find_adb(), serial=phone.serial)
        entered = private_folder(connection)
        folder = entered.__enter__()
        opened.append(entered)
        program = (tool or FakeTool()).write(tmp_path / "a tool")
        installed = install_tool(folder, program, abi="arm64-v8a", extra=(), origin=ORIGIN)
        path = folder.push(MODEL, "model-0.tflite")
        facts = read_facts(connection)
        return phone, PhoneTarget(folder, facts, tool=installed, models={"tiny": path}, grace_s=grace_s)

    yield make
    for entered in opened:
        entered.__exit__(None, None, None)


def flags_of(run: dict) -> dict[str, str]:
    return dict(argument.removeprefix("--").split("=", 1) for argument in run["arguments"])


@pytest.mark.parametrize("grammar", ["interpreter", "compiled-model"])
def test_a_process_gets_what_was_asked_and_its_result_is_what_it_noted(open_target, grammar):
    phone, target = open_target(FakeTool(grammar=grammar))
    assert target.to_json()["tool"]["kind"] == grammar
    measured = target.run(REQUEST)
    (run,) = runs_of(phone)
    flags = flags_of(run)
    assert (flags["num_threads"], flags["num_runs"], flags["min_secs"], flags["warmup_min_secs"]) == (
        "1",
        "20",
        "0.3",
        "0.2",
    )
    assert run["graph_sha256"] == sha256(MODEL).hexdigest()
    timed_ms = sorted(time_us / 1000 for time_us in run["runs_us"])
    assert measured.runs == len(timed_ms)
    assert (measured.min_ms, measured.max_ms) == pytest.approx((timed_ms[0], timed_ms[-1]), abs=0.002)
    assert timed_ms[0] <= measured.centre_ms <= timed_ms[-1]
    assert measured.first_ms == pytest.approx(run["warmup_us"][0] / 1000, abs=0.002)


def test_a_process_is_bound_to_the_big_cores_and_the_phone_confirms_it(open_target):
    phone, target = open_target()
    assert target.cores(2) == (4, 5, 6, 7, 8)
    measured = target.run(REQUEST)
    (run,) = runs_of(phone)
    assert int(run["cpus_allowed"].replace(",", ""), 16) == 0b1_1111_0000
    assert measured.doubts == ()


def test_cores_that_sleep_are_not_asked_for(open_target):
    phone, target = open_target(
        cores=(Cluster(cores=4, max_khz=1_800_000, capacity=300), Cluster(cores=4, max_khz=2_800_000, capacity=1024)),
        offline=(6, 7),
    )
    assert target.cores(1) == (4, 5)
    assert target.run(REQUEST).doubts == ()
    assert int(runs_of(phone)[0]["cpus_allowed"].replace(",", ""), 16) == 0b11_0000


def test_a_phone_that_cannot_bind_casts_doubt_on_the_figure(open_target):
    phone, target = open_target(missing=("taskset",))
    (doubt,) = target.run(REQUEST).doubts
    assert re.fullmatch(r"it was to run on the cores 4,5,6,7,8 and could run on [\d,]+", doubt)
    assert len(runs_of(phone)) == 1


def test_a_phone_that_does_not_tell_its_cores_is_neither_bound_nor_doubted(open_target):
    phone, target = open_target(linux=True)
    assert target.cores(1) == ()
    assert target.run(REQUEST).doubts == ()
    assert "taskset" not in " ".join(phone.shell_log[-3:])


def test_a_phone_that_hides_where_it_ran_casts_doubt_as_well():
    target = PhoneTarget(FakeFolder(cores=()), FACTS, tool=TOOL, models={"tiny": "/x/model-0.tflite"})
    assert target.run(REQUEST).doubts == ("the phone does not tell on which cores it ran",)


def test_a_screen_that_went_off_is_switched_on_again_and_one_that_is_on_left_alone(open_target):
    phone, target = open_target()
    assert target.condition().awake is False
    assert phone.wakefulness() == "Awake"
    before = len(phone.shell_log)
    assert target.condition().awake is True
    assert len(phone.shell_log) == before + 1


def test_a_box_without_a_screen_is_only_looked_at(open_target):
    phone, target = open_target(linux=True)
    before = len(phone.shell_log)
    assert target.condition().awake is None
    assert len(phone.shell_log) == before + 1


def test_each_process_has_a_result_file_of_its_own(open_target):
    phone, target = open_target()
    target.run(REQUEST)
    target.run(REQUEST)
    first, second = (flags_of(run)["result_file_path"] for run in runs_of(phone))
    assert first != second


def test_the_result_file_of_an_earlier_process_is_never_taken_for_one_that_failed(open_target):
    phone, target = open_target(FakeTool(replays=(Replay(text="ERROR: Aborted\n", exit_code=1, calls=(2,)),)))
    target.run(REQUEST)
    with pytest.raises(RunFailedError):
        target.run(REQUEST)
    assert target.run(REQUEST).runs > 0
    assert len(started_runs(phone)) == 3


def test_a_tool_without_a_result_file_is_read_from_what_it_prints(open_target):
    phone, target = open_target(FakeTool(without=("result_file_path",)))
    measured = target.run(REQUEST)
    (run,) = runs_of(phone)
    assert "result_file_path" not in flags_of(run)
    assert measured.centre_ms == pytest.approx(sorted(run["runs_us"])[len(run["runs_us"]) // 2] / 1000, rel=0.01)


def test_a_process_that_hangs_is_killed_and_the_next_one_runs(open_target):
    tool = FakeTool(replays=(Replay(text="INFO: STARTING!\n", hangs=True, calls=(2,)),))
    # The first process tells what to expect of the next ones, which are given up soon after.
    phone, target = open_target(tool, grace_s=0.5)
    trial = RunRequest(configuration=ONE, kind="trial", runs=1, seconds=0.0, warmup_seconds=0.0)
    patient = PhoneTarget(target._folder, target._facts, tool=target._tool, models=target._models)
    patient.run(trial)
    target._inference_s.update(patient._inference_s)
    with pytest.raises(RunTimedOutError) as caught:
        target.run(trial)
    assert "INFO: STARTING!" in caught.value.log
    assert not any("benchmark_model" in command for _, command in phone.processes())
    assert patient.run(trial).runs == 1


# How long a process may take, without a phone.

FLAGS = "graph num_threads num_runs min_secs use_xnnpack enable_op_profiling enable_platform_tracing"
TOOL = InstalledTool(
    abilities=ToolAbilities(kind="interpreter", flags=frozenset(FLAGS.split())),
    extra=("--enable_platform_tracing=true",),
    origin=ORIGIN | {"version": "2.2.0"},
)
FACTS = PhoneFacts(
    serial="R5",
    model="Pixel 8",
    android="14",
    soc="Tensor",
    cores=tuple(Core(index=i, max_khz=2_000_000) for i in (0, 1)),
)
PRINTED = """INFO: STARTING!
INFO: The input model file size (MB): 0.01
INFO: Initialized session in 1.5ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=1 curr={us} p5={us} median={us} p95={us}
INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count={count} first={us} curr={us} min={us} max={us} avg={us} std=0 p5={us} median={us} p95={us}
INFO: Inference timings in us: Init: 1500, First inference: {us}, Warmup (avg): {us}, Inference (avg): {us}
"""


@dataclass
class FakeFolder:
    """Stands in for the folder on a phone; notes what would run."""

    cores: tuple[int, ...] = (0, 1)
    inference_us: int = 10_000
    path: str = "/data/local/tmp/mobile-deploy-1f-2e"
    timeouts_s: list[float] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, arguments, *, timeout_s, what, cores=()):
        self.timeouts_s.append(timeout_s)
        self.calls.append(tuple(arguments))
        count = next(word.partition("=")[2] for word in arguments if word.startswith("--num_runs="))
        return ProgramRun(code=0, output=PRINTED.format(us=self.inference_us, count=count), cores=self.cores)

    def pull(self, name):
        raise AssertionError(f"this tool writes no {name}")


def target_of(folder: FakeFolder) -> PhoneTarget:
    return PhoneTarget(folder, FACTS, tool=TOOL, models={"tiny": f"{folder.path}/model-0.tflite"}, grace_s=60.0)


def latency_request(**settings) -> RunRequest:
    return RunRequest(configuration=ONE, **settings)


def test_a_process_of_which_nothing_is_known_may_take_what_the_tool_itself_allows():
    folder = FakeFolder()
    target_of(folder).run(latency_request())
    assert folder.timeouts_s == [60 + 0.5 + 150]
    folder = FakeFolder()
    target_of(folder).run(latency_request(kind="trial", runs=1, seconds=0.0, warmup_seconds=0.0))
    assert folder.timeouts_s == [60]


def test_a_fast_model_is_given_up_after_a_multiple_of_what_is_expected():
    folder = FakeFolder(inference_us=10_000)
    target = target_of(folder)
    target.run(latency_request())
    target.run(latency_request())
    assert folder.timeouts_s[1] == pytest.approx(60 + 8 * (1.0 + 0.5 + 0.01))


def test_a_slow_model_gets_the_time_for_its_inferences_up_to_what_the_tool_allows():
    folder = FakeFolder(inference_us=100_000)
    target = target_of(folder)
    target.run(latency_request())
    target.run(latency_request())
    assert folder.timeouts_s[1] == pytest.approx(60 + 8 * (5.0 + 0.5 + 0.1))
    folder = FakeFolder(inference_us=20_000_000)
    target = target_of(folder)
    target.run(latency_request())
    target.run(latency_request())
    assert folder.timeouts_s[1] == pytest.approx(60 + 150.5 + 16 * 20)


def test_what_is_known_of_one_configuration_says_nothing_of_another():
    folder = FakeFolder()
    target = target_of(folder)
    target.run(latency_request())
    target.run(RunRequest(configuration=Configuration(model="tiny", threads=2)))
    assert folder.timeouts_s[1] == folder.timeouts_s[0]


def test_arguments_of_the_user_come_last_and_the_report_has_them():
    folder = FakeFolder()
    target = target_of(folder)
    target.run(latency_request())
    (call,) = folder.calls
    assert call[0] == "./benchmark_model"
    assert call[-1] == "--enable_platform_tracing=true"
    told = target.to_json()
    assert told["tool"]["extra_arguments"] == ["--enable_platform_tracing=true"]
    assert (told["kind"], told["name"], told["runtime"]) == ("phone", "Pixel 8", "LiteRT 2.2.0 (interpreter)")
    assert json.loads(json.dumps(told)) == told


def test_a_tool_of_the_users_own_is_known_by_its_hash():
    own = InstalledTool(abilities=TOOL.abilities, extra=(), origin=ORIGIN)
    assert own.runtime == f"benchmark_model {'5a' * 6} (interpreter)"


@pytest.mark.parametrize(
    ("content", "words"),
    [("#!/bin/sh\necho hello\n", "'hello'"), ("#!/bin/sh\nexit 0\n", "says nothing"), ("no program", "not")],
    ids=["another-program", "mute", "text"],
)
def test_a_file_that_is_no_benchmark_model_is_refused(fake_phone, tmp_path, content, words):
    phone = fake_phone()
    program = tmp_path / "tool"
    program.write_text(content)
    connection = Connection(adb=find_adb(), serial=phone.serial)
    with private_folder(connection) as folder, pytest.raises(ToolUnfitError, match=words):
        install_tool(folder, program, abi="arm64-v8a", extra=(), origin=ORIGIN)


def test_a_tool_that_does_not_answer_help_is_refused(tmp_path):
    class Silent(FakeFolder):
        def push(self, content, name, *, executable=False):
            assert executable

        def run(self, arguments, *, timeout_s, what, cores=()):
            raise RunTimedOutError(what=what, timeout_s=timeout_s)

    with pytest.raises(ToolUnfitError, match="does not answer --help within 30 s"):
        install_tool(Silent(), tmp_path / "tool", abi="x86_64", extra=(), origin=ORIGIN)
