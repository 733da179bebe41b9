"""A small network written by hand: every kind of layer of a MobileNet, in a few kilobytes, without TensorFlow."""

from __future__ import annotations

import numpy as np
from fakes.tflite_file import TfliteFile

SIDE = 16
CLASSES = 5
_RELU6 = 3  # Source: TensorFlow Lite schema, ActivationFunctionType


def float_network(seed: int = 0) -> bytes:
    """A float .tflite from a picture of 16 px, -1 to 1, to the probabilities of five classes."""
    numbers, file = np.random.default_rng(seed), TfliteFile()

    def weights(*shape: int) -> int:
        return file.constant(numbers.normal(0, 0.5, shape).astype(np.float32), name=f"weights {len(shape)}")

    def layer(name: str, here: int, out: tuple[int, ...], kernel: tuple[int, ...], **options: int) -> int:
        return file.op(name, [here, weights(*kernel), weights(out[-1])], file.tensor(out, name=name.lower()), **options)

    image = file.tensor((1, SIDE, SIDE, 3), name="image")
    stem = layer("CONV_2D", image, (1, 8, 8, 8), (8, 3, 3, 3), strideH=2, strideW=2, fusedActivationFunction=_RELU6)
    deep = layer("DEPTHWISE_CONV_2D", stem, (1, 8, 8, 8), (1, 3, 3, 8), fusedActivationFunction=_RELU6)
    flat = layer("CONV_2D", deep, (1, 8, 8, 8), (8, 1, 1, 8))
    summed = file.op("ADD", [flat, stem], file.tensor((1, 8, 8, 8), name="add"))
    pooled = file.op("MEAN", [summed, file.constant(np.int32([1, 2]), name="axes")], file.tensor((1, 8), name="mean"))
    logits = layer("FULLY_CONNECTED", pooled, (1, CLASSES), (CLASSES, 8))
    return file.ends([image], [file.op("SOFTMAX", [logits], file.tensor((1, CLASSES), name="softmax"))]).to_bytes()
