"""A float .tflite as a tf_keras network that can be trained: one layer per operator.

Made from the file and not from the table, so that it is the deployed network by construction: batch norm is folded,
each activation tensor of the file is the output of exactly one layer, and the user's own models have a twin when their
operators do. Trained weights go straight back into the file, and from there to the one quantizer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.errors import InputDataError
from mobile_deploy.tflite.channel_weights import give_own_constant
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, OpRecord, graph_of, load_model, read_graph
from mobile_deploy.tflite.twins import activation_inputs
from mobile_deploy.tflite.write import serialize
from mobile_deploy.training.twin_layers import (
    TRAINABLE_OPS,
    flattens,
    kernel_to_file,
    kernel_to_layer,
    plain_layer,
    weighted_layer,
)

_LAYER_NAME = re.compile(r"(?:^|_)op(\d{3,})$")

Wrap = Callable[[OpRecord, Any], Any]
_ANSWERING = ("SOFTMAX", "LOGISTIC")


class UntrainableError(InputDataError):
    """A network has an operator that training has no layer for.

    Attributes:
        operator: The first such operator.
        tensor: What it makes.
    """

    def __init__(self, *, source: object, operator: str, tensor: str) -> None:
        self.source = source
        self.operator = operator
        self.tensor = tensor
        super().__init__(
            f"{source} cannot be trained: there is no layer for {operator}, which makes {tensor}; "
            f"there is one for {', '.join(TRAINABLE_OPS)}",
            hint="replace that layer in your model; mobile-deploy export without --recover takes it as it is",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWeights:
    """The weights of one operator, in the file's order of axes.

    Attributes:
        kernel: float32.
        bias: (out,) float32; None for an operator without.
    """

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A float .tflite beside its tf_keras network.

    Attributes:
        data: Bytes of the file.
        graph: What it says.
        answers: From (N, side, side, 3) float32 in the network's range to its output.
        model: The same up to the logits: what enters a closing SOFTMAX or LOGISTIC; elsewhere the output.
    """

    data: bytes = field(repr=False)
    graph: Graph = field(repr=False)
    answers: Any = field(repr=False)
    model: Any = field(repr=False)

    def write_back(self, model: Any = None) -> bytes:  # noqa: ANN401
        """Gives the file with the weights of a network.

        Args:
            model: This twin's network or one that was made from it, with the same layer names behind any prefix.

        Returns:
            Bytes of the float .tflite.
        """
        return with_weights(self.data, weights_of(self.model if model is None else model, self.graph))


def layer_name(op: OpRecord) -> str:
    """Names the layer of an operator; numbers sort, and wrappers only put a prefix before it."""
    return f"op{op.index:03d}"


def build_twin(data: bytes, *, source: object = "the float .tflite", wrap: Wrap | None = None) -> Twin:
    """Makes a float .tflite a tf_keras network with its weights.

    Args:
        data: Bytes of the file.
        source: What to name in errors: a path.
        wrap: From an operator and its layer, built and filled, to the layer to connect; None for the layer itself.

    Returns:
        Both.

    Raises:
        UntrainableError: An operator has no layer.
        UnreadableFileError: The bytes are no .tflite or are damaged.
    """
    import tf_keras

    graph = read_graph(data, source=source)
    entry = tf_keras.Input(shape=graph.tensors[graph.inputs[0]].shape[1:], name="image")
    tensors = {graph.inputs[0]: entry}
    for op in graph.ops:
        layer = _layer(graph, op, source)
        given = [tensors.get(i) for i in activation_inputs(graph, op)]
        if not given or any(tensor is None for tensor in given):
            raise _untrainable(graph, op, source)
        if flattens(graph, op):
            given = [tf_keras.layers.Flatten()(given[0])]
        _fill(layer, graph, op)
        connected = layer if wrap is None else wrap(op, layer)
        tensors[op.outputs[0]] = connected(given if len(given) > 1 else given[0])
    answers = tf_keras.Model(entry, tensors[graph.outputs[0]], name="twin_answers")
    return Twin(data=data, graph=graph, answers=answers, model=cut_to_logits(answers, graph))


def cut_to_logits(answers: Any, graph: Graph) -> Any:  # noqa: ANN401
    """Cuts a twin, or a network made from it, before its closing SOFTMAX or LOGISTIC; any other stays as it is."""
    import tf_keras

    last = graph.ops[-1]
    if last.name not in _ANSWERING or last.outputs[0] != graph.outputs[0]:
        return answers
    return tf_keras.Model(answers.input, find_layers(answers)[last.index].input, name="twin")


def check_trainable(data: bytes, *, source: object = "the float .tflite") -> None:
    """Finds out cheaply whether a float .tflite has a twin.

    Args:
        data: Bytes of the file.
        source: What to name in errors: a path.

    Raises:
        UntrainableError: An operator has no layer.
        UnreadableFileError: The bytes are no .tflite or are damaged.
    """
    graph = read_graph(data, source=source)
    for op in graph.ops:
        _layer(graph, op, source)


def find_layers(model: Any) -> dict[int, Any]:  # noqa: ANN401
    """Gives the layers, or what wraps them, by operator."""
    found = ((_LAYER_NAME.search(layer.name), layer) for layer in model.layers)
    return {int(match[1]): layer for match, layer in found if match}


def _layer(graph: Graph, op: OpRecord, source: object) -> Any:  # noqa: ANN401
    layer = (weighted_layer if op.name in WEIGHTED_OPS else plain_layer)(graph, op, layer_name(op))
    if layer is None:
        raise _untrainable(graph, op, source)
    return layer


def _untrainable(graph: Graph, op: OpRecord, source: object) -> UntrainableError:
    return UntrainableError(source=source, operator=op.name, tensor=graph.tensors[op.outputs[0]].name)


def _fill(layer: Any, graph: Graph, op: OpRecord) -> None:  # noqa: ANN401
    """Gives a layer the weights of its operator, if it has any, before it is connected."""
    import tensorflow as tf

    if op.name in WEIGHTED_OPS:
        with tf.name_scope(layer.name):  # as calling it would
            shape = graph.tensors[op.inputs[0]].shape[1:]
            layer.build((None, math.prod(shape)) if flattens(graph, op) else (None, *shape))
        multiplier = getattr(layer, "depth_multiplier", 1)
        kernel = kernel_to_layer(op, graph.constant(op.inputs[1]), multiplier)
        layer.set_weights([kernel, *([graph.constant(op.inputs[2])] if layer.use_bias else [])])


def weights_of(model: Any, graph: Graph) -> dict[int, LayerWeights]:  # noqa: ANN401
    """Reads the weights of a twin, or of a network made from it, by operator.

    Args:
        model: The tf_keras network; layers may be wrapped.
        graph: The float file that the twin was made from.

    Returns:
        The weights of each convolution and fully connected operator, in the file's order of axes.
    """
    layers = find_layers(model)
    return {op.index: _layer_weights(op, layers[op.index]) for op in graph.ops if op.name in WEIGHTED_OPS}


def _layer_weights(op: OpRecord, layer: Any) -> LayerWeights:  # noqa: ANN401
    layer = getattr(layer, "layer", layer)
    kernel = layer.depthwise_kernel if op.name == "DEPTHWISE_CONV_2D" else layer.kernel
    bias = layer.bias.numpy() if layer.use_bias else None
    return LayerWeights(kernel=kernel_to_file(op, kernel.numpy()), bias=bias)


def with_weights(data: bytes, weights: Mapping[int, LayerWeights], *, source: object = "the float .tflite") -> bytes:
    """Puts weights into a float .tflite.

    Args:
        data: Bytes of the file.
        weights: By operator.
        source: What to name in errors: a path.

    Returns:
        Bytes of the new file; operators that shared weights have their own now.

    Raises:
        UnreadableFileError: The bytes are no .tflite or are damaged.
    """
    model = load_model(data, source=source)
    graph = graph_of(model, source=source)
    for index, given in weights.items():
        op = graph.ops[index]
        give_own_constant(model, op, 1, np.ascontiguousarray(given.kernel, np.float32))
        if given.bias is not None:
            give_own_constant(model, op, 2, np.ascontiguousarray(given.bias, np.float32))
    return serialize(model)
