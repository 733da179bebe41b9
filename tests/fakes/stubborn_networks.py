"""Networks that lose their answers in int8 for a known reason, which only a known remedy takes away."""

from __future__ import annotations

import numpy as np
from fakes.layered_file import INPUT, RELU6, LayeredFile, pictures
from PIL import Image

from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.tflite.graph import load_model
from mobile_deploy.tflite.write import serialize

CLASSES = 5
_CHANNELS = 8


def with_coarse_layers(count: int) -> bytes:
    """A network with `count` layers whose kernels are too coarse in int8, channel by channel.

    Each reads a channel that is always 6 with a weight of 100, which the bias takes off again; beside it all other
    weights round to almost nothing. Their channels reach the cap, so that equalization must not scale them.
    """
    return _classifier(lambda file: _coarse_layers(file, count))


def _coarse_layers(file: LayeredFile, count: int) -> int:
    kernel, bias = 4 * file.weights(_CHANNELS, 1, 1, 3), np.full(_CHANNELS, 3.0)
    kernel[-1], bias[-1] = 0, 9
    here = file.conv(file.image, kernel, bias, name="lively", fused=RELU6)
    for number in range(count):
        kernel = file.weights(_CHANNELS, 1, 1, _CHANNELS)
        bias = 3 - 3 * kernel[..., :-1].sum(axis=(1, 2, 3)) - 600
        kernel[..., -1] = 100
        kernel[-1], bias[-1] = 0, 9
        here = file.conv(here, kernel, bias, name=f"coarse {number}", fused=RELU6)
    return here


def with_far_offset() -> bytes:
    """A network whose answer lies in small differences of activations around 1000: 8 bits are too few for them."""
    return _classifier(lambda file: file.conv(file.image, _CHANNELS, np.full(_CHANNELS, 1000.0), name="far"))


def _classifier(trunk) -> bytes:
    """Mean, dense and softmax behind a trunk; the bias is such that no class wins always."""

    def build(bias) -> bytes:
        file = LayeredFile(1)
        mean = file.mean(trunk(file))
        weights = 6 * file.weights(CLASSES, _CHANNELS)
        return file.ending_at(file.alone("SOFTMAX", file.dense(mean, weights, bias)))

    middle = read_logits(build(np.zeros(CLASSES)), pictures(40), INPUT).mean(axis=0)
    return serialize(load_model(build(-middle), source="a file under test"))


def write_as_answered(data: bytes, folder, count: int = 40, *, first_seed: int = 300) -> None:
    """Writes pictures of 8 px into folders by the class that a float network gives them."""
    for seed, logits in enumerate(read_logits(data, pictures(count, first_seed=first_seed), INPUT), start=first_seed):
        home = folder / str(int(logits.argmax()))
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures(1, first_seed=seed)[0]).save(home / f"p{seed}.png")
