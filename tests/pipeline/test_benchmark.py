"""A benchmark from its options to its report: on this machine, on one phone, on several, through the app."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.network_file import float_network
from fakes.phone.benchmark_tool import FakeTool, Replay, runs_of, started_runs
from fakes.phone.sample_app import SampleApp, requests_of
from fakes.tiny_bundles import tiny_network

import mobile_deploy.device.app_conversation as app_module
from mobile_deploy.device.failures import (
    AppMissingError,
    NoPhoneError,
    PhoneLostError,
    PhoneNotUsableError,
    RunFailedError,
    SeveralPhonesError,
)
from mobile_deploy.device.measurement import SystemClock
from mobile_deploy.device.phone_target import PhoneTarget
from mobile_deploy.errors import BadOptionError, OutputNotWritableError, UnknownNameError, UnreadableFileError
from mobile_deploy.pipeline.benchmark import BenchmarkInterrupted, benchmark
from mobile_deploy.pipeline.benchmark_run import time_words

on_phones = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path) -> Path:
    """A folder with two models and a tool."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("tiny.tflite").write_bytes(float_network())
    Path("other.tflite").write_bytes(tiny_network())
    FakeTool().write(Path("tool"))
    return tmp_path


class Listener:
    """Keeps what a job tells of its progress."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []
        self.counts: list[tuple[int, int]] = []
        self.on_note = lambda note: None

    @contextmanager
    def stage(self, name: str) -> Iterator:
        self.stages.append(name)
        yield self._advance

    def _advance(self, done: int, total: int, note: str = "", /) -> None:
        self.notes.append(note)
        self.counts.append((done, total))
        self.on_note(note)


def report_of(folder: Path) -> dict:
    return json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))


def reports() -> list[Path]:
    return sorted(Path("build").glob("benchmark-*"))


def check_told(listener: Listener) -> None:
    """The estimate comes first, and every process is told."""
    (stage,) = listener.stages
    assert re.match(r"measure 2 configurations on .+", stage)
    assert re.fullmatch(r"about \d+ s", listener.notes[0])
    assert listener.counts[0] == (0, 6)
    assert [note.partition(" of ")[0] for note in listener.notes[1:]] == ["trial"] * 2 + ["latency"] * 4
    assert all(re.search(r"; \d+ s left$", note) for note in listener.notes[1:])
    assert [done for done, _ in listener.counts[1:]] == list(range(6))


# Options


CONFLICTS = (
    ({"host": True, "serial": "R5"}, BadOptionError, r"--serial: it is for phones; leave it or --host out"),
    ({"host": True, "all_devices": True}, BadOptionError, r"--all-devices: it is for phones"),
    ({"host": True, "via": "app"}, BadOptionError, r"--via: it is for phones"),
    ({"host": True, "tool": "tool"}, BadOptionError, r"--tool: it is for phones"),
    ({"host": True, "tool_arguments": ("--a=b",)}, BadOptionError, r"--tool-arg: it is for phones"),
    ({"host": True, "fixed_performance": True}, BadOptionError, r"--fixed-performance: it is for phones"),
    ({"host": True, "delegates": ("gpu",)}, BadOptionError, r"--delegate: .*gpu"),
    ({"host": True, "profile": True}, BadOptionError, r"--profile: "),
    ({"serial": "R5", "all_devices": True}, BadOptionError, r"--all-devices: -s names one phone"),
    ({"via": "app", "tool": "tool"}, BadOptionError, r"--tool: the app runs without benchmark_model"),
    ({"via": "app", "tool_arguments": ("--a=b",)}, BadOptionError, r"--tool-arg: the app runs without"),
    ({"via": "app", "profile": True}, BadOptionError, r"--profile: the app gives no time by operator"),
    ({"via": "cable"}, UnknownNameError, r"unknown --via 'cable'.* Known: tool, app"),
    ({"delegates": ("cpu", "tpu")}, UnknownNameError, r"unknown delegate 'tpu'.* Known: cpu, cpu-plain, gpu"),
    ({"delegates": ()}, BadOptionError, r"--delegate: none is named; there are cpu, cpu-plain, gpu"),
    ({"fail_on_regression": 5.0}, BadOptionError, r"--fail-on-regression: it needs an older report"),
    ({"fail_on_regression": math.nan, "compare": "x"}, BadOptionError, r"--fail-on-regression: nan is not from 0"),
    ({"fail_on_regression": -1.0, "compare": "x"}, BadOptionError, r"--fail-on-regression: -1 is not from 0 to 100"),
    ({"threads": 0}, BadOptionError, r"--threads: 0 is not from 1 to 64"),
    ({"threads": (1, 65)}, BadOptionError, r"--threads: 65 is not from 1 to 64"),
    ({"processes": 0}, BadOptionError, r"--processes: 0 is not from 1 to 100"),
    ({"processes": 101}, BadOptionError, r"--processes: 101 is not from 1 to 100"),
    ({"sustained_s": 60.0, "threads": (1, 2)}, BadOptionError, r"--sustained: one model with one number of threads"),
    ({"sustained_s": 60.0, "delegates": ("cpu", "gpu")}, BadOptionError, r"--sustained: one model"),
    ({"sustained_s": 60.0, "profile": True}, BadOptionError, r"--profile: a run without a pause lasts"),
    ({"sustained_s": 60.0, "processes": 3}, BadOptionError, r"--processes: a run without a pause lasts"),
    ({"sustained_s": 0.0}, BadOptionError, r"--sustained: 0 s is no time of up to a day"),
    ({"sustained_s": math.nan}, BadOptionError, r"--sustained: nan s is no time"),
    ({"sustained_s": 1e9}, BadOptionError, r"--sustained: 1e\+09 s is no time"),
    ({"compare": "absent.json"}, UnreadableFileError, r"cannot use absent.json: there is no such file"),
)


@pytest.mark.parametrize(("options", "error", "message"), CONFLICTS, ids=lambda value: str(value)[:50])
def test_options_that_contradict_each_other_are_refused_before_anything_runs(monkeypatch, options, error, message):
    monkeypatch.setenv("PATH", "")  # adb is not even looked for
    with pytest.raises(error, match=message) as caught:
        benchmark("tiny.tflite", **options)
    assert caught.value.exit_code == (5 if error is UnreadableFileError else 2)
    assert not Path("build").exists()


def test_two_models_cannot_be_run_without_a_pause():
    with pytest.raises(BadOptionError, match="--sustained: one model"):
        benchmark(["tiny.tflite", "other.tflite"], host=True, sustained_s=5.0)


@pytest.mark.parametrize("models", [[], ()], ids=["list", "tuple"])
def test_no_model_at_all_is_refused(models):
    with pytest.raises(BadOptionError, match="no model is named"):
        benchmark(models, host=True)


# This machine


def test_this_machine_measures_with_both_kinds_of_kernels():
    result = benchmark("other.tflite", host=True, delegates=("cpu", "cpu-plain"), quick=True, processes=1)
    (place,) = result.places
    rows = [(row.configuration.model, row.configuration.threads, row.configuration.delegate) for row in place.summaries]
    assert rows == [("other", 1, "cpu"), ("other", 1, "cpu-plain")]
    assert all(row.latency_ms > 0 and len(row.centres_ms) == 1 and not row.failure for row in place.summaries)
    used = {row.configuration.delegate: row.used for row in place.summaries}
    assert used["cpu"].startswith("XNNPACK") and used["cpu-plain"] == "the runtime's own kernels"
    assert (result.errors, place.error, result.notes) == ((), None, ())
    report = report_of(result.folder)
    assert (report["complete"], report["schema_version"], report["places"][0]["about"]["kind"]) == (True, 1, "host")
    assert {path.name for path in result.folder.iterdir()} == {"benchmark.json", "latency.png", "logs.txt"}


def test_the_result_prints_as_a_table_with_what_to_know_below_and_draws_itself_in_a_notebook():
    listener = Listener()
    result = benchmark(["tiny.tflite", "other.tflite"], host=True, quick=True, progress=listener)
    check_told(listener)
    text = str(result)
    for words in ("model", "latency (ms) [95 %]", "tiny", "other", "other against tiny, 1 thread, cpu: ", "report: "):
        assert words in text
    assert text.splitlines()[0] == result.places[0].setting
    html = result._repr_html_()
    assert html.count("<table>") == 1 and html.count("<tr>") == 3
    assert "report: " in html and html.count("<p>") == html.count("</p>") == 1


def test_threads_and_delegates_that_are_named_twice_are_measured_once():
    result = benchmark("tiny.tflite", host=True, threads=(2, 1, 2), delegates=("cpu", "cpu"), quick=True, processes=1)
    assert sorted(row.configuration.threads for row in result.places[0].summaries) == [1, 2]


def test_how_many_processes_run_is_what_was_said():
    result = benchmark("tiny.tflite", host=True, quick=True, processes=3)
    assert [len(row.centres_ms) for row in result.places[0].summaries] == [3]
    assert [record["kind"] for record in report_of(result.folder)["places"][0]["records"]] == [
        "trial",
        *["latency"] * 3,
    ]


def test_without_a_pause_this_machine_gives_minutes():
    result = benchmark("tiny.tflite", host=True, quick=True, sustained_s=1.5)
    (place,) = result.places
    assert [(at.minute, at.processes > 1) for at in place.minutes] == [(0, True)]
    assert "without a pause" in str(result)
    assert report_of(result.folder)["plan"]["sustained_s"] == 1.5


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59.6, "1 min 0 s"), (3605, "60 min 5 s"), (-3, "0 s")])
def test_times_are_written_for_people(seconds, words):
    assert time_words(seconds) == words


# One phone


@on_phones
def test_a_phone_runs_as_many_threads_as_it_has_big_cores_four_at_most(fake_phone):
    phone = fake_phone()
    result = benchmark("tiny.tflite", tool="tool", quick=True, clock=phone.clock)
    (row,) = result.places[0].summaries
    assert (row.configuration.threads, row.latency_ms > 0) == (4, True)
    assert {argument for run in runs_of(phone) for argument in run["arguments"] if "threads" in argument} == {
        "--num_threads=4"
    }
    assert (phone.leftovers(), phone.wakefulness()) == ((), "Asleep")


@on_phones
def test_minutes_without_a_pause_pass_in_the_phones_own_time(fake_phone):
    phone = fake_phone()
    result = benchmark("tiny.tflite", tool="tool", quick=True, threads=1, sustained_s=150.0, clock=SlowClock(phone))
    (place,) = result.places
    assert [at.minute for at in place.minutes] == [0, 1, 2]
    assert all(at.processes >= 1 and at.hottest_c is not None for at in place.minutes)
    assert [line.split()[0] for line in str(result.tables()[1]).splitlines()[3:]] == ["0", "1", "2"]
    assert result.attached == ()


class SlowClock:
    """The virtual time of a phone, in which every look at the clock takes some seconds as well."""

    def __init__(self, phone) -> None:
        self._clock = phone.clock

    def now(self) -> float:
        self._clock.sleep(15.0)
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


@on_phones
def test_one_configuration_that_fails_leaves_the_others_their_figures(fake_phone):
    phone = fake_phone()
    FakeTool(gpu="fail").write(Path("tool"))
    result = benchmark("tiny.tflite", tool="tool", quick=True, threads=1, delegates=("cpu", "gpu"), clock=phone.clock)
    (error,) = result.errors
    assert isinstance(error, RunFailedError) and error.exit_code == 4 and "gpu" in error.message
    assert {row.configuration.delegate: row.latency_ms is None for row in result.places[0].summaries} == {
        "cpu": False,
        "gpu": True,
    }
    assert report_of(result.folder)["complete"] is False
    assert f"error: {error.message}" in str(result)
    assert " failed " in str(result)


@on_phones
def test_two_phones_without_a_choice_and_none_at_all_are_named_errors(fake_phone, own_adb):
    with pytest.raises(NoPhoneError):
        benchmark("tiny.tflite", tool="tool")
    phones = [fake_phone(), fake_phone()]
    with pytest.raises(SeveralPhonesError) as caught:
        benchmark("tiny.tflite", tool="tool")
    assert set(caught.value.serials) == {phone.serial for phone in phones}


@on_phones
def test_what_a_lost_phone_keeps_is_said_with_the_error(fake_phone):
    phone = fake_phone(vanish_in_shell="--help")
    phone.set_setting("stay_on_while_plugged_in", "3")
    with pytest.raises(PhoneLostError) as caught:
        benchmark("tiny.tflite", tool="tool", quick=True, clock=phone.clock)
    assert f"adb -s {phone.serial} shell settings put global stay_on_while_plugged_in 3" in caught.value.hint


# Several phones


@pytest.fixture
def two_phones(fake_phone):
    """Two phones of different models."""
    phones = fake_phone(), fake_phone()
    phones[1].set_property("ro.product.model", "Pixel 9")
    return phones


@on_phones
def test_two_phones_are_measured_side_by_side_and_fill_one_table(two_phones):
    listener = Listener()
    result = benchmark(
        ["tiny.tflite", "other.tflite"],
        tool="tool",
        quick=True,
        threads=1,
        all_devices=True,
        clock=SystemClock(),
        progress=listener,
    )
    assert {place.name for place in result.places} == {"Pixel 8", "Pixel 9"}
    assert all(row.latency_ms and not row.failure for place in result.places for row in place.summaries)
    assert [len(runs_of(phone)) for phone in two_phones] == [6, 6]
    (table,) = result.tables()
    assert [row[0] for row in table.rows] == [place.name for place in result.places for _ in range(2)]
    assert table.columns[0].header == "phone"
    assert [place["about"]["name"] for place in report_of(result.folder)["places"]] == [p.name for p in result.places]
    assert len(reports()) == 1
    assert [phone.leftovers() for phone in two_phones] == [(), ()]
    assert listener.stages == ["ask adb for phones", "measure 2 configurations on each of 2 phones"]
    assert re.fullmatch(r"about \d+ s", listener.notes[0]) and listener.counts[0] == (0, 12)
    assert {note.split(": ")[0] for note in listener.notes[1:]} == {phone.serial for phone in two_phones}
    assert [done for done, _ in listener.counts][-1] == 10  # each tells before its last process
    speakers = [note.split(": ")[0] for note in listener.notes[1:]]
    for first, second in (two_phones, two_phones[::-1]):  # neither waited for the other's end
        assert speakers.index(first.serial) < len(speakers) - speakers[::-1].index(second.serial)


@on_phones
def test_one_phone_that_fails_leaves_the_other_its_figures(fake_phone):
    good, bad = fake_phone(), fake_phone(vanish_in_shell="--num_runs=20")
    result = benchmark("tiny.tflite", tool="tool", quick=True, threads=1, all_devices=True)
    by_serial = {place.about["serial"]: place for place in result.places}
    assert by_serial[good.serial].error is None and by_serial[good.serial].summaries[0].latency_ms > 0
    assert isinstance(by_serial[bad.serial].error, PhoneLostError)
    assert result.errors[0].exit_code == 4
    assert report_of(result.folder)["complete"] is False
    # Both are a Pixel 8.
    assert f"Pixel 8 ({good.serial})" in str(result)


@on_phones
def test_a_phone_that_cannot_be_used_is_left_out_and_named(fake_phone):
    good, other = fake_phone(), fake_phone(unauthorized=True)
    result = benchmark("tiny.tflite", tool="tool", quick=True, threads=1, all_devices=True, clock=good.clock)
    assert [place.about["serial"] for place in result.places] == [good.serial]
    (note,) = result.notes
    assert note.startswith(f"phone {other.serial!r} was left out, it is unauthorized: unlock the phone and accept")
    assert f"note: {note}" in str(result)


@on_phones
def test_a_phone_that_is_listed_twice_is_measured_once(two_phones):
    for phone in two_phones:  # on a cable and on the network it is two phones to adb
        phone.set_property("ro.serialno", "HT7A1")
    result = benchmark("tiny.tflite", tool="tool", quick=True, threads=1, all_devices=True)
    (place,) = result.places
    (note,) = result.notes
    left_out = ({phone.serial for phone in two_phones} - {place.about["serial"]}).pop()
    assert note == f"phone {left_out!r} was left out, it is {place.about['serial']!r} once more"


@on_phones
def test_clocks_that_are_held_down_from_the_start_are_told(fake_phone):
    phone = fake_phone()
    for cap in phone.here("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_max_freq"):
        cap.write_text("1000000\n")
    result = benchmark("tiny.tflite", tool="tool", quick=True, threads=1, clock=phone.clock)
    assert any("1.00 of 2.91 GHz" in note for note in result.places[0].notes)


@on_phones
def test_all_phones_unusable_is_an_error(fake_phone):
    fake_phone(unauthorized=True)
    with pytest.raises(PhoneNotUsableError, match="unauthorized"):
        benchmark("tiny.tflite", tool="tool", all_devices=True)


@on_phones
@pytest.mark.parametrize("words", ["trial of", "latency of"])
def test_ctrl_c_ends_all_phones_and_leaves_nothing_there(two_phones, words):
    listener = Listener()
    pressed = threading.Event()

    def press(note: str) -> None:
        if words in note and not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)

    listener.on_note = press
    # Long processes of which many are left: the end comes from Ctrl-C alone.
    FakeTool(real=True).write(Path("tool"))
    with pytest.raises(KeyboardInterrupt) as caught:
        benchmark("other.tflite", tool="tool", processes=50, threads=1, all_devices=True, progress=listener)
    assert [phone.leftovers() for phone in two_phones] == [(), ()]
    assert [phone.processes() for phone in two_phones] == [(), ()]
    assert [phone.wakefulness() for phone in two_phones] == ["Asleep", "Asleep"]
    assert all(len(started_runs(phone)) <= 4 for phone in two_phones)
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]
    if isinstance(caught.value, BenchmarkInterrupted):
        assert report_of(caught.value.report)["complete"] is False


@on_phones
def test_an_error_of_our_own_on_one_phone_ends_the_others_as_well(two_phones, monkeypatch):
    real = PhoneTarget.run

    def broken(self, request):
        if self._facts.model == "Pixel 9":
            raise ZeroDivisionError("a bug")
        return real(self, request)

    monkeypatch.setattr(PhoneTarget, "run", broken)
    FakeTool(real=True).write(Path("tool"))
    with pytest.raises(ZeroDivisionError):
        benchmark("other.tflite", tool="tool", processes=50, threads=1, all_devices=True)
    assert [phone.leftovers() for phone in two_phones] == [(), ()]
    assert len(started_runs(two_phones[0])) <= 4


# The app


@on_phones
def test_the_app_measures_instead_of_the_tool(fake_phone, monkeypatch):
    monkeypatch.setattr(app_module, "_POLL_S", 0.05)
    phone = fake_phone()
    SampleApp(centre_ms=7.5).install(phone)
    result = benchmark("tiny.tflite", via="app", quick=True, threads=(1, 2), clock=phone.clock)
    (place,) = result.places
    assert [(row.configuration.threads, row.latency_ms) for row in place.summaries] == [(1, 7.5), (2, 3.75)]
    assert (place.about["kind"], place.about["runtime"]) == ("app", "LiteRT 1.4.2 in the app")
    assert place.about["app"] == {"package": "dev.mobiledeploy.demo", "version": "0.1.0"}
    assert len(requests_of(phone)) == 6 and started_runs(phone) == ()
    assert phone.leftovers() == ()
    assert not (phone.state / "running/dev.mobiledeploy.demo").exists()
    assert "benchmark_model" not in "".join(phone.shell_log)


@on_phones
def test_an_app_that_is_not_there_or_has_no_benchmark_is_named(fake_phone, monkeypatch):
    monkeypatch.setattr(app_module, "_POLL_S", 0.05)
    phone = fake_phone()
    with pytest.raises(AppMissingError, match="is not installed") as caught:
        benchmark("tiny.tflite", via="app", quick=True, clock=phone.clock)
    assert caught.value.exit_code == 3 and "leave out --via app" in caught.value.hint
    SampleApp(activity=False).install(phone)
    with pytest.raises(AppMissingError, match="answers no requests"):
        benchmark("tiny.tflite", via="app", quick=True, clock=phone.clock)
    assert (phone.leftovers(), phone.wakefulness()) == ((), "Asleep")


@on_phones
def test_an_app_that_crashes_is_a_failed_run_with_its_last_words(fake_phone, monkeypatch):
    monkeypatch.setattr(app_module, "_POLL_S", 0.05)
    phone = fake_phone()
    SampleApp(crash="java.lang.OutOfMemoryError: too much").install(phone)
    result = benchmark("tiny.tflite", via="app", quick=True, threads=1, clock=phone.clock)
    (error,) = result.errors
    assert "java.lang.OutOfMemoryError: too much" in error.message
    assert error.exit_code == 4 and phone.leftovers() == ()


@on_phones
def test_the_replayed_log_of_a_tool_ends_up_in_the_report(fake_phone):
    phone = fake_phone()
    FakeTool(replays=(Replay(text="ERROR: last words é\n", exit_code=1),)).write(Path("tool"))
    result = benchmark("tiny.tflite", tool="tool", quick=True, threads=1, clock=phone.clock)
    assert "last words é" in (result.folder / "logs.txt").read_text(encoding="utf-8")
    assert [error.exit_code for error in result.errors] == [4]


def test_a_report_that_cannot_be_written_in_the_end_leaves_the_figures(monkeypatch):
    def full(*_, **__):
        raise OutputNotWritableError(path="build/benchmark-1", reason="the disk is full")

    monkeypatch.setattr("mobile_deploy.pipeline.benchmark.write_report", full)
    result = benchmark("tiny.tflite", host=True, quick=True)
    assert result.places[0].summaries[0].latency_ms > 0
    assert (result.folder, result.to_json()["report"]) == (None, None)
    assert [error.message for error in result.errors] == ["cannot write build/benchmark-1: the disk is full"]
    assert "report: not written" in result.lines()
