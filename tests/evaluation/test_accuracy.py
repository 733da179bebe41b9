from __future__ import annotations

import numpy as np
import pytest

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract
from mobile_deploy.evaluation.accuracy import accuracy_of, class_scores, ranks_of
from mobile_deploy.statistics import wilson


def contract(meaning, size, labels) -> ModelContract:
    return ModelContract(
        input=InputContract(side=8, dtype="float32", low=0.0, high=1.0, fit=Fit(kind="stretch")),
        output=OutputContract(dtype="float32", meaning=meaning, size=size),
        labels=labels,
        minimum_runtime="2.14",
    )


def test_the_rank_is_the_place_of_the_true_class():
    scores = np.float32([[0.1, 0.7, 0.2], [0.1, 0.7, 0.2], [0.1, 0.7, 0.2]])
    assert ranks_of(scores, np.array([1, 2, 0])).tolist() == [0, 1, 2]


def test_of_equal_scores_the_lower_index_comes_first():
    scores = np.float32([[0.5, 0.5, 0.5, 0.9]] * 4)
    assert ranks_of(scores, np.arange(4)).tolist() == [1, 2, 3, 0]


def test_top1_and_top5_count_ranks_below_1_and_5():
    accuracy = accuracy_of(np.array([0, 0, 1, 4, 5, 9]))
    assert accuracy.top1 == wilson(2, 6)
    assert accuracy.top5 == wilson(4, 6)
    assert accuracy.to_json()["top5"] == {
        "value": 4 / 6,
        "low": wilson(4, 6).low,
        "high": wilson(4, 6).high,
        "count": 4,
        "total": 6,
    }


def test_one_logit_with_two_labels_decides_between_both_at_zero():
    scores = class_scores(np.float32([[0.9], [-0.25]]), contract("logits", 1, ("no", "yes")))
    assert scores.argmax(axis=1).tolist() == [1, 0]
    assert scores[:, 1] == pytest.approx(np.float32([0.9, -0.25]))


def test_one_sigmoid_with_two_labels_answers_for_both():
    answers = np.float32([[0.9], [0.25]])
    scores = class_scores(answers, contract("sigmoid", 1, ("no", "yes")))
    assert scores == pytest.approx(np.float32([[0.1, 0.9], [0.75, 0.25]]))


@pytest.mark.parametrize(
    ("meaning", "labels"),
    [("sigmoid", ("yes",)), ("sigmoid", ("a", "b")), ("softmax", ("a", "b")), ("logits", ("a", "b"))],
)
def test_other_answers_are_scores_already(meaning, labels):
    answers = np.float32([[0.9, 0.2]]) if len(labels) == 2 else np.float32([[0.9]])
    assert class_scores(answers, contract(meaning, answers.shape[1], labels)) is answers
