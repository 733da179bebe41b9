"""A stand-in for one function of ai-edge-quantizer 0.10, which fails on convolution kernels of more than 32 MiB.

It quantizes such tensors in pieces of a two-dimensional view and does not bring the scales into the form of that view.
Source: https://github.com/google-ai-edge/ai-edge-quantizer/issues/512. The 3x3 convolutions of `v1-conv` from 1024 to
1024 channels are that large. Here the pieces are whole output channels, each with its scale; the arithmetic stays that
of the library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

_LARGE_BYTES = 32 * 2**20


@contextmanager
def kernels_of_any_size() -> Iterator[None]:
    """Lets ai-edge-quantizer quantize large kernels inside the block."""
    from ai_edge_quantizer.algorithms.uniform_quantize import uniform_quantize_tensor as home

    original = home.uniform_quantize

    def uniform_quantize(
        tensor_data: npt.NDArray[Any],
        quantization_params: Any,  # noqa: ANN401  # an untyped library
        is_blockwise_quant: bool = False,
    ) -> npt.NDArray[Any]:
        if is_blockwise_quant or tensor_data.ndim < 3 or tensor_data.nbytes <= _LARGE_BYTES:
            return np.asarray(original(tensor_data, quantization_params, is_blockwise_quant))
        whole = home.fix_quantization_params_rank(tensor_data, quantization_params)
        rows = max(1, _LARGE_BYTES // tensor_data[0].nbytes)
        starts = range(0, len(tensor_data), rows)
        return np.concatenate([original(tensor_data[i : i + rows], _rows(whole, i, rows)) for i in starts])

    home.uniform_quantize = uniform_quantize
    try:
        yield
    finally:
        home.uniform_quantize = original


def _rows(parameters: Any, start: int, count: int) -> Any:  # noqa: ANN401
    """Gives the parameters of some leading rows of a tensor; those of one size hold for all rows."""
    scale, zero_point = (
        values[start : start + count] if values.shape[0] > 1 else values
        for values in (parameters.scale, parameters.zero_point)
    )
    return replace(parameters, scale=scale, zero_point=zero_point)
