"""How close one file is to another on the same pictures: in what comes out, and before its rounding hides it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.evaluation.tallies import decibels
from mobile_deploy.statistics import Proportion, finite_or_none, wilson


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
            "max_difference": finite_or_none(self.max_difference),
            "mean_difference": finite_or_none(self.mean_difference),
            "mean_cosine": finite_or_none(self.mean_cosine),
            "min_cosine": finite_or_none(self.min_cosine),
            "top1_agreement": None if self.agreement is None else self.agreement.to_json(),
            "logit_sqnr_db": finite_or_none(self.sqnr_db),
        }


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
    powers = float(np.square(signal).sum()), float(np.square(noise).sum())
    return decibels(*powers) if any(powers) else math.nan


def _centred(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return logits - logits.mean(axis=1, keepdims=True) if logits.shape[1] > 1 else logits
