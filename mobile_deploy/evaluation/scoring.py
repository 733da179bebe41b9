"""Asks models about labelled pictures: each picture is decoded once, and what each model said to each is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract
from mobile_deploy.data.feed import Batch, PictureFeed, Square
from mobile_deploy.errors import BadDatasetError
from mobile_deploy.evaluation.accuracy import Accuracy, accuracy_of, check_scorable, class_scores, ranks_of
from mobile_deploy.evaluation.metrics import probabilities
from mobile_deploy.tflite.runner import InterpreterError, Runner


class PictureAnswerer(Protocol):
    """A loaded model that answers pictures."""

    latencies_ms: list[float]
    """Time of each inference so far."""

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Answers (N, side, side, 3) uint8 RGB pictures with (N, size) real values."""
        ...


class Scorable(Protocol):
    """A model that can be loaded and asked."""

    @property
    def contract(self) -> ModelContract:
        """How to feed it and read it."""
        ...

    def open(self, *, threads: int = 1) -> AbstractContextManager[PictureAnswerer]:
        """Loads it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file made here, to be scored.

    Attributes:
        data: Bytes of the .tflite.
        contract: How to feed it and read it.
    """

    data: bytes = field(repr=False)
    contract: ModelContract

    def open(self, *, threads: int = 1) -> AbstractContextManager[PictureAnswerer]:
        """Loads it into this process."""
        return Runner(self.data, self.contract, threads=threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What one model answered to labelled pictures; all arrays are by picture that could be decoded.

    Attributes:
        positions: (N,) places of those pictures in the dataset.
        truths: (N,) outputs of their classes.
        predictions: (N,) outputs that scored highest; of equal ones the lowest.
        ranks: (N,) places of the true class in the answer, 0 for the best.
        confidences: (N,) probability of the prediction; None where the output gives none.
        truth_probabilities: (N,) probability of the true class; None likewise.
        latencies_ms: Time of each inference.
    """

    positions: npt.NDArray[np.int64] = field(repr=False)
    truths: npt.NDArray[np.int64] = field(repr=False)
    predictions: npt.NDArray[np.int64] = field(repr=False)
    ranks: npt.NDArray[np.int64] = field(repr=False)
    confidences: npt.NDArray[np.float64] | None = field(repr=False)
    truth_probabilities: npt.NDArray[np.float64] | None = field(repr=False)
    latencies_ms: tuple[float, ...] = field(repr=False)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """(N,) whether the prediction is the true class."""
        right: npt.NDArray[np.bool_] = self.ranks == 0
        return right

    @property
    def accuracy(self) -> Accuracy:
        """Top-1 and top-5 with their intervals."""
        return accuracy_of(self.ranks)


def score(
    models: Mapping[str, Scorable],
    feed: PictureFeed,
    truths: Mapping[str, Sequence[int]],
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
    see: Callable[[Batch, Mapping[str, npt.NDArray[np.float32]]], None] | None = None,
) -> dict[str, Scored]:
    """Asks several models about the same pictures and keeps what each said to each picture.

    Args:
        models: Models by name, each with an input and a fit of its own.
        feed: The pictures; one that keeps squares can be used again.
        truths: For each model the output of each picture's class.
        threads: XNNPACK threads.
        progress: Called with pictures done and pictures in all.
        see: Called after each batch with it and the class scores of every model, (N, labels) float32 by name.

    Returns:
        What each model answered, by name.

    Raises:
        BadOptionError: A model gives no class scores, or has one class only.
        BadDatasetError: No picture can be decoded.
        InterpreterError: A model does not run, or gives numbers that are not finite.
    """
    for model in models.values():
        check_scorable(model.contract.output.meaning, model.contract.labels)
    squares = {name: Square.of(model.contract.input) for name, model in models.items()}
    tallies = {name: _Tally(name, model.contract, np.asarray(truths[name])) for name, model in models.items()}
    done = 0
    with ExitStack() as stack:
        runners = {name: stack.enter_context(model.open(threads=threads)) for name, model in models.items()}
        for batch in feed.batches(squares.values()):
            if len(batch.positions):
                answers = {name: runners[name].run(batch.pictures[squares[name]]) for name in models}
                seen = {name: tallies[name].add(batch.positions, answers[name], feed) for name in models}
                if see is not None:
                    see(batch, seen)
            done += batch.read
            if progress is not None:
                progress(done, len(feed.paths))
        _refuse_none_usable(feed)
        return {name: tallies[name].result(runners[name].latencies_ms) for name in models}


class _Tally:
    """Collects what one model says, batch by batch."""

    def __init__(self, name: str, contract: ModelContract, truths: npt.NDArray[np.int64]) -> None:
        self._name, self._contract, self._truths = name, contract, truths
        self._columns: list[tuple[npt.NDArray[Any], ...]] = []

    def add(
        self, positions: npt.NDArray[np.int64], answers: npt.NDArray[np.float32], feed: PictureFeed
    ) -> npt.NDArray[np.float32]:
        """Takes the answers to some pictures; gives their class scores."""
        scores, truth = class_scores(answers, self._contract), self._truths[positions]
        sound = np.isfinite(scores).all(axis=1)
        if not sound.all():
            path = feed.paths[positions[int(np.argmin(sound))]]
            raise InterpreterError(path=self._name, reason=f"it gives numbers that are not finite for {path}")
        columns: tuple[npt.NDArray[Any], ...] = (positions, truth, np.argmax(scores, axis=1), ranks_of(scores, truth))
        chances = probabilities(scores, self._contract)
        if chances is not None:
            columns = (*columns, chances.max(axis=1), chances[np.arange(len(truth)), truth])
        self._columns.append(columns)
        return scores

    def result(self, latencies_ms: Sequence[float]) -> Scored:
        columns = [np.concatenate(parts) for parts in zip(*self._columns, strict=True)]
        positions, truths, predicted, ranks = columns[:4]
        confidences, truth_probabilities = columns[4:] or (None, None)
        return Scored(
            positions=positions,
            truths=truths,
            predictions=predicted,
            ranks=ranks,
            confidences=confidences,
            truth_probabilities=truth_probabilities,
            latencies_ms=tuple(latencies_ms),
        )


def _refuse_none_usable(feed: PictureFeed) -> None:
    if len(feed.skipped) == len(feed.paths):
        first = feed.skipped[0]
        raise BadDatasetError(
            path=first.name,
            problem=f"none of {len(feed.paths)} pictures can be decoded; this one: {first.reason}",
            hint="save them again as JPEG or PNG",
        )
