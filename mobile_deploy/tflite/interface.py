"""Reads off a .tflite what its input and output are, and completes it to a contract."""

from __future__ import annotations

import math
from dataclasses import replace

from mobile_deploy.contract import (
    LARGEST_SIDE,
    Fit,
    InputContract,
    ModelContract,
    OutputContract,
    OutputMeaning,
    Quantization,
)
from mobile_deploy.errors import BadOptionError, LabelCountError, UnreadableFileError
from mobile_deploy.recipes import IO_TYPES, IoType, RecipeRequest
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, TensorRecord
from mobile_deploy.tflite.quantize import input_quantization

# Operators whose values are no probabilities.
_RAW_OPS = (*WEIGHTED_OPS, "MEAN", "L2_NORMALIZATION")
_MOST_CLASSES = 200_000  # ten times the classes of the full ImageNet
_FLOAT_INPUT_HINT = "convert the model again without an inference_input_type, or start from its Keras file"
_MEANINGS: dict[str, OutputMeaning] = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid", "L2_NORMALIZATION": "embedding"}


def _io_type(tensor: TensorRecord, source: object) -> IoType:
    if tensor.dtype not in IO_TYPES:
        raise UnreadableFileError(path=source, problem=f"{tensor.name} is {tensor.dtype}; known: {', '.join(IO_TYPES)}")
    return tensor.dtype


def _quantization(tensor: TensorRecord) -> Quantization | None:
    if tensor.dtype == "float32" or not tensor.scales:
        return None
    return Quantization(scale=tensor.scales[0], zero_point=tensor.zero_points[0])


def input_side(graph: Graph, *, source: object) -> int:
    """Gives the side of the one square RGB input of a batch of one.

    Raises:
        UnreadableFileError: The file takes something else.
    """
    shapes = [graph.tensors[i].shape for i in graph.inputs]
    if (
        len(shapes) != 1
        or len(shapes[0]) != 4
        or shapes[0][0] != 1
        or shapes[0][3] != 3
        or shapes[0][1] != shapes[0][2]
    ):
        listed = "; ".join(str(list(shape)) for shape in shapes)
        raise UnreadableFileError(
            path=source, problem=f"its input is {listed}; needed is one picture [1, side, side, 3]"
        )
    side = shapes[0][1]
    if not 1 <= side <= LARGEST_SIDE:
        raise UnreadableFileError(path=source, problem=f"its input is {side} pixels wide; allowed: 1 to {LARGEST_SIDE}")
    return side


def _output_size(graph: Graph) -> int:
    """Gives how many values the output holds for one picture."""
    return math.prod(graph.tensors[graph.outputs[0]].shape[1:])


def output_meaning(
    graph: Graph, *, asked: OutputMeaning | None, labels: tuple[str, ...], source: object
) -> OutputMeaning:
    """Decides what the output means.

    Args:
        graph: The file.
        asked: What the user says, if anything.
        labels: Class names; as many as there are outputs make an output without softmax logits.
        source: What to name in errors: a path.

    Returns:
        The meaning.

    Raises:
        BadOptionError: Nothing tells, or what the user says contradicts the file.
        UnreadableFileError: There is not exactly one output.
    """
    if len(graph.outputs) != 1:
        raise UnreadableFileError(path=source, problem=f"it has {len(graph.outputs)} outputs; needed is one")
    shape = graph.tensors[graph.outputs[0]].shape
    decides = graph.deciding_op()
    last = "" if decides is None else decides.name
    told = _MEANINGS.get(last)
    if asked is not None:
        _refuse_contradiction(asked, told, last=last)
        return asked
    if told is not None:
        return told
    size = _output_size(graph)
    if labels and (len(labels) == size or (size, len(labels)) == (1, 2)):
        return "logits"
    if len(shape) > 2:
        return "embedding"
    raise BadOptionError(
        option="--output-meaning",
        problem=f"needed: the output {list(shape)} ends in neither softmax nor sigmoid",
        hint="pass --labels FILE if these are class scores, or --output-meaning logits|embedding",
    )


def _refuse_contradiction(asked: OutputMeaning, told: OutputMeaning | None, *, last: str) -> None:
    """Insists that probabilities come out of the operator that makes them; all else may be read in two ways."""
    are_probabilities, asks_probabilities = (meaning in ("softmax", "sigmoid") for meaning in (told, asked))
    if (are_probabilities and asked != told) or (asks_probabilities and last in _RAW_OPS):
        raise BadOptionError(
            option="--output-meaning",
            problem=f"{asked} contradicts the model, whose last operator is {last}",
            hint=f"leave the option out; it is {told}" if told else "pass --output-meaning logits|embedding",
        )


def name_outputs(graph: Graph, labels: tuple[str, ...], *, meaning: OutputMeaning) -> tuple[str, ...]:
    """Settles what the outputs are called.

    Args:
        graph: The file.
        labels: Class names in output order; empty when none were given.
        meaning: What the output means.

    Returns:
        The given names, else "class 0", "class 1" and so on; none for an embedding. A single sigmoid or logit, which
        speaks for class 1, has names for both classes unless one was given.

    Raises:
        LabelCountError: There are more or fewer names than outputs.
        BadOptionError: There are more outputs than any classifier has.
    """
    size = _output_size(graph)
    if size > _MOST_CLASSES and meaning != "embedding":
        raise BadOptionError(
            option="--output-meaning",
            problem=f"{meaning} contradicts the model: it has {size:,} outputs, a classifier {_MOST_CLASSES:,} at most",
            hint="pass --output-meaning embedding",
        )
    allowed, named = {size}, size
    if meaning == "embedding":
        allowed, named = {0, size}, 0
    elif meaning in ("sigmoid", "logits") and size == 1:
        allowed, named = {1, 2}, 2
    names = labels or tuple(f"class {i}" for i in range(named))
    if len(names) not in allowed:
        raise LabelCountError(labels=len(names), outputs=size, allowed=allowed)
    return names


def describe_float_input(graph: Graph, *, value_range: tuple[float, float], fit: Fit, source: object) -> InputContract:
    """Gives the input contract of a float file whose pixel range is known.

    Raises:
        UnreadableFileError: The file does not take one picture of float32 values.
    """
    side, given = input_side(graph, source=source), graph.tensors[graph.inputs[0]]
    if given.dtype != "float32":
        raise UnreadableFileError(
            path=source, problem=f"its input is {given.dtype}, that of a float file is float32", hint=_FLOAT_INPUT_HINT
        )
    low, high = value_range
    return InputContract(side=side, dtype="float32", low=low, high=high, fit=fit)


def input_contract_for(request: RecipeRequest, float_input: InputContract) -> InputContract:
    """Says what callers feed to a file that was made by a recipe.

    Args:
        request: What was asked for.
        float_input: Input of the float file it was made from.

    Returns:
        The input's contract.

    Raises:
        BadOptionError: An integer input is asked for and the range holds no zero.
    """
    return replace(float_input, dtype=request.io, quantization=input_quantization(float_input, request.io))


def contract_for(
    graph: Graph,
    request: RecipeRequest,
    float_input: InputContract,
    *,
    meaning: OutputMeaning,
    labels: tuple[str, ...],
) -> ModelContract:
    """Says what callers are promised about a file that was made by a recipe.

    The input follows from the request alone, so that the audit can hold the file against it. The output's quantization
    is the calibrated one that the file carries.

    Args:
        graph: The made file.
        request: What was asked for.
        float_input: Input of the float file it was made from.
        meaning: What the output means.
        labels: Class names in output order.

    Returns:
        The contract.
    """
    quantization = _quantization(graph.tensors[graph.outputs[0]])
    return ModelContract(
        input=input_contract_for(request, float_input),
        output=OutputContract(dtype=request.io, meaning=meaning, size=_output_size(graph), quantization=quantization),
        labels=labels,
        minimum_runtime=request.recipe.minimum_runtime,
    )


def infer_contract(
    graph: Graph,
    *,
    value_range: tuple[float, float] | None,
    fit: Fit,
    meaning: OutputMeaning | None,
    labels: tuple[str, ...],
    source: object,
) -> ModelContract:
    """Guesses nothing: builds the contract of a foreign .tflite from what it stores and what the user says.

    Args:
        graph: The file.
        value_range: Real values of pixel 0 and 255; only a float input needs it, a quantized one stores it.
        fit: How a picture becomes a square.
        meaning: What the output means, if the user says.
        labels: Class names; empty for "class 0", "class 1" and so on.
        source: What to name in errors: a path.

    Returns:
        The contract.

    Raises:
        BadOptionError: Something is needed that neither the file nor the user says.
        UnreadableFileError: The file is no picture model.
    """
    side = input_side(graph, source=source)
    given, answer = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    quantization = _quantization(given)
    if quantization is not None:
        first = -quantization.zero_point - (128 if given.dtype == "int8" else 0)
        value_range = (first * quantization.scale, (first + 255) * quantization.scale)
    elif value_range is None:
        raise BadOptionError(
            option="--input-range", problem=f"needed: {source} takes {given.dtype} and does not say its range"
        )
    decided = output_meaning(graph, asked=meaning, labels=labels, source=source)
    names = name_outputs(graph, labels, meaning=decided)
    contract = ModelContract(
        input=InputContract(
            side=side,
            dtype=_io_type(given, source),
            low=value_range[0],
            high=value_range[1],
            fit=fit,
            quantization=quantization,
        ),
        output=OutputContract(
            dtype=_io_type(answer, source),
            meaning=decided,
            size=_output_size(graph),
            quantization=_quantization(answer),
        ),
        labels=names,
        minimum_runtime="unknown",
    )
    # Held to the rules of a contract that is read, since a file may store impossible values.
    return ModelContract.from_json(contract.to_json(), labels=names, source=source)
