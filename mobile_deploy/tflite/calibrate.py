"""Measures the range of every activation by running the float .tflite itself on pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract
from mobile_deploy.tflite.graph import load_model
from mobile_deploy.tflite.runner import InterpreterError, encode_pictures, open_interpreter
from mobile_deploy.tflite.write import pack


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationRanges:
    """What was seen at each activation tensor.

    Attributes:
        limits: Smallest and largest value by tensor name.
        pictures: How many pictures were run.
    """

    limits: Mapping[str, tuple[float, float]]
    pictures: int


def _expose_activations(data: bytes, source: object) -> tuple[bytes, dict[int, str]]:
    """Lists every operator's float output as a graph output, so that XNNPACK keeps it.

    Such a copy still runs on XNNPACK, several times faster than an interpreter that preserves all tensors.
    """
    model = load_model(data, source=source)
    subgraph = model.subgraphs[0]
    made = [i for op in subgraph.operators for i in op.outputs if subgraph.tensors[i].type == 0]  # 0 is FLOAT32
    subgraph.outputs = made
    model.signatureDefs = []
    return pack(model), {i: subgraph.tensors[i].name.decode() for i in made}


def measure_ranges(
    data: bytes,
    pictures: npt.NDArray[np.uint8],
    contract: InputContract,
    *,
    threads: int = 2,
    source: object = "the float .tflite",
    progress: Callable[[int, int], None] | None = None,
) -> ActivationRanges:
    """Runs pictures through a float .tflite and keeps the smallest and largest value of each activation.

    Args:
        data: Bytes of the float .tflite.
        pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.
        contract: The float file's input.
        threads: XNNPACK threads.
        source: What to name in errors: a path.
        progress: Called with pictures done and pictures in all.

    Returns:
        True minima and maxima, no moving average: an average loses what rare pictures need.

    Raises:
        InterpreterError: LiteRT refuses the file, or an activation is not a finite number.
        UnreadableFileError: The bytes are no .tflite.
    """
    exposed, names = _expose_activations(data, source)
    interpreter = open_interpreter(exposed, threads=threads, source=source)
    given = interpreter.get_input_details()[0]["index"]
    views = {i: interpreter.tensor(i) for i in names}
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    for done, picture in enumerate(pictures, start=1):
        interpreter.set_tensor(given, encode_pictures(picture[None], contract))
        interpreter.invoke()
        for i, view in views.items():
            # The temporary view must be gone before the next invoke.
            low[i] = min(low[i], view().min())
            high[i] = max(high[i], view().max())
        if progress is not None:
            progress(done, len(pictures))
    for i, name in names.items():
        if not np.isfinite(low[i]) or not np.isfinite(high[i]):
            raise InterpreterError(path=source, reason=f"{name} is not a finite number on some calibration pictures")
    limits = {name: (float(low[i]), float(high[i])) for i, name in names.items()}
    return ActivationRanges(limits=limits, pictures=len(pictures))
