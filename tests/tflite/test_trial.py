"""The trial of the audit: a child process runs files, and whatever becomes of it, the parent goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fakes.tflite_file import crashing

from mobile_deploy.tflite.runner import InterpreterError
from mobile_deploy.tflite.trial import TrialProcess, preflight


@pytest.fixture(scope="module")
def float_file(v2_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("trial") / "ünï 1.tflite"
    path.write_bytes(v2_network.data)
    return path


@pytest.fixture
def trial():
    with TrialProcess(seconds=0.05) as process:
        yield process


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
    child = trial.child._process
    assert trial.run(float_file)["finite"] is True
    assert trial.child._process is child


def test_a_missing_file_does_not_stop_the_next_one(trial, float_file, tmp_path):
    assert "error" in trial.run(tmp_path / "absent.tflite")
    assert trial.run(float_file)["finite"] is True


def test_the_child_needs_no_tensorflow():
    program = "import sys, mobile_deploy.tflite.trial, mobile_deploy.tflite.serve; print('tensorflow' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_a_preflight_lets_a_sound_file_pass(trial, v2_network):
    trial.preflight(v2_network.data, source="m.tflite", keeps_all=True)
    preflight(v2_network.quantized("int8").data, source="m.tflite")


@pytest.mark.skipif(sys.platform != "linux", reason="how it crashes is measured on Linux alone")
def test_a_preflight_names_the_file_that_would_have_killed_this_process(trial):
    with pytest.raises(InterpreterError, match=r"cannot run m\.tflite: the interpreter crashed .*SIGSEGV"):
        trial.preflight(crashing(), source="m.tflite")


def test_a_trial_of_a_fresh_file_is_not_held_to_the_limits_of_a_preflight(trial, v2_network, float_file):
    trial.preflight(v2_network.data, source="m.tflite")
    limited = trial.child.ask({"do": "time", "path": str(float_file), "seconds": 0, "memory_bytes": 1_000_000})
    assert "error" in limited.says or sys.platform != "linux"
    assert trial.run(float_file)["finite"] is True
