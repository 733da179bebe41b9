"""What steps tell, summed up: loss, weight, how many were right, how many there were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.training.meter import Meter

# Places in what a step tells, (4,) float32; without labels `RIGHT` is NaN.
LOSS, WEIGHT, RIGHT, EXAMPLES = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over examples.

    Attributes:
        loss: Of their losses times their weights.
        weight: Of their weights.
        right: How many were right; None without labels.
        examples: How many there were.
    """

    loss: float
    weight: float
    right: float | None
    examples: float

    @classmethod
    def of(cls, sums: npt.NDArray[np.float64]) -> Totals:
        """Names sums of what steps told.

        Args:
            sums: (4,) float64.
        """
        right = None if np.isnan(sums[RIGHT]) else float(sums[RIGHT])
        return cls(loss=float(sums[LOSS]), weight=float(sums[WEIGHT]), right=right, examples=float(sums[EXAMPLES]))

    @property
    def mean_loss(self) -> float:
        """The weighted mean loss."""
        return self.loss / self.weight if self.weight else 0.0

    @property
    def accuracy(self) -> float | None:
        """Share of examples that were right; None without labels."""
        return None if self.right is None or not self.examples else self.right / self.examples


class Tally:
    """Keeps what the steps of an epoch tell: on the device until it is read, then as sums.

    Args:
        meter: Told how long the steps took.
        clock: Gives seconds.
        warm: Whether the step was compiled before; else the first one is not timed.

    Attributes:
        rates: Learning rate of each step.
        first_bad: The first step, from 0, whose loss was no finite number; None as long as none was read.
    """

    def __init__(self, meter: Meter, clock: Callable[[], float], *, warm: bool) -> None:
        self._meter, self._clock, self._warm = meter, clock, warm
        self._waiting: list[Any] = []
        self._sums = np.zeros(4)
        self._since = clock()
        self.rates: list[float] = []
        self.first_bad: int | None = None

    def add(self, told: Any, rate: float) -> None:  # noqa: ANN401  # tensors have no types
        """Takes in what a step told.

        Args:
            told: (4,) float32 tensor.
            rate: Learning rate of the step.
        """
        self._waiting.append(told)
        self.rates.append(rate)

    @property
    def waiting(self) -> int:
        """How many steps were not read yet."""
        return len(self._waiting)

    @property
    def steps(self) -> int:
        """How many steps there were."""
        return len(self.rates)

    def read(self) -> None:
        """Waits until the steps so far are done, and sums what they told."""
        if not self._waiting:
            return
        rows = np.stack([told.numpy() for told in self._waiting]).astype(np.float64)
        self._waiting.clear()
        now = self._clock()
        if self._warm:
            self._meter.count(len(rows), now - self._since)
        self._since, self._warm = now, True
        bad = np.flatnonzero(~np.isfinite(rows[:, LOSS]))
        if bad.size and self.first_bad is None:
            self.first_bad = self.steps - len(rows) + int(bad[0])
        self._sums += rows.sum(axis=0)

    def totals(self) -> Totals:
        """Gives the sums of the steps that were read."""
        return Totals.of(self._sums)
