"""How close models are to each other on the same pictures: a Keras model, the float file, what was made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract
from mobile_deploy.data.samples import load_pictures
from mobile_deploy.errors import BadOptionError
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.evaluation.logits import logit_reader
from mobile_deploy.evaluation.parity import Parity, measure_parity
from mobile_deploy.files import sha256_of_file
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.sources import find_sidecar
from mobile_deploy.pipeline.subjects import Subject, open_subject

_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """How close one model is to another.

    Attributes:
        reference: Name of the one.
        model: Name of the other.
        parity: The measures.
    """

    reference: str
    model: str
    parity: Parity

    def to_json(self) -> dict[str, Any]:
        """Gives the record as JSON values."""
        return {"reference": self.reference, "model": self.model, **self.parity.to_json()}


def open_reference(
    path: Path,
    contract: ModelContract,
    manifest: Mapping[str, Any],
    *,
    input_range: tuple[float, float] | None = None,
) -> Subject:
    """Opens a model that a bundle shall be compared with; what it does not say itself is as in the bundle.

    Args:
        path: A bundle, a .tflite or a Keras file.
        contract: The bundle's contract.
        manifest: The bundle's model.json.
        input_range: Pixel range that a model without a bundle takes; None for what the bundle was made from.

    Returns:
        The model.

    Raises:
        BadOptionError: It gives other outputs than the bundle, or contradicts the bundle.
        MobileDeployError: It cannot be used.
    """
    if find_sidecar(path) is not None:
        subject = open_subject(path)
    else:
        subject = _open_file(path, contract, input_range or _range_before(path, contract, manifest))
    found, wanted = subject.contract.output, contract.output
    if (found.size, found.meaning) != (wanted.size, wanted.meaning):
        problem = f"{path} gives {found.size} values ({found.meaning}), the bundle {wanted.size} ({wanted.meaning})"
        raise BadOptionError(option="--against", problem=problem)
    return subject


def _open_file(path: Path, contract: ModelContract, input_range: tuple[float, float]) -> Subject:
    try:
        return open_subject(
            path,
            labels=contract.labels,
            fit=contract.input.fit,
            input_range=input_range,
            output_meaning=contract.output.meaning,
            side=contract.input.side,
        )
    except BadOptionError as error:
        if error.option != "--output-meaning":
            raise
        problem = f"{path} does not give {contract.output.meaning}, as the bundle does"
        hint = "compare their answers with: mobile-deploy evaluate BUNDLE --data DIR --against FILE"
        raise BadOptionError(option="--against", problem=problem, hint=hint) from error


def _range_before(path: Path, contract: ModelContract, manifest: Mapping[str, Any]) -> tuple[float, float]:
    """Gives the pixel range of the model that the bundle was made from, before its leading rescaling was folded."""
    low, high = contract.input.low, contract.input.high
    match manifest:
        case {"float_twin": {"sha256": str(twin)}} if sha256_of_file(path) == twin:
            return low, high
        case {"model": {"folded_preprocessing": {"scale": float(scale), "offset": float(offset)}}} if scale > 0:
            return (low - offset) / scale, (high - offset) / scale
        case _:
            return low, high


def compare(
    subjects: Sequence[Subject], pictures: Sequence[Path], *, progress: ProgressReporter
) -> tuple[Closeness, ...]:
    """Compares every model with every other, on pictures fitted to each by its own contract.

    Args:
        subjects: The models, from the first made to the last.
        pictures: Picture files.
        progress: Who listens.

    Returns:
        One record for each pair, in the order of the models.

    Raises:
        BadPictureError: A picture cannot be read.
        InterpreterError: A model does not run.
    """
    answers, logits = {}, {}
    for subject in subjects:
        with progress.stage(f"ask {subject.name} about {len(pictures)} pictures"):
            given = subject.contract.input
            fitted = load_pictures(pictures, side=given.side, fit=given.fit)
            with subject.open(threads=_THREADS) as runner:
                answers[subject.name] = runner.run(fitted)
            logits[subject.name] = _logits(subject, fitted, answers[subject.name])
    pairs = []
    for reference, model in combinations(subjects, 2):
        before, after = logits[reference.name], logits[model.name]
        parity = measure_parity(
            answers[reference.name],
            answers[model.name],
            model.contract,
            logits=None if before is None or after is None or before.shape != after.shape else (before, after),
        )
        pairs.append(Closeness(reference=reference.name, model=model.name, parity=parity))
    return tuple(pairs)


def _logits(
    subject: Subject, pictures: npt.NDArray[np.uint8], answers: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64] | None:
    """Reads the logits; None where there are none to read."""
    if subject.contract.output.meaning == "embedding" or len(subject.contract.labels) < 2:
        return None
    reader = logit_reader(subject.data, subject.contract, source=subject.source)
    if isinstance(reader, str):
        return None
    with reader:
        return reader.read(pictures, class_scores(answers, subject.contract))
