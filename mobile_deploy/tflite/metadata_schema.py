"""TFLite Metadata: what a .tflite says of itself to MediaPipe Tasks and Android's tools, as records and as bytes.

Source: metadata_schema.fbs 1.5.0 of tflite-support and MediaPipe, of which the tables below are the part that concerns
pictures, in the order of their fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flatbuffers

from mobile_deploy.tflite.flat_tables import FlatBytes, FlatTable, Schema, write_table

_IDENTIFIER = b"M001"
# Every field that is written was in the first release. Source: the history in the schema.
_MINIMUM_PARSER = "1.0.0"

_SCHEMA: Schema = {
    "ModelMetadata": {
        "name": "string",
        "description": "string",
        "version": "string",
        "subgraph_metadata": "[SubGraphMetadata]",
        "author": "string",
        "license": "string",
        "associated_files": "[AssociatedFile]",
        "min_parser_version": "string",
    },
    "SubGraphMetadata": {
        "name": "string",
        "description": "string",
        "input_tensor_metadata": "[TensorMetadata]",
        "output_tensor_metadata": "[TensorMetadata]",
    },
    "TensorMetadata": {
        "name": "string",
        "description": "string",
        "dimension_names": "[string]",
        "content": "Content",
        "process_units": "[ProcessUnit]",
        "stats": "Stats",
        "associated_files": "[AssociatedFile]",
    },
    "Content": {"content_properties_type": "byte", "content_properties": "union"},
    "FeatureProperties": {},
    "ImageProperties": {"color_space": "byte"},
    "ProcessUnit": {"options_type": "byte", "options": "union"},
    "NormalizationOptions": {"mean": "[float]", "std": "[float]"},
    "Stats": {"max": "[float]", "min": "[float]"},
    "AssociatedFile": {"name": "string", "description": "string", "type": "byte"},
}
# Members of the unions and enumerations by number.
_CONTENTS = ("", "feature", "image", "bounding box", "audio")
_CONTENT_TABLES = {"feature": "FeatureProperties", "image": "ImageProperties"}
_COLOR_SPACES = ("", "RGB", "grayscale")
_NORMALIZATION = 1
_TENSOR_AXIS_LABELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorMetadata:
    """What the metadata says of one input or output.

    Attributes:
        name: Such as "image", "probability".
        description: In words.
        content: "image", "feature", "bounding box", "audio", or "" where it is not said.
        color_space: "RGB", "grayscale" or "".
        mean: Of the normalization (pixel - mean) / std, one for all channels or one each; () for none.
        std: As many.
        minimum: Smallest stored value, one for all channels or one each; () where it is not said.
        maximum: Largest.
        label_file: Name of the file of class names; "" for none.
    """

    name: str
    description: str = ""
    content: str = ""
    color_space: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    minimum: tuple[float, ...] = ()
    maximum: tuple[float, ...] = ()
    label_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetadata:
    """What the metadata says of a model; empty texts stand for what it does not say.

    Attributes:
        name: Name of the model.
        description: In words.
        version: Version of the model.
        author: Who made it.
        license: How it may be used.
        minimum_parser: Oldest reader that understands all of it.
        inputs: One record per input.
        outputs: One record per output.
    """

    name: str
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    minimum_parser: str = _MINIMUM_PARSER
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


def _said(**values: Any) -> dict[str, Any]:  # noqa: ANN401
    """Leaves out what is empty."""
    return {name: value for name, value in values.items() if value}


def _content_values(tensor: TensorMetadata) -> dict[str, Any]:
    properties = _said(color_space=_COLOR_SPACES.index(tensor.color_space))
    return {
        "content_properties_type": _CONTENTS.index(tensor.content),
        "content_properties": (_CONTENT_TABLES[tensor.content], properties),
    }


def _tensor_values(tensor: TensorMetadata) -> dict[str, Any]:
    normalization = ("NormalizationOptions", {"mean": tensor.mean, "std": tensor.std})
    labels = {"name": tensor.label_file, "description": "Class names in output order", "type": _TENSOR_AXIS_LABELS}
    return _said(
        name=tensor.name,
        description=tensor.description,
        content=_content_values(tensor),
        process_units=({"options_type": _NORMALIZATION, "options": normalization},) if tensor.mean else (),
        stats=_said(max=tensor.maximum, min=tensor.minimum),
        associated_files=(labels,) if tensor.label_file else (),
    )


def pack_metadata(metadata: ModelMetadata) -> bytes:
    """Writes the bytes of the buffer TFLITE_METADATA."""
    subgraph = {
        "input_tensor_metadata": tuple(_tensor_values(tensor) for tensor in metadata.inputs),
        "output_tensor_metadata": tuple(_tensor_values(tensor) for tensor in metadata.outputs),
    }
    values = _said(
        name=metadata.name,
        description=metadata.description,
        version=metadata.version,
        subgraph_metadata=(subgraph,),
        author=metadata.author,
        license=metadata.license,
        min_parser_version=metadata.minimum_parser,
    )
    builder = flatbuffers.Builder()
    builder.Finish(write_table(builder, _SCHEMA, "ModelMetadata", values), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else f"unknown ({number})"


def _read_tensor(table: FlatTable) -> TensorMetadata:
    content, stats = table.table("content"), table.table("stats")
    kind = "" if content is None else _named(_CONTENTS, content.number("content_properties_type"))
    image = content.table("content_properties", "ImageProperties") if content is not None and kind == "image" else None
    units = [unit for unit in table.tables("process_units") if unit.number("options_type") == _NORMALIZATION]
    normalization = units[0].table("options", "NormalizationOptions") if units else None
    files = [file for file in table.tables("associated_files") if file.number("type") == _TENSOR_AXIS_LABELS]
    return TensorMetadata(
        name=table.text("name"),
        description=table.text("description"),
        content=kind,
        color_space="" if image is None else _named(_COLOR_SPACES, image.number("color_space")),
        mean=() if normalization is None else normalization.floats("mean"),
        std=() if normalization is None else normalization.floats("std"),
        minimum=() if stats is None else stats.floats("min"),
        maximum=() if stats is None else stats.floats("max"),
        label_file=files[0].text("name") if files else "",
    )


def unpack_metadata(data: bytes) -> ModelMetadata:
    """Reads the bytes of the buffer TFLITE_METADATA; of several subgraphs the first.

    Raises:
        ValueError: They are damaged.
    """
    if data[4:8] != _IDENTIFIER:
        raise ValueError("it has no M001 mark")
    model = FlatBytes(data, _SCHEMA).root("ModelMetadata")
    subgraphs = model.tables("subgraph_metadata")
    ends = ("input_tensor_metadata", "output_tensor_metadata")
    inputs, outputs = (tuple(map(_read_tensor, subgraphs[0].tables(end))) if subgraphs else () for end in ends)
    return ModelMetadata(
        name=model.text("name"),
        description=model.text("description"),
        version=model.text("version"),
        author=model.text("author"),
        license=model.text("license"),
        minimum_parser=model.text("min_parser_version"),
        inputs=inputs,
        outputs=outputs,
    )
