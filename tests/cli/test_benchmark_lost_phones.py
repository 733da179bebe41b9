"""What becomes of `benchmark` when a phone vanishes at any moment; the real adb speaks with fake phones.

Each fault ends in its own message and code and loses nothing that was measured; the next run cleans up.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from fakes.benchmark_faults import (
    Alarm,
    check_clean,
    check_usable_again,
    latencies,
    plug_in_again,
    reports,
    until,
)
from fakes.network_file import float_network
from fakes.phone.benchmark_tool import FakeTool, Replay, started_runs
from fakes.phone.device import FakePhone

from mobile_deploy.device.lock import phone_file

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home_with_model")]

TABLE = re.compile(r"(?:^| )net +1 +cpu +\d", re.MULTILINE)
LAST_SCRIPTS = 3  # the folder goes, and two settings are put back


class TestPush:
    def test_a_phone_that_vanishes_while_it_takes_the_tool(self, own_adb, fake_phone, command):
        phone = fake_phone(vanish_after_push_bytes=1)
        ended = command()
        assert ended.code == 4
        assert ended.err.startswith(f"error: phone '{phone.serial}' was lost while pushing benchmark_model: ")
        assert reports() == []
        check_usable_again(own_adb, phone, command)

    def test_a_phone_that_vanishes_while_it_takes_a_model(self, own_adb, fake_phone, command):
        Path("net.tflite").write_bytes(float_network() + bytes(200_000))
        phone = fake_phone(vanish_after_push_bytes=100_000)
        ended = command()
        assert ended.code == 4
        assert ended.err.startswith(f"error: phone '{phone.serial}' was lost while pushing model-0.tflite: ")
        check_usable_again(own_adb, phone, command)

    @pytest.mark.parametrize("space", [100, 100_000], ids=["tool", "model"])
    def test_no_space_for_a_file(self, fake_phone, command, space):
        Path("net.tflite").write_bytes(float_network() + bytes(200_000))
        phone = fake_phone(disk_full_after_bytes=space)
        ended = command()
        assert ended.code == 3
        assert ended.err.startswith(f"error: phone '{phone.serial}' has too little space: ")
        assert "No space left on device" in ended.err
        check_clean(phone)

    def test_a_file_that_arrives_damaged(self, fake_phone, command):
        phone = fake_phone(corrupt_push=True)
        ended = command()
        assert ended.code == 4
        assert ended.err.startswith(f"error: benchmark_model arrived damaged on phone '{phone.serial}'")
        check_clean(phone)

    def test_a_slow_link_is_no_fault(self, fake_phone, command):
        phone = fake_phone(write_delay_s=0.02, push_delay_s=0.05)
        assert command().code == 0
        check_clean(phone)


class TestVanishing:
    @pytest.mark.parametrize("part", range(4))
    def test_at_every_call_what_was_measured_is_kept_and_the_next_run_cleans_up(
        self, own_adb, fake_phone, command, part
    ):
        phone = fake_phone()
        assert command().code == 0
        calls = tuple(phone.shell_log)
        results = [number for number, script in enumerate(calls) if script.startswith("(\nwc -c < ")]
        assert len(results) == 3  # of the trial and of two processes
        for number in range(part, len(calls), 4):
            before = len(reports())
            kept = phone_file(phone.serial, "settings")  # is put back first
            first = len(kept.read_text().splitlines()) if kept.exists() else 0
            phone.knobs.vanish_after_shell_calls = len(phone.shell_log) + first + number
            ended = command()
            measured = sum(result < number for result in results[1:])
            is_done = number >= len(calls) - LAST_SCRIPTS
            if is_done:
                assert ended.code == 0
                assert ("could not be put back" in ended.out) == (phone.wakefulness() == "Awake")
            else:
                assert ended.code == 4
                assert ended.problem.startswith(f"error: phone '{phone.serial}' was lost while ")
            new = reports()[before:]
            assert [(report["complete"], len(latencies(report))) for report in new] == [(is_done, measured)] * bool(
                measured
            )
            assert bool(TABLE.search(ended.out)) == bool(measured)
            plug_in_again(own_adb, phone)
        check_usable_again(own_adb, phone, command)

    @pytest.mark.parametrize("size", [0, 300, 1200])
    def test_in_the_middle_of_what_a_process_prints(self, own_adb, fake_phone, command, size):
        phone = fake_phone(vanish_in_shell="result-3.pb", vanish_after_output_bytes=size)
        ended = command()
        assert (ended.code, bool(TABLE.search(ended.out))) == (4, True)
        assert "was lost while running net, 1 thread, cpu" in ended.err
        (report,) = reports()
        assert (report["complete"], len(latencies(report))) == (False, 1)
        assert report["places"][0]["error"]["type"] == "PhoneLostError"
        check_usable_again(own_adb, phone, command)

    def test_a_program_that_outlives_the_connection_is_ended_by_the_next_run(self, own_adb, fake_phone, command):
        phone = fake_phone()
        FakeTool(replays=(Replay(text="INFO: STARTING!\n", hangs=True, calls=(3,)),)).write(Path("tool"))
        phone.shell_log = Alarm(lambda script: "result-3.pb" in script, lambda: vanish_later(phone, runs=3))
        ended = command()
        assert ended.code == 4
        assert phone.processes() != ()
        check_usable_again(own_adb, phone, command)


def vanish_later(phone: FakePhone, *, runs: int) -> None:
    """Pulls the cable once so many runs have begun."""

    def wait() -> None:
        until(lambda: len(started_runs(phone)) == runs)
        phone.vanish()

    threading.Thread(target=wait, daemon=True).start()
