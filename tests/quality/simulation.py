"""What quantization-aware training computes, held against the file that came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import mobile_deploy.training.qat
from mobile_deploy.pipeline.drafting import Draft
from mobile_deploy.pipeline.tuning import QuantizationAwareTuner, Tuned
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.twins import pair_ops
from mobile_deploy.training.qat import QuantizedTwin, build_quantized_twin

BATCH = 20


@dataclass(kw_only=True)
class Witness:
    """Looks on while an int8 file is trained.

    Attributes:
        pictures: (N, side, side, 3) uint8 RGB to ask.
        twin: The network that was trained.
        start: (N, classes) what it said before.
        tuned: The file of post-training quantization, and the one of training whether it was kept or not.
    """

    pictures: np.ndarray = field(repr=False)
    twin: QuantizedTwin | None = None
    start: np.ndarray | None = None
    tuned: Tuned | None = None

    @property
    def end(self) -> np.ndarray:
        """(N, classes) what the network says after training."""
        return said(self.twin, self.pictures)

    @property
    def before(self) -> np.ndarray:
        """(N, classes) what the file of post-training quantization says."""
        return answers(self.tuned.before, self.pictures)

    @property
    def file(self) -> np.ndarray:
        """(N, classes) what the trained file says."""
        return answers(self.tuned.rival, self.pictures)


def watch(pictures: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Witness:
    """Gives a witness of the next quantization-aware training of this process."""
    witness, tune = Witness(pictures=pictures), QuantizationAwareTuner.tune

    def build(*args, **options):
        witness.twin = build_quantized_twin(*args, **options)
        witness.start = said(witness.twin, pictures)
        return witness.twin

    def tuned(tuner, drafter, draft):
        witness.tuned = tune(tuner, drafter, draft)
        return witness.tuned

    monkeypatch.setattr(mobile_deploy.training.qat, "build_quantized_twin", build)
    monkeypatch.setattr(QuantizationAwareTuner, "tune", tuned)
    return witness


def said(twin: QuantizedTwin, pictures: np.ndarray) -> np.ndarray:
    """(N, classes) what the simulation says."""
    scale, offset = np.float32(twin.pixels.scale), np.float32(twin.pixels.offset)
    inputs = pictures.astype(np.float32) * scale + offset
    found = [twin.twin.answers(inputs[i : i + BATCH], training=False).numpy() for i in range(0, len(inputs), BATCH)]
    return np.concatenate(found).reshape(len(pictures), -1)


def answers(draft: Draft, pictures: np.ndarray) -> np.ndarray:
    """(N, classes) what a file says."""
    with IsolatedRunner(draft.data, contract=draft.contract) as runner:
        return runner.run(pictures)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Share of pictures on which both put the same class first; of equal scores the first class counts."""
    return float(np.mean(one.argmax(axis=1) == other.argmax(axis=1)))


def mean_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean over the pictures of the sum of absolute differences of the scores."""
    return float(np.abs(one.astype(np.float64) - other).sum(axis=1).mean())


def assert_file_computes_as_trained(witness: Witness) -> None:
    """Insists that the simulation's numbers are those of the file, in what it says and tensor by tensor."""
    simulated, file = witness.end, witness.file
    print(f"simulation and file: {agreement(simulated, file):.1%} agree, L1 {mean_distance(simulated, file):.4f}")
    assert agreement(simulated, file) >= 0.97
    assert mean_distance(simulated, file) <= 0.05
    assert_quantizations_equal(witness.twin, witness.tuned.rival.data)


def assert_quantizations_equal(twin: QuantizedTwin, data: bytes) -> None:
    """Insists on equal scales and zero points of every activation and kernel that has its own in training."""
    stored, compared = read_graph(data), 0
    for pair in pair_ops(stored, twin.twin.graph):
        index, tensor = pair.twin.index, stored.tensors[pair.stored.outputs[0]]
        limits, variables = twin.limits.get(index), twin.variables[index]
        if limits is not None:
            stretch = 1 if variables.stretch is None else variables.stretch.numpy().astype(np.float64)
            low, high = np.float64([limits.low, limits.high]) * stretch
            scale = (high - low) / 255
            assert tensor.scales[0] == pytest.approx(scale, rel=1e-6), pair.twin
            assert tensor.zero_points[0] == np.floor(-low / scale + 0.5) - 128, pair.twin
            compared += 1
        if index in twin.grids:
            kernel, grid = stored.tensors[pair.stored.inputs[1]], twin.grids[index]
            trained = variables.kernel.numpy() * (1 if grid.mask is None else grid.mask)
            largest = np.maximum(np.abs(trained.reshape((-1, grid.floors.size))).max(axis=0), grid.floors)
            assert np.allclose(kernel.scales, largest / 127, rtol=1e-6, atol=0), pair.twin
            compared += 1
    assert compared > len(stored.ops)
