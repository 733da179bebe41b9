"""Finds the preprocessing a network begins with and moves it from the graph into the contract.

A Rescaling layer, `x / 127.5 - 1` by operators or any chain of scalar multiplications and additions is one affine map
real = scale * x + offset. Folded into the input's quantization it costs nothing on the phone, and it says which pixel
range the network was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mobile_deploy.errors import BadOptionError
from mobile_deploy.tflite.graph import Graph, OpRecord, graph_of, load_model
from mobile_deploy.tflite.write import serialize

# What a picture's bytes are divided into before a network sees them, by convention: none, [0, 1], [-1, 1].
INPUT_RANGES: tuple[tuple[float, float], ...] = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0))

# A network is trained on inputs about this wide: 1 for [0, 1], 2 for [-1, 1], about 5 for ImageNet's mean and
# deviation.
_PLAUSIBLE_WIDTH = (0.5, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """The map real = scale * x + offset."""

    scale: float
    offset: float

    def of(self, value_range: tuple[float, float]) -> tuple[float, float]:
        """Maps the two ends of a range."""
        low, high = value_range
        return self.scale * low + self.offset, self.scale * high + self.offset


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """A float .tflite without its leading affine map.

    Attributes:
        data: Bytes of the file; the input is the map's result.
        affine: What was taken out; None when the graph begins with nothing of the kind.
    """

    data: bytes
    affine: Affine | None


def _scalar_operand(graph: Graph, op: OpRecord, data_input: int) -> tuple[float, int] | None:
    """Gives the one value of an operator's constant operand and its position, if it is one value for all channels."""
    others = [(position, i) for position, i in enumerate(op.inputs) if i != data_input]
    if len(op.inputs) != 2 or len(others) != 1 or not graph.tensors[others[0][1]].is_constant:
        return None
    position, index = others[0]
    values = np.unique(graph.constant(index))
    return (float(values[0]), position) if values.size == 1 else None


def _step(graph: Graph, op: OpRecord, data_input: int) -> Affine | None:
    """Reads one operator as an affine map of its data input."""
    options = graph.model.subgraphs[0].operators[op.index].builtinOptions
    operand = _scalar_operand(graph, op, data_input)
    if operand is None or getattr(options, "fusedActivationFunction", 0) != 0:
        return None
    value, position = operand
    if op.name == "MUL":
        return Affine(scale=value, offset=0.0)
    if op.name == "ADD":
        return Affine(scale=1.0, offset=value)
    if op.name == "SUB":
        return Affine(scale=1.0, offset=-value) if position == 1 else Affine(scale=-1.0, offset=value)
    if op.name == "DIV" and position == 1 and value:
        return Affine(scale=1.0 / value, offset=0.0)
    return None


def fold_leading_affine(data: bytes, *, source: object = "the float .tflite") -> FoldResult:
    """Takes the leading scalar affine operators out of a float .tflite.

    Args:
        data: Bytes of a single-input, single-output float .tflite.
        source: What to name in errors: a path.

    Returns:
        The file without them, in canonical form, and the map they were.

    Raises:
        UnreadableFileError: The bytes are no .tflite or are damaged.
    """
    model = load_model(data, source=source)
    graph = graph_of(model, source=source)
    here, affine, folded = graph.inputs[0], Affine(scale=1.0, offset=0.0), set[int]()
    while len(readers := graph.consumers(here)) == 1 and here not in graph.outputs:
        step = _step(graph, readers[0], here)
        if step is None:
            break
        affine = Affine(scale=step.scale * affine.scale, offset=step.scale * affine.offset + step.offset)
        folded.add(readers[0].index)
        here = readers[0].outputs[0]
    if not folded:
        return FoldResult(data=serialize(model), affine=None)
    _enter_at(model, here, folded)
    return FoldResult(data=serialize(model), affine=affine)


def _enter_at(model: Any, tensor: int, folded: set[int]) -> None:  # noqa: ANN401
    """Makes `tensor` the graph's input and drops the operators before it."""
    subgraph = model.subgraphs[0]
    subgraph.operators = [op for i, op in enumerate(subgraph.operators) if i not in folded]
    subgraph.inputs = [tensor]


def network_range(affine: Affine | None, asked: tuple[float, float] | None) -> tuple[float, float]:
    """Decides which real values pixel 0 and pixel 255 stand for at the folded network's input.

    Args:
        affine: The leading map that was folded, if any.
        asked: The range the user says the unfolded model takes, if any.

    Returns:
        Real value of pixel 0 and of pixel 255.

    Raises:
        BadOptionError: Nothing fixes the range, or what the user says contradicts the model.
    """
    if affine is None:
        if asked is None:
            raise BadOptionError(
                option="--input-range",
                problem="needed: the model holds no rescaling that tells which pixel values it was trained on",
                hint="pass the range your training used: --input-range=-1,1, --input-range=0,1 or --input-range=0,255",
            )
        return asked
    narrowest, widest = _PLAUSIBLE_WIDTH
    plausible = [r for r in INPUT_RANGES if narrowest <= abs(affine.scale) * (r[1] - r[0]) <= widest]
    formula = f"x * {affine.scale:.6g} {'-' if affine.offset < 0 else '+'} {abs(affine.offset):.6g}"
    if asked is not None:
        if plausible and asked not in plausible:
            low, high = affine.of(asked)
            raise BadOptionError(
                option="--input-range",
                problem=f"{asked[0]:g},{asked[1]:g} contradicts the model, which begins with {formula}: "
                f"it would see only [{low:.4g}, {high:.4g}]",
                hint=f"leave the option out, or pass --input-range={plausible[0][0]:g},{plausible[0][1]:g}",
            )
        return affine.of(asked)
    if len(plausible) != 1:
        raise BadOptionError(
            option="--input-range",
            problem=f"needed: the model begins with {formula}, which fits no single usual pixel range",
            hint="pass the range your training used: --input-range=-1,1, --input-range=0,1 or --input-range=0,255",
        )
    return affine.of(plausible[0])
