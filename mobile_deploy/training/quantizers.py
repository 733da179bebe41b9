"""The quantizers that tensorflow-model-optimization is given: one for kernels, one for activations.

Its own would keep one range for the last axis of a kernel, which is wrong for depthwise kernels, and would begin
at ranges of -6 to 6 that follow the data over thousands of steps. These begin where a file is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.training.tfmot import import_tfmot


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelGrid:
    """How a kernel is rounded.

    Attributes:
        floors: Per output channel, or for all, what the weight that 127 stands for must reach at least; zeros mostly.
        mask: 0 where a weight was pruned and must stay zero, else 1, in tf_keras's order of axes; None for no pruning.
    """

    floors: npt.NDArray[np.float32]
    mask: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The range of an activation.

    Attributes:
        low: Smallest value that the integers stand for, 0 or below.
        high: Largest.
        is_learned: Whether training may change them.
    """

    low: float
    high: float
    is_learned: bool


@dataclass(slots=True, kw_only=True)
class OperatorVariables:
    """What training changes of one operator; filled when its layer is connected.

    Attributes:
        kernel: The kernel as tf_keras keeps it; None for an operator without weights.
        bias: Likewise.
        stretch: Factors on the two limits, (2,); None where they are fixed or the operator has none of its own.
    """

    kernel: Any = None
    bias: Any = None
    stretch: Any = None


def wrap_operator(
    layer: Any,  # noqa: ANN401
    grid: KernelGrid | None,
    limits: Limits | None,
    variables: OperatorVariables,
) -> Any:  # noqa: ANN401
    """Puts the rounding of an int8 file around a layer.

    Args:
        layer: A built tf_keras layer, not connected yet.
        grid: How its kernel is rounded; None for no kernel.
        limits: The range of what it makes; None for one that has none of its own.
        variables: Filled with what training changes when the result is connected.

    Returns:
        The wrapped layer.
    """
    config = _config_class()(grid, limits, variables)
    return import_tfmot().quantization.keras.QuantizeWrapperV2(layer, config)


@cache
def _config_class() -> Any:  # noqa: ANN401  # a class of an untyped library
    """Gives the QuantizeConfig of all operators: what is rounded is data."""

    class OperatorConfig(import_tfmot().quantization.keras.QuantizeConfig):  # type: ignore[misc]  # an untyped library
        def __init__(self, grid: KernelGrid | None, limits: Limits | None, variables: OperatorVariables) -> None:
            self.grid, self.limits, self.variables = grid, limits, variables

        def get_weights_and_quantizers(self, layer: Any) -> list[Any]:  # noqa: ANN401
            if self.grid is None:
                return []
            # The wrapper puts the rounded kernel in its place.
            self.variables.kernel = getattr(layer, _kernel_attribute(layer))
            self.variables.bias = layer.bias if layer.use_bias else None
            return [(self.variables.kernel, _kernel_quantizer_class()(self.grid))]

        def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:  # noqa: ANN401
            for rounded in quantize_weights:
                setattr(layer, _kernel_attribute(layer), rounded)

        def get_activations_and_quantizers(self, layer: Any) -> list[Any]:  # noqa: ANN401
            return []  # a fused activation comes before the one rounding of the output

        def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:  # noqa: ANN401
            return  # see above

        def get_output_quantizers(self, layer: Any) -> list[Any]:  # noqa: ANN401
            return [] if self.limits is None else [_range_quantizer_class()(self.limits, self.variables)]

        def get_config(self) -> dict[str, Any]:
            return {"grid": self.grid, "limits": self.limits, "variables": self.variables}

    return OperatorConfig


def _kernel_attribute(layer: Any) -> str:  # noqa: ANN401
    return "depthwise_kernel" if hasattr(layer, "depthwise_kernel") else "kernel"


@cache
def _kernel_quantizer_class() -> Any:  # noqa: ANN401
    import tensorflow as tf

    class KernelQuantizer(import_tfmot().quantization.keras.quantizers.Quantizer):  # type: ignore[misc]
        """Rounds a kernel to the integers from -127 to 127, by output channel or as a whole."""

        def __init__(self, grid: KernelGrid) -> None:
            self.grid = grid

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:  # noqa: ANN401
            return {}

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            kernel = inputs if self.grid.mask is None else inputs * self.grid.mask
            # Rows of output channels: those of a depthwise kernel lie along its last two axes.
            rows = tf.reshape(kernel, (-1, self.grid.floors.size))
            bound = tf.stop_gradient(tf.maximum(tf.reduce_max(tf.abs(rows), axis=0), self.grid.floors))
            rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(rows, -bound, bound, narrow_range=True)
            return tf.reshape(rounded, kernel.shape)

        def get_config(self) -> dict[str, Any]:
            return {"grid": self.grid}

    return KernelQuantizer


@cache
def _range_quantizer_class() -> Any:  # noqa: ANN401
    import tensorflow as tf
    import tf_keras

    class RangeQuantizer(import_tfmot().quantization.keras.quantizers.Quantizer):  # type: ignore[misc]
        """Rounds an activation to 256 steps between two limits."""

        def __init__(self, limits: Limits, variables: OperatorVariables) -> None:
            self.limits, self.variables = limits, variables

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:  # noqa: ANN401
            if self.limits.is_learned:
                self.variables.stretch = layer.add_weight(
                    f"{name}_stretch", shape=(2,), initializer=tf_keras.initializers.Ones(), trainable=True
                )
            return {}

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            low, high = self.limits.low, self.limits.high
            if not self.limits.is_learned:
                return tf.quantization.fake_quant_with_min_max_args(inputs, low, high)
            stretch = tf.nn.relu(self.variables.stretch)
            return tf.quantization.fake_quant_with_min_max_vars(inputs, low * stretch[0], high * stretch[1])

        def get_config(self) -> dict[str, Any]:
            return {"limits": self.limits, "variables": self.variables}

    return RangeQuantizer
