"""Pairs the operators of an integer file with those of the float file it was made from.

A quantizer keeps the operators and their order and only adds QUANTIZE and DEQUANTIZE between them. So the two lists
agree once these are left out, whatever the tensors are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from mobile_deploy.errors import InputDataError
from mobile_deploy.tflite.graph import ABSENT, WEIGHTED_OPS, Graph, OpRecord

CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
# Of the weights that are not zero; unrelated ones agree in half of the cases.
_LEAST_AGREEING = 0.9


class NotTheTwinError(InputDataError):
    """A float file is not the one that an integer file was made from.

    Attributes:
        source: The integer file.
        twin: The float file.
        difference: Where they part.
    """

    def __init__(self, *, source: object, twin: object, difference: str) -> None:
        self.source = source
        self.twin = twin
        self.difference = difference
        super().__init__(
            f"{twin} is not the float twin of {source}: {difference}",
            hint="pass --float with the float32 file that the quantized one was made from",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpPair:
    """One layer in both files.

    Attributes:
        stored: The operator of the integer file.
        twin: The operator of the float file.
    """

    stored: OpRecord
    twin: OpRecord


def activation_inputs(graph: Graph, op: OpRecord) -> tuple[int, ...]:
    """Gives the tensors that an operator reads and that are no constants, in order."""
    return tuple(i for i in op.inputs if i != ABSENT and not graph.tensors[i].is_constant)


def pair_ops(
    stored: Graph, twin: Graph, *, source: object = "the integer file", twin_source: object = "the float file"
) -> tuple[OpPair, ...]:
    """Pairs operators in execution order, without QUANTIZE and DEQUANTIZE.

    Args:
        stored: The integer file.
        twin: The float file.
        source: What to call the integer file in errors: a path.
        twin_source: What to call the float file in errors: a path.

    Returns:
        One pair per layer.

    Raises:
        NotTheTwinError: The operators or their shapes differ.
    """
    pairs = []
    computing = [[op for op in graph.ops if op.name not in CONVERSIONS] for graph in (stored, twin)]
    for number, (left, right) in enumerate(zip_longest(*computing)):
        told = [_told(graph, op) for graph, op in ((stored, left), (twin, right))]
        if told[0] != told[1]:
            difference = f"layer {number} is {told[0]} there and {told[1]} in the float file"
            raise NotTheTwinError(source=source, twin=twin_source, difference=difference)
        pairs.append(OpPair(stored=left, twin=right))
    return tuple(pairs)


def _told(graph: Graph, op: OpRecord | None) -> str:
    """Says what both files must have in common about a layer."""
    if op is None:
        return "missing"
    read = [*activation_inputs(graph, op), *((op.inputs[1],) if op.name in WEIGHTED_OPS else ())]
    given, made = ([list(graph.tensors[i].shape) for i in indices] for indices in (read, op.outputs))
    return f"{op.name} {', '.join(map(str, given))} -> {', '.join(map(str, made))}"


def check_weights(
    pairs: tuple[OpPair, ...],
    stored: Graph,
    twin: Graph,
    *,
    source: object = "the integer file",
    twin_source: object = "the float file",
) -> None:
    """Makes sure that the integers of the kernels stand for the float file's weights.

    Rounding, clipping and positive factors on whole channels, as equalization applies them, keep the sign of a weight.

    Args:
        pairs: Layers of both files.
        stored: The integer file.
        twin: The float file.
        source: What to call the integer file in errors: a path.
        twin_source: What to call the float file in errors: a path.

    Raises:
        NotTheTwinError: Too many weights have another sign.
    """
    agreeing = counted = 0
    for pair in pairs:
        if pair.stored.name not in WEIGHTED_OPS:
            continue
        theirs, ours = stored.tensors[pair.stored.inputs[1]], twin.tensors[pair.twin.inputs[1]]
        if theirs.dtype == "int8" and theirs.is_constant and ours.is_constant:
            product = np.sign(stored.constant(theirs.index)) * np.sign(twin.constant(ours.index))
            agreeing, counted = agreeing + int((product > 0).sum()), counted + int((product != 0).sum())
    if agreeing < _LEAST_AGREEING * counted:
        difference = f"only {100 * agreeing / counted:.0f} % of the weights have the same sign"
        raise NotTheTwinError(source=source, twin=twin_source, difference=difference)
