"""Inputs and outputs of a file, with the real values that their stored ones stand for."""

from __future__ import annotations

from dataclasses import dataclass

from mobile_deploy.tflite.graph import Graph

# Smallest and largest stored value of the types that quantization uses.
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTensor:
    """One input or output.

    Attributes:
        name: Its name in the file.
        shape: Sizes; -1 for one that is open until it runs.
        dtype: Its type.
        scale: Of its quantization; None for none.
        zero_point: Of its quantization; None for none.
        low: Smallest real value it stands for; None where nothing says it.
        high: Largest.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None
    low: float | None = None
    high: float | None = None


def end_tensor(graph: Graph, index: int) -> EndTensor:
    """Describes an input or output.

    Args:
        graph: The file.
        index: The tensor.

    Returns:
        What the file says of it.
    """
    tensor = graph.tensors[index]
    shape = tuple(-1 if axis in graph.open_axes(index) else size for axis, size in enumerate(tensor.shape))
    plain = EndTensor(name=tensor.name, shape=shape, dtype=tensor.dtype)
    if len(tensor.scales) != 1 or tensor.dtype not in _LIMITS:
        return plain
    scale, zero_point = tensor.scales[0], tensor.zero_points[0]
    low, high = ((limit - zero_point) * scale for limit in _LIMITS[tensor.dtype])
    return EndTensor(
        name=tensor.name, shape=shape, dtype=tensor.dtype, scale=scale, zero_point=zero_point, low=low, high=high
    )
