from __future__ import annotations

import json
import math

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile, crashing

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract
from mobile_deploy.evaluation.parity import logit_sqnr_db, measure_parity, read_logits
from mobile_deploy.tflite.runner import InterpreterError, Runner, encode_pictures

RNG = np.random.default_rng(8)


def test_equal_logits_have_no_noise():
    logits = RNG.normal(size=(5, 7))
    assert logit_sqnr_db(logits, logits) == math.inf


@pytest.mark.parametrize(("gain", "decibel"), [(0.1, 20.0), (0.01, 40.0), (1.0, 0.0), (10.0, -20.0)])
def test_noise_is_measured_against_the_signal(gain, decibel):
    logits = RNG.normal(size=(5, 7))
    assert logit_sqnr_db(logits, logits * (1 + gain)) == pytest.approx(decibel)


def test_it_is_the_ratio_of_centred_powers_over_all_pictures():
    reference, logits = RNG.normal(size=(2, 20, 6))
    signal = reference - reference.mean(axis=1)[:, None]
    noise = logits - logits.mean(axis=1)[:, None] - signal
    assert logit_sqnr_db(reference, logits) == pytest.approx(10 * math.log10((signal**2).sum() / (noise**2).sum()))


def test_what_a_softmax_does_not_see_is_no_noise():
    reference, logits = RNG.normal(size=(2, 5, 7))
    shift = RNG.normal(size=(5, 1)) * 100
    assert logit_sqnr_db(reference + shift, logits) == pytest.approx(logit_sqnr_db(reference, logits))


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


def softmax_contract(*, classes=3, meaning="softmax", labels=("a", "b", "c")) -> ModelContract:
    return ModelContract(
        input=InputContract(side=4, dtype="float32", low=-1.0, high=1.0, fit=Fit(kind="stretch")),
        output=OutputContract(dtype="float32", meaning=meaning, size=classes),
        labels=labels,
        minimum_runtime="2.14",
    )


def test_parity_measures_differences_cosines_and_agreement():
    reference = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.25, 0.25]], np.float32)
    answers = np.array([[0.5, 0.4, 0.1], [0.2, 0.7, 0.1], [0.2, 0.6, 0.2]], np.float32)
    found = measure_parity(reference, answers, softmax_contract())
    cosines = [np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(reference, answers, strict=True)]
    assert found.pictures == 3
    assert found.max_difference == pytest.approx(0.35)
    assert found.mean_difference == pytest.approx((0.2 + 0 + 0.7) / 9)
    assert found.mean_cosine == pytest.approx(np.mean(cosines))
    assert found.min_cosine == pytest.approx(cosines[2])
    assert (found.agreement.count, found.agreement.total) == (2, 3)
    assert found.sqnr_db is None


def test_equal_answers_are_at_no_distance():
    answers = RNG.random((20, 7)).astype(np.float32)
    logits = np.log(answers.astype(np.float64))
    found = measure_parity(answers, answers, softmax_contract(classes=7), logits=(logits, logits))
    assert (found.max_difference, found.mean_difference, found.mean_cosine, found.min_cosine) == (0, 0, 1, 1)
    assert found.sqnr_db == math.inf
    assert found.to_json()["logit_sqnr_db"] is None
    json.dumps(found.to_json(), allow_nan=False)


def test_a_row_of_zeros_has_no_cosine():
    zero, other = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    assert measure_parity(zero, zero, softmax_contract()).min_cosine == 1
    found = measure_parity(zero, other, softmax_contract())
    assert math.isnan(found.min_cosine)
    assert found.to_json()["min_cosine"] is None


def test_a_single_sigmoid_agrees_by_its_side_of_one_half():
    contract = softmax_contract(classes=1, meaning="sigmoid", labels=("no", "yes"))
    reference, answers = np.array([[0.49], [0.51]], np.float32), np.array([[0.4], [0.3]], np.float32)
    assert measure_parity(reference, answers, contract).agreement.count == 1


def test_embeddings_have_no_best_class():
    contract = softmax_contract(meaning="embedding", labels=())
    row = np.ones((1, 3), np.float32)
    assert measure_parity(row, row, contract).agreement is None


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
