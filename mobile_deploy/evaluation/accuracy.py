"""Top-1 and top-5 accuracy, each with its interval, and what it takes to have one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract, OutputMeaning
from mobile_deploy.errors import BadOptionError
from mobile_deploy.statistics import Proportion, wilson

_NEEDED_CLASSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Accuracy of one file.

    Attributes:
        top1: Share of pictures whose class scored highest.
        top5: Share of pictures whose class was among the five highest.
    """

    top1: Proportion
    top5: Proportion

    def to_json(self) -> dict[str, Any]:
        """Gives shares and 95 % Wilson intervals as JSON values in [0, 1]."""
        return {"top1": self.top1.to_json(), "top5": self.top5.to_json()}


def accuracy_of(ranks: npt.NDArray[np.int64]) -> Accuracy:
    """Counts.

    Args:
        ranks: (N,) place of the true class in each answer, 0 for the best.

    Returns:
        Top-1 and top-5 with their intervals.
    """
    total = len(ranks)
    return Accuracy(top1=wilson(int((ranks < 1).sum()), total), top5=wilson(int((ranks < 5).sum()), total))


def ranks_of(scores: npt.NDArray[np.float32], truths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Gives the place of the true class in each answer, 0 for the best; of equal scores the lower index comes first.

    Args:
        scores: (N, labels) class scores, finite.
        truths: (N,) outputs of the true classes.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    places: npt.NDArray[np.int64] = np.argmax(order == truths[:, None], axis=1)
    return places


def check_scorable(meaning: OutputMeaning, labels: Sequence[str]) -> None:
    """Finds out whether a model's answers can be right or wrong.

    Args:
        meaning: What its output means.
        labels: Its class names.

    Raises:
        BadOptionError: It gives no class scores, or has one class only.
    """
    if meaning == "embedding":
        raise BadOptionError(option="--data", problem="accuracy needs class scores, and the model gives an embedding")
    if len(labels) < _NEEDED_CLASSES:
        raise BadOptionError(
            option="--data",
            problem="accuracy needs two classes at least, and the model names one",
            hint="for a single sigmoid, pass --labels with two names: of 0 and of 1",
        )


def class_scores(answers: npt.NDArray[np.float32], contract: ModelContract) -> npt.NDArray[np.float32]:
    """Gives one score per label: a single sigmoid or logit with two labels answers for both.

    Args:
        answers: (N, size) real values of the output.
        contract: What they mean.

    Returns:
        (N, labels) float32.
    """
    if (contract.output.size, len(contract.labels)) != (1, 2):
        return answers
    # A logit above 0 is a probability above one half.
    other = 1 - answers if contract.output.meaning == "sigmoid" else np.zeros_like(answers)
    return np.concatenate([other, answers], axis=1)
