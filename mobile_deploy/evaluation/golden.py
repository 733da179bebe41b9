"""Golden vectors: input tensors and what the file answered to them, so that any machine can replay and compare.

    golden_inputs.bin   the input tensors one after the other, little endian, in C order
    golden_outputs.bin  the output tensors in the same order

They hold tensors and not pictures, so that a replay tests the file and the runtime alone. The inputs are pictures that
ship with the toolkit: nobody's own pictures leave the machine in a bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract
from mobile_deploy.data.samples import load_pictures, sample_pictures
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.evaluation.golden_record import (
    GoldenRecord,
    GoldenTensors,
    Tolerance,
    ToleranceUnit,
    describe_difference,
)
from mobile_deploy.files import reason_in_words, sha256_of_bytes
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, read_graph
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.runner import InterpreterError, PictureRunner, encode_pictures

INPUTS_NAME = "golden_inputs.bin"
OUTPUTS_NAME = "golden_outputs.bin"
VECTOR_COUNT = 8
_RUNTIME = "ai-edge-litert"

# Largest differences between processors and runtimes, measured on V2 1.0 and V1 0.25 with their real weights. By the
# kernels of XNNPACK, int8 files give the same numbers bit for bit on SSE4.1, AVX2, AVX-512 and ARM (with and without
# dot products), and in TensorFlow 2.16.1; float files differ by up to 0.0005 %. Without XNNPACK, float files differ by
# up to 0.004 %, int16x8 by 0.09 %, and int8 by 24 steps: that is other arithmetic, which a replay shall show. Files
# that quantize their activations while they run differ by up to 20 % between x86 and ARM.
_STEPS = 2.0
_RELATIVE = {"float": 1e-4, "integer": 0.02, "dynamic": 0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenVectors:
    """Golden vectors ready to be written.

    Attributes:
        files: Content by file name.
        facts: What model.json says of them under "golden": JSON values.
    """

    files: Mapping[str, bytes] = field(repr=False)
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How a replay compares to the record.

    Attributes:
        tolerance: What is accepted.
        differences: Difference of each vector, in the tolerance's unit; NaN where a number is not finite.
        pictures: Names of the pictures behind them.
    """

    tolerance: Tolerance
    differences: tuple[float, ...]
    pictures: tuple[str, ...] = ()

    @property
    def first_bad(self) -> int | None:
        """Position of the first vector outside the tolerance; None when there is none."""
        return next((i for i, value in enumerate(self.differences) if not value <= self.tolerance.value), None)

    def __str__(self) -> str:
        count, bad = len(self.differences), self.first_bad
        if bad is not None:
            named = f" ({self.pictures[bad]})" if bad < len(self.pictures) else ""
            return f"vector {bad}{named} differs by {self._told(self.differences[bad])}, {self.tolerance} allowed"
        largest = max(self.differences)
        if largest == 0:
            return f"{count} vectors, identical"
        return f"{count} vectors, within tolerance (largest difference {self._told(largest)}, {self.tolerance} allowed)"

    def _told(self, difference: float) -> str:
        return describe_difference(difference, unit=self.tolerance.unit)


def make_golden(data: bytes, contract: ModelContract, *, source: object = "the .tflite") -> GoldenVectors:
    """Runs a file on pictures that ship and keeps what went in and came out.

    Args:
        data: Bytes of the .tflite.
        contract: How to feed it and read it.
        source: What to name in errors: a path.

    Returns:
        The two files and their record.

    Raises:
        InterpreterError: The file does not run, or gives numbers that are not finite.
    """
    chosen = sample_pictures(None, count=VECTOR_COUNT)
    pictures = load_pictures(chosen, side=contract.input.side, fit=contract.input.fit)
    inputs = encode_pictures(pictures, contract.input)
    with IsolatedRunner(data, contract, source=source) as runner:
        outputs = runner.run_raw(inputs)
    if not np.isfinite(outputs).all():
        raise InterpreterError(path=source, reason="it gives numbers that are not finite for pictures that ship")
    files = {INPUTS_NAME: _stored(inputs), OUTPUTS_NAME: _stored(outputs)}
    record = GoldenRecord(
        count=len(chosen),
        inputs=_describe(inputs, files[INPUTS_NAME]),
        outputs=_describe(outputs, files[OUTPUTS_NAME]),
        tolerance=tolerance_for(read_graph(data, source=source), contract),
        runtime=(_RUNTIME, version(_RUNTIME)),
        pictures=tuple(path.name for path in chosen),
    )
    return GoldenVectors(files=files, facts=record.to_json())


def tolerance_for(graph: Graph, contract: ModelContract) -> Tolerance:
    """Says how far a file's outputs may be off on another machine with kernels of the same arithmetic."""
    if contract.output.dtype != "float32":
        return Tolerance(unit="steps", value=_STEPS)
    weighted = [[graph.tensors[i].dtype for i in op.inputs[:2]] for op in graph.ops if op.name in WEIGHTED_OPS]
    if ["float32", "int8"] in weighted:
        return Tolerance(unit="relative", value=_RELATIVE["dynamic"])
    is_integer = any(tensor.dtype in ("int8", "int16") for tensor in graph.tensors)
    return Tolerance(unit="relative", value=_RELATIVE["integer" if is_integer else "float"])


def _stored(values: npt.NDArray[Any]) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()


def _describe(values: npt.NDArray[Any], data: bytes) -> GoldenTensors:
    return GoldenTensors(dtype=values.dtype.name, shape=values.shape[1:], sha256=sha256_of_bytes(data))


def read_tensors(path: Path, tensors: GoldenTensors, *, count: int) -> npt.NDArray[Any]:
    """Reads one of the two files.

    Args:
        path: The file.
        tensors: What the record says of it.
        count: How many tensors it holds.

    Returns:
        (count, *shape) in the recorded dtype.

    Raises:
        UnreadableFileError: It is missing, has another size, or is not the file that was written.
    """
    expected = tensors.size_bytes(count)
    try:
        size_bytes = path.stat().st_size
        data = path.read_bytes() if size_bytes == expected else b""
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
    if len(data) != expected:
        problem = f"it holds {size_bytes} bytes; {count} times {tensors.dtype} {list(tensors.shape)} are {expected}"
        raise UnreadableFileError(path=path, problem=problem)
    if sha256_of_bytes(data) != tensors.sha256:
        raise UnreadableFileError(path=path, problem="its sha256 is not the recorded one")
    return tensors.decode(data, count=count)


def replay(runner: PictureRunner, inputs: npt.NDArray[Any], outputs: npt.NDArray[Any], record: GoldenRecord) -> Replay:
    """Feeds the stored inputs to a file and compares what comes out.

    Args:
        runner: The opened file.
        inputs: The stored input tensors.
        outputs: The stored output tensors.
        record: What else was recorded.

    Returns:
        The difference of each vector.

    Raises:
        InterpreterError: The file does not run.
    """
    found = runner.run_raw(inputs)
    if (found.dtype, found.shape) != (outputs.dtype, outputs.shape):
        told = f"it gives {found.dtype} {list(found.shape)}, recorded are {outputs.dtype} {list(outputs.shape)}"
        raise InterpreterError(path=INPUTS_NAME, reason=told)
    pairs = zip(found.astype(np.float64), outputs.astype(np.float64), strict=True)
    return Replay(
        tolerance=record.tolerance,
        differences=tuple(_difference(one, expected, record.tolerance.unit) for one, expected in pairs),
        pictures=record.pictures,
    )


def _difference(found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64], unit: ToleranceUnit) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = np.abs(found - expected).max()
        return float(largest if unit == "steps" or largest == 0 else largest / np.abs(expected).max())
