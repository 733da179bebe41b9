"""The way to the logits of a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.answering import contract_of
from fakes.tflite_file import TfliteFile, crashing

from mobile_deploy.contract import Fit, InputContract, OutputContract, Quantization
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.evaluation.logits import LogitReader, logit_reader, read_logits
from mobile_deploy.tflite import graph
from mobile_deploy.tflite.runner import InterpreterError, Runner, encode_pictures

RNG = np.random.default_rng(8)


@pytest.mark.parametrize(("quant", "io"), [("float32", None), ("int8", "uint8"), ("int16x8", None), ("dynamic", None)])
def test_the_logits_of_a_file_are_those_before_its_softmax(v2_network, quant, io):
    data = v2_network.quantized(quant, io).data
    contract = v2_network.contract(data, quant, io)
    pictures = v2_network.pictures[:4]
    with Runner(data, contract) as runner:
        scores = runner.run(pictures)
    reader = logit_reader(data, contract, source="it")
    with reader:
        found = reader.read(pictures, scores)
    assert found == pytest.approx(read_logits(data, pictures, contract.input), abs=1e-5)
    powers = np.exp(found - found.max(axis=1, keepdims=True))
    assert powers / powers.sum(axis=1, keepdims=True) == pytest.approx(scores, abs=0.01)


def one_sigmoid() -> bytes:
    """One value, the mean of the picture in [0, 1], through LOGISTIC to eight bits."""
    file = TfliteFile()
    image = file.tensor((1, 8, 8, 3), name="image")
    mean = file.op("MEAN", [image, file.constant(np.int32([1, 2, 3]))], file.tensor((1,), name="mean"), keepDims=False)
    value = file.op("RESHAPE", [mean, file.constant(np.int32([1, 1]))], file.tensor((1, 1), name="value"))
    chance = file.op("LOGISTIC", [value], file.tensor((1, 1), name="chance"))
    rounded = file.tensor((1, 1), name="rounded", dtype="uint8", scales=[1 / 256])
    file.op("QUANTIZE", [chance], rounded)
    return file.ends([image], [rounded]).to_bytes()


def test_a_single_sigmoid_has_a_logit_for_each_of_its_two_classes():
    contract = contract_of(("no", "yes"), meaning="sigmoid", size=1, scale=1 / 256)
    pictures = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (0, 51, 255)])
    data = one_sigmoid()
    with Runner(data, contract) as runner:
        scores = class_scores(runner.run(pictures), contract)
    with logit_reader(data, contract, source="it") as reader:
        found = reader.read(pictures, scores)
    assert found == pytest.approx(np.array([[0, 0], [0, 0.2], [0, 1]]), abs=1e-6)


def test_an_output_of_logits_is_taken_as_it_is():
    contract = contract_of(("a", "b"), meaning="logits", scale=0.5)
    scores = np.float32([[1.5, -2.0]])
    reader = logit_reader(b"not read", contract, source="it")
    assert isinstance(reader, LogitReader)
    assert reader.read(np.zeros((1, 8, 8, 3), np.uint8), scores).tolist() == scores.tolist()


def test_a_probability_of_zero_has_a_finite_logit():
    reader = logit_reader(None, contract_of(("a", "b")), source="it")
    assert isinstance(reader, LogitReader)
    assert np.isfinite(reader.read(np.zeros((1, 8, 8, 3), np.uint8), np.float32([[1, 0]]))).all()


def test_a_rounded_output_that_no_softmax_made_has_no_logits(v2_network):
    data = v2_network.quantized("int8", "uint8").data
    contract = v2_network.contract(data, "int8", "uint8")
    output = OutputContract(
        dtype="uint8", meaning="sigmoid", size=1, quantization=Quantization(scale=1 / 256, zero_point=0)
    )
    odd = replace(contract, output=output, labels=("no", "yes"))
    assert logit_reader(data, odd, source="it") == "its output is rounded, and what comes before cannot be read"


@pytest.mark.parametrize("quant", ["float32", "float16", "dynamic"])
def test_the_softmax_of_the_logits_is_the_answer(v2_network, quant):
    data = v2_network.quantized(quant).data
    logits = read_logits(data, v2_network.pictures[:5], v2_network.input)
    with Runner(data, v2_network.contract(data, quant)) as runner:
        answers = runner.run(v2_network.pictures[:5])
    powers = np.exp(logits)
    assert powers / powers.sum(axis=1, keepdims=True) == pytest.approx(answers, abs=1e-6)


@pytest.mark.parametrize(
    ("io", "quant"), [("uint8", "int8"), ("int8", "int8"), ("float32", "int8"), ("float32", "int16x8")]
)
def test_integer_logits_come_as_real_values(v2_network, io, quant):
    data = v2_network.quantized(quant, io).data
    contract = v2_network.contract(data, quant, io)
    logits = read_logits(data, v2_network.pictures[:5], contract.input)
    with Runner(data, contract) as runner:
        answers = runner.run(v2_network.pictures[:5])
    powers = np.exp(logits)
    assert powers / powers.sum(axis=1, keepdims=True) == pytest.approx(answers, abs=1 / 256)


def pixel_sums(*endings) -> bytes:
    """The mean of each colour, and what follows it."""
    file = TfliteFile()
    image, here = file.tensor((1, 4, 4, 3), name="image"), file.tensor((1, 3), name="mean")
    file.op("MEAN", [image, file.constant(np.array([1, 2], np.int32))], here)
    for name in endings:
        here = file.op(name, [here], file.tensor((1, 3), name=name))
    return file.ends([image], [here]).to_bytes()


@pytest.mark.parametrize("endings", [(), ("SOFTMAX",), ("LOGISTIC",)])
def test_logits_are_what_comes_before_the_ending(endings):
    given = InputContract(side=4, dtype="float32", low=-1.0, high=1.0, fit=Fit(kind="stretch"))
    pictures = RNG.integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    expected = encode_pictures(pictures, given).mean(axis=(1, 2))
    assert read_logits(pixel_sums(*endings), pictures, given) == pytest.approx(expected, abs=1e-6)


def test_integers_without_an_ending_are_read_by_scale_and_zero_point():
    file = TfliteFile()
    quantization = {"dtype": "int8", "scales": (0.5,), "zero_points": (7,)}
    image = file.tensor((1, 4, 4, 3), name="image", **quantization)
    row = file.tensor((1, 48), name="row", **quantization)
    file.op("RESHAPE", [image, file.constant(np.array([1, 48], np.int32))], row)
    given = InputContract(side=4, dtype="int8", low=-1.0, high=1.0, fit=Fit(kind="stretch"))
    pictures = RNG.integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    expected = (pictures.reshape(2, -1).astype(float) - 128 - 7) * 0.5
    assert np.array_equal(read_logits(file.ends([image], [row]).to_bytes(), pictures, given), expected)


def test_a_file_that_crashes_the_interpreter_while_its_logits_are_read_is_an_error():
    given = InputContract(side=8, dtype="float32", low=-1.0, high=1.0, fit=Fit(kind="stretch"))
    with pytest.raises(InterpreterError, match="crashed"):
        read_logits(crashing(), np.zeros((1, 8, 8, 3), np.uint8), given)


def test_logits_that_are_not_as_many_as_the_file_says_are_refused():
    file = TfliteFile()
    image, logits = file.tensor((1, 4, 4, 3), name="image"), file.tensor((1, 5), name="logits")
    weights = [file.constant(np.ones((6, 48), np.float32)), file.constant(np.zeros(6, np.float32))]
    file.op("FULLY_CONNECTED", [image, *weights], logits)
    data = file.ends([image], [file.op("SOFTMAX", [logits], file.tensor((1, 5), name="answer"))]).to_bytes()
    given = InputContract(side=4, dtype="float32", low=0.0, high=1.0, fit=Fit(kind="stretch"))
    with pytest.raises(InterpreterError, match="it gives 6 logits and says 5"):
        read_logits(data, np.zeros((2, 4, 4, 3), np.uint8), given)


@pytest.mark.parametrize("ending", ["SOFTMAX", "LOGISTIC"])
def test_a_file_is_parsed_once_to_learn_whether_its_logits_can_be_read(ending, monkeypatch):
    data, parsed = pixel_sums(ending), []
    monkeypatch.setattr(graph, "check_extent", parsed.append)
    reader = logit_reader(data, contract_of(("a", "b", "c")), source="it")
    assert (reader.runner is not None) == (ending == "SOFTMAX")
    assert parsed == [data]
