"""Runtimes that have environments of their own, made by `tests/run_runtimes.py`, and how they are asked."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobile_deploy.contract import ModelContract
from mobile_deploy.tflite.runner import Runner

_CLIENTS = Path(__file__).parent.parent


def _ask(variable: str, client: str, folder: Path) -> None:
    """Has a runtime answer what lies in a folder; skips the test where there is no such runtime."""
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} is not set; make test-runtimes makes such an environment")
    done = subprocess.run([python, _CLIENTS / client, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def ask_2_16(files: Mapping[str, bytes], inputs: Mapping[str, np.ndarray], folder: Path) -> dict[str, np.ndarray]:
    """Has TensorFlow Lite 2.16.1 run some files.

    Args:
        files: Each a .tflite, by any name.
        inputs: (N, ...) as each takes them, by the same name.
        folder: An empty folder.

    Returns:
        (N, ...) outputs as they are stored, by name.
    """
    for name, data in files.items():
        (folder / f"{name}.tflite").write_bytes(data)
        np.save(folder / f"{name}.inputs.npy", inputs[name])
    _ask("RUNTIME_2_16_PYTHON", "runtime_2_16_client.py", folder)
    return {name: np.load(folder / f"{name}.outputs.npy") for name in files}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A classifier, and pictures of the size it takes."""

    data: bytes
    contract: ModelContract
    pictures: np.ndarray

    def our_scores(self) -> np.ndarray:
        """(N, size) what our runner says."""
        with Runner(self.data, self.contract) as runner:
            return runner.run(self.pictures)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What MediaPipe makes of a case."""

    case: Case
    found: dict[str, Any]

    @property
    def refused(self) -> str:
        return self.found.get("refused", "")

    @property
    def model(self) -> dict[str, Any]:
        """The metadata, as Google's reader finds it."""
        return self.found["metadata"]["model"]

    def scores(self) -> np.ndarray:
        """(N, size) scores by class."""
        return np.array([[score for _, _, score in sorted(answer)] for answer in self.found["answers"]])

    def top1(self) -> np.ndarray:
        """(N,) class that is named first."""
        return np.array([answer[0][0] for answer in self.found["answers"]])


def open_in_mediapipe(case: Case, folder: Path) -> Opened:
    """Opens a case in MediaPipe; the folder is empty."""
    (folder / "case.tflite").write_bytes(case.data)
    np.save(folder / "case.npy", case.pictures)
    _ask("MEDIAPIPE_PYTHON", "mediapipe_client.py", folder)
    return Opened(case=case, found=json.loads((folder / "case.json").read_text()))
