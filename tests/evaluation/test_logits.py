"""The way to the logits of a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.answering import contract_of
from fakes.tflite_file import TfliteFile

from mobile_deploy.contract import OutputContract, Quantization
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.evaluation.logits import LogitReader, logit_reader
from mobile_deploy.evaluation.parity import read_logits
from mobile_deploy.tflite.runner import Runner


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
