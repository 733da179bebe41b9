"""What it is worth to keep a single layer of an integer file in float."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mobile_deploy.evaluation.bench import FilePair
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.mixed import keep_float
from mobile_deploy.tflite.twins import NotTheTwinError


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """Logit SQNR of an integer file and of the same file with one layer in float.

    Attributes:
        sqnr_db: Of the file as it is.
        by_layer: What it rises by when one layer alone is computed in float, in dB, by index of the layer.
    """

    sqnr_db: float
    by_layer: Mapping[int, float]


def measure_gains(
    files: FilePair,
    pictures: npt.NDArray[np.uint8],
    layers: Sequence[int],
    *,
    child: Child | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Gains:
    """Keeps one layer after the other in float and measures the logits.

    Args:
        files: Both files.
        pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.
        layers: Indices of operators in the float file.
        child: A child process to borrow.
        progress: Called with layers done and layers in all.

    Returns:
        The gain of each layer.

    Raises:
        NotTheTwinError: The files do not belong together.
        InterpreterError: A file does not run.
    """
    reference = read_logits(files.float_data, pictures, files.float_given, source=files.float_source, child=child)

    def sqnr_db(data: bytes) -> float:
        logits = read_logits(data, pictures, files.given, source=files.source, child=child)
        if logits.shape != reference.shape:
            difference = f"it has {reference.shape[1]} logits, the other {logits.shape[1]}"
            raise NotTheTwinError(source=files.source, twin=files.float_source, difference=difference)
        return logit_sqnr_db(reference, logits)

    now_db = sqnr_db(files.data)
    gains: dict[int, float] = {}
    for layer in layers:
        mixed = keep_float(files.data, files.float_data, [layer], source=files.source, float_source=files.float_source)
        gains[layer] = sqnr_db(mixed) - now_db
        if progress is not None:
            progress(len(gains), len(layers))
    return Gains(sqnr_db=now_db, by_layer=gains)
