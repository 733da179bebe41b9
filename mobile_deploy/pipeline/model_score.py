"""The measures of one model."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from mobile_deploy.contract import ModelContract
from mobile_deploy.evaluation.accuracy import Accuracy
from mobile_deploy.evaluation.metrics import (
    CALIBRATION_BINS,
    Confusion,
    expected_calibration_error,
    log_loss,
    probability_floor,
    worst_confusions,
)
from mobile_deploy.evaluation.scoring import Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScore:
    """How good one model is.

    Attributes:
        name: Name of the model.
        contract: How it was fed and read.
        accuracy: Top-1 and top-5.
        log_loss: Mean negative log-likelihood of the true classes in nats; None where there are no
            probabilities.
        probability_floor: What a probability of 0 counts as in it.
        calibration_error: Expected calibration error, in [0, 1]; None likewise.
        confusions: The most frequent ones.
        latencies_ms: Time of each inference on this machine.
        threads: XNNPACK threads; None for a Keras model, which takes what TensorFlow gives it.
    """

    name: str
    contract: ModelContract = field(repr=False)
    accuracy: Accuracy
    log_loss: float | None
    probability_floor: float
    calibration_error: float | None
    confusions: tuple[Confusion, ...]
    latencies_ms: tuple[float, ...] = field(repr=False)
    threads: int | None

    @classmethod
    def of(cls, name: str, contract: ModelContract, scored: Scored, *, threads: int | None) -> ModelScore:
        """Takes the measures of what a model answered."""
        floor, sure = probability_floor(contract), scored.confidences
        chances = scored.truth_probabilities
        return cls(
            name=name,
            contract=contract,
            accuracy=scored.accuracy,
            log_loss=None if chances is None else log_loss(chances, floor=floor),
            probability_floor=floor,
            calibration_error=None if sure is None else expected_calibration_error(sure, scored.correct),
            confusions=worst_confusions(scored.truths, scored.predictions),
            latencies_ms=scored.latencies_ms,
            threads=threads,
        )

    @property
    def latency_ms(self) -> float:
        """Median time of an inference."""
        return statistics.median(self.latencies_ms)

    @property
    def pictures_per_second(self) -> float:
        """Inferences a second, decoding not counted."""
        return len(self.latencies_ms) * 1e3 / sum(self.latencies_ms)

    def label(self, index: int) -> str:
        """Gives the name of an output."""
        return self.contract.labels[index]

    def to_json(self) -> dict[str, Any]:
        """Gives the score as JSON values."""
        return {
            "name": self.name,
            **self.accuracy.to_json(),
            "log_loss": self.log_loss,
            "probability_floor": self.probability_floor,
            "expected_calibration_error": self.calibration_error,
            "calibration_bins": CALIBRATION_BINS,
            "confusions": [
                {"truth": self.label(c.truth), "answered": self.label(c.answered), "count": c.count}
                for c in self.confusions
            ],
            "latency_ms": self.latency_ms,
            "pictures_per_second": self.pictures_per_second,
            "threads": self.threads,
            "contract": self.contract.to_json(),
        }
