"""Networks written layer by layer, small enough to say by hand what must come of them; no TensorFlow."""

from __future__ import annotations

import numpy as np
from fakes.pictures import make_picture
from fakes.tflite_file import TfliteFile

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.tflite.channel_groups import find_channel_groups
from mobile_deploy.tflite.channel_weights import ChannelWeights
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.write import pack

SIDE = 8
# Source: ActivationFunctionType of the TensorFlow Lite schema.
NONE, RELU, RELU_N1_TO_1, RELU6, TANH = 0, 1, 2, 3, 4
INPUT = InputContract(side=SIDE, dtype="float32", low=-1.0, high=1.0, fit=Fit(kind="stretch"))


def pictures(count: int = 24, *, first_seed: int = 0) -> np.ndarray:
    """(count, 8, 8, 3) uint8 RGB, each different."""
    return np.stack([make_picture(first_seed + i, height=SIDE, width=SIDE) for i in range(count)])


class LayeredFile(TfliteFile):
    """A network from the picture `image` on; each method adds a layer behind a tensor and gives what it makes."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.random = np.random.default_rng(seed)
        self.image = self.tensor((1, SIDE, SIDE, 3), name="image")

    def tensor(self, shape, *, name="", **settings) -> int:
        """Names are unique, as in files of converters."""
        known = [tensor.name for tensor in self.graph.tensors]
        return super().tensor(shape, name=f"{name} {len(known)}" if name in known else name, **settings)

    def shape(self, index: int) -> tuple[int, ...]:
        return tuple(self.graph.tensors[index].shape)

    def weights(self, *shape: int) -> np.ndarray:
        """Random weights that keep values of about the same size."""
        fan_in = np.prod(shape[1:3]) if shape[0] == 1 and len(shape) == 4 else np.prod(shape[1:])
        return (self.random.normal(size=shape) * np.sqrt(2 / fan_in)).astype(np.float32)

    def conv(self, here: int, kernel, bias=None, *, name="conv", fused=NONE, stride=1) -> int:
        """`kernel` is (outputs, height, width, inputs), or a number of outputs for a random one of 1 x 1."""
        if isinstance(kernel, int):
            kernel = self.weights(kernel, 1, 1, self.shape(here)[-1])
        return self._weighted("CONV_2D", here, kernel, bias, len(kernel), name, fused, stride)

    def depthwise(self, here: int, kernel=None, bias=None, *, name="depthwise", fused=NONE, multiplier=1) -> int:
        """`kernel` is (1, height, width, outputs); None for a random one of 3 x 3."""
        if kernel is None:
            kernel = self.weights(1, 3, 3, multiplier * self.shape(here)[-1])
        made = kernel.shape[-1]
        return self._weighted("DEPTHWISE_CONV_2D", here, kernel, bias, made, name, fused, 1, depthMultiplier=multiplier)

    def _weighted(self, op, here, kernel, bias, channels, name, fused, stride, **options) -> int:
        _, height, width, _ = self.shape(here)
        made = self.tensor((1, height // stride, width // stride, channels), name=name)
        stored = [self.constant(np.asarray(kernel, np.float32), name=f"{name}/kernel")]
        if bias is not False:
            values = self.random.normal(size=channels) * 0.3 if bias is None else bias
            stored.append(self.constant(np.asarray(values, np.float32), name=f"{name}/bias"))
        options |= {"strideH": stride, "strideW": stride, "fusedActivationFunction": fused}
        return self.op(op, [here, *stored], made, **options)

    def dense(self, here: int, kernel, bias=None, *, name="dense", fused=NONE) -> int:
        """`kernel` is (outputs, inputs), or a number of outputs for a random one."""
        if isinstance(kernel, int):
            kernel = self.weights(kernel, self.shape(here)[-1])
        stored = [self.constant(np.asarray(kernel, np.float32), name=f"{name}/kernel")]
        values = np.zeros(len(kernel)) if bias is None else bias
        stored.append(self.constant(np.asarray(values, np.float32), name=f"{name}/bias"))
        return self.op(
            "FULLY_CONNECTED", [here, *stored], self.tensor((1, len(kernel)), name=name), fusedActivationFunction=fused
        )

    def add(self, one: int, other: int, *, name="add", fused=NONE) -> int:
        return self.op(
            "ADD", [one, other], self.tensor(self.shape(one), name=name), version=1, fusedActivationFunction=fused
        )

    def mean(self, here: int, *, axes=(1, 2), name="mean") -> int:
        shape = [size for axis, size in enumerate(self.shape(here)) if axis not in axes]
        return self.op("MEAN", [here, self.constant(np.array(axes, np.int32))], self.tensor(shape, name=name))

    def pad(self, here: int, paddings, *, name="pad") -> int:
        shape = [size + sum(pair) for size, pair in zip(self.shape(here), paddings, strict=True)]
        return self.op("PAD", [here, self.constant(np.array(paddings, np.int32))], self.tensor(shape, name=name))

    def pool(self, kind: str, here: int, *, name="pool") -> int:
        _, height, width, channels = self.shape(here)
        made = self.tensor((1, height // 2, width // 2, channels), name=name)
        return self.op(kind, [here], made, strideH=2, strideW=2, filterHeight=2, filterWidth=2)

    def alone(self, op: str, here: int, *, name=None, shape=None) -> int:
        """An operator with one input and no numbers of its own."""
        made = self.tensor(shape or self.shape(here), name=name or op.lower())
        given = [here, self.constant(np.array(self.shape(made), np.int32))] if op == "RESHAPE" else [here]
        return self.op(op, given, made)

    def ending_at(self, here: int) -> bytes:
        return self.ends([self.image], [here]).to_bytes()


def inverted_residual(seed: int = 0) -> LayeredFile:
    """Two inverted residual blocks, the second with its addition; the head's tensors are not there yet.

    stem (8) -> depthwise -> narrow (4) -+-> widen (8) -> depthwise again -> narrow again (4) -> add
                                         +---------------------------------------------------------^
    """
    file = LayeredFile(seed)
    stem = file.conv(file.image, file.weights(8, 3, 3, 3), name="stem", fused=RELU6, stride=2)
    narrow = file.conv(file.depthwise(stem, fused=RELU6), 4, name="narrow")
    wide = file.conv(narrow, 8, name="widen", fused=RELU6)
    again = file.conv(file.depthwise(wide, name="depthwise again", fused=RELU6), 4, name="narrow again")
    file.add(narrow, again)
    return file


def small_mobilenet(seed: int = 0, *, classes: int = 5) -> bytes:
    """The same with a head: conv (8), mean, dense, softmax."""
    file = inverted_residual(seed)
    added = len(file.graph.tensors) - 1
    mean = file.mean(file.conv(added, 8, name="head", fused=RELU6))
    return file.ending_at(file.alone("SOFTMAX", file.dense(mean, classes)))


def scaled_unevenly(data: bytes, *, seed=0, most=8.0) -> bytes:
    """The same network with each channel wider or narrower than it was by a random factor; ReLU6 caps none of them."""
    graph, random = read_graph(data), np.random.default_rng(seed)
    weights = ChannelWeights(graph)
    for group in find_channel_groups(graph):
        channels = weights.spans(group.makers[0], "out").size
        weights.scale(group, most ** random.uniform(0 if group.is_capped else -1, 1, channels))
    weights.store()
    return pack(graph.model)
