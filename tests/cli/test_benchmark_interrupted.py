"""What becomes of `benchmark` when the user stops it: the phone is clean, and what was measured is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.benchmark_faults import QUICK, check_clean, latencies, reports, until
from fakes.network_file import float_network
from fakes.phone.benchmark_tool import FakeTool, Replay, started_runs

pytestmark = [
    pytest.mark.usefixtures("home_with_model"),
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals"),
]

INTERRUPTED = "interrupted; nothing half-written is left"


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Runs the program as a user does; it does not outlive the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mobile_deploy", *QUICK, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def await_start(process: subprocess.Popen[str], is_so: Callable[[], bool]) -> None:
    """Waits until the program is as far as a test wants it; fails with what it said if it ends before."""
    assert until(lambda: is_so() or process.poll() is not None, 60), "it is not that far after 60 s"
    assert process.poll() is None, process.communicate()


def hangs_in_run(number: int) -> None:
    """Writes a tool that hangs in one of its runs, which only a kill ends."""
    FakeTool(replays=(Replay(hangs=True, calls=(number,)),)).write(Path("tool"))


class TestWhileAProcessRuns:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_what_was_measured_is_told(self, fake_phone, number):
        phone = fake_phone()
        hangs_in_run(3)
        with running("--fixed-performance") as process:
            await_start(process, lambda: len(started_runs(phone)) == 3)
            assert phone.fixed_performance() == "true"
            os.killpg(process.pid, number)
            out, err = process.communicate(timeout=10)
        (report,) = reports()
        assert (report["complete"], len(latencies(report))) == (False, 1)
        (folder,) = Path("out").glob("benchmark-*")
        assert (process.returncode, out) == (130, "")
        assert err.splitlines() == [f"note: what was measured until then is in {folder}", INTERRUPTED]
        assert phone.fixed_performance() == "false"
        check_clean(phone)

    def test_nothing_is_written_where_nothing_was_measured(self, fake_phone):
        phone = fake_phone()
        hangs_in_run(1)
        with running() as process:
            await_start(process, lambda: len(started_runs(phone)) == 1)
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (130, "", f"{INTERRUPTED}\n")
        assert not Path("out").exists()
        check_clean(phone)

    @pytest.mark.parametrize("pauses_s", [(0.05,), (1.2, 1.2)], ids=["in haste", "patiently"])
    def test_pressing_again_leaves_the_phone_as_clean(self, fake_phone, pauses_s):
        phone = fake_phone()
        hangs_in_run(3)
        with running() as process:
            await_start(process, lambda: len(started_runs(phone)) == 3)
            phone.knobs.write_delay_s = 0.4  # cleaning up shall take as long as the pauses
            for pause_s in (*pauses_s, 0.0):
                os.killpg(process.pid, signal.SIGINT)
                time.sleep(pause_s)
            out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err.splitlines()[-1]) == (130, "", INTERRUPTED)
        assert "Traceback" not in err
        check_clean(phone)

    def test_as_json(self, fake_phone):
        phone = fake_phone()
        hangs_in_run(3)
        with running("--json") as process:
            await_start(process, lambda: len(started_runs(phone)) == 3)
            os.killpg(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=10)
        envelope = json.loads(out)
        assert (process.returncode, envelope["exit_code"], envelope["status"]) == (130, 130, "error")
        assert len(reports()) == 1
        check_clean(phone)

    def test_several_phones(self, fake_phone):
        phones = [fake_phone(), fake_phone()]
        with running("--all-devices", "--processes", "100") as process:
            await_start(process, lambda: all(len(started_runs(phone)) > 3 for phone in phones))
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=15)
        assert (process.returncode, out, err.splitlines()[-1]) == (130, "", INTERRUPTED)
        (report,) = reports()
        assert len(latencies(report)) >= 4
        for phone in phones:
            check_clean(phone)

    def test_several_phones_of_which_one_hangs(self, fake_phone):
        phones = [fake_phone(), fake_phone()]
        hangs_in_run(3)
        with running("--all-devices") as process:
            await_start(process, lambda: all(len(started_runs(phone)) == 3 for phone in phones))
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=15)
        assert (process.returncode, out, err.splitlines()[-1]) == (130, "", INTERRUPTED)
        assert len(latencies(reports()[0])) == 2
        for phone in phones:
            check_clean(phone)


def test_while_a_model_is_pushed(fake_phone):
    Path("net.tflite").write_bytes(float_network() + bytes(1_000_000))
    phone = fake_phone(push_delay_s=0.2)
    with running() as process:
        await_start(process, lambda: any(name.endswith("model-0.tflite.part") for name in phone.leftovers()))
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (130, "", f"{INTERRUPTED}\n")
    phone.knobs.push_delay_s = 0.0
    check_clean(phone)
