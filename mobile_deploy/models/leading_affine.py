"""Takes the preprocessing that a user's network begins with out of its graph, before the converter can hide it.

TFLite's converter folds `Rescaling(1/255)` into the weights of the first convolution, and an offset too where that
convolution has no padding. The float .tflite then no longer says which pixel values the network was trained on, and its
weights span a wider range than they need to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.errors import BadOptionError

# What a Normalization layer computes from its variance.
_OF_CONSTANTS: dict[str, Callable[..., Any]] = {"Maximum": np.maximum, "Sqrt": np.sqrt}

_REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """A network without the map real = scale * x + offset that it began with.

    Attributes:
        call: From the map's result, a float32 (1, side, side, 3) tensor, to the network's output.
        scale: Positive factor of the map; 1 when the network begins with nothing of the kind.
        offset: Summand of the map; 0 likewise.
    """

    call: Callable[[Any], Any] = field(repr=False)
    scale: float
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One operation read as scale * x + offset, and the tensor it gives."""

    result: Any
    scale: float = 1.0
    offset: float = 0.0


def split_leading_affine(call: Callable[[Any], Any], *, side: int) -> SplitResult:
    """Traces a network and enters it behind its leading multiplications and additions by one number.

    The map ends at the first operation that differs between channels, that turns the picture negative, or whose input
    something else reads too.

    Args:
        call: From a float32 (1, side, side, 3) tensor to one output tensor, in inference mode.
        side: Input height and width in pixels.

    Returns:
        The rest of the network with its variables frozen, and the map.

    Raises:
        BadOptionError: Pictures of this side do not pass through the network.
    """
    frozen = _freeze(call, side)
    entry, scale, offset = frozen.inputs[0], 1.0, 0.0
    while (step := _next_step(entry)) is not None:
        entry, scale, offset = step.result, step.scale * scale, step.scale * offset + step.offset
    return SplitResult(call=_call_from(frozen, entry), scale=scale, offset=offset)


def _freeze(call: Callable[[Any], Any], side: int) -> Any:  # noqa: ANN401  # TensorFlow has no types
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    image = tf.TensorSpec((1, side, side, 3), tf.float32)
    try:
        traced = tf.function(call, autograph=False).get_concrete_function(image)
        return convert_variables_to_constants_v2(traced, lower_control_flow=False)
    except (ValueError, tf.errors.OpError) as error:
        raise BadOptionError(
            option="--resolution",
            problem=f"pictures of {side} x {side} do not pass through the model: {_reason(error)}",
            hint="pass the side that the model was trained on, such as --resolution 224",
        ) from error


def _reason(error: Exception) -> str:
    """Finds the telling sentence among a layer's name, terminal colours and a dump of the node."""
    paragraphs = re.sub(r"\x1b\[\d*m", "", str(error)).split("\n\n")
    telling = next((text for text in paragraphs if not text.startswith("Exception encountered")), paragraphs[0])
    return " ".join(telling.partition(" for '{{node")[0].split())[:_REASON_CHARACTERS]


def _next_step(entry: Any) -> _Step | None:  # noqa: ANN401
    """Reads the one operation behind a tensor; None when there are several or it is no positive affine map."""
    if len(readers := entry.consumers()) != 1:
        return None
    (operation,) = readers
    if operation.type == "Identity":
        return _Step(result=operation.outputs[0])
    if len(operation.inputs) != 2:
        return None
    is_first = operation.inputs[0] is entry
    values = np.unique(_constant(operation.inputs[1 if is_first else 0]))
    return _arithmetic(operation, float(values[0]), is_first=is_first) if values.size == 1 else None


def _constant(tensor: Any) -> npt.NDArray[Any]:  # noqa: ANN401
    """Computes a tensor that depends on constants only; of any other nothing is known."""
    import tensorflow as tf

    function = _OF_CONSTANTS.get(tensor.op.type)
    if function is not None:
        return np.asarray(function(*(_constant(operand) for operand in tensor.op.inputs)))
    value = tf.get_static_value(tensor)
    return np.empty(0) if value is None else np.asarray(value)


def _arithmetic(operation: Any, number: float, *, is_first: bool) -> _Step | None:  # noqa: ANN401
    result = operation.outputs[0]
    match operation.type:
        case "AddV2":
            return _Step(result=result, offset=number)
        case "Sub" if is_first:
            return _Step(result=result, offset=-number)
        case "Mul" if number > 0:
            return _Step(result=result, scale=number)
        case "RealDiv" if is_first and number > 0:
            return _Step(result=result, scale=1 / number)
        case _:
            return None


def _call_from(frozen: Any, entry: Any) -> Callable[[Any], Any]:  # noqa: ANN401
    import tensorflow as tf

    graph, start, end = frozen.graph.as_graph_def(), entry.name, frozen.outputs[0].name
    for node in graph.node:
        # In a SavedModel constants wait for the input, which is no longer part of the graph.
        node.input[:] = [name for name in node.input if not name.startswith("^")]

    def call(image: Any) -> Any:  # noqa: ANN401
        (output,) = tf.graph_util.import_graph_def(graph, input_map={start: image}, return_elements=[end], name="")
        return output

    return call
