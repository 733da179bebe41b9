"""What targets ask of an operator beyond its name and types: each condition in words and as a check."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mobile_deploy.tflite.graph import ABSENT, Graph, OpRecord, TensorRecord

# Codes of fused activations. Source: TensorFlow Lite schema, ActivationFunctionType.
_NO_ACTIVATION = 0
_LAST_CLAMP = 3  # NONE, RELU, RELU_N1_TO_1, RELU6; above are TANH and SIGN_BIT
_TANH = 4
_VALID_PADDING = 1  # Source: TensorFlow Lite schema, Padding


@dataclass(frozen=True, slots=True, kw_only=True)
class OpView:
    """One operator as a target looks at it.

    Attributes:
        graph: The file.
        op: The operator.
        constants: Tensors that do not depend on the input.
    """

    graph: Graph
    op: OpRecord
    constants: AbstractSet[int]

    @property
    def inputs(self) -> tuple[TensorRecord, ...]:
        """Its inputs, without those that are absent."""
        return tuple(self.graph.tensors[i] for i in self.op.inputs if i != ABSENT)

    @property
    def outputs(self) -> tuple[TensorRecord, ...]:
        """Its outputs."""
        return tuple(self.graph.tensors[i] for i in self.op.outputs)

    @property
    def activations(self) -> tuple[TensorRecord, ...]:
        """What flows in and out; what an operator makes of constants alone flows too."""
        flowing = tuple(tensor for tensor in self.inputs if tensor.index not in self.constants)
        return (*(flowing or self.inputs[:1]), *self.outputs)

    def option(self, name: str, default: int) -> int:
        """Gives a whole number among its options."""
        value = self.graph.option(self.op, name)
        return int(value) if isinstance(value, int) else default

    def numbers(self, position: int) -> tuple[int, ...] | None:
        """Gives the whole numbers of a stored input, such as axes; None where the file does not hold them."""
        index = self.op.inputs[position] if position < len(self.op.inputs) else ABSENT
        if index == ABSENT:
            return None
        tensor = self.graph.tensors[index]
        if not tensor.is_constant or tensor.dtype not in ("int32", "int64"):
            return None
        return tuple(int(value) for value in self.graph.constant(index).reshape(-1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something an operator must fulfil.

    Attributes:
        words: What it must be, such as "stored weights".
        holds: Says whether it is.
    """

    words: str
    holds: Callable[[OpView], bool]


def at_most_axes(most: int) -> Condition:
    """Asks for tensors of at most so many axes."""
    return Condition(
        words=f"at most {most} axes", holds=lambda view: all(len(t.shape) <= most for t in view.activations)
    )


def input_counts(fewest: int, most: int) -> Condition:
    """Asks for so many inputs."""
    words = f"{fewest} inputs" if fewest == most else f"{fewest} to {most} inputs"
    return Condition(words=words, holds=lambda view: fewest <= len(view.inputs) <= most)


def ranks(*allowed: int) -> Condition:
    """Asks for a picture of so many axes."""
    words = f"{' or '.join(map(str, allowed))} axes"
    return Condition(words=words, holds=lambda view: bool(view.inputs) and len(view.inputs[0].shape) in allowed)


def _strides(view: OpView) -> tuple[int, int]:
    return view.option("strideH", 1), view.option("strideW", 1)


def _dilations(view: OpView) -> tuple[int, int]:
    return view.option("dilationHFactor", 1), view.option("dilationWFactor", 1)


def _is_plain_valid(view: OpView) -> bool:
    return view.option("padding", 0) == _VALID_PADDING and _dilations(view) == (1, 1)


def _filter(view: OpView) -> tuple[int, int]:
    return view.option("filterHeight", 1), view.option("filterWidth", 1)


def _npu_pooling(view: OpView) -> bool:
    height, width = _filter(view)
    if view.option("padding", 0) == _VALID_PADDING:
        return height <= 256 and height * width <= 256 * 256
    return max(height, width) <= 8


def _has_quantization(view: OpView) -> bool:
    return all(tensor.scales for tensor in view.activations)


def _is_per_tensor(view: OpView) -> bool:
    return all(len(tensor.scales) <= 1 for tensor in (*view.inputs, *view.outputs))


def _same_scales(view: OpView) -> bool:
    return len({(t.scales, t.zero_points) for t in view.activations}) == 1


def _depth_reduction_fits(view: OpView) -> bool:
    axes, shape = view.numbers(1), view.inputs[0].shape
    reduces_depth = axes is not None and any(axis % len(shape) == len(shape) - 1 for axis in axes if shape)
    return not reduces_depth or shape[-1] % 4 == 0


def _spares_the_batch(view: OpView, position: int = 1) -> bool:
    axes, rank = view.numbers(position), len(view.inputs[0].shape)
    return axes is not None and 0 not in {axis % rank if rank else axis for axis in axes}


def _pads_no_batch(view: OpView) -> bool:
    amounts = view.numbers(1)
    return amounts is not None and not any(amounts[:2])


def _masks(view: OpView, *names: str) -> bool:
    return not any(view.option(name, 0) for name in names)


FIXED_SHAPES = Condition(
    words="sizes known in advance",
    holds=lambda view: not any(view.graph.open_axes(tensor.index) for tensor in view.activations),
)
OPEN_BATCH_AT_MOST = Condition(
    words="sizes known in advance, but for the batch",
    holds=lambda view: not any(axis for tensor in view.activations for axis in view.graph.open_axes(tensor.index)),
)
STORED_WEIGHTS = Condition(
    words="stored weights", holds=lambda view: all(i in view.constants or i == ABSENT for i in view.op.inputs[1:])
)
STORED_PARAMETERS = Condition(
    words="stored parameters", holds=lambda view: all(t.index in view.constants for t in view.inputs[1:])
)
NOT_HYBRID = Condition(
    words="weights of the picture's type",
    holds=lambda view: (
        len(view.inputs) < 2 or (view.inputs[0].dtype == "float32") == (view.inputs[1].dtype == "float32")
    ),
)
BYTE_WEIGHTS = Condition(
    words="8-bit weights", holds=lambda view: len(view.inputs) > 1 and view.inputs[1].dtype in ("int8", "uint8")
)
CLAMP_AT_MOST = Condition(
    words="no fused TANH", holds=lambda view: view.option("fusedActivationFunction", _NO_ACTIVATION) <= _LAST_CLAMP
)
TANH_AT_MOST = Condition(
    words="no fused SIGN_BIT", holds=lambda view: view.option("fusedActivationFunction", _NO_ACTIVATION) <= _TANH
)
NO_ACTIVATION = Condition(
    words="no fused activation",
    holds=lambda view: view.option("fusedActivationFunction", _NO_ACTIVATION) == _NO_ACTIVATION,
)
POOLS_OR_KEEPS = Condition(
    words="no 1x1 pooling with a stride", holds=lambda view: _filter(view) != (1, 1) or _strides(view) == (1, 1)
)
ONE_PICTURE = Condition(words="a batch of one", holds=lambda view: view.inputs[0].shape[:1] in ((), (1,)))
SMALL_STRIDES = Condition(
    words="strides of at most 3",
    holds=lambda view: max(_strides(view)) <= 3 or _is_plain_valid(view),
)
STRICT_STRIDES = Condition(words="strides of at most 3", holds=lambda view: max(_strides(view)) <= 3)
EQUAL_DILATION = Condition(words="the same dilation both ways", holds=lambda view: len({*_dilations(view)}) == 1)
PLAIN_SOFTMAX = Condition(words="a beta of 1", holds=lambda view: view.graph.option(view.op, "beta") in (None, 1.0))
FLAT_SOFTMAX = Condition(
    words="one axis of at most 16,000 values",
    holds=lambda view: math.prod(view.inputs[0].shape[:-1]) == 1 and math.prod(view.inputs[0].shape) <= 16_000,
)
FLAT_OUTPUT = Condition(words="an output of one axis", holds=lambda view: math.prod(view.outputs[0].shape[:-1]) == 1)
INNER_AXES = Condition(
    words="only the three innermost axes above 1",
    holds=lambda view: all(math.prod(tensor.shape[:-3]) == 1 for tensor in view.activations),
)
QUANTIZED = Condition(words="quantized tensors", holds=_has_quantization)
PER_TENSOR = Condition(words="one scale a tensor", holds=_is_per_tensor)
SAME_SCALES = Condition(words="equal scales in and out", holds=_same_scales)
SAME_SIGN = Condition(
    words="the same signedness in and out",
    holds=lambda view: view.inputs[0].dtype in ("float32", view.outputs[0].dtype),
)
NPU_POOLING = Condition(words="a window of at most 8x8", holds=_npu_pooling)
NO_BATCH_REDUCTION = Condition(words="no reduction along the batch", holds=_spares_the_batch)
NO_BATCH_PADDING = Condition(words="no padding of the batch", holds=_pads_no_batch)
DEPTH_BY_FOUR = Condition(words="a reduced depth that is a multiple of 4", holds=_depth_reduction_fits)
FOUR_ROWS_OF_PADDING = Condition(
    words="paddings of 3 or 4 axes",
    holds=lambda view: len(view.inputs) > 1 and view.inputs[1].shape in ((3, 2), (4, 2)),
)
NO_MASKS = Condition(
    words="no ellipsis, new or dropped axis",
    holds=lambda view: _masks(view, "ellipsisMask", "newAxisMask", "shrinkAxisMask"),
)
NO_NEW_AXES = Condition(words="no ellipsis or new axis", holds=lambda view: _masks(view, "ellipsisMask", "newAxisMask"))
UNIT_STEPS = Condition(words="steps of 1", holds=lambda view: {*(view.numbers(3) or (0,))} == {1})
DEPTHWISE_FITS = Condition(
    words="as many kernels as output channels",
    holds=lambda view: len(view.inputs) > 1 and view.inputs[1].shape[-1:] == view.outputs[0].shape[-1:],
)
