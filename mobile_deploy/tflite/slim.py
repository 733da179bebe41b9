"""Packs a model so that equal vectors and strings are in the file once.

A quantized network repeats itself: every kernel channel has a zero point of 8 bytes that is zero, every operator reads
what the one before it wrote, every depthwise layer has a bias scale for each kernel scale. A flatbuffer may refer to
one vector from many tables; what a reader sees stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from mobile_deploy.tflite.graph import IDENTIFIER

# Runtimes map constants straight from the file. Source: TensorFlow Lite schema, `data:[ubyte] (force_align: 16)`,
# which the generated Python code does not heed.
_BYTES_ALIGNMENT = 16
_ROOM_FOR_TABLES = 1 << 18


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]  # an untyped library
    """A builder that writes each vector and string once and gives its place ever after."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self._places: dict[tuple[str, bytes], int] = {}

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:
        return int(super().StartVector(elemSize, numElems, _BYTES_ALIGNMENT if elemSize == 1 else alignment))

    def CreateNumpyVector(self, x: npt.NDArray[Any]) -> int:
        key = (x.dtype.str, x.tobytes())
        if key not in self._places:
            self._places[key] = int(super().CreateNumpyVector(x))
        return self._places[key]

    def CreateString(self, s: str | bytes, encoding: str = "utf-8", errors: str = "strict") -> int:
        key = ("string", s.encode(encoding, errors) if isinstance(s, str) else bytes(s))
        if key not in self._places:
            self._places[key] = int(super().CreateString(key[1]))
        return self._places[key]

    def finished_bytes(self) -> bytes:
        """Gives the file."""
        return bytes(memoryview(self.Bytes)[self.Head() :])


def _integer_lists(model: Any) -> Iterator[tuple[Any, str]]:  # noqa: ANN401
    """Gives every (record, attribute) that is a list of int32, which the reader makes of vectors."""
    for subgraph in model.subgraphs:
        yield from ((subgraph, end) for end in ("inputs", "outputs"))
        yield from ((op, end) for op in subgraph.operators or () for end in ("inputs", "outputs"))
        yield from ((tensor, shape) for tensor in subgraph.tensors or () for shape in ("shape", "shapeSignature"))


def pack_slim(model: Any) -> bytes:  # noqa: ANN401
    """Packs schema objects into .tflite bytes, equal vectors once, constants at multiples of 16.

    Args:
        model: A ModelT; its lists of integers become arrays.

    Returns:
        The bytes of the .tflite.
    """
    for record, name in _integer_lists(model):
        values = getattr(record, name)
        if values is not None:
            setattr(record, name, np.asarray(values, dtype=np.int32))
    stored = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = _SharingBuilder(stored + _ROOM_FOR_TABLES)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return builder.finished_bytes()
