"""Top-1 and top-5 accuracy of .tflite files on labelled pictures, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract, ModelContract, OutputMeaning
from mobile_deploy.data.datasets import LabelledPictures
from mobile_deploy.data.images import load_picture
from mobile_deploy.errors import BadOptionError
from mobile_deploy.statistics import Proportion, wilson
from mobile_deploy.tflite.runner import Runner

_BATCH = 32  # pictures held in memory at once
_THREADS = 2


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
        return {
            name: {
                "value": share.value,
                "low": share.low,
                "high": share.high,
                "count": share.count,
                "total": share.total,
            }
            for name, share in (("top1", self.top1), ("top5", self.top5))
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file to be scored.

    Attributes:
        data: Bytes of the .tflite.
        contract: How to feed it and read it.
    """

    data: bytes
    contract: ModelContract


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
    if len(labels) < 2:
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


def _batches(pictures: LabelledPictures, given: InputContract) -> Iterator[tuple[npt.NDArray[np.uint8], Any]]:
    def load(path: Path) -> npt.NDArray[np.uint8]:
        return load_picture(path, side=given.side, fit=given.fit)

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        for start in range(0, len(pictures.paths), _BATCH):
            chosen = slice(start, start + _BATCH)
            yield np.stack(list(pool.map(load, pictures.paths[chosen]))), np.asarray(pictures.indices[chosen])


def score(
    candidates: Mapping[str, Candidate],
    pictures: LabelledPictures,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Accuracy]:
    """Scores several files on the same pictures, each decoded once.

    Args:
        candidates: Files by name; they share input side and fit.
        pictures: Labelled pictures.
        progress: Called with pictures done and pictures in all.

    Returns:
        The accuracy of each file, by name.

    Raises:
        BadOptionError: A file gives no class scores, or has one class only.
    """
    for contract in (candidate.contract for candidate in candidates.values()):
        check_scorable(contract.output.meaning, contract.labels)
    given = next(iter(candidates.values())).contract.input
    ranks: dict[str, list[int]] = {name: [] for name in candidates}
    with ExitStack() as stack:
        runners = {
            name: stack.enter_context(Runner(candidate.data, candidate.contract, threads=_THREADS, source=name))
            for name, candidate in candidates.items()
        }
        for batch, truth in _batches(pictures, given):
            for name, runner in runners.items():
                scores = class_scores(runner.run(batch), candidates[name].contract)
                ranks[name].extend(_ranks(scores, truth))
            if progress is not None:
                progress(len(ranks[name]), len(pictures.paths))
    return {name: _accuracy(found) for name, found in ranks.items()}


def _ranks(scores: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> list[int]:
    """Gives the place of the true class in each answer, 0 for the best; of equal scores the lower index comes first."""
    order = np.argsort(-scores, axis=1, kind="stable")
    return [int(place) for place in np.argmax(order == truth[:, None], axis=1)]


def _accuracy(ranks: list[int]) -> Accuracy:
    total = len(ranks)
    return Accuracy(top1=wilson(sum(r < 1 for r in ranks), total), top5=wilson(sum(r < 5 for r in ranks), total))
