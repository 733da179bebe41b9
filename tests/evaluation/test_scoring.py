"""Asking several models about the same pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.answering import ScriptedModel, contract_of
from fakes.pictures import write_pictures
from fakes.small_networks import LABELS

from mobile_deploy.contract import Fit
from mobile_deploy.data.datasets import LabelledPictures
from mobile_deploy.data.feed import PictureFeed
from mobile_deploy.data.images import load_picture
from mobile_deploy.errors import BadDatasetError, BadOptionError
from mobile_deploy.evaluation.scoring import Candidate, score
from mobile_deploy.statistics import wilson
from mobile_deploy.tflite.runner import InterpreterError, Runner


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


def ask(models, labelled, **options):
    """Asks several models that number their classes alike."""
    feed = PictureFeed(labelled.paths)
    return score(models, feed, dict.fromkeys(models, labelled.indices), **options)


def places_by_hand(candidate, labelled):
    """The place of the true class, picture by picture."""
    places = []
    with Runner(candidate.data, candidate.contract) as runner:
        for path, truth in zip(labelled.paths, labelled.indices, strict=True):
            picture = load_picture(path, side=candidate.contract.input.side, fit=candidate.contract.input.fit)
            answer = runner.run(picture[None])[0].tolist()
            places.append(sorted(range(len(answer)), key=lambda i: (-answer[i], i)).index(truth))
    return places


def test_scores_are_those_of_a_loop_by_hand(candidates, labelled):
    found = ask(candidates, labelled)
    assert list(found) == ["float32", "int8"]
    for name, scored in found.items():
        places = places_by_hand(candidates[name], labelled)
        assert scored.ranks.tolist() == places
        assert scored.correct.tolist() == [place == 0 for place in places]
        assert scored.accuracy.top1 == wilson(places.count(0), 40)
        assert scored.accuracy.top5 == wilson(sum(place < 5 for place in places), 40)
        assert scored.positions.tolist() == list(range(40))
        assert scored.truths.tolist() == list(labelled.indices)
        assert len(scored.latencies_ms) == 40
        assert scored.accuracy.top1.count < scored.accuracy.top5.count < 40


def test_probabilities_of_the_answer_and_of_the_truth_are_kept(labelled):
    rows = np.random.default_rng(0).dirichlet(np.ones(len(LABELS)), 40)
    scored = ask({"a": ScriptedModel(rows, contract_of(LABELS))}, labelled)["a"]
    assert scored.predictions.tolist() == rows.argmax(axis=1).tolist()
    assert scored.confidences == pytest.approx(rows.max(axis=1))
    assert scored.truth_probabilities == pytest.approx([row[i] for row, i in zip(rows, labelled.indices, strict=True)])


def test_independent_sigmoids_have_no_probabilities(labelled):
    rows = np.random.default_rng(0).random((40, len(LABELS)))
    scored = ask({"a": ScriptedModel(rows, contract_of(LABELS, meaning="sigmoid"))}, labelled)["a"]
    assert (scored.confidences, scored.truth_probabilities) == (None, None)
    assert scored.predictions.tolist() == rows.argmax(axis=1).tolist()


def test_each_model_has_classes_of_its_own_and_sees_squares_of_its_own(labelled):
    first = ScriptedModel(np.eye(3)[[0] * 40], contract_of(("a", "b", "c"), side=8))
    second = ScriptedModel(np.eye(4)[[1] * 40], contract_of(("none", "a", "b", "c"), side=12))
    feed = PictureFeed(labelled.paths)
    found = score({"first": first, "second": second}, feed, {"first": [0] * 40, "second": [1] * 40})
    assert all(scored.correct.all() for scored in found.values())
    assert {picture.shape for picture in first.seen} == {(8, 8, 3)}
    assert {picture.shape for picture in second.seen} == {(12, 12, 3)}


def test_the_contracts_fit_decides_what_the_network_sees(candidates, labelled):
    candidate = candidates["float32"]
    cropping = replace(candidate.contract.input, fit=Fit(kind="center-crop", fraction=0.5))
    cropped = Candidate(data=candidate.data, contract=replace(candidate.contract, input=cropping))
    found = ask({"whole": candidate, "cropped": cropped}, labelled)
    assert found["cropped"].ranks.tolist() == places_by_hand(cropped, labelled)
    assert found["whole"].ranks.tolist() == places_by_hand(candidate, labelled)
    assert found["whole"].ranks.tolist() != found["cropped"].ranks.tolist()


def test_a_picture_that_cannot_be_decoded_is_left_out_for_all_models(labelled, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    spoiled = LabelledPictures(paths=(labelled.paths[0], bad, labelled.paths[1]), indices=(0, 1, 2))
    models = {name: ScriptedModel(np.eye(3)[[0, 2]], contract_of(("a", "b", "c"))) for name in ("one", "two")}
    for scored in ask(models, spoiled).values():
        assert scored.positions.tolist() == [0, 2]
        assert scored.truths.tolist() == [0, 2]
        assert scored.accuracy.top1 == wilson(2, 2)


def test_no_picture_at_all_is_an_error_that_names_one(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    model = ScriptedModel(np.eye(2), contract_of(("a", "b")))
    with pytest.raises(BadDatasetError, match=r"bad\.png: none of 2 pictures can be decoded"):
        ask({"a": model}, LabelledPictures(paths=(bad, bad), indices=(0, 1)))


def test_a_model_that_gives_no_numbers_is_named_with_the_picture(labelled):
    rows = np.full((40, len(LABELS)), 0.1)
    rows[33, 1] = np.nan
    with pytest.raises(InterpreterError, match=r"odd: it gives numbers that are not finite for .*p033\.png"):
        ask({"odd": ScriptedModel(rows, contract_of(LABELS))}, labelled)


def test_progress_is_told_after_every_batch(candidates, labelled):
    told = []
    ask(candidates, labelled, progress=lambda done, total: told.append((done, total)))
    assert told == [(32, 40), (40, 40)]


def test_whoever_wants_to_see_gets_each_batch_with_all_scores(labelled):
    models = {name: ScriptedModel(np.full((40, 10), 0.1), contract_of(LABELS)) for name in ("one", "two")}
    seen = []
    ask(models, labelled, see=lambda batch, scores: seen.append((len(batch.positions), list(scores))))
    assert seen == [(32, ["one", "two"]), (8, ["one", "two"])]


@pytest.mark.parametrize(
    ("meaning", "labels", "words"),
    [
        ("embedding", (), "gives an embedding"),
        ("embedding", LABELS, "gives an embedding"),
        ("sigmoid", ("yes",), "two"),
    ],
)
def test_a_file_without_class_scores_has_no_accuracy(labelled, meaning, labels, words):
    odd = ScriptedModel(np.zeros((40, 1)), contract_of(labels, meaning=meaning, size=1))
    with pytest.raises(BadOptionError, match=words) as caught:
        ask({"odd": odd}, labelled)
    assert (caught.value.option, caught.value.exit_code) == ("--data", 2)
