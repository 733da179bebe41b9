"""The logits behind a model's class scores, where there is a way to them.

- An output that is logits is taken as it is.
- A .tflite that ends in SOFTMAX or LOGISTIC is run a second time up to there, so that no rounding of probabilities to
  eight bits hides the network.
- Of any other float output of probabilities, a Keras model's for one, the logarithm is taken: centred per picture, as
  far as a softmax sees its logits at all, it is the logits but for rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract, OutputContract, Quantization
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.evaluation.metrics import probability_floor
from mobile_deploy.evaluation.parity import ending_at_logits
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.isolated import IsolatedRunner

_ENDINGS = {"softmax": "SOFTMAX", "sigmoid": "LOGISTIC"}


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
    if data is not None and _last_op(data, source) == _ENDINGS.get(output.meaning):
        end = ending_at_logits(data, source)
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


def _last_op(data: bytes, source: object) -> str:
    last = read_graph(data, source=source).deciding_op()
    return "" if last is None else last.name
