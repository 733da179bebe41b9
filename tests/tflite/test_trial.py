"""The child process of the audit: it runs files, and whatever becomes of it, the parent goes on."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from mobile_deploy.tflite.trial import TrialProcess


@pytest.fixture(scope="module")
def float_file(v2_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("trial") / "ünï 1.tflite"
    path.write_bytes(v2_network.data)
    return path


@pytest.fixture
def trial():
    with TrialProcess(seconds=0.05) as process:
        yield process


class Child:
    """Stands in for the child process by a program of the test's own."""

    def __init__(self, monkeypatch, program: str) -> None:
        real = subprocess.Popen
        self.started = 0

        def popen(command, **settings):
            self.started += 1
            return real([sys.executable, "-c", program], **settings)

        monkeypatch.setattr(subprocess, "Popen", popen)


def test_it_runs_one_file_after_another(trial, float_file):
    for _ in range(2):
        told = trial.run(float_file)
        assert told["finite"] is True
        assert told["runs"] >= 1
        assert 0 < told["latency_ms"] < 100


def test_a_file_that_litert_refuses_is_told_and_the_child_goes_on(trial, float_file, tmp_path):
    garbage = tmp_path / "garbage.tflite"
    garbage.write_bytes(b"\x1c\0\0\0TFL3" + b"\xff" * 200)
    assert trial.run(garbage)["error"]
    child = trial._child
    assert trial.run(float_file)["finite"] is True
    assert trial._child is child


def test_a_missing_file_does_not_stop_the_next_one(trial, float_file, tmp_path):
    assert "error" in trial.run(tmp_path / "absent.tflite")
    assert trial.run(float_file)["finite"] is True


def test_a_child_that_was_killed_is_replaced(trial, float_file):
    trial._child.kill()
    trial._child.wait()
    assert "exit status -9" in trial.run(float_file)["error"] or sys.platform == "win32"
    assert trial.run(float_file)["finite"] is True


def test_a_child_that_dies_over_a_file_is_told_with_its_status(monkeypatch, float_file):
    child = Child(monkeypatch, "import sys; sys.stdin.readline(); sys.exit(7)")
    with TrialProcess() as trial:
        assert "exit status 7" in trial.run(float_file)["error"]
        assert "exit status 7" in trial.run(float_file)["error"]
    assert child.started == 2


def test_a_child_that_dies_in_the_middle_of_its_answer_is_told(monkeypatch, float_file):
    Child(monkeypatch, "import sys; sys.stdin.readline(); sys.stdout.write('{\"lat'); sys.stdout.flush(); sys.exit(7)")
    with TrialProcess() as trial:
        assert "exit status 7" in trial.run(float_file)["error"]


def test_a_child_that_hangs_is_killed_when_its_time_is_up(monkeypatch, float_file):
    Child(monkeypatch, "import time; time.sleep(600)")
    with TrialProcess(timeout_s=0.5) as trial:
        start = time.monotonic()
        assert "took over" in trial.run(float_file)["error"]
        assert time.monotonic() - start < 20


def test_a_file_named_like_a_module_in_the_working_folder_does_not_get_in_the_way(monkeypatch, tmp_path, float_file):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with TrialProcess(seconds=0) as trial:
        assert trial.run(float_file)["finite"] is True


def test_no_child_is_left_behind(float_file):
    with TrialProcess(seconds=0) as trial:
        child = trial._child
        trial.run(float_file)
    assert child.poll() is not None
    with pytest.raises(KeyboardInterrupt), TrialProcess() as interrupted:
        child = interrupted._child
        raise KeyboardInterrupt
    assert child.poll() is not None


def test_the_child_ends_when_its_parent_is_gone():
    child = subprocess.Popen(
        [sys.executable, "-m", "mobile_deploy.tflite.trial", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    child.communicate(timeout=60)
    assert child.returncode == 0


def test_the_child_needs_no_tensorflow():
    program = "import sys, mobile_deploy.tflite.trial, mobile_deploy.tflite.runner; print('tensorflow' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
