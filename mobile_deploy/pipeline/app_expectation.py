"""What this machine says to the app's sample pictures, and how far the app's answer is from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mobile_deploy.bundle import Bundle
from mobile_deploy.contract import ModelContract
from mobile_deploy.data.images import load_picture
from mobile_deploy.device.app_run import AppAnswer, AppGuess
from mobile_deploy.errors import BadOptionError, printable
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.evaluation.golden import tolerance_for
from mobile_deploy.evaluation.golden_record import Tolerance, describe_difference
from mobile_deploy.files import sha256_of_bytes
from mobile_deploy.tflite.graph import read_file, read_graph
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.runner import InterpreterError, encode_pictures

_MOST_GUESSES = 5

Top1 = Literal["same", "tied", "other"]
"""Whether the app's first class is this machine's: "tied" where its score here is as good within the tolerance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What this machine says to one picture.

    Attributes:
        picture: Path in the app's assets.
        input_sha256: Hash of the input tensor's bytes.
        scores: (labels,) one score for each label.
        contract: What the scores mean.
        tolerance: How far another machine may be off.
    """

    picture: str
    input_sha256: str
    scores: npt.NDArray[np.float32] = field(repr=False)
    contract: ModelContract
    tolerance: Tolerance

    @property
    def best(self) -> AppGuess:
        """The best class here."""
        index = int(np.argmax(self.scores))
        return AppGuess(index=index, label=self.contract.labels[index], score=float(self.scores[index]))

    @property
    def allowed(self) -> float:
        """The tolerance in units of a score."""
        quantization = self.contract.output.quantization
        if self.tolerance.unit == "steps" and quantization is not None:
            # Half a step more: scores go through decimals on their way.
            return (self.tolerance.value + 0.5) * quantization.scale
        return self.tolerance.value * float(np.abs(self.scores).max())

    def in_its_unit(self, difference: float) -> str:
        """Says a difference of scores in the tolerance's unit."""
        quantization = self.contract.output.quantization
        if self.tolerance.unit == "steps" and quantization is not None:
            return describe_difference(round(difference / quantization.scale), unit="steps")
        return describe_difference(difference / (float(np.abs(self.scores).max()) or 1.0), unit="relative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The app's answer beside this machine's.

    Attributes:
        model: Name of the bundle.
        expected: What this machine says.
        answer: What the app says.
    """

    model: str
    expected: Expectation
    answer: AppAnswer

    @property
    def input_equal(self) -> bool:
        """Whether both fed the model the same bytes."""
        return self.answer.input_sha256 == self.expected.input_sha256

    @property
    def top1(self) -> Top1:
        """How the best classes compare."""
        expected, index = self.expected, self.answer.guesses[0].index
        if index == expected.best.index:
            return "same"
        is_tied = index < len(expected.scores) and expected.best.score - expected.scores[index] <= expected.allowed
        return "tied" if is_tied else "other"

    @property
    def difference(self) -> float:
        """The largest difference of the scores that the app tells."""
        scores = self.expected.scores
        known = (guess for guess in self.answer.guesses if guess.index < len(scores))
        return max((abs(guess.score - float(scores[guess.index])) for guess in known), default=0.0)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as here, one clause each; none where the app answers as this machine does."""
        return tuple(map(printable, self._problems()))

    def _problems(self) -> Iterator[str]:
        expected, guesses = self.expected, self.answer.guesses
        if not self.input_equal:
            yield "the input tensor differs"
        if self.top1 == "other":
            yield f"the best class is {guesses[0].label}, here {expected.best.label}"
        if not self.difference <= expected.allowed:
            yield f"a score differs by {expected.in_its_unit(self.difference)}, {expected.tolerance} allowed"
        if any(better.score < worse.score for better, worse in pairwise(guesses)):
            yield "the classes are not in order"
        yield from self._strange_names()
        yield from self._left_out()

    def _strange_names(self) -> Iterator[str]:
        labels = self.expected.contract.labels
        for guess in self.answer.guesses:
            if guess.index >= len(labels):
                yield f"class {guess.index} is named, there are {len(labels)}"
            elif not _is_name(guess.label, labels[guess.index]):
                yield f"class {guess.index} is called {guess.label}, here {labels[guess.index]}"

    def _left_out(self) -> Iterator[str]:
        """Finds a class that is better here than the last one that the app names."""
        scores, guesses = self.expected.scores.copy(), self.answer.guesses
        named = [guess.index for guess in guesses if guess.index < len(scores)]
        scores[named] = -np.inf
        # Fewer than five are named where all others have the probability 0.
        least = guesses[-1].score if len(guesses) == _MOST_GUESSES else 0.0
        best = int(np.argmax(scores))
        if len(named) < len(scores) and scores[best] - least > self.expected.allowed:
            yield f"{self.expected.contract.labels[best]} is not named"

    def to_json(self) -> dict[str, Any]:
        """Gives the comparison as JSON values."""
        answer = self.answer
        return {
            "model": self.model,
            "picture": self.expected.picture,
            "input_equal": self.input_equal,
            "top1": self.top1,
            "difference": self.difference,
            "tolerance": {self.expected.tolerance.unit: self.expected.tolerance.value},
            "problems": list(self.problems),
            "app": [{"index": g.index, "label": g.label, "score": g.score} for g in answer.guesses],
            "here": {
                "index": self.expected.best.index,
                "label": self.expected.best.label,
                "score": self.expected.best.score,
            },
            "times_ms": {"pre": answer.pre_ms, "run": answer.run_ms, "post": answer.post_ms},
            "runtime": answer.runtime,
            "used": answer.used,
        }


def _is_name(told: str, label: str) -> bool:
    """Says whether the app means a label, which it shortens where its line would become too long."""
    whole = printable(label)
    return told == whole or (told.endswith("...") and whole.startswith(told.removesuffix("...")))


def expect_answers(bundle: Bundle, samples: Mapping[str, bytes]) -> tuple[Expectation, ...]:
    """Runs a bundle here on the sample pictures of the app.

    Args:
        bundle: The bundle.
        samples: PNG by file name.

    Returns:
        One for each picture.

    Raises:
        BadOptionError: The bundle gives an embedding, which names no classes.
        InterpreterError: It does not run, or gives numbers that are not finite.
        BadPictureError: A sample is no picture.
    """
    contract, data = bundle.contract, read_file(bundle.tflite)
    if contract.output.meaning == "embedding":
        problem = f"{bundle.name} gives an embedding, which names no classes"
        raise BadOptionError(option="BUNDLE", problem=problem)
    pictures = _fitted(list(samples.values()), contract)
    inputs = encode_pictures(pictures, contract.input)
    graph = read_graph(data, source=bundle.tflite)
    with IsolatedRunner(data, contract, source=bundle.tflite, graph=graph) as runner:
        scores = class_scores(runner.run(pictures), contract)
    if not np.isfinite(scores).all():
        raise InterpreterError(path=bundle.tflite, reason="it gives numbers that are not finite for the app's pictures")
    tolerance = tolerance_for(graph, contract)
    return tuple(
        Expectation(
            picture=f"samples/{name}",
            input_sha256=sha256_of_bytes(one.astype(one.dtype.newbyteorder("<")).tobytes()),
            scores=row,
            contract=contract,
            tolerance=tolerance,
        )
        for name, one, row in zip(samples, inputs, scores, strict=True)
    )


def _fitted(samples: Sequence[bytes], contract: ModelContract) -> npt.NDArray[np.uint8]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "sample.png")
        return np.stack([_load(path, png, contract) for png in samples])


def _load(path: Path, png: bytes, contract: ModelContract) -> npt.NDArray[np.uint8]:
    path.write_bytes(png)
    return load_picture(path, side=contract.input.side, fit=contract.input.fit)
