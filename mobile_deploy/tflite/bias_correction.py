"""Takes the average effect of weight rounding out of each bias, before the file is quantized.

Rounding a kernel to int8 shifts every output by the kernel's error times the input. The part of that shift that is the
same for all pictures, the error times the mean input, is subtracted from the bias. It costs nothing on the phone, and
for narrow networks, whose rounding errors do not average out over many channels, it is most of the damage.

Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, arXiv:1906.04721, section
    4.2,
with the mean input measured on the calibration pictures.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mobile_deploy.tflite.channel_weights import give_own_constant
from mobile_deploy.tflite.graph import Graph, OpRecord

LARGEST_WEIGHT = 127  # int8 weights are symmetric and narrow: -127 to 127
_SMALLEST_BOUND = 1e-9  # the quantizer's own, which keeps a scale from being zero


def rounding_error(kernel: npt.NDArray[np.float32], bounds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Gives what rounding to int8 adds to each weight.

    Args:
        kernel: The weights.
        bounds: The weight that 127 stands for, per channel or for all, broadcastable to the kernel.

    Returns:
        Rounded minus exact weights, in the kernel's shape.
    """
    scale = np.maximum(bounds, _SMALLEST_BOUND) / LARGEST_WEIGHT
    rounded = np.clip(np.round(kernel / scale), -LARGEST_WEIGHT, LARGEST_WEIGHT) * scale
    return np.asarray(rounded - kernel, dtype=np.float32)


def _mean_shift(
    op: OpRecord, error: npt.NDArray[np.float32], mean_input: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32] | None:
    """Gives the mean output shift of each channel; None where the shapes do not say how the input is read."""
    if op.name == "DEPTHWISE_CONV_2D":  # kernel (1, height, width, channels)
        per_channel = error.sum(axis=(0, 1, 2))
        repeats, rest = divmod(per_channel.size, mean_input.size)
        return None if rest else per_channel * np.repeat(mean_input, repeats)
    per_input = error.reshape(error.shape[0], -1, error.shape[-1]).sum(axis=1)  # (output channels, input channels)
    return per_input @ mean_input if per_input.shape[1] == mean_input.size else None


def correct_biases(
    graph: Graph,
    kernel_bounds: Mapping[int, npt.NDArray[np.float32]],
    channel_means: Mapping[str, npt.NDArray[np.float32]],
) -> int:
    """Corrects the biases of a float graph's schema objects in place.

    Args:
        graph: The float file; its `model` is changed.
        kernel_bounds: By operator index, the weight that 127 will stand for.
        channel_means: By tensor name, the mean of each channel over the calibration pictures.

    Returns:
        How many operators were corrected; those without a stored bias are left alone.
    """
    corrected = 0
    for index, bounds in kernel_bounds.items():
        op = graph.ops[index]
        mean_input = channel_means.get(graph.tensors[op.inputs[0]].name)
        if mean_input is None or len(op.inputs) < 3 or op.inputs[2] < 0 or not graph.tensors[op.inputs[2]].is_constant:
            continue
        shift = _mean_shift(op, rounding_error(graph.constant(op.inputs[1]), bounds), mean_input)
        if shift is not None:
            corrected_bias = (graph.constant(op.inputs[2]) - shift).astype(np.float32)
            give_own_constant(graph.model, op, 2, corrected_bias)
            corrected += 1
    return corrected
