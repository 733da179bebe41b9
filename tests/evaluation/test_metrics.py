"""Log loss, calibration and confusions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes.answering import contract_of

from mobile_deploy.evaluation.metrics import (
    Confusion,
    expected_calibration_error,
    log_loss,
    probabilities,
    probability_floor,
    worst_confusions,
)

AB = ("a", "b")


def test_logits_become_a_softmax_that_does_not_overflow():
    found = probabilities(np.float32([[1000, 1000 - math.log(3)], [-1000, 1000]]), contract_of(AB, meaning="logits"))
    assert found == pytest.approx(np.array([[0.75, 0.25], [0, 1]]), abs=1e-4)


def test_probabilities_are_taken_as_the_file_says_them():
    eight_bits = np.float32([[100, 150]]) / 256
    assert probabilities(eight_bits, contract_of(AB, scale=1 / 256)).tolist() == eight_bits.tolist()
    both = np.float32([[0.25, 0.75]])
    assert probabilities(both, contract_of(AB, meaning="sigmoid", size=1)).tolist() == both.tolist()


def test_sigmoids_that_answer_independently_exclude_nothing():
    assert probabilities(np.float32([[0.9, 0.8]]), contract_of(AB, meaning="sigmoid")) is None


def test_a_zero_counts_as_half_the_smallest_step_of_the_output():
    assert probability_floor(contract_of(AB, scale=1 / 256)) == 1 / 512
    assert probability_floor(contract_of(AB, meaning="sigmoid", size=1)) == 2.0**-25
    assert probability_floor(contract_of(AB)) == np.finfo(np.float32).tiny
    # The step of quantized logits is none of a probability.
    assert probability_floor(contract_of(AB, meaning="logits", scale=0.1)) == np.finfo(np.float32).tiny


def test_log_loss_is_the_mean_of_minus_log_of_the_truth():
    assert log_loss(np.array([0.5, 0.25]), floor=1e-9) == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert log_loss(np.array([0.0]), floor=1 / 512) == pytest.approx(math.log(512))


def test_calibration_error_weighs_the_gap_of_each_bin_by_its_pictures():
    # Two bins of ten: 0.65 (right half the time, two pictures) and 0.95 (always right, two pictures).
    confidences, correct = np.array([0.65, 0.65, 0.95, 0.95]), np.array([True, False, True, True])
    assert expected_calibration_error(confidences, correct, bins=10) == pytest.approx((0.15 + 0.05) / 2)
    # In one bin the gaps cancel: mean confidence 0.8, accuracy 0.75.
    assert expected_calibration_error(confidences, correct, bins=1) == pytest.approx(0.05)


def test_a_bin_is_open_below_and_closed_above():
    on_the_edge = expected_calibration_error(np.array([0.5, 0.4]), np.array([True, False]), bins=2)
    assert on_the_edge == pytest.approx(abs(0.9 - 1) / 2)
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0


def test_calibration_error_of_a_calibrated_model_is_small_and_of_a_boaster_is_its_boast():
    numbers = np.random.default_rng(0)
    sure = numbers.uniform(0.2, 1, 20_000)
    assert expected_calibration_error(sure, numbers.random(20_000) < sure) < 0.02
    assert expected_calibration_error(np.full(1000, 0.9), np.arange(1000) % 2 == 0) == pytest.approx(0.4)


def test_the_most_frequent_confusions_come_first_and_equal_ones_in_output_order():
    truths = np.array([0, 0, 1, 1, 2, 2, 2, 3])
    answered = np.array([1, 1, 2, 0, 2, 1, 0, 3])
    assert worst_confusions(truths, answered, most=3) == (
        Confusion(truth=0, answered=1, count=2),
        Confusion(truth=1, answered=0, count=1),
        Confusion(truth=1, answered=2, count=1),
    )


def test_a_faultless_model_confuses_nothing():
    assert worst_confusions(np.array([0, 1]), np.array([0, 1])) == ()
