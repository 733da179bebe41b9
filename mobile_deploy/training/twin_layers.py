"""The operators of a .tflite as tf_keras layers: ordinary layers where there are weights, one class for all others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.tflite.graph import ABSENT, Graph, OpRecord

# The names of the schema's enumerations, in its order. Source: TensorFlow Lite schema.
_FUSED = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH")
_PADDING = ("same", "valid")

FloatArray = npt.NDArray[np.float32]


def fused_activation(graph: Graph, op: OpRecord) -> str | None:
    """Names the activation that an operator applies to its result; None for one that no layer here applies."""
    code = graph.option(op, "fusedActivationFunction") or 0
    return _FUSED[code] if code < len(_FUSED) else None


@cache
def activations() -> Mapping[str, Callable[[Any], Any]]:
    """Gives the fused activations by name, known to tf_keras so that layers with them can be cloned."""
    import tensorflow as tf

    # Functions with names: tf_keras does not clone lambdas, whatever they are registered as.
    def relu_n1_to_1(x: Any) -> Any:  # noqa: ANN401
        return tf.clip_by_value(x, -1.0, 1.0)

    functions = {
        "NONE": tf.identity,
        "RELU": tf.nn.relu,
        "RELU_N1_TO_1": relu_n1_to_1,
        "RELU6": tf.nn.relu6,
        "TANH": tf.tanh,
    }
    return {name: _known(name, tf.autograph.experimental.do_not_convert(f)) for name, f in functions.items()}


def _known(name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Tells tf_keras a function's name, by which it clones layers that use it."""
    import tf_keras

    register = tf_keras.saving.register_keras_serializable(package="mobile_deploy", name=f"fused_{name.lower()}")
    registered: Callable[[Any], Any] = register(function)
    return registered


@cache
def operator_layer() -> Any:  # noqa: ANN401  # a class of an untyped library
    """Gives the layer class of all operators without weights.

    Its settings are plain values, so that tf_keras can clone it: the operator's name, its options, the shape
    it makes without the batch, and the constant it reads as a nested list with the position among its inputs.
    """
    import tensorflow as tf
    import tf_keras

    @tf_keras.saving.register_keras_serializable(package="mobile_deploy")
    class Operator(tf_keras.layers.Layer):  # type: ignore[misc]  # an untyped library
        def __init__(
            self,
            operator: str,
            options: Mapping[str, Any],
            made_shape: Sequence[int],
            *,
            constant: Any = None,  # noqa: ANN401
            constant_position: int = 1,
            **others: Any,  # noqa: ANN401
        ) -> None:
            super().__init__(**others)
            self.operator, self.options, self.made_shape = operator, dict(options), tuple(made_shape)
            self.constant, self.constant_position = constant, constant_position

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401
            values = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
            if self.constant is not None:
                values.insert(self.constant_position, tf.constant(self.constant, values[0].dtype))
            result = _functions()[self.operator](values, self.options)
            return activations()[self.options.get("fused", "NONE")](result)

        def compute_output_shape(self, input_shape: Any) -> Any:  # noqa: ANN401
            return tf.TensorShape((None, *self.made_shape))

        def get_config(self) -> dict[str, Any]:
            return {
                **super().get_config(),
                "operator": self.operator,
                "options": self.options,
                "made_shape": self.made_shape,
                "constant": self.constant,
                "constant_position": self.constant_position,
            }

    return Operator


Function = Callable[[Sequence[Any], Mapping[str, Any]], Any]


@cache
def _functions() -> Mapping[str, Function]:
    """Gives what each operator without weights computes."""
    import tensorflow as tf

    def pool(kind: str) -> Function:
        def run(values: Sequence[Any], options: Mapping[str, Any]) -> Any:  # noqa: ANN401
            return tf.nn.pool(
                values[0], options["window"], kind, strides=options["strides"], padding=options["padding"].upper()
            )

        return run

    return {
        "ADD": lambda values, _: values[0] + values[1],
        "SUB": lambda values, _: values[0] - values[1],
        "MUL": lambda values, _: values[0] * values[1],
        "MEAN": lambda values, options: tf.reduce_mean(values[0], options["axes"], keepdims=options["keeps"]),
        "PAD": lambda values, options: tf.pad(values[0], options["zeros"]),
        "RESHAPE": lambda values, options: tf.reshape(values[0], [-1, *options["shape"]]),
        "SQUEEZE": lambda values, options: tf.reshape(values[0], [-1, *options["shape"]]),
        "CONCATENATION": lambda values, options: tf.concat(values, options["axis"]),
        "MAX_POOL_2D": pool("MAX"),
        "AVERAGE_POOL_2D": pool("AVG"),
        "RELU": lambda values, _: tf.nn.relu(values[0]),
        "RELU6": lambda values, _: tf.nn.relu6(values[0]),
        "HARD_SWISH": lambda values, _: values[0] * tf.nn.relu6(values[0] + 3.0) * np.float32(1 / 6),
        "LOGISTIC": lambda values, _: tf.sigmoid(values[0]),
        "TANH": lambda values, _: tf.tanh(values[0]),
        "SOFTMAX": lambda values, options: tf.nn.softmax(values[0] * options["beta"]),
    }


def _shape(graph: Graph, op: OpRecord) -> dict[str, Any]:
    return {"shape": list(graph.tensors[op.outputs[0]].shape[1:])}


def _pool(graph: Graph, op: OpRecord) -> dict[str, Any]:
    return {
        "window": [graph.option(op, "filterHeight"), graph.option(op, "filterWidth")],
        "strides": [graph.option(op, "strideH"), graph.option(op, "strideW")],
        "padding": _PADDING[graph.option(op, "padding")],
    }


def _mean(graph: Graph, op: OpRecord) -> dict[str, Any]:
    return {"axes": graph.constant(op.inputs[1]).ravel().tolist(), "keeps": bool(graph.option(op, "keepDims"))}


def _nothing(_graph: Graph, _op: OpRecord) -> dict[str, Any]:
    return {}


# By operator, what it needs to know beside the tensors that pass through it.
_OPTIONS: Mapping[str, Callable[[Graph, OpRecord], dict[str, Any]]] = {
    "ADD": _nothing,
    "SUB": _nothing,
    "MUL": _nothing,
    "MEAN": _mean,
    "PAD": lambda graph, op: {"zeros": graph.constant(op.inputs[1]).tolist()},
    "RESHAPE": _shape,
    "SQUEEZE": _shape,
    "CONCATENATION": lambda graph, op: {"axis": int(graph.option(op, "axis"))},
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "RELU": _nothing,
    "RELU6": _nothing,
    "HARD_SWISH": _nothing,
    "LOGISTIC": _nothing,
    "TANH": _nothing,
    "SOFTMAX": lambda graph, op: {"beta": float(graph.option(op, "beta"))},
}
# Those whose constant operand is a value to compute with and no setting.
_WITH_OPERANDS = ("ADD", "SUB", "MUL")


def plain_layer(graph: Graph, op: OpRecord, name: str) -> Any | None:  # noqa: ANN401
    """Makes the layer of an operator without weights.

    Args:
        graph: The float file.
        op: The operator.
        name: For the layer.

    Returns:
        The layer; None for an operator that is not known here.
    """
    fused = fused_activation(graph, op)
    if op.name not in _OPTIONS or fused is None or len(op.outputs) != 1:
        return None
    constant, position = None, 1
    if op.name in _WITH_OPERANDS:
        found = [p for p, i in enumerate(op.inputs) if graph.tensors[i].is_constant]
        if found:
            position = found[0]
            constant = graph.constant(op.inputs[position]).tolist()
    options = {**_OPTIONS[op.name](graph, op), "fused": fused}
    made_shape = graph.tensors[op.outputs[0]].shape[1:]
    return operator_layer()(op.name, options, made_shape, constant=constant, constant_position=position, name=name)


def weighted_layer(graph: Graph, op: OpRecord, name: str) -> Any | None:  # noqa: ANN401
    """Makes the layer of a convolution or a fully connected operator, without its weights.

    Args:
        graph: The float file.
        op: The operator.
        name: For the layer.

    Returns:
        The layer; None where no layer computes the same.
    """
    fused = fused_activation(graph, op)
    if fused is None:
        return None
    has_bias = len(op.inputs) > 2 and op.inputs[2] != ABSENT
    given: dict[str, Any] = {"use_bias": has_bias, "activation": activations()[fused], "name": name}
    return _MAKERS[op.name](graph, op, given)


def _geometry(graph: Graph, op: OpRecord) -> dict[str, Any]:
    return {
        "strides": (graph.option(op, "strideH"), graph.option(op, "strideW")),
        "dilation_rate": (graph.option(op, "dilationHFactor"), graph.option(op, "dilationWFactor")),
        "padding": _PADDING[graph.option(op, "padding")],
    }


def _is_uneven(geometry: Mapping[str, Any], *, depthwise: bool) -> bool:
    """Says whether TensorFlow has no kernel for it: strides with dilation, or depthwise strides that differ."""
    strides, dilation = geometry["strides"], geometry["dilation_rate"]
    return (max(strides) > 1 and max(dilation) > 1) or (depthwise and strides[0] != strides[1])


def _conv(graph: Graph, op: OpRecord, given: Mapping[str, Any]) -> Any | None:  # noqa: ANN401
    import tf_keras

    filters, height, width, depth = graph.tensors[op.inputs[1]].shape
    geometry, channels = _geometry(graph, op), graph.tensors[op.inputs[0]].shape[-1]
    if _is_uneven(geometry, depthwise=False):
        return None
    return tf_keras.layers.Conv2D(filters, (height, width), groups=channels // depth, **geometry, **given)


def _depthwise(graph: Graph, op: OpRecord, given: Mapping[str, Any]) -> Any | None:  # noqa: ANN401
    import tf_keras

    _, height, width, filters = graph.tensors[op.inputs[1]].shape
    geometry, channels = _geometry(graph, op), graph.tensors[op.inputs[0]].shape[-1]
    if _is_uneven(geometry, depthwise=True):
        return None
    multiplier = filters // channels
    return tf_keras.layers.DepthwiseConv2D((height, width), depth_multiplier=multiplier, **geometry, **given)


def _dense(graph: Graph, op: OpRecord, given: Mapping[str, Any]) -> Any | None:  # noqa: ANN401
    import tf_keras

    outputs, inputs = graph.tensors[op.inputs[1]].shape
    if not (flattens(graph, op) or graph.tensors[op.inputs[0]].shape[1:] == (inputs,)):
        return None
    return tf_keras.layers.Dense(outputs, **given)


def flattens(graph: Graph, op: OpRecord) -> bool:
    """Says whether a fully connected operator reads a whole feature map: the converter folds a Flatten into it."""
    if op.name != "FULLY_CONNECTED":
        return False
    shape, kernel = (graph.tensors[index].shape for index in op.inputs[:2])
    return len(shape) > 2 and math.prod(shape[1:]) == kernel[1]


_MAKERS: Mapping[str, Callable[[Graph, OpRecord, Mapping[str, Any]], Any | None]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
}
TRAINABLE_OPS = (*_MAKERS, *_OPTIONS)


def kernel_to_layer(op: OpRecord, kernel: FloatArray, multiplier: int = 1) -> FloatArray:
    """Turns a kernel from the file's order of axes into tf_keras's.

    Args:
        op: Its operator.
        kernel: (out, height, width, in), for depthwise (1, height, width, in * multiplier), for dense (out, in).
        multiplier: Outputs of a depthwise kernel for each input channel.

    Returns:
        (height, width, in, out), (height, width, in, multiplier) or (in, out).
    """
    match op.name:
        case "CONV_2D":
            return np.moveaxis(kernel, 0, -1)
        case "DEPTHWISE_CONV_2D":
            return kernel.reshape((*kernel.shape[1:3], -1, multiplier))
        case _:
            return kernel.T


def kernel_to_file(op: OpRecord, kernel: FloatArray) -> FloatArray:
    """Turns a kernel from tf_keras's order of axes into the file's: the inverse of `kernel_to_layer`."""
    match op.name:
        case "CONV_2D":
            return np.moveaxis(kernel, -1, 0)
        case "DEPTHWISE_CONV_2D":
            return kernel.reshape((1, *kernel.shape[:2], -1))
        case _:
            return kernel.T
