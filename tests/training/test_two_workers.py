"""Two workers over loopback train as one does with the same batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("one_worker.py")
DEADLINE_S = 240

pytestmark = pytest.mark.slow


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def run_workers(tmp_path: Path, *options: tuple[object, ...]) -> tuple[list[int], str]:
    """Runs a worker for each set of options until all have ended; none outlives the deadline.

    Returns:
        Their exit codes, and what they wrote to their error streams.
    """
    hosts = [f"127.0.0.1:{port}" for port in free_ports(len(options))]
    logs = [tmp_path / f"worker{index}.log" for index in range(len(options))]
    with ExitStack() as stack:
        processes = []
        for index, (own, log) in enumerate(zip(options, logs, strict=True)):
            config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
            alone = {"TF_CONFIG": json.dumps(config)} if len(options) > 1 else {}
            command = [str(word) for word in (sys.executable, PROGRAM, tmp_path / f"worker{index}.json", *own)]
            file = stack.enter_context(log.open("w"))
            process = subprocess.Popen(command, env={**os.environ, **alone}, stdout=file, stderr=file)
            stack.callback(end, process)
            processes.append(process)
        until = time.monotonic() + DEADLINE_S
        codes = [process.wait(timeout=max(1.0, until - time.monotonic())) for process in processes]
    return codes, "\n".join(log.read_text()[-4000:] for log in logs)


def end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def outcomes(tmp_path: Path, *options: tuple[object, ...]) -> list[dict]:
    codes, log = run_workers(tmp_path, *options)
    assert set(codes) == {0}, log
    return [json.loads((tmp_path / f"worker{index}.json").read_text()) for index in range(len(options))]


@pytest.mark.parametrize("batch_norm", ["synchronized", "frozen"])
def test_two_workers_have_the_loss_curve_of_one(tmp_path, batch_norm):
    options = ("--batch-norm", batch_norm)
    (alone,) = outcomes(tmp_path, options)
    first, second = outcomes(tmp_path, options, options)
    assert (alone["replicas"], first["replicas"]) == (1, 2)
    for key in ("losses", "validation_losses", "accuracies"):
        np.testing.assert_allclose(first[key], alone[key], atol=1e-4, err_msg=key)
        np.testing.assert_allclose(second[key], first[key], atol=1e-6, err_msg=key)
    for one, other in zip(first["weights"], alone["weights"], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_only_the_chief_writes_and_all_go_on_from_its_checkpoint(tmp_path):
    whole = outcomes(tmp_path, (), ())[0]
    folder = tmp_path / "run"
    stopping = ("--folder", folder, "--stop-at", 14)
    codes, log = run_workers(tmp_path, stopping, stopping)
    assert 0 not in codes, log
    assert sorted(path.name for path in folder.iterdir()) == [
        "01-all.npz",
        "curve.png",
        "log.csv",
        "run.json",
        "tensorboard",
    ]
    resumed = outcomes(tmp_path, ("--folder", folder), ("--folder", folder))
    assert [outcome["resumed"] for outcome in resumed] == [2, 2]
    for outcome in resumed:
        for one, other in zip(outcome["weights"], whole["weights"], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    assert len(list((folder / "tensorboard").iterdir())) == 1


def test_workers_with_different_checkpoints_are_refused_instead_of_waiting_for_ever(tmp_path):
    folder = tmp_path / "run"
    run_workers(tmp_path, ("--folder", folder, "--stop-at", 14))
    assert (folder / "01-all.npz").is_file()
    codes, log = run_workers(tmp_path, ("--folder", folder), ("--folder", tmp_path / "elsewhere"))
    assert 0 not in codes
    assert log.count("WorkersDisagreeError: the workers have different checkpoints") == 2, log
