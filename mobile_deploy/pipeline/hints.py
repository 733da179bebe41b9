"""What a model that is not ours does not say itself, and how it is understood with the user's help."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobile_deploy.bundle import read_labels
from mobile_deploy.contract import OUTPUT_MEANINGS, Fit, OutputMeaning
from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.tflite.affine import Affine, network_range
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import describe_float_input, name_outputs, output_meaning
from mobile_deploy.tflite.metadata import FileMetadata, read_metadata
from mobile_deploy.tflite.metadata_schema import TensorMetadata
from mobile_deploy.variants.imagenet import wnids_of


@dataclass(frozen=True, slots=True, kw_only=True)
class UserHints:
    """What the user says about a model that does not say it itself.

    Attributes:
        fit: How a picture becomes a square.
        labels: Class names in output order; empty when none were given.
        input_range: Pixel range the model takes, or None.
        meaning: What the output means, or None.
        from_metadata: Which of these options the file's metadata answered: "--labels", "--input-range".
    """

    fit: Fit
    labels: tuple[str, ...]
    input_range: tuple[float, float] | None
    meaning: OutputMeaning | None
    from_metadata: tuple[str, ...] = ()


def given_labels(path: Path | None) -> tuple[str, ...]:
    """Reads the class names that the user gave; none without a file.

    Raises:
        BadOptionError: The file is empty.
        UnreadableFileError: The file cannot be read.
    """
    names = () if path is None else read_labels(path)
    if path is not None and not names:
        raise BadOptionError(option="--labels", problem=f"{path} holds no names")
    return names


def parse_meaning(text: str | None) -> OutputMeaning | None:
    """Finds an output meaning by its name.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if text is not None and text not in OUTPUT_MEANINGS:
        raise UnknownNameError(kind="output meaning", name=text, known=OUTPUT_MEANINGS)
    return text


def given_fit(fit: Fit | str | None) -> Fit | None:
    """Reads a crop rule that may be written as on the command line, such as "center-crop:0.875".

    Raises:
        BadOptionError: The text is no crop rule.
    """
    return Fit.parse(fit) if isinstance(fit, str) else fit


def require_fit(fit: Fit | str | None) -> Fit:
    """Insists on a crop rule where nothing else tells it.

    Raises:
        BadOptionError: There is none, or the text is none.
    """
    fit = given_fit(fit)
    if fit is None:
        raise BadOptionError(
            option="--fit",
            problem="needed: a model file does not say how its pictures were made square",
            hint="pass what your training did: stretch (as image_dataset_from_directory), center-crop or letterbox",
        )
    return fit


def with_metadata(hints: UserHints, data: bytes, *, source: object) -> UserHints:
    """Completes what the user says by what the file's own metadata says: class names and the pixel range.

    Args:
        hints: What the user says, which goes before.
        data: Bytes of the .tflite.
        source: What to name in errors: a path.

    Returns:
        Both together.

    Raises:
        UnreadableFileError: The metadata is damaged.
    """
    metadata = read_metadata(data, source=source)
    if metadata is None:
        return hints
    labels = () if hints.labels or hints.meaning == "embedding" else metadata.labels
    value_range = _metadata_range(metadata) if hints.input_range is None else None
    found = {"--labels": labels, "--input-range": value_range}
    return replace(
        hints,
        labels=hints.labels or labels,
        input_range=hints.input_range or value_range,
        from_metadata=tuple(option for option, value in found.items() if value),
    )


def _metadata_range(metadata: FileMetadata) -> tuple[float, float] | None:
    """Gives what pixels 0 and 255 become; a mean for each channel is more than a contract says."""
    given = metadata.model.inputs[0] if metadata.model.inputs else TensorMetadata(name="")
    if not len(given.mean) == len(given.std) == 1 or not given.std[0] > 0:
        return None
    low, high = ((pixel - given.mean[0]) / given.std[0] for pixel in (0, 255))
    return low, high


def understand(
    data: bytes, affine: Affine, hints: UserHints, *, name: str, source: object, origin: Mapping[str, Any]
) -> FloatModel:
    """Completes a foreign float file by the map that was folded, what it holds and what the user says.

    Args:
        data: Bytes of the float .tflite, behind the map.
        affine: The preprocessing the model began with.
        hints: What the user says.
        name: Start of the bundles' names.
        source: What to name in errors: a path.
        origin: What model.json says of the model's origin.

    Returns:
        The float file.

    Raises:
        BadOptionError: Something is needed that neither the file nor the user says, or they contradict each other.
        LabelCountError: There are more or fewer names than outputs.
        UnreadableFileError: It does not take one picture or give one output.
    """
    value_range = network_range(affine, hints.input_range)
    graph = read_graph(data, source=source)
    meaning = output_meaning(graph, asked=hints.meaning, labels=hints.labels, source=source)
    labels = name_outputs(graph, hints.labels, meaning=meaning)
    folded = None if affine.is_identity else {"scale": affine.scale, "offset": affine.offset}
    return FloatModel(
        data=data,
        name=name,
        input=describe_float_input(graph, value_range=value_range, fit=hints.fit, source=source),
        meaning=meaning,
        labels=labels,
        wnids=wnids_of(labels),
        facts={"model": {**origin, "folded_preprocessing": folded}, "weights": {"kind": "model"}},
        notes=(
            _input_note(affine, value_range, hints),
            _output_note(meaning, hints, size=math.prod(graph.tensors[graph.outputs[0]].shape)),
        ),
    )


def _input_note(affine: Affine, value_range: tuple[float, float], hints: UserHints) -> str:
    low, high = value_range
    says = "the file's metadata says" if "--input-range" in hints.from_metadata else "--input-range says"
    how = f"as {says}" if affine.is_identity else f"with the model's leading {affine} folded into it"
    return f"At the input, pixels 0 to 255 are {low:g} to {high:g}, {how}."


def _output_note(meaning: OutputMeaning, hints: UserHints, *, size: int) -> str:
    named = ", with the class names of the file's metadata" if "--labels" in hints.from_metadata else ""
    return f"The output, {size} {'value' if size == 1 else 'values'}, is read as {meaning}{named}."
