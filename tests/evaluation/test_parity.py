from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract
from mobile_deploy.evaluation.parity import logit_sqnr_db, measure_parity

RNG = np.random.default_rng(8)


def test_equal_logits_have_no_noise():
    logits = RNG.normal(size=(5, 7))
    assert logit_sqnr_db(logits, logits) == math.inf


def test_nothing_against_nothing_is_no_ratio_and_noise_without_a_signal_is_the_worst():
    nothing, some = np.zeros((2, 3)), np.array([[1.0, -1.0, 0.0]] * 2)
    assert math.isnan(logit_sqnr_db(nothing, nothing))
    assert logit_sqnr_db(nothing, some) == -math.inf


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
