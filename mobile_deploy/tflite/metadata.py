"""Metadata inside a .tflite: the contract in the words that MediaPipe Tasks and Android's tools read, and the labels.

It is the buffer TFLITE_METADATA of the flatbuffer, and a zip with labels.txt behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mobile_deploy.bundle import LABELS_NAME
from mobile_deploy.contract import InputContract, ModelContract, OutputContract
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import sha256_of_bytes
from mobile_deploy.recipes import IoType
from mobile_deploy.tflite.associated_files import AssociatedFiles, append_files
from mobile_deploy.tflite.flat_tables import FlatBytes, Schema
from mobile_deploy.tflite.graph import IDENTIFIER, load_model
from mobile_deploy.tflite.metadata_schema import ModelMetadata, TensorMetadata, pack_metadata, unpack_metadata
from mobile_deploy.tflite.slim import pack_slim

_BUFFER_NAME = "TFLITE_METADATA"
_VERSION_DIGITS = 12
_STORED_LIMITS: dict[IoType, tuple[float, float]] = {"uint8": (0.0, 255.0), "int8": (-128.0, 127.0)}
_OUTPUT_NAMES = {"softmax": "probability", "sigmoid": "probability", "logits": "logit", "embedding": "embedding"}

# Where a .tflite keeps its metadata. Source: TensorFlow Lite schema.
_MODEL_SCHEMA: Schema = {
    "Model": {
        "version": "uint",
        "operator_codes": "",
        "subgraphs": "",
        "description": "string",
        "buffers": "[Buffer]",
        "metadata_buffer": "",
        "metadata": "[Metadata]",
    },
    "Metadata": {"name": "string", "buffer": "uint"},
    "Buffer": {"data": "", "offset": "ulong", "size": "ulong"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMetadata:
    """Everything a .tflite says of itself.

    Attributes:
        model: The metadata.
        labels: Class names of the first output, in order; empty where there is no file of them.
        files: Names of the files inside it, as they are written there.
    """

    model: ModelMetadata
    labels: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def _describe_input(contract: InputContract) -> TensorMetadata:
    """Says how pixels become what the tensor means: (pixel - mean) / std.

    An integer tensor holds the pixels themselves, so its own scale and zero point say it, exactly.
    """
    scale, mean = contract.pixel_scale, 0.0 - contract.low / contract.pixel_scale
    if contract.quantization is not None:
        first = _STORED_LIMITS[contract.dtype][0]
        scale, mean = contract.quantization.scale, contract.quantization.zero_point - first
    low, high = _STORED_LIMITS.get(contract.dtype, (contract.low, contract.high))
    side = contract.side
    return TensorMetadata(
        name="image",
        description=f"RGB picture, fitted by {contract.fit}, resized to {side} x {side}",
        content="image",
        color_space="RGB",
        mean=(mean,),
        std=(1 / scale,),
        minimum=(low,),
        maximum=(high,),
    )


def _describe_output(contract: OutputContract, labels: tuple[str, ...]) -> TensorMetadata:
    """Says what comes out; the smallest and largest value where they are known."""
    limits = _STORED_LIMITS.get(contract.dtype)
    if limits is None and contract.meaning in ("softmax", "sigmoid"):
        limits = (0.0, 1.0)
    return TensorMetadata(
        name=_OUTPUT_NAMES[contract.meaning],
        description=f"{contract.size} values: {contract.meaning}",
        content="feature",
        minimum=limits[:1] if limits else (),
        maximum=limits[1:] if limits else (),
        label_file=LABELS_NAME if labels else "",
    )


def _axis_labels(contract: ModelContract) -> tuple[str, ...]:
    """Gives one name per output value: a single value that decides between two classes speaks for the second."""
    return contract.labels[-1:] if contract.output.size == 1 else contract.labels


def _describe(contract: ModelContract, *, name: str, version: str) -> ModelMetadata:
    kind = "Image embedding" if contract.output.meaning == "embedding" else "Image classification"
    return ModelMetadata(
        name=name,
        description=f"{kind}, {contract.output.size} values a picture",
        version=version,
        inputs=(_describe_input(contract.input),),
        outputs=(_describe_output(contract.output, contract.labels),),
    )


def _add_buffer(model: Any, name: str, content: bytes) -> None:  # noqa: ANN401
    from ai_edge_litert import schema_py_generated as schema

    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(content, dtype=np.uint8)
    entry.name, entry.buffer = name, len(model.buffers)
    model.buffers = [*model.buffers, buffer]
    model.metadata = [*(model.metadata or ()), entry]


def attach_metadata(data: bytes, contract: ModelContract, *, name: str) -> bytes:
    """Writes the contract and the labels into a file; equal arguments give equal bytes.

    Args:
        data: A .tflite from `serialize`, which carries no metadata.
        contract: What callers are promised of it.
        name: What the model calls itself.

    Returns:
        The .tflite with metadata and labels; it says its version by the hash of `data`.

    Raises:
        UnreadableFileError: `data` is no .tflite.
    """
    model = load_model(data, source=name)
    version = sha256_of_bytes(data)[:_VERSION_DIGITS]
    _add_buffer(model, _BUFFER_NAME, pack_metadata(_describe(contract, name=name, version=version)))
    packed, labels = pack_slim(model), _axis_labels(contract)
    if not labels:
        return packed
    return append_files(packed, {LABELS_NAME: "".join(f"{label}\n" for label in labels).encode()})


def _stored_metadata(data: bytes) -> bytes | None:
    """Finds the buffer with the metadata; None where there is none.

    Raises:
        ValueError: The bytes are damaged.
    """
    source = FlatBytes(data, _MODEL_SCHEMA)
    model = source.root("Model")
    for entry in model.tables("metadata"):
        if entry.text("name") == _BUFFER_NAME:
            buffer = model.one_of("buffers", entry.number("buffer"))
            # Some writers put buffers behind the flatbuffer.
            outside = buffer.number("size")
            return source.span(buffer.number("offset"), outside) if outside else buffer.blob("data")
    return None


def read_metadata(data: bytes, *, source: object) -> FileMetadata | None:
    """Reads what a .tflite says of itself; the bytes may come from anyone.

    Args:
        data: The file.
        source: What to name in errors: a path.

    Returns:
        The metadata; None where there is none.

    Raises:
        UnreadableFileError: The bytes are no .tflite, or what they say of themselves is damaged or too large.
    """
    if data[4:8] != IDENTIFIER:
        raise UnreadableFileError(path=source, problem="it is not a .tflite file (no TFL3 mark)")
    try:
        stored = _stored_metadata(data)
        if stored is None:
            return None
        model, files = unpack_metadata(stored), AssociatedFiles(data)
        label_file = model.outputs[0].label_file if model.outputs else ""
        content = files.read(label_file) if label_file else None
    except ValueError as error:
        raise UnreadableFileError(path=source, problem=f"its metadata is damaged ({error})") from error
    lines = () if content is None else tuple(content.decode("utf-8", "replace").splitlines())
    return FileMetadata(model=model, labels=lines, files=files.names)


def _differences(name: str, found: TensorMetadata, expected: TensorMetadata) -> list[str]:
    """Says where the record of an input or output is not what the contract makes of it."""
    problems = []
    for field in ("content", "color_space", "label_file"):
        said, right = getattr(found, field), getattr(expected, field)
        if said != right:
            problems.append(f"{name}: {field} is {said!r}, the contract says {right!r}")
    for field in ("mean", "std", "minimum", "maximum"):
        numbers, promised = getattr(found, field), getattr(expected, field)
        if not _same_numbers(numbers, promised):
            problems.append(f"{name}: {field} is {_listed(numbers)}, the contract says {_listed(promised)}")
    return problems


def _same_numbers(some: tuple[float, ...], others: tuple[float, ...]) -> bool:
    # The file stores float32.
    return len(some) == len(others) and all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) for a, b in zip(some, others, strict=True)
    )


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "none"


def metadata_problems(data: bytes, contract: ModelContract, *, source: object) -> tuple[str, ...]:
    """Holds the metadata of a file against a contract.

    Args:
        data: The file.
        contract: What callers are promised.
        source: What to name in the problems: a path.

    Returns:
        One clause per contradiction; empty when a client that reads the metadata does what the contract says.
    """
    try:
        found = read_metadata(data, source=source)
    except UnreadableFileError as error:
        return (error.message,)
    if found is None:
        return ("it carries no metadata",)
    labels = _axis_labels(contract)
    problems = []
    for name, tensors, expected in (
        ("input", found.model.inputs, _describe_input(contract.input)),
        ("output", found.model.outputs, _describe_output(contract.output, labels)),
    ):
        if len(tensors) == 1:
            problems += _differences(f"metadata of the {name}", tensors[0], expected)
        else:
            problems.append(f"metadata describes {len(tensors)} {name}s instead of one")
    if found.labels != labels:
        at = next((i for i, pair in enumerate(zip(found.labels, labels, strict=False)) if pair[0] != pair[1]), None)
        first = "" if at is None else f"; number {at} is {found.labels[at]!r}, the contract says {labels[at]!r}"
        problems.append(f"metadata has {len(found.labels)} labels, the contract {len(labels)}{first}")
    return tuple(problems)
