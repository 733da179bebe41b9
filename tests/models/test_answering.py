"""Answering pictures with a Keras model itself."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.pictures import make_picture

from mobile_deploy.models.answering import KerasRunner


def test_it_answers_as_the_model_does_and_keeps_the_times(v2_network):
    pictures = np.stack([make_picture(seed, height=64, width=64) for seed in range(3)])
    encoded = pictures.astype(np.float32) / 127.5 - 1
    with KerasRunner(
        lambda image: v2_network.model(image, training=False),
        encode=lambda p: p.astype(np.float32) / 127.5 - 1,
        side=64,
    ) as runner:
        answers = runner.run(pictures)
    assert answers == pytest.approx(v2_network.model(encoded, training=False).numpy(), abs=1e-5)
    assert answers.shape == (3, 10)
    assert len(runner.latencies_ms) == 3


def test_the_model_is_traced_once_and_not_run_eagerly(keras):
    calls = []
    layer = keras.layers.Flatten()

    def call(image):
        calls.append(image.shape)
        return layer(image)

    with KerasRunner(call, encode=lambda p: p.astype(np.float32), side=2) as runner:
        answers = runner.run(np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3))
    assert answers.tolist() == [list(range(12)), list(range(12, 24))]
    assert len(calls) == 1
