"""Answers pictures with a Keras model itself, untouched by any conversion."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt


class KerasRunner:
    """A Keras model that answers pictures; a context manager like the one that runs a .tflite.

    Args:
        call: From a float32 (1, side, side, 3) tensor to the one float32 (1, N) output, in inference mode.
        encode: From (N, side, side, 3) uint8 RGB pictures to the float32 values that `call` takes.
        side: Input height and width in pixels.
    """

    def __init__(
        self, call: Callable[[Any], Any], *, encode: Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]], side: int
    ) -> None:
        import tensorflow as tf

        image = tf.TensorSpec((1, side, side, 3), tf.float32)
        self._call = tf.function(call, autograph=False).get_concrete_function(image)
        self._constant = tf.constant
        self._encode = encode
        self.latencies_ms: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        del self._call

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Answers pictures one by one, as a phone does, and keeps the time of each in `latencies_ms`.

        Args:
            pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.

        Returns:
            (N, size) float32 values, flattened when the output is a feature map.
        """
        encoded = self._encode(pictures)
        answers = [self._answer(encoded[i : i + 1]) for i in range(len(encoded))]
        return np.stack(answers).reshape(len(answers), -1)

    def _answer(self, one: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        image = self._constant(one)
        start = time.perf_counter()
        output: npt.NDArray[np.float32] = self._call(image).numpy()[0]
        self.latencies_ms.append((time.perf_counter() - start) * 1e3)
        return output
