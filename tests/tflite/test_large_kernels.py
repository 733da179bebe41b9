"""Kernels of more than 32 MiB, which ai-edge-quantizer alone refuses."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.algorithms.uniform_quantize import uniform_quantize_tensor as home

from mobile_deploy.tflite.large_kernels import kernels_of_any_size

SHAPE = (1030, 3, 3, 1024)


def parameters(scale: np.ndarray) -> qtyping.UniformQuantParams:
    return qtyping.UniformQuantParams(
        num_bits=8, quantized_dimension=0, scale=scale, zero_point=np.zeros(scale.shape, np.int32), symmetric=True
    )


@pytest.mark.parametrize("channels", [SHAPE[0], 1], ids=["per-channel", "per-tensor"])
def test_a_large_kernel_is_rounded_channel_by_channel(channels):
    draw = np.random.default_rng(0)
    kernel = draw.uniform(-1, 1, SHAPE).astype(np.float32)
    assert kernel.nbytes > 32 * 2**20
    scale = draw.uniform(0.005, 0.02, (channels, 1, 1, 1)).astype(np.float32)
    with pytest.raises(ValueError, match="more dimensions than allowed"):  # else the stand-in is no longer needed
        home.uniform_quantize(kernel, parameters(scale))
    with kernels_of_any_size():
        stored = home.uniform_quantize(kernel, parameters(scale))
    assert (stored.dtype, stored.shape) == (np.int8, SHAPE)
    np.testing.assert_array_equal(stored, np.clip(np.rint(kernel / scale), -127, 127))


def test_a_small_kernel_is_left_to_the_library():
    kernel = np.random.default_rng(0).uniform(-1, 1, (4, 3, 3, 2)).astype(np.float32)
    given = parameters(np.full((4, 1, 1, 1), 0.01, np.float32))
    original = home.uniform_quantize
    with kernels_of_any_size():
        stored = home.uniform_quantize(kernel, given)
    np.testing.assert_array_equal(stored, original(kernel, given))
    assert home.uniform_quantize is original
