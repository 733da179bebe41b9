"""What probabilities are worth: log loss, calibration, and which classes are taken for which."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract

CALIBRATION_BINS = 15
WORST_CONFUSIONS = 10

# One minus a float32 probability near 1 is a multiple of 2^-24.
_SIGMOID_STEP = 2.0**-24


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """One class taken for another.

    Attributes:
        truth: Output of the true class.
        answered: Output that scored highest.
        count: On how many pictures.
    """

    truth: int
    answered: int
    count: int


def probabilities(scores: npt.NDArray[np.float32], contract: ModelContract) -> npt.NDArray[np.float64] | None:
    """Reads class scores as probabilities that exclude each other.

    Args:
        scores: (N, labels) class scores: what `class_scores` gives.
        contract: What they mean.

    Returns:
        (N, labels) float64, what the file says as it says it: eight bits need not sum to 1. None where several sigmoids
        answer independently of each other.
    """
    values = scores.astype(np.float64)
    if contract.output.meaning == "logits":
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    return None if contract.output.meaning == "sigmoid" and contract.output.size > 1 else values


def probability_floor(contract: ModelContract) -> float:
    """Gives what a probability of 0 is counted as, since no file can mean an impossible class by it.

    Args:
        contract: What the output means.

    Returns:
        Half the smallest step of the output: of its quantization, of a float32 sigmoid near 1; else the smallest normal
        float32.
    """
    if contract.output.meaning != "logits" and contract.output.quantization is not None:
        return contract.output.quantization.scale / 2
    return _SIGMOID_STEP / 2 if contract.output.meaning == "sigmoid" else float(np.finfo(np.float32).tiny)


def log_loss(truth_probabilities: npt.NDArray[np.float64], *, floor: float) -> float:
    """Gives the mean negative log-likelihood of the true classes in nats.

    Args:
        truth_probabilities: (N,) probability of the true class.
        floor: What smaller ones are counted as.

    >>> round(log_loss(np.array([1.0, 0.5, 0.0]), floor=1 / 512), 4)
    2.3105
    """
    return float(-np.log(np.maximum(truth_probabilities, floor)).mean())


def expected_calibration_error(
    confidences: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_], *, bins: int = CALIBRATION_BINS
) -> float:
    """Gives how far confidence and accuracy are apart, on average over pictures.

    Source: Guo, C. et al. (2017), On calibration of modern neural networks, ICML, equation 3, with its 15 bins of equal
    width.

    Args:
        confidences: (N,) probability of the answered class, in [0, 1].
        correct: (N,) whether it was right.
        bins: Number of bins, each open below and closed above.

    Returns:
        Sum over the bins of |accuracy - mean confidence|, weighted by the share of pictures in the bin.

    >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    places = np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(places, weights=correct.astype(np.float64) - confidences, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))


def worst_confusions(
    truths: npt.NDArray[np.int64], predictions: npt.NDArray[np.int64], *, most: int = WORST_CONFUSIONS
) -> tuple[Confusion, ...]:
    """Finds the classes that are most often taken for another one.

    Args:
        truths: (N,) outputs of the true classes.
        predictions: (N,) outputs that scored highest.
        most: How many to give.

    Returns:
        The most frequent first; of equally frequent ones in output order.
    """
    wrong = truths != predictions
    counts = Counter(zip(truths[wrong].tolist(), predictions[wrong].tolist(), strict=True))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return tuple(Confusion(truth=truth, answered=answered, count=count) for (truth, answered), count in ranked)
