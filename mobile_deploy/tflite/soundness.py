"""Refuses graphs that no runtime can run and no reader can follow, before anyone trips over them."""

from __future__ import annotations

import math

import numpy as np

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.tflite.records import ABSENT, PLAIN_DTYPES, WEIGHTED_OPS, Graph

# More axes than any operator takes; NumPy holds no more either.
_MOST_AXES = 64


def check_soundness(graph: Graph, *, source: object) -> None:
    """Insists that indices lead somewhere, operators follow one another, and constants and scales fit their shapes.

    Args:
        graph: The file.
        source: What to name in errors: a path.

    Raises:
        UnreadableFileError: Something is not as every runtime needs it.
    """
    _check_shapes(graph, source)
    _check_wiring(graph, source)
    _check_constants(graph, source)
    _check_scales(graph, source)


def _check_shapes(graph: Graph, source: object) -> None:
    """Refuses shapes of absurd length, whose products would take for ever."""
    longest = max((len(tensor.shape) for tensor in graph.tensors), default=0)
    if longest > _MOST_AXES:
        raise UnreadableFileError(path=source, problem=f"the .tflite is damaged (a tensor has {longest} axes)")


def _check_wiring(graph: Graph, source: object) -> None:
    """Refuses indices without a tensor and operators that read what is made later: following either never ends well."""
    used = {i for op in graph.ops for i in (*op.inputs, *op.outputs)} - {ABSENT} | {*graph.inputs, *graph.outputs}
    if not all(0 <= i < len(graph.tensors) for i in used):
        raise UnreadableFileError(path=source, problem="the .tflite is damaged (an index points to no tensor)")
    maker = {i: op.index for op in graph.ops for i in op.outputs}
    if any(maker.get(i, ABSENT) >= op.index for op in graph.ops for i in op.inputs):
        raise UnreadableFileError(path=source, problem="the .tflite is damaged (its operators are out of order)")
    if not graph.inputs or not graph.outputs or not all(op.outputs for op in graph.ops):
        raise UnreadableFileError(path=source, problem="it lacks an input, an output or an operator's result")
    for op in graph.ops:
        if op.name in WEIGHTED_OPS and (len(op.inputs) < 2 or ABSENT in op.inputs[:2]):
            raise UnreadableFileError(path=source, problem=f"its operator {op.index}, {op.name}, has no kernel")


def _check_constants(graph: Graph, source: object) -> None:
    """Refuses constants that hold more or less than their shape."""
    stored = graph.model.subgraphs[0].tensors
    for tensor in graph.tensors:
        if tensor.is_constant and tensor.dtype in PLAIN_DTYPES:
            size_bytes = len(graph.model.buffers[stored[tensor.index].buffer].data)
            if size_bytes != math.prod(tensor.shape) * np.dtype(tensor.dtype).itemsize:
                problem = f"{tensor.name} is {tensor.dtype} {list(tensor.shape)} and holds {size_bytes} bytes"
                raise UnreadableFileError(path=source, problem=problem)


def _check_scales(graph: Graph, source: object) -> None:
    """Refuses scales that are no numbers, or as many as no axis has channels."""
    for tensor in graph.tensors:
        if not all(math.isfinite(scale) and scale >= 0 for scale in tensor.scales):
            raise UnreadableFileError(path=source, problem=f"{tensor.name} has a scale that is no positive number")
        along = tensor.shape[tensor.channel_axis : tensor.channel_axis + 1] if tensor.channel_axis >= 0 else ()
        if len(tensor.scales) > 1 and along != (len(tensor.scales),):
            problem = f"{tensor.name} is {list(tensor.shape)} and has {len(tensor.scales)} scales"
            raise UnreadableFileError(path=source, problem=f"{problem} on axis {tensor.channel_axis}")
