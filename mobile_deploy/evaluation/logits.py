"""The logits behind a model's class scores, where there is a way to them.

- An output that is logits is taken as it is.
- A .tflite that ends in SOFTMAX or LOGISTIC is run a second time up to there, so that no rounding of probabilities to
  eight bits hides the network.
- Of any other float output of probabilities, a Keras model's for one, the logarithm is taken: centred per picture, as
  far as a softmax sees its logits at all, it is the logits but for rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract, ModelContract, OutputContract, Quantization
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.evaluation.metrics import probability_floor
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.graph import ABSENT, Graph, TensorRecord, graph_of, load_model
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.runner import InterpreterError, encode_pictures
from mobile_deploy.tflite.write import pack

_ENDINGS = {"softmax": "SOFTMAX", "sigmoid": "LOGISTIC"}
_CHUNK = 32  # pictures encoded at once
_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitEnd:
    """A file whose output is its logits.

    Attributes:
        data: Bytes of the file.
        ending: The operator that was cut off, "SOFTMAX" or "LOGISTIC"; empty where the output was the logits already.
        tensor: The logits.
        graph: The file it was made from.
    """

    data: bytes = field(repr=False)
    ending: str
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
    is_cut = last is not None and last.name in _ENDINGS.values() and last.inputs[:1] > (ABSENT,)
    tensor = graph.tensors[last.inputs[0] if last is not None and is_cut else graph.outputs[0]]
    model.subgraphs[0].outputs, model.signatureDefs = [tensor.index], []
    ending = last.name if last is not None and is_cut else ""
    return LogitEnd(data=pack(model), ending=ending, tensor=tensor, graph=graph)


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
class LogitReader:
    """Reads the logits of one model; a context manager.

    Attributes:
        contract: How the model is fed and read.
        runner: Runs the file up to its logits; None where they follow from the class scores.
    """

    contract: ModelContract
    runner: IsolatedRunner | None

    def __enter__(self) -> Self:
        if self.runner is not None:
            self.runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.runner is not None:
            self.runner.__exit__(kind, error, traceback)

    def read(self, pictures: npt.NDArray[np.uint8], scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Gives the logits of pictures that were answered.

        Args:
            pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.
            scores: (N, labels) float32 class scores of the same pictures.

        Returns:
            (N, labels) float64, known but for a summand per picture.

        Raises:
            InterpreterError: The file does not run.
        """
        if self.runner is not None:
            as_logits = replace(self.contract, output=replace(self.contract.output, meaning="logits"))
            return class_scores(self.runner.run(pictures), as_logits).astype(np.float64)
        values = scores.astype(np.float64)
        if self.contract.output.meaning == "logits":
            return values
        return np.asarray(np.log(np.maximum(values, probability_floor(self.contract))))


def logit_reader(data: bytes | None, contract: ModelContract, *, source: object) -> LogitReader | str:
    """Finds the way to a model's logits.

    Args:
        data: Bytes of the .tflite; None for a Keras model.
        contract: How it is fed and read.
        source: What to name in errors: a path.

    Returns:
        The reader, or why there is none, as a clause.

    Raises:
        UnreadableFileError: The file is damaged.
    """
    output = contract.output
    if output.meaning == "logits":
        return LogitReader(contract=contract, runner=None)
    if output.meaning == "sigmoid" and output.size > 1:
        return "its sigmoids answer independently of each other"
    end = ending_at_logits(data, source) if data is not None and output.meaning in _ENDINGS else None
    if end is not None and end.ending == _ENDINGS[output.meaning]:
        tensor = end.tensor
        quantization = Quantization(scale=tensor.scales[0], zero_point=tensor.zero_points[0]) if tensor.scales else None
        ends = OutputContract(
            dtype="float32", meaning="logits", size=math.prod(tensor.shape), quantization=quantization
        )
        runner = IsolatedRunner(end.data, replace(contract, output=ends), source=source, graph=end.graph)
        return LogitReader(contract=contract, runner=runner)
    if output.quantization is None:
        return LogitReader(contract=contract, runner=None)
    return "its output is rounded, and what comes before cannot be read"
