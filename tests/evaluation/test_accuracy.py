from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.pictures import write_pictures
from fakes.small_networks import LABELS

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract
from mobile_deploy.data.datasets import LabelledPictures
from mobile_deploy.data.images import load_picture
from mobile_deploy.errors import BadOptionError
from mobile_deploy.evaluation.accuracy import Candidate, _accuracy, _ranks, class_scores, score
from mobile_deploy.statistics import wilson
from mobile_deploy.tflite.runner import Runner


def contract(meaning, size, labels) -> ModelContract:
    return ModelContract(
        input=InputContract(side=8, dtype="float32", low=0.0, high=1.0, fit=Fit(kind="stretch")),
        output=OutputContract(dtype="float32", meaning=meaning, size=size),
        labels=labels,
        minimum_runtime="2.14",
    )


def test_the_rank_is_the_place_of_the_true_class():
    scores = np.float32([[0.1, 0.7, 0.2], [0.1, 0.7, 0.2], [0.1, 0.7, 0.2]])
    assert _ranks(scores, np.array([1, 2, 0])) == [0, 1, 2]


def test_of_equal_scores_the_lower_index_comes_first():
    scores = np.float32([[0.5, 0.5, 0.5, 0.9]] * 4)
    assert _ranks(scores, np.arange(4)) == [1, 2, 3, 0]


def test_a_score_that_is_no_number_comes_last():
    assert _ranks(np.float32([[np.nan, 0.1, 0.2]] * 3), np.arange(3)) == [2, 1, 0]


def test_top1_and_top5_count_ranks_below_1_and_5():
    accuracy = _accuracy([0, 0, 1, 4, 5, 9])
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


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """40 pictures, more than one batch, with seeded classes."""
    paths = write_pictures(tmp_path_factory.mktemp("labelled"), 40)
    indices = np.random.default_rng(1).integers(0, len(LABELS), len(paths))
    return LabelledPictures(paths=tuple(paths), indices=tuple(map(int, indices)))


@pytest.fixture(scope="module")
def candidates(v2_network):
    """The float file and its int8 twin."""
    made = {quant: v2_network.quantized(quant).data for quant in ("float32", "int8")}
    return {quant: Candidate(data=data, contract=v2_network.contract(data, quant)) for quant, data in made.items()}


def by_hand(candidate, labelled, within):
    """How many true classes are among the best `within`, picture by picture."""
    hits = 0
    with Runner(candidate.data, candidate.contract) as runner:
        for path, truth in zip(labelled.paths, labelled.indices, strict=True):
            picture = load_picture(path, side=candidate.contract.input.side, fit=candidate.contract.input.fit)
            answer = runner.run(picture[None])[0].tolist()
            order = sorted(range(len(answer)), key=lambda i: (-answer[i], i))
            hits += truth in order[:within]
    return hits


def test_scores_are_those_of_a_loop_by_hand(candidates, labelled):
    found = score(candidates, labelled)
    assert list(found) == ["float32", "int8"]
    for name, accuracy in found.items():
        assert accuracy.top1 == wilson(by_hand(candidates[name], labelled, 1), 40)
        assert accuracy.top5 == wilson(by_hand(candidates[name], labelled, 5), 40)
        assert accuracy.top1.count < accuracy.top5.count < 40


def test_progress_is_told_after_every_batch(candidates, labelled):
    told = []
    score(candidates, labelled, progress=lambda done, total: told.append((done, total)))
    assert told == [(32, 40), (40, 40)]


def test_the_contracts_fit_decides_what_the_network_sees(candidates, labelled, v2_network):
    candidate = candidates["float32"]
    cropping = replace(candidate.contract.input, fit=Fit(kind="center-crop", fraction=0.5))
    cropped = Candidate(data=candidate.data, contract=replace(candidate.contract, input=cropping))
    found = score({"cropped": cropped}, labelled)["cropped"]
    assert found.top5 == wilson(by_hand(cropped, labelled, 5), 40)
    assert by_hand(cropped, labelled, 5) != by_hand(candidate, labelled, 5)


@pytest.mark.parametrize(
    ("meaning", "labels", "words"),
    [
        ("embedding", (), "gives an embedding"),
        ("embedding", LABELS, "gives an embedding"),
        ("sigmoid", ("yes",), "two"),
    ],
)
def test_a_file_without_class_scores_has_no_accuracy(candidates, labelled, meaning, labels, words):
    candidate = candidates["float32"]
    output = replace(candidate.contract.output, meaning=meaning)
    odd = Candidate(data=candidate.data, contract=replace(candidate.contract, output=output, labels=labels))
    with pytest.raises(BadOptionError, match=words) as caught:
        score({"float32": candidate, "odd": odd}, labelled)
    assert (caught.value.option, caught.value.exit_code) == ("--data", 2)
