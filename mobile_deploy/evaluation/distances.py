"""How far apart the numbers of two models are on the same pictures, summed batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract
from mobile_deploy.data.feed import Batch, Square
from mobile_deploy.evaluation.logits import LogitReader
from mobile_deploy.evaluation.metrics import probabilities
from mobile_deploy.evaluation.tallies import decibels


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two models.

    Attributes:
        name: Its name among the class scores.
        contract: How it is fed and read.
        logits: The way to its logits, or why there is none.
    """

    name: str
    contract: ModelContract
    logits: LogitReader | str


class Distances:
    """Watches two models answer; a context manager that holds what reads their logits.

    Args:
        model: The one.
        reference: The other.
        pairs: Index in the model's and in the reference's class scores of each class that both have.
    """

    def __init__(self, model: Side, reference: Side, pairs: tuple[tuple[int, int], ...]) -> None:
        self._sides = (model, reference)
        self._common = tuple(np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
        self._opened = ExitStack()
        self._pictures = 0
        self._l1 = self._signal = self._noise = 0.0

    def __enter__(self) -> Self:
        with ExitStack() as opening:  # which closes the first if the second cannot be opened
            if not self.why_no_sqnr:
                for side in self._sides:
                    if isinstance(side.logits, LogitReader):
                        opening.enter_context(side.logits)
            self._opened = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()

    def see(self, batch: Batch, scores: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Takes in what both said to some pictures.

        Args:
            batch: The pictures.
            scores: (N, labels) class scores by name.

        Raises:
            InterpreterError: A file does not run up to its logits.
        """
        chances = [probabilities(scores[side.name], side.contract) for side in self._sides]
        mine, theirs = (
            None if values is None else values[:, common] for values, common in zip(chances, self._common, strict=True)
        )
        if mine is not None and theirs is not None and mine.size:
            self._l1 += float(np.abs(mine - theirs).sum())
            self._pictures += len(mine)
        if not self.why_no_sqnr:
            model, signal = (self._centred_logits(place, batch, scores) for place in (0, 1))
            self._signal += float(np.square(signal).sum())
            self._noise += float(np.square(model - signal).sum())

    def _centred_logits(
        self, place: int, batch: Batch, scores: Mapping[str, npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float64]:
        side = self._sides[place]
        if isinstance(side.logits, str):
            raise TypeError(side.logits)
        pictures = batch.pictures[Square.of(side.contract.input)]
        logits = side.logits.read(pictures, scores[side.name])[:, self._common[place]]
        return np.asarray(logits - logits.mean(axis=1, keepdims=True))

    @property
    def why_no_sqnr(self) -> str:
        """Why there is no logit SQNR; empty where there is one."""
        if not len(self._common[0]):
            return "the models have no class in common"
        return next((f"{side.name}: {side.logits}" for side in self._sides if isinstance(side.logits, str)), "")

    @property
    def mean_l1(self) -> float | None:
        """Mean over pictures of the summed absolute difference of probabilities; None if there were none."""
        return self._l1 / self._pictures if self._pictures else None

    @property
    def logit_sqnr_db(self) -> float | None:
        """Signal-to-noise ratio of the logits in dB, infinite for equal ones; None for none, or only zeros."""
        return decibels(self._signal, self._noise) if self._signal or self._noise else None
