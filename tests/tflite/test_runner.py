from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.small_networks import LABELS
from fakes.tflite_file import TfliteFile

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract, Quantization
from mobile_deploy.recipes import RECIPES
from mobile_deploy.tflite.runner import (
    InterpreterError,
    PictureRunner,
    Runner,
    decode_output,
    encode_pictures,
    open_interpreter,
)

EVERY_BYTE = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)[:, :, :, :3]


def given(dtype, low=-1.0, high=1.0) -> InputContract:
    return InputContract(side=16, dtype=dtype, low=low, high=high, fit=Fit(kind="stretch"))


def test_a_uint8_input_is_the_pixels():
    encoded = encode_pictures(EVERY_BYTE, given("uint8"))
    assert encoded.dtype == np.uint8
    assert np.array_equal(encoded, EVERY_BYTE)


def test_an_int8_input_is_the_pixels_less_128():
    encoded = encode_pictures(EVERY_BYTE, given("int8"))
    assert encoded.dtype == np.int8
    assert np.array_equal(encoded.astype(int), EVERY_BYTE.astype(int) - 128)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-2.117904, 2.64)])
def test_a_float_input_is_the_contracts_formula(low, high):
    encoded = encode_pictures(EVERY_BYTE, given("float32", low, high))
    exact = low + EVERY_BYTE.astype(np.float64) * (high - low) / 255
    assert encoded.dtype == np.float32
    assert np.abs(encoded - exact).max() <= 2e-7 * max(abs(low), abs(high))


def test_floats_are_decoded_as_they_are():
    raw = np.array([0.25, -3.0], np.float32)
    assert np.array_equal(decode_output(raw, OutputContract(dtype="float32", meaning="logits", size=2)), raw)


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 0), ("uint8", 200), ("int8", -128), ("int8", 3)])
def test_integers_are_decoded_by_scale_and_zero_point(dtype, zero_point):
    raw = np.arange(256, dtype=np.uint8).view(dtype)
    contract = OutputContract(
        dtype=dtype, meaning="logits", size=256, quantization=Quantization(scale=0.125, zero_point=zero_point)
    )
    decoded = decode_output(raw, contract)
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, (raw.astype(float) - zero_point) * 0.125)


@pytest.mark.parametrize("quant", RECIPES)
def test_a_runner_answers_each_picture_with_probabilities(v2_network, quant):
    data = v2_network.quantized(quant).data
    with Runner(data, v2_network.contract(data, quant)) as runner:
        answers = runner.run(v2_network.pictures[:3])
        alone = runner.run(v2_network.pictures[2:3])
    assert answers.shape == (3, len(LABELS))
    assert answers.sum(axis=1) == pytest.approx(np.ones(3), abs=0.02)
    assert np.array_equal(alone[0], answers[2])
    assert len(runner.latencies_ms) == 4
    assert min(runner.latencies_ms) > 0


@pytest.mark.parametrize(("io", "tolerance"), [("uint8", 1e-6), ("float32", 0.05)])
def test_all_ends_of_int8_give_the_same_answers(v2_network, io, tolerance):
    # With float32 ends the pixels of -1 to 1, which lie halfway between two integers, are rounded either way.
    answers = {}
    for ends in ("int8", io):
        data = v2_network.quantized("int8", ends).data
        with Runner(data, v2_network.contract(data, "int8", ends)) as runner:
            answers[ends] = runner.run(v2_network.pictures[:4])
    assert answers[io] == pytest.approx(answers["int8"], abs=tolerance)


def test_the_float_file_answers_as_keras(v2_network):
    with Runner(v2_network.data, v2_network.contract(v2_network.data, "float32")) as runner:
        answers = runner.run(v2_network.pictures[:4])
    images = encode_pictures(v2_network.pictures[:4], v2_network.input)
    assert answers == pytest.approx(v2_network.model(images, training=False).numpy(), abs=1e-5)


def test_a_feature_map_is_flattened():
    file = TfliteFile()
    image, made = file.tensor((1, 16, 16, 3), name="image"), file.tensor((1, 16, 16, 3), name="made")
    file.op("MUL", [image, file.constant(np.float32([2]))], made)
    data = file.ends([image], [made]).to_bytes()
    output = OutputContract(dtype="float32", meaning="embedding", size=768)
    contract = ModelContract(input=given("float32", 0.0, 255.0), output=output, minimum_runtime="2.14")
    with Runner(data, contract) as runner:
        assert np.array_equal(runner.run(EVERY_BYTE), 2.0 * EVERY_BYTE.reshape(1, -1))


@pytest.mark.parametrize(
    ("side", "size", "parts"), [(8, 10, [16, 16, 8]), (512, 10, [5] * 8), (8, 10**6, [4] * 10), (2100, 10, [1] * 40)]
)
def test_large_pictures_are_run_few_at_a_time(side, size, parts):
    class Recorder(PictureRunner):
        def __exit__(self, *_):
            pass

        def run_raw(self, inputs):
            lengths.append(len(inputs))
            return np.zeros((len(inputs), size), np.float32)

    lengths = []
    contract = ModelContract(
        input=replace(given("uint8"), side=side),
        output=OutputContract(dtype="float32", meaning="logits", size=size),
        minimum_runtime="2.14",
    )
    Recorder(contract, source="m.tflite").run(np.broadcast_to(np.uint8(0), (40, side, side, 3)))
    assert lengths == parts


def test_pictures_of_another_side_are_refused(v2_network):
    contract = v2_network.contract(v2_network.data, "float32")
    words = r"cannot run m\.tflite: .*Dimension mismatch"
    with (
        Runner(v2_network.data, contract, source="m.tflite") as runner,
        pytest.raises(InterpreterError, match=words),
    ):
        runner.run(v2_network.pictures[:1, :32, :32])


def test_pictures_of_another_type_are_refused(v2_network):
    contract = v2_network.contract(v2_network.data, "float32")
    wrong = replace(contract, input=replace(contract.input, dtype="uint8"))
    with Runner(v2_network.data, wrong) as runner, pytest.raises(InterpreterError, match="UINT8"):
        runner.run(v2_network.pictures[:1])


@pytest.mark.parametrize("data", [b"", b"no model at all", b"\x1c\0\0\0TFL3" + b"\0" * 50])
def test_bytes_that_litert_refuses_are_named(data):
    with pytest.raises(InterpreterError, match=r"LiteRT cannot run m\.tflite") as caught:
        open_interpreter(data, threads=1, source="m.tflite")
    assert caught.value.exit_code == 4
    assert caught.value.reason
