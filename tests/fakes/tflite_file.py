"""Writes .tflite files by hand, operator by operator, so that a test can state exactly what is in them."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile_deploy.tflite.graph import WEIGHTED_OPS
from mobile_deploy.tflite.write import pack

_OPTIONS = {
    "ADD": "AddOptions",
    "ARG_MAX": "ArgMaxOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DIV": "DivOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "RESHAPE": "ReshapeOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SUB": "SubOptions",
}
_DEFAULTS = {
    "CONV_2D": {"strideH": 1, "strideW": 1},
    "DEPTHWISE_CONV_2D": {"strideH": 1, "strideW": 1, "depthMultiplier": 1},
    "SOFTMAX": {"beta": 1.0},
}
RELU = schema.ActivationFunctionType.RELU


class TfliteFile:
    """A model with one subgraph that grows by `tensor`, `constant` and `op`."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, *, name="", dtype="float32", scales=(), zero_points=None, axis=0) -> int:
        """Adds an activation; gives its index."""
        tensor = schema.TensorT()
        tensor.shape, tensor.name, tensor.buffer = list(shape), name, 0
        tensor.type = getattr(schema.TensorType, dtype.upper())
        if len(scales):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.quantizedDimension = list(scales), axis
            tensor.quantization.zeroPoint = [0] * len(scales) if zero_points is None else list(zero_points)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, values, **settings) -> int:
        """Adds a tensor with stored values; gives its index."""
        values = np.asarray(values)
        index = self.tensor(values.shape, dtype=values.dtype.name, **settings)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), dtype=np.uint8)
        self.graph.tensors[index].buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)
        return index

    def op(self, name, inputs, output, *, version=1, custom=False, **options) -> int:
        """Adds an operator from tensor indices to one tensor index; gives that back."""
        code = schema.OperatorCodeT()
        code.version = version
        code.builtinCode = schema.BuiltinOperator.CUSTOM if custom else getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode = name if custom else None
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), [output]
        if name in _OPTIONS:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, _OPTIONS[name])
            operator.builtinOptions = getattr(schema, f"{_OPTIONS[name]}T")()
            for key, value in {**_DEFAULTS.get(name, {}), **options}.items():
                setattr(operator.builtinOptions, key, value)
        self.graph.operators.append(operator)
        return output

    def ends(self, inputs, outputs) -> TfliteFile:
        """Names the graph's input and output tensors."""
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        return self

    def to_bytes(self) -> bytes:
        """Packs the file as it stands."""
        return pack(self.model)


def ending_in(*ops, shape=(1, 4), side=8) -> bytes:
    """A file from a picture to `shape` whose last operators have these names; it is read, not run."""
    file = TfliteFile()
    image = here = file.tensor((1, side, side, 3), name="image")
    for name in ops:
        kernel = [file.constant(np.zeros((1, 1, 1, 1), np.float32))] if name in WEIGHTED_OPS else []
        here = file.op(name, [here, *kernel], file.tensor(shape, name=name))
    return file.ends([image], [here]).to_bytes()


def crashing(*, side: int = 8, classes: int = 3) -> bytes:
    """A float file from a picture to probabilities that kills LiteRT 2.3 with a segmentation fault when it is loaded.

    Its SPLIT has lost the second of its two inputs, which the kernel reads all the same.
    """
    file = TfliteFile()
    image, split = file.tensor((1, side, side, 3), name="image"), file.tensor((1, side, side, 3), name="split")
    pooled, logits = file.tensor((1, 3), name="pooled"), file.tensor((1, classes), name="logits")
    file.op("SPLIT", [image], split)
    file.op("MEAN", [split, file.constant(np.int32([1, 2]))], pooled)
    weights = [file.constant(np.ones((classes, 3), np.float32)), file.constant(np.zeros(classes, np.float32))]
    file.op("FULLY_CONNECTED", [pooled, *weights], logits)
    answer = file.op("SOFTMAX", [logits], file.tensor((1, classes), name="answer"))
    return file.ends([image], [answer]).to_bytes()
