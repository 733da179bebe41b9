"""The child process that untrusted files run in: however it ends, the parent goes on and says what happened."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.messages import write_message

ASK = {"do": "time", "path": "a file", "seconds": 0}
READ = "import sys; sys.stdin.buffer.readline(); out = sys.stdout; "


@pytest.fixture(scope="module")
def float_file(v2_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("child") / "float.tflite"
    path.write_bytes(v2_network.data)
    return {"do": "time", "path": str(path), "seconds": 0}


@pytest.fixture
def child():
    with Child() as process:
        yield process


class Impostor:
    """Stands in for the child process by a program of the test's own."""

    def __init__(self, monkeypatch, program: str) -> None:
        real = subprocess.Popen
        self.started = 0

        def popen(command, **settings):
            self.started += 1
            return real([sys.executable, "-c", program], **settings)

        monkeypatch.setattr(subprocess, "Popen", popen)


def test_a_child_that_was_killed_is_replaced(child, float_file):
    child._process.kill()
    child._process.wait()
    assert "SIGKILL" in child.ask(float_file).says["error"] or sys.platform == "win32"
    assert child.ask(float_file).says["finite"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_child_that_crashes_is_told_with_the_name_of_its_signal(monkeypatch):
    Impostor(monkeypatch, READ + "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with Child() as child:
        assert f"crashed (exit status -{signal.SIGSEGV}, SIGSEGV)" in child.ask(ASK).says["error"]


def test_a_child_that_dies_over_a_file_is_told_with_its_status(monkeypatch):
    impostor = Impostor(monkeypatch, READ + "sys.exit(7)")
    with Child() as child:
        assert "exit status 7" in child.ask(ASK).says["error"]
        assert "exit status 7" in child.ask(ASK).says["error"]
    assert impostor.started == 2


def test_a_child_that_dies_in_the_middle_of_its_answer_is_told(monkeypatch):
    Impostor(monkeypatch, READ + "out.write('{\"lat'); out.flush(); sys.exit(7)")
    with Child() as child:
        assert "exit status 7" in child.ask(ASK).says["error"]


@pytest.mark.parametrize("answer", ["nonsense", '{"latency_ms": NaN, "bytes": 0}', '{"bytes": 9999999999999}'])
def test_an_answer_that_is_no_message_is_told_and_the_child_ended(monkeypatch, answer):
    impostor = Impostor(monkeypatch, READ + f"out.write('{answer}\\n'); out.flush(); import time; time.sleep(600)")
    with Child() as child:
        assert "no readable answer" in child.ask(ASK).says["error"]
        assert "no readable answer" in child.ask(ASK).says["error"]
    assert impostor.started == 2


@pytest.mark.parametrize("payload", [b"", b"x" * 1_000_000], ids=["small request", "request larger than the pipe"])
def test_a_child_that_hangs_is_killed_when_its_time_is_up(monkeypatch, payload):
    Impostor(monkeypatch, "import time; time.sleep(600)")
    with Child(timeout_s=0.5) as child:
        start = time.monotonic()
        assert "took over" in child.ask(ASK, payload).says["error"]
        assert time.monotonic() - start < 20


def test_a_child_that_closes_its_pipe_and_stays_is_ended(monkeypatch):
    monkeypatch.setattr("mobile_deploy.tflite.child._ENDING_S", 0.2)
    Impostor(monkeypatch, READ + "import os, time; os.close(1); time.sleep(600)")
    with Child() as child:
        process = child._process
        assert "closed its pipe" in child.ask(ASK).says["error"]
        assert process.poll() is not None


def test_an_interrupted_request_does_not_answer_the_next_one(monkeypatch, child, float_file):
    def interrupt(stream):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mobile_deploy.tflite.child.read_message", interrupt)
        with pytest.raises(KeyboardInterrupt):
            child.ask({**float_file, "path": "absent"})
    assert child.ask(float_file).says["finite"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_ctrl_c_while_the_watchdog_starts_does_not_hold_up_the_end_of_the_program():
    program = (
        "import threading; from mobile_deploy.tflite.child import Child\n"
        "started = threading.Timer.start\n"
        "def interrupted(timer):\n"
        "    started(timer)\n"
        "    raise KeyboardInterrupt\n"
        "threading.Timer.start = interrupted\n"
        "with Child(timeout_s=600) as child: child.ask({'do': 'time'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGINT


def test_a_file_named_like_a_module_in_the_working_folder_does_not_get_in_the_way(monkeypatch, tmp_path, float_file):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Child() as child:
        assert child.ask(float_file).says["finite"] is True


def test_no_child_is_left_behind(float_file):
    with Child() as child:
        process = child._process
        child.ask(float_file)
    assert process.poll() is not None
    with pytest.raises(KeyboardInterrupt), Child() as child:
        process = child._process
        raise KeyboardInterrupt
    assert process.poll() is not None


def test_the_child_ends_when_its_parent_is_gone():
    child = subprocess.Popen(
        [sys.executable, "-m", "mobile_deploy.tflite.serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.communicate(timeout=60) == (b"", b"")
    assert child.returncode == 0


def test_a_child_whose_parent_is_gone_does_not_run_a_file_for_ever(float_file):
    child = subprocess.Popen(
        [sys.executable, "-m", "mobile_deploy.tflite.serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    write_message(child.stdin, {**float_file, "seconds": 600, "timeout_s": 0.5})
    assert child.wait(60) == 1
    child.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_ctrl_c_leaves_the_end_of_the_child_to_the_parent(child, float_file):
    child.ask(float_file)
    process = child._process
    process.send_signal(signal.SIGINT)
    assert child.ask(float_file).says["finite"] is True
    assert child._process is process


def test_what_native_code_prints_does_not_mix_with_the_answers():
    program = "import os; from mobile_deploy.tflite.serve import _own_streams; answers = _own_streams()[1]; "
    program += "os.write(1, b'noise'); answers.write(b'answer'); answers.flush()"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (printed.stdout, printed.stderr) == (b"answer", b"noise")
