"""What can be asked about pictures: a bundle, any image-classification .tflite, or a Keras file, all in one form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mobile_deploy.bundle import Bundle
from mobile_deploy.contract import Fit, ModelContract
from mobile_deploy.evaluation.scoring import PictureAnswerer
from mobile_deploy.models.model_files import looks_like_keras
from mobile_deploy.pipeline.hints import UserHints, parse_meaning, with_metadata
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.pipeline.sources import (
    convert_keras,
    find_sidecar,
    refuse_what_the_bundle_says,
    understand_keras,
)
from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite.graph import read_file, read_graph
from mobile_deploy.tflite.interface import contract_for, infer_contract
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.runner import encode_pictures
from mobile_deploy.variants.imagenet import wnids_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model that answers pictures.

    Attributes:
        name: Name of the bundle, or of the file without suffix.
        contract: How to feed it and read it; float32 for a Keras file.
        wnids: WordNet identifiers in output order where the classes are ImageNet's; "" for a background class.
        source: The .tflite or Keras file.
        bundle: The bundle it lies in; None for a file on its own.
        data: Bytes of the .tflite; None for a Keras file.
    """

    name: str
    contract: ModelContract
    wnids: tuple[str, ...] = field(default=(), repr=False)
    source: Path
    bundle: Bundle | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)
    _keras: Callable[[], AbstractContextManager[PictureAnswerer]] | None = field(default=None, repr=False)

    def open(self, *, threads: int = 1) -> AbstractContextManager[PictureAnswerer]:
        """Loads the model.

        Args:
            threads: XNNPACK threads of a .tflite; a Keras file takes what TensorFlow takes.

        Returns:
            A context manager whose value answers pictures by `run` and keeps the time of each in `latencies_ms`.

        Raises:
            InterpreterError: LiteRT refuses the file.
        """
        if self._keras is not None:
            return self._keras()
        return IsolatedRunner(self.data or b"", self.contract, threads=threads, source=self.source)


def open_subject(
    path: Path,
    *,
    labels: tuple[str, ...] = (),
    fit: Fit | None = None,
    input_range: tuple[float, float] | None = None,
    output_meaning: str | None = None,
    side: int | None = None,
) -> Subject:
    """Understands a model by its bundle, or by what the file says and what the user adds.

    Args:
        path: A bundle, the .tflite in it, any image-classification .tflite, or a .keras or .h5 file.
        labels: Class names of a model without a bundle; empty for those in its metadata, else "class 0" and so on.
        fit: How a picture becomes a square; overrides the bundle's, and is stretch for a file without one.
        input_range: Pixel range of a float model without a bundle that does not say it itself.
        output_meaning: What the output of a model without a bundle means, if it does not say so itself.
        side: Input side in pixels of a Keras file that leaves it open.

    Returns:
        The model; for all but a Keras file, no TensorFlow is imported.

    Raises:
        UnreadableFileError: It cannot be read or is no picture model.
        BadOptionError: A file needs more said about it, or a bundle says itself what was given.
        MobileDeployError: A Keras file cannot be used.
    """
    return open_subjects(
        (path,), labels=labels, fit=fit, input_range=input_range, output_meaning=output_meaning, side=side
    )[0]


def open_subjects(
    paths: Sequence[Path],
    *,
    labels: tuple[str, ...] = (),
    fit: Fit | None = None,
    input_range: tuple[float, float] | None = None,
    output_meaning: str | None = None,
    side: int | None = None,
    progress: ProgressReporter | None = None,
) -> tuple[Subject, ...]:
    """Understands models that stand side by side; two of one name are named by their paths.

    Args:
        paths: As for `open_subject`.
        labels: Likewise, of every model without a bundle.
        fit: Likewise, of all.
        input_range: Likewise, of every model without a bundle.
        output_meaning: Likewise.
        side: Likewise, of every Keras file.
        progress: Who listens; nobody if None.

    Returns:
        One for each path.

    Raises:
        UnreadableFileError: A model cannot be read or is no picture model.
        BadOptionError: A file needs more said about it, or bundles alone are given and say themselves what was given.
        MobileDeployError: A Keras file cannot be used.
    """
    bundles = [find_sidecar(path) for path in paths]
    if bundles[0] is not None and None not in bundles:
        said = {
            "--labels": labels or None,
            "--input-range": input_range,
            "--output-meaning": output_meaning,
            "--resolution": side,
        }
        refuse_what_the_bundle_says(bundles[0], said)
    hints = UserHints(
        fit=fit or Fit(kind="stretch"), labels=labels, input_range=input_range, meaning=parse_meaning(output_meaning)
    )
    subjects = tuple(
        _of_bundle(bundle, fit)
        if bundle is not None
        else _of_file(path, hints, side=side, progress=progress or SilentProgress())
        for path, bundle in zip(paths, bundles, strict=True)
    )
    if len({subject.name for subject in subjects}) == len(subjects):
        return subjects
    return tuple(replace(subject, name=str(path)) for subject, path in zip(subjects, paths, strict=True))


def _of_file(path: Path, hints: UserHints, *, side: int | None, progress: ProgressReporter) -> Subject:
    if looks_like_keras(path):
        return _of_keras(path, hints, side=side, progress=progress)
    return _of_tflite(path, hints)


def _of_bundle(bundle: Bundle, fit: Fit | None) -> Subject:
    contract = bundle.contract
    if fit is not None:
        contract = replace(contract, input=replace(contract.input, fit=fit))
    return Subject(
        name=bundle.name,
        contract=contract,
        wnids=wnids_of(contract.labels),
        source=bundle.tflite,
        bundle=bundle,
        data=read_file(bundle.tflite),
    )


def _of_tflite(path: Path, hints: UserHints) -> Subject:
    data = read_file(path)
    hints = with_metadata(hints, data, source=path)
    contract = infer_contract(
        read_graph(data, source=path),
        value_range=hints.input_range,
        fit=hints.fit,
        meaning=hints.meaning,
        labels=hints.labels,
        source=path,
    )
    return Subject(name=path.stem, contract=contract, wnids=wnids_of(contract.labels), source=path, data=data)


def _of_keras(path: Path, hints: UserHints, *, side: int | None, progress: ProgressReporter) -> Subject:
    """Converts a Keras file to learn its contract just as an export would, and answers with the model itself."""
    made = convert_keras(path, side=side, trust=False, progress=progress)
    understood = understand_keras(made, hints, source=path)
    contract = contract_for(
        read_graph(made.data, source=path),
        resolve_recipes(["float32"])[0],
        understood.input,
        meaning=understood.meaning,
        labels=understood.labels,
    )
    # The model itself still begins with what the contract has folded.
    low, high = ((end - made.affine.offset) / made.affine.scale for end in (contract.input.low, contract.input.high))
    given = replace(contract.input, low=low, high=high)

    def load() -> AbstractContextManager[PictureAnswerer]:
        from mobile_deploy.models.answering import KerasRunner

        return KerasRunner(
            made.model.call, encode=lambda pictures: encode_pictures(pictures, given), side=made.model.side
        )

    return Subject(name=made.model.name, contract=contract, wnids=wnids_of(contract.labels), source=path, _keras=load)
