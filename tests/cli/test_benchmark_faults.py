"""What becomes of `benchmark` when a phone, a tool or this machine lets it down; the real adb speaks with fake phones.

Each fault ends in its own message and code, leaves nothing on the phone, and loses nothing that was measured by then.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import benchmark_faults
from fakes.benchmark_faults import check_clean, forging_tool, latencies, reports, until
from fakes.network_file import float_network
from fakes.phone.benchmark_tool import FakeTool, Replay, runs_of, started_runs
from fakes.phone.tool_lines import Figures, percentile, result_bytes

from mobile_deploy.device.failures import PhoneNotReadyError
from mobile_deploy.device.phone_target import PhoneTarget
from mobile_deploy.pipeline.benchmark import benchmark

TABLE = re.compile(r"^net +1 +cpu +(?P<latency>\d+\.\d+)", re.MULTILINE)


pytestmark = pytest.mark.usefixtures("home_with_model")


class TestNoPhone:
    def test_no_adb(self, command, monkeypatch):
        monkeypatch.setenv("PATH", "")
        ended = command()
        assert (ended.code, ended.problem) == (
            3,
            "error: there is no adb: not on the PATH, not in the Android SDK (ANDROID_HOME)",
        )
        assert ended.hint.endswith("or pass --host to measure on this machine")

    def test_no_phone(self, own_adb, command):
        ended = command()
        assert (ended.code, ended.problem) == (3, "error: no phone is connected")
        assert ended.hint.endswith("or pass --host to measure on this machine")

    def test_another_phone_than_the_named_one(self, fake_phone, command):
        phone = fake_phone()
        ended = command("-s", "R58M12ABCDE")
        assert (ended.code, ended.problem) == (
            3,
            f"error: no phone 'R58M12ABCDE' is connected; connected: '{phone.serial}'",
        )
        assert phone.shell_log == []

    def test_two_phones_and_none_named(self, fake_phone, command):
        phones = [fake_phone(), fake_phone()]
        ended = command()
        assert ended.code == 2
        assert all(phone.serial in ended.err and phone.shell_log == [] for phone in phones)
        assert ended.hint == "hint: name one with -s SERIAL, or pass --all-devices"

    def test_a_phone_that_has_to_accept_first(self, own_adb, fake_phone, command):
        phone = fake_phone(unauthorized=True)
        assert until(lambda: b"unauthorized" in own_adb.run("devices").stdout)
        ended = command()
        assert (ended.code, ended.problem) == (3, f"error: phone '{phone.serial}' is unauthorized")
        assert "accept the USB debugging prompt" in ended.hint
        phone.accept()
        assert until(lambda: b"\tdevice" in own_adb.run("devices").stdout)
        assert command().code == 0
        check_clean(phone)

    def test_a_phone_that_is_offline(self, own_adb, fake_phone, command):
        phone = fake_phone(offline=True)
        assert until(lambda: b"offline" in own_adb.run("devices").stdout)
        ended = command()
        assert (ended.code, ended.problem) == (3, f"error: phone '{phone.serial}' is offline")
        assert "adb disconnect, then adb connect it again" in ended.hint

    def test_a_phone_on_which_another_process_measures(self, fake_phone, command):
        phone = fake_phone()
        script = (
            "import sys; from mobile_deploy.device.lock import phone_lock\n"
            f"with phone_lock({phone.serial!r}): print(flush=True); sys.stdin.read()"
        )
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            other.stdout.readline()
            ended = command()
            other.stdin.close()
        assert ended.code == 3
        assert ended.err.startswith(f"error: another mobile-deploy is measuring on phone '{phone.serial}'")
        assert started_runs(phone) == ()
        check_clean(phone)


class TestBeforeMeasuring:
    @pytest.mark.parametrize(
        ("turn", "problem", "remedy"),
        [
            (lambda phone: phone.battery(12), "battery at 12 %, needed are 30 %", "charge it"),
            (
                lambda phone: phone.set_setting("low_power", "1"),
                "the power saver is on",
                "switch the power saver off",
            ),
            (lambda phone: phone.free(1_000_000), "1.0 MB free, needed are 32.0 MB", "free some space"),
        ],
        ids=["battery", "power saver", "space"],
    )
    def test_an_unfit_phone_is_measured_only_by_force(self, fake_phone, command, turn, problem, remedy):
        phone = fake_phone()
        turn(phone)
        ended = command()
        assert (ended.code, ended.problem) == (3, f"error: phone '{phone.serial}' is not fit to be measured: {problem}")
        assert ended.hint == f"hint: {remedy}; or pass --force, and the report will say so"
        assert started_runs(phone) == ()
        forced = command("--force")
        assert (forced.code, f"note: measured although {problem}" in forced.out) == (0, True)
        (report,) = reports()
        assert report["places"][0]["notes"] == [f"measured although {problem}"]
        check_clean(phone)

    def test_an_output_that_cannot_be_written_is_found_before_the_phone_is_asked(self, fake_phone, command):
        phone = fake_phone()
        ended = command("--output", "net.tflite")
        assert ended.code == 3
        assert ended.err.startswith("error: cannot write net.tflite: ")
        assert phone.shell_log == []

    @pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="mounting a file system takes root on Linux"
    )
    @pytest.mark.parametrize(("options", "reason"), [("ro", "read-only"), ("size=4k", "the disk is full")])
    def test_a_disk_that_takes_no_report_is_found_before_the_phone_is_asked(self, fake_phone, command, options, reason):
        phone = fake_phone()
        Path("disk").mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(Path("disk").resolve())]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("mounting is not allowed here")
        try:
            if options != "ro":
                Path("disk/full").write_bytes(bytes(4096))
            ended = command("--output", "disk/out")
        finally:
            subprocess.run(["umount", "disk"], check=True)
        assert (ended.code, reason in ended.err) == (3, True)
        assert phone.shell_log == []

    def test_no_network_for_the_tool(self, fake_phone, command, monkeypatch):
        phone = fake_phone()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        monkeypatch.setenv("MOBILE_DEPLOY_TOOLS_URL", f"http://127.0.0.1:{port}")
        arguments = [word for word in benchmark_faults.QUICK if word not in ("--tool", "tool")]
        monkeypatch.setattr(benchmark_faults, "QUICK", arguments)
        ended = command()
        assert ended.code == 3
        assert ended.err.startswith("error: benchmark_model cannot be downloaded: ")
        assert "--tool FILE" in ended.hint
        check_clean(phone)

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"#!/bin/sh\necho I am another program\n", "lists no flags, but says 'I am another program'"),
            (b"only words\n", "lists no flags, but says './benchmark_model: 1: only: not found'"),
            (b"", "lists no flags and says nothing"),
            (b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 243) + bytes(100), "not built for the ABI"),
        ],
        ids=["program", "text", "empty", "processor"],
    )
    def test_a_file_that_is_no_benchmark_model(self, fake_phone, command, content, problem):
        phone = fake_phone()
        Path("tool").write_bytes(content)
        ended = command()
        assert ended.code == 3
        assert ended.err.startswith("error: tool is no benchmark_model for this phone: ")
        assert problem in ended.err
        check_clean(phone)

    def test_a_tool_that_is_not_there(self, fake_phone, command):
        phone = fake_phone()
        ended = command("--tool", "absent")
        assert ended.code == 5
        assert "absent" in ended.err
        check_clean(phone)

    def test_a_tool_for_another_processor(self, fake_phone, command):
        phone = fake_phone()
        phone.cannot_execute()
        ended = command()
        assert ended.code == 3
        assert "it is not built for the ABI arm64-v8a" in ended.err
        check_clean(phone)

    def test_a_tool_that_never_answers(self, fake_phone, command, short_deadlines):
        phone = fake_phone()
        Path("tool").write_text("#!/bin/sh\ntrap '' HUP\nsleep 100\n")
        ended = command()
        assert ended.code == 3
        assert "it does not answer --help within 30 s" in ended.err
        check_clean(phone)


class TestRuns:
    """Faults of the processes that time a model."""

    @pytest.mark.parametrize(
        ("replay", "problem"),
        [
            (Replay(text="\x1b[31mgarbage \0\xff\n"), "no complete result: "),
            (Replay(text=""), "no complete result: "),
            (Replay(errors="ERROR: Failed to allocate tensors\n", exit_code=1), "it failed (exit status 1): Failed to"),
            (Replay(signal=11), "it crashed on a bad address (exit status 139)"),
            (Replay(exit_code=137), "it was killed, which phones do when memory runs out (exit status 137)"),
        ],
        ids=["garbage", "nothing", "error", "crash", "killed"],
    )
    def test_a_tool_that_fails_always(self, fake_phone, command, replay, problem):
        phone = fake_phone()
        FakeTool(replays=(replay,)).write(Path("tool"))
        ended = command()
        assert ended.code == 4
        assert ended.err.startswith(f"error: net, 1 thread, cpu: {problem}")
        assert ended.err.isprintable() or ended.err.replace("\n", "").isprintable()
        (report,) = reports()
        assert (report["complete"], latencies(report)) == (False, [])
        check_clean(phone)

    @pytest.mark.parametrize("fault", ["nan", "truncated", "another run's"])
    def test_a_result_that_cannot_be_true_is_no_latency(self, fake_phone, command, fault):
        phone = fake_phone()
        contents = {
            "nan": result_bytes(figures(runs=30)).replace(struct.pack("<f", 3.0), struct.pack("<f", float("nan"))),
            "truncated": result_bytes(figures(runs=30))[:-9],
            "another run's": result_bytes(figures(runs=7)),
        }
        forging_tool(Path("tool"), contents[fault])
        ended = command()
        assert ended.code == 4
        assert ended.err.startswith("error: net, 1 thread, cpu: no complete result: ")
        (report,) = reports()
        assert (report["complete"], latencies(report)) == (False, [])
        check_clean(phone)

    def test_a_process_that_fails_once_is_run_again(self, fake_phone, command):
        fake_phone()
        FakeTool(replays=(Replay(signal=11, calls=(2,)),)).write(Path("tool"))
        assert command().code == 0
        (report,) = reports()
        assert (report["complete"], len(latencies(report))) == (True, 2)
        assert sum("crashed" in record["failure"] for record in report["places"][0]["records"]) == 1

    def test_a_configuration_that_fails_leaves_the_others_their_numbers(self, fake_phone, command):
        phone = fake_phone()
        FakeTool(gpu="fail").write(Path("tool"))
        ended = command("--delegate", "cpu,gpu,cpu-plain")
        assert ended.code == 4
        assert ended.err.startswith("error: net, 1 thread, gpu: it failed (exit status 1): ")
        rows = re.findall(r"^net +1 +(\S+) +(\S+)", ended.out, re.MULTILINE)
        assert [(name, latency == "failed") for name, latency in rows] == [
            ("cpu", False),
            ("gpu", True),
            ("cpu-plain", False),
        ]
        (report,) = reports()
        assert (report["complete"], len(latencies(report))) == (False, 4)
        check_clean(phone)

    def test_a_tool_that_hangs_is_killed_on_the_phone(self, fake_phone, command, short_deadlines, monkeypatch):
        phone = fake_phone()
        FakeTool(replays=(Replay(text="INFO: STARTING!\n", hangs=True, calls=(1,)),)).write(Path("tool"))
        monkeypatch.setitem(PhoneTarget.__init__.__kwdefaults__, "grace_s", 2.0)
        Path("other.tflite").write_bytes(float_network(seed=1))
        ended = command("other.tflite")
        assert (ended.code, ended.problem) == (4, "error: net, 1 thread, cpu: it did not end within 2 s and was killed")
        assert re.search(r"^other +1 +cpu +\d", ended.out, re.MULTILINE)
        check_clean(phone)

    def test_a_tool_that_hangs_later_keeps_what_was_measured(self, fake_phone, command, short_deadlines, monkeypatch):
        phone = fake_phone()
        monkeypatch.setattr("mobile_deploy.device.session.ATTEMPTS", 1)
        FakeTool(replays=(Replay(hangs=True, calls=(3,)),)).write(Path("tool"))
        ended = command()
        assert ended.code == 4
        assert re.search(r"it did not end within [\d.]+ s and was killed", ended.err)
        assert TABLE.search(ended.out)
        (report,) = reports()
        assert (report["complete"], len(latencies(report))) == (False, 1)
        assert all(deadline <= 120 for deadline in short_deadlines.asked_s)
        check_clean(phone)

    def test_no_space_for_the_result_file_leaves_what_is_printed(self, fake_phone, command):
        phone = fake_phone()
        forging_tool(Path("tool"), b"")
        assert command().code == 0
        (report,) = reports()
        assert latencies(report) == [percentile(run["runs_us"], 50) / 1000 for run in runs_of(phone)[1:]]
        check_clean(phone)

    def test_no_space_while_it_is_measured(self, fake_phone, command):
        phone = fake_phone(disk_full_after_bytes=0)
        ended = command()
        assert (ended.code, "too little space" in ended.err) == (3, True)
        check_clean(phone)

    def test_cores_that_are_off_are_left_alone(self, fake_phone, command):
        phone = fake_phone()
        phone.cores(offline=(8,))
        ended = command()
        assert ended.code == 0
        (report,) = reports()
        assert report["places"][0]["about"]["offline_cores"] == [8]
        assert "doubt" not in ended.out
        check_clean(phone)

    def test_cores_that_fall_asleep_meanwhile_are_a_doubt(self, fake_phone, command):
        phone = fake_phone()
        phone.write_program("taskset", '#!/bin/sh\necho "sched_setaffinity: Invalid argument" >&2; exit 1\n')
        ended = command()
        assert ended.code == 0
        assert "doubt about net, 1 thread, cpu: it was to run on the cores " in ended.out
        check_clean(phone)


class TestHeat:
    """In the phone's own time, in which it cools."""

    def test_heat_that_passes_is_waited_for(self, fake_phone):
        phone = fake_phone()
        phone.heat(skin_c=45.0)
        result = benchmark("net.tflite", tool="tool", quick=True, clock=phone.clock, output="out")
        assert 20 < phone.clock.now() < 120
        assert (result.errors, result.is_partial) == ((), False)
        assert {run["thermal_status"] for run in runs_of(phone)} == {0}
        check_clean(phone)

    def test_a_phone_that_stays_hot_is_measured_only_by_force(self, fake_phone):
        phone = fake_phone()
        phone.heat(skin_c=45.0, ambient_c=45.0)
        with pytest.raises(PhoneNotReadyError, match=r"thermal status 2 .moderate., needed is 0 .none.") as caught:
            benchmark("net.tflite", tool="tool", quick=True, clock=phone.clock, output="out")
        assert caught.value.exit_code == 3
        assert "or pass --force" in caught.value.hint
        assert (runs_of(phone), reports()) == ((), [])
        assert 30 < phone.clock.now() < 120
        check_clean(phone)
        result = benchmark("net.tflite", tool="tool", quick=True, clock=phone.clock, output="out", force=True)
        assert result.errors == ()
        assert any(note.startswith("measured although thermal status 2") for note in result.places[0].notes)
        assert result.places[0].summaries[0].throttled
        check_clean(phone)

    def test_a_phone_that_heats_up_rests_and_measures_again(self, fake_phone):
        phone = fake_phone()
        phone.heat(skin_c=36.0, rise_c=2.0, cooling_s=20.0)
        result = benchmark("net.tflite", tool="tool", threads=1, processes=3, clock=phone.clock, output="out")
        (report,) = reports()
        records = report["places"][0]["records"]
        assert any(record["throttled"] for record in records)
        assert all(record["replaced"] for record in records if record["throttled"])
        assert len(latencies(report)) > 3
        (summary,) = result.places[0].summaries
        assert (len(summary.centres_ms), summary.throttled) == (3, False)
        assert summary.latency_ms == pytest.approx(10.0, rel=0.06)
        assert (result.errors, report["complete"]) == ((), True)
        check_clean(phone)

    def test_a_phone_that_gets_hot_and_stays_so_is_marked(self, fake_phone):
        phone = fake_phone()
        phone.heat(skin_c=38.0, ambient_c=45.0, cooling_s=2.0)
        result = benchmark("net.tflite", tool="tool", threads=1, quick=True, clock=phone.clock, output="out")
        (summary,) = result.places[0].summaries
        assert (summary.throttled, result.is_partial, result.errors) == (True, True, ())
        assert "throttled" in str(result)
        assert 60 < phone.clock.now() < 200
        check_clean(phone)


def figures(runs: int) -> Figures:
    return Figures(init_us=1000, warmup_us=[3000] * 3, runs_us=[3000] * runs, model_mb=0.1)
