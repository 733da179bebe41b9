"""Refuses graphs that no runtime can run and no reader can follow, before anyone trips over them."""

from __future__ import annotations

import math

import numpy as np

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.tflite.records import ABSENT, PLAIN_DTYPES, WEIGHTED_OPS, Graph, OpRecord

# More axes than any operator takes; NumPy holds no more either.
_MOST_AXES = 64
# Builtin operators that only change state. Source: TensorFlow Lite kernels, NumOutputs in their Prepare.
_WITHOUT_RESULT = ("ASSIGN_VARIABLE", "CALL_ONCE", "HASHTABLE_IMPORT")


def check_soundness(graph: Graph, *, source: object, any_subgraphs: bool = False) -> None:
    """Insists that indices lead somewhere, operators follow one another, and constants and scales fit their shapes.

    Args:
        graph: The file.
        source: What to name in errors: a path.
        any_subgraphs: Whether operators may lack a result that only change state, as those that begin a file with
            variables, whose values a second subgraph sets.

    Raises:
        UnreadableFileError: Something is not as every runtime needs it.
    """
    _check_shapes(graph, source)
    _check_wiring(graph, source)
    _check_results(graph, source, may_lack=any_subgraphs)
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
    if not graph.inputs or not graph.outputs:
        raise UnreadableFileError(path=source, problem="it lacks an input or an output")
    for op in graph.ops:
        if op.name in WEIGHTED_OPS and (len(op.inputs) < 2 or ABSENT in op.inputs[:2]):
            raise UnreadableFileError(path=source, problem=f"its operator {op.index}, {op.name}, has no kernel")


def _check_results(graph: Graph, source: object, *, may_lack: bool) -> None:
    """Refuses operators without a result, which most readers follow, but for those that are known to have none."""
    for op in graph.ops:
        if not op.outputs and not (may_lack and _only_changes_state(op)):
            raise UnreadableFileError(path=source, problem=f"its operator {op.index}, {op.name}, has no result")


def _only_changes_state(op: OpRecord) -> bool:
    # A custom operator may call itself anything, so only TensorFlow's own are told by their name.
    return op.name.startswith("Flex") if op.is_custom else op.name in _WITHOUT_RESULT


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
