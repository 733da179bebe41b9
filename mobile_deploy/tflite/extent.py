"""Refuses a small .tflite that would unpack to something huge, before it is unpacked.

Offsets in a flatbuffer may lead to the same bytes again and again, so that a megabyte stands for terabytes: twenty
thousand tensors may all have the same long name. The walk here looks at lengths alone and stops where they add up to
more than any honest file holds.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_MOST_VALUES = 2_000_000
_COST_OF_TABLE = 100  # what a table takes when unpacked, in numbers of a vector: 20,000 tables are the most

# By table of the schema: the fields that hold tables, one or a vector of them.
_CHILDREN = {
    "Model": (
        "OperatorCodes",
        "Subgraphs",
        "Buffers",
        "Metadata",
        "SignatureDefs",
        "ExternalBufferGroups",
        "ExternalBuffers",
    ),
    "SubGraph": ("Tensors", "Operators"),
    "Tensor": ("Quantization", "Sparsity", "VariantTensors"),
    "SparsityParameters": ("DimMetadata",),
    "SignatureDef": ("Inputs", "Outputs"),
}
# Fields that hold a table of one of several kinds, with the enumeration of the kinds.
_UNIONS = {
    "Operator": {"BuiltinOptions": "BuiltinOptions", "BuiltinOptions2": "BuiltinOptions2"},
    "QuantizationParameters": {"Details": "QuantizationDetails"},
    "DimensionMetadata": {"ArraySegments": "SparseIndexVector", "ArrayIndices": "SparseIndexVector"},
}
_TEXTS = {
    "Model": "Description",
    "SubGraph": "Name",
    "Tensor": "Name",
    "OperatorCode": "CustomCode",
    "Metadata": "Name",
    "SignatureDef": "SignatureKey",
    "TensorMap": "Name",
    "ExternalBufferGroup": "Name",
    "ExternalBuffer": "Packing",
}
# Vectors that stay in the file's bytes instead of becoming Python numbers.
_LEFT_IN_PLACE = {"Buffer": ("DataLength",), "Operator": ("CustomOptionsLength",)}


def check_extent(data: bytes) -> None:
    """Insists that what a file unpacks to is in proportion.

    Args:
        data: The file's bytes.

    Raises:
        ValueError: It is not.
        IndexError: The file is damaged; so do struct.error, TypeError and AttributeError say.
    """
    from ai_edge_litert import schema_py_generated as schema

    _Budget(len(data)).spend_on(schema.Model.GetRootAs(data, 0))


class _Budget:
    def __init__(self, size_bytes: int) -> None:
        self._values = _MOST_VALUES
        self._copied_bytes = size_bytes

    def spend_on(self, table: Any) -> None:  # noqa: ANN401  # the schema module is untyped
        name = type(table).__name__
        lengths = {method: getattr(table, method)() for method in _vectors_of(name)}
        self._spend(_COST_OF_TABLE + sum(lengths.values()))
        if name in _TEXTS:
            self._spend(len(getattr(table, _TEXTS[name])() or b""))
        if name == "Buffer" and table.Offset():  # its bytes lie outside the flatbuffer and are copied
            self._copied_bytes -= table.Size()
            if self._copied_bytes < 0:
                raise ValueError("its buffers hold more bytes than the file")
        for field in _CHILDREN.get(name, ()):
            length = lengths.get(f"{field}Length")
            get = getattr(table, field)
            for child in (get(),) if length is None else map(get, range(length)):
                if child is not None:
                    self.spend_on(child)
        for field, kinds in _UNIONS.get(name, {}).items():
            self._spend_on_member(table, field, kinds)

    def _spend_on_member(self, table: Any, field: str, kinds: str) -> None:  # noqa: ANN401
        from ai_edge_litert import schema_py_generated as schema

        raw, kind = getattr(table, field)(), _kinds_of(kinds).get(getattr(table, f"{field}Type")())
        if raw is not None and kind is not None:
            member = getattr(schema, kind)()
            member.Init(raw.Bytes, raw.Pos)
            self.spend_on(member)

    def _spend(self, values: int) -> None:
        self._values -= values
        if self._values < 0:
            raise ValueError(f"it unpacks to more than {_MOST_VALUES:,} values")


@cache
def _vectors_of(table: str) -> tuple[str, ...]:
    """Gives the methods of a table that tell how long its vectors are."""
    from ai_edge_litert import schema_py_generated as schema

    skipped = _LEFT_IN_PLACE.get(table, ())
    return tuple(name for name in vars(getattr(schema, table)) if name.endswith("Length") and name not in skipped)


@cache
def _kinds_of(enumeration: str) -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    members = vars(getattr(schema, enumeration))
    return {value: name for name, value in members.items() if isinstance(value, int) and name != "NONE"}
