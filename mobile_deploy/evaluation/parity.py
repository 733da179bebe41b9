"""How close one file is to another on the same pictures: in what comes out, and before its rounding hides it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract, ModelContract, OutputContract
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.statistics import Proportion, wilson
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.graph import ABSENT, Graph, TensorRecord, graph_of, load_model
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.runner import InterpreterError, encode_pictures
from mobile_deploy.tflite.write import pack

_ENDINGS = ("SOFTMAX", "LOGISTIC")
_CHUNK = 32  # pictures encoded at once
_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How close the real output values of two files are.

    Attributes:
        pictures: Number of pictures.
        max_difference: Largest absolute difference of an output value.
        mean_difference: Mean absolute difference over all output values.
        mean_cosine: Cosine between the two output rows of a picture, mean over the pictures; NaN where a row is zero.
        min_cosine: The lowest of them.
        agreement: Share of pictures on which both put the same class first; None where outputs are no classes.
        sqnr_db: Logit SQNR in dB, infinite for equal logits; None where a file's logits cannot be read.
    """

    pictures: int
    max_difference: float
    mean_difference: float
    mean_cosine: float
    min_cosine: float
    agreement: Proportion | None
    sqnr_db: float | None

    def to_json(self) -> dict[str, Any]:
        """Gives the numbers as JSON values; null where there is none or it is not finite."""
        return {
            "pictures": self.pictures,
            "max_difference": _finite(self.max_difference),
            "mean_difference": _finite(self.mean_difference),
            "mean_cosine": _finite(self.mean_cosine),
            "min_cosine": _finite(self.min_cosine),
            "top1_agreement": None if self.agreement is None else self.agreement.to_json(),
            "logit_sqnr_db": None if self.sqnr_db is None else _finite(self.sqnr_db),
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def measure_parity(
    reference: npt.NDArray[np.float32],
    answers: npt.NDArray[np.float32],
    contract: ModelContract,
    *,
    logits: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None,
) -> Parity:
    """Compares what two files say to the same pictures.

    Args:
        reference: (N, size) real output values of the one.
        answers: (N, size) of the other.
        contract: What both outputs mean.
        logits: (N, size) logits of both, the reference's first; None where they cannot be read.

    Returns:
        The measures.
    """
    first, second = reference.astype(np.float64), answers.astype(np.float64)
    differences = np.abs(first - second)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Equal rows would come out a rounding error below or above 1.
        cosines = np.where(differences.any(axis=1), np.minimum((first * second).sum(axis=1) / lengths, 1.0), 1.0)
    agreement = None
    if contract.output.meaning != "embedding" and len(contract.labels) != 1:
        best, other = (class_scores(scores, contract).argmax(axis=1) for scores in (reference, answers))
        agreement = wilson(int((best == other).sum()), len(best))
    return Parity(
        pictures=len(first),
        max_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        mean_cosine=float(cosines.mean()),
        min_cosine=float(cosines.min()),
        agreement=agreement,
        sqnr_db=None if logits is None else logit_sqnr_db(*logits),
    )


def read_logits(
    data: bytes,
    pictures: npt.NDArray[np.uint8],
    contract: InputContract,
    *,
    source: object = "the .tflite",
    child: Child | None = None,
) -> npt.NDArray[np.float64]:
    """Runs pictures in a child process and reads the values before the last softmax or sigmoid.

    The uint8 output of a softmax rounds to 1/256, which is most of the visible difference between a quantized file and
    its float twin; the logits show the network.

    Args:
        data: Bytes of a .tflite; where it ends in neither softmax nor sigmoid, its output is the logits.
        pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.
        contract: The file's input.
        source: What to name in errors: a path.
        child: A child process to borrow, for those that read many files.

    Returns:
        (N, size) real values.

    Raises:
        UnreadableFileError: The file is damaged.
        InterpreterError: It does not run.
    """
    end = ending_at_logits(data, source)
    tensor, answers = end.tensor, []
    output = OutputContract(dtype="float32", meaning="logits", size=math.prod(tensor.shape))
    ends = ModelContract(input=contract, output=output, minimum_runtime="unknown")
    with IsolatedRunner(end.data, ends, threads=_THREADS, source=source, child=child, graph=end.graph) as runner:
        for start in range(0, len(pictures), _CHUNK):
            raw = runner.run_raw(encode_pictures(pictures[start : start + _CHUNK], contract))
            answers.append(raw.reshape(len(raw), -1).astype(np.float64))
    values = np.concatenate(answers)
    if values.shape[1] != output.size:  # a file may state a shape that it does not keep
        raise InterpreterError(path=source, reason=f"it gives {values.shape[1]} logits and says {output.size}")
    if tensor.dtype in ("float32", "float16") or not tensor.scales:
        return values
    return (values - tensor.zero_points[0]) * tensor.scales[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitEnd:
    """A file whose output is its logits.

    Attributes:
        data: Bytes of the file.
        tensor: The logits.
        graph: The file it was made from.
    """

    data: bytes = field(repr=False)
    tensor: TensorRecord
    graph: Graph = field(repr=False)


def ending_at_logits(data: bytes, source: object) -> LogitEnd:
    """Gives the file with the logits as its output.

    Raises:
        UnreadableFileError: The file is damaged.
    """
    model = load_model(data, source=source)
    graph = graph_of(model, source=source)
    last = graph.deciding_op()
    ends = last is not None and last.name in _ENDINGS and last.inputs[:1] > (ABSENT,)
    tensor = graph.tensors[last.inputs[0] if last is not None and ends else graph.outputs[0]]
    model.subgraphs[0].outputs, model.signatureDefs = [tensor.index], []
    return LogitEnd(data=pack(model), tensor=tensor, graph=graph)


def logit_sqnr_db(reference: npt.NDArray[np.float64], logits: npt.NDArray[np.float64]) -> float:
    """Gives the signal-to-quantization-noise ratio of logits.

    Logits are centred per picture first, since a softmax does not see their mean; a single logit is taken as it is.

    Args:
        reference: (N, size) logits of the float file.
        logits: (N, size) logits of the other file.

    Returns:
        10 log10 of the power of the reference over the power of the difference, in dB; infinite for equal logits, NaN
        where there is neither signal nor noise.

    >>> float(round(logit_sqnr_db(np.array([[1.0, -1.0]]), np.array([[1.1, -1.1]])), 1))
    20.0
    """
    signal, noise = _centred(reference), _centred(logits - reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(np.square(signal).sum() / np.square(noise).sum()))


def _centred(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return logits - logits.mean(axis=1, keepdims=True) if logits.shape[1] > 1 else logits
