"""Finds the preprocessing a network begins with and moves it from the graph into the contract.

A Rescaling layer, `x / 127.5 - 1` by operators or any chain of scalar multiplications and additions is one affine map
real = scale * x + offset. Folded into the input's quantization it costs nothing on the phone, and it says which pixel
range the network was trained on. In a Keras model it is found before the conversion, by models/leading_affine.py.
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

# Constants of a graph are float32: 255 times its 1/255 differs from 1 in the eighth digit.
_RANGE_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """The map real = scale * x + offset.

    Attributes:
        scale: Positive factor.
        offset: Summand.
    """

    scale: float = 1.0
    offset: float = 0.0

    @property
    def is_identity(self) -> bool:
        """Whether the map changes nothing."""
        return (self.scale, self.offset) == (1.0, 0.0)

    def of(self, value_range: tuple[float, float]) -> tuple[float, float]:
        """Maps the two ends of a range.

        >>> Affine(scale=0.003921568859368563).of((0, 255))
        (0.0, 1.0)
        """
        low, high = (round(self.scale * end + self.offset, _RANGE_DIGITS) for end in value_range)
        return low, high

    def __str__(self) -> str:
        shift = f" {'-' if self.offset < 0 else '+'} {abs(self.offset):.6g}" if self.offset else ""
        return f"x * {self.scale:.6g}{shift}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """A float .tflite without its leading affine map.

    Attributes:
        data: Bytes of the file; the input is the map's result.
        affine: What was taken out; the identity when the graph begins with nothing of the kind.
    """

    data: bytes
    affine: Affine


def _scalar_operand(graph: Graph, op: OpRecord, data_input: int) -> tuple[float, int] | None:
    """Gives the one value of an operator's constant operand and its position, if it is one value for all channels."""
    others = [(position, i) for position, i in enumerate(op.inputs) if i != data_input]
    if len(op.inputs) != 2 or len(others) != 1 or not graph.tensors[others[0][1]].is_constant:
        return None
    position, index = others[0]
    values = np.unique(graph.constant(index))
    return (float(values[0]), position) if values.size == 1 else None


def _step(graph: Graph, op: OpRecord, data_input: int) -> Affine | None:
    """Reads one operator as an affine map of its data input; one that turns the picture negative stays in the graph."""
    options = graph.model.subgraphs[0].operators[op.index].builtinOptions
    operand = _scalar_operand(graph, op, data_input)
    if operand is None or getattr(options, "fusedActivationFunction", 0) != 0:
        return None
    value, position = operand
    match op.name:
        case "ADD":
            return Affine(offset=value)
        case "SUB" if position == 1:
            return Affine(offset=-value)
        case "MUL" if value > 0:
            return Affine(scale=value)
        case "DIV" if position == 1 and value > 0:
            return Affine(scale=1.0 / value)
        case _:
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
    here, affine, folded = graph.inputs[0], Affine(), set[int]()
    while len(readers := graph.consumers(here)) == 1 and here not in graph.outputs:
        step = _step(graph, readers[0], here)
        if step is None:
            break
        affine = Affine(scale=step.scale * affine.scale, offset=step.scale * affine.offset + step.offset)
        folded.add(readers[0].index)
        here = readers[0].outputs[0]
    _enter_at(model, here, folded)
    return FoldResult(data=serialize(model), affine=affine)


def _enter_at(model: Any, tensor: int, folded: set[int]) -> None:  # noqa: ANN401
    """Makes `tensor` the graph's input and drops the operators before it."""
    subgraph = model.subgraphs[0]
    subgraph.operators = [op for i, op in enumerate(subgraph.operators) if i not in folded]
    subgraph.inputs = [tensor]


def network_range(affine: Affine, asked: tuple[float, float] | None) -> tuple[float, float]:
    """Decides which real values pixel 0 and pixel 255 stand for at the folded network's input.

    Args:
        affine: The leading map that was folded.
        asked: The range the user says the unfolded model takes, if any.

    Returns:
        Real value of pixel 0 and of pixel 255.

    Raises:
        BadOptionError: Nothing fixes the range, or what the user says is empty or contradicts the model.
    """
    if asked is not None and not asked[0] < asked[1]:
        raise BadOptionError(
            option="--input-range", problem=f"{asked[0]:g},{asked[1]:g}: the first number must be the smaller one"
        )
    if affine.is_identity:
        if asked is None:
            raise _range_needed("the model holds no rescaling that tells which pixel values it was trained on")
        return asked
    plausible = [usual for usual in INPUT_RANGES if _is_plausible(affine.of(usual))]
    if asked is None:
        if len(plausible) != 1:
            raise _range_needed(f"the model begins with {affine}, which fits no single usual pixel range")
        return affine.of(plausible[0])
    low, high = affine.of(asked)
    if plausible and not _is_plausible((low, high)):
        raise BadOptionError(
            option="--input-range",
            problem=f"{asked[0]:g},{asked[1]:g} contradicts the model, which begins with {affine}: "
            f"it would see only [{low:.4g}, {high:.4g}]",
            hint=f"leave the option out, or pass --input-range={plausible[0][0]:g},{plausible[0][1]:g}",
        )
    return low, high


def _is_plausible(value_range: tuple[float, float]) -> bool:
    narrowest, widest = _PLAUSIBLE_WIDTH
    return narrowest <= value_range[1] - value_range[0] <= widest


def _range_needed(why: str) -> BadOptionError:
    return BadOptionError(
        option="--input-range",
        problem=f"needed: {why}",
        hint="pass the range your training used: --input-range=-1,1, --input-range=0,1 or --input-range=0,255",
    )
