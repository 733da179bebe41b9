"""Two models on the same pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes.answering import ScriptedModel, contract_of
from fakes.pictures import write_pictures

from mobile_deploy.data.feed import PictureFeed
from mobile_deploy.evaluation.comparison import Comparison, compare
from mobile_deploy.evaluation.distances import Distances, Side
from mobile_deploy.evaluation.logits import logit_reader
from mobile_deploy.evaluation.scoring import score
from mobile_deploy.statistics import mcnemar_exact, paired_difference, wilson

ABC = ("a", "b", "c")
SAME = ((0, 0), (1, 1), (2, 2))


def side(name, contract) -> Side:
    return Side(name=name, contract=contract, logits=logit_reader(None, contract, source=name))


@pytest.fixture
def compared(tmp_path):
    """Gives the comparison of two models whose answers are written down."""

    def run(model, reference, truths, *, theirs=None, pairs=SAME, contracts=None) -> Comparison:
        mine, other = contracts or (contract_of(ABC), contract_of(ABC))
        models = {"model": ScriptedModel(model, mine), "reference": ScriptedModel(reference, other)}
        feed = PictureFeed(write_pictures(tmp_path, len(truths)))
        with Distances(side("model", mine), side("reference", other), pairs) as distances:
            scored = score(models, feed, {"model": truths, "reference": theirs or truths}, see=distances.see)
        return compare(scored["model"], scored["reference"], distances, pairs=pairs)

    return run


def sure(*classes, count=3):
    return 0.1 + 0.7 * np.eye(count)[list(classes)]


def test_flips_are_counted_both_ways_and_listed_by_who_is_right(compared):
    found = compared(sure(0, 0, 1, 2, 2, 1), sure(0, 1, 1, 1, 1, 2), [0, 0, 1, 1, 0, 2])
    assert (found.both, found.only_model, found.only_reference, found.neither) == (2, 1, 2, 1)
    assert found.agreement == wilson(2, 6)
    assert found.p_value == mcnemar_exact(2, 1)
    assert found.drop == paired_difference(2, 1, 6)
    assert [(flip.place, flip.right) for flip in found.flips] == [
        (3, "reference"),
        (5, "reference"),
        (1, "model"),
        (4, "neither"),
    ]


def test_the_same_wrong_answer_is_no_flip(compared):
    found = compared(sure(1), sure(1), [0])
    assert (found.neither, found.agreement.count, found.flips) == (1, 1, ())


def test_equal_models_are_infinitely_close(compared):
    found = compared(sure(0, 1), sure(0, 1), [0, 0])
    assert (found.mean_l1, found.logit_sqnr_db, found.p_value) == (0.0, math.inf, 1.0)


def test_mean_l1_is_the_summed_difference_of_a_picture(compared):
    found = compared([[0.5, 0.3, 0.2], [1, 0, 0]], [[0.4, 0.4, 0.2], [0, 1, 0]], [0, 0])
    assert found.mean_l1 == pytest.approx((0.2 + 2.0) / 2)


def test_logit_sqnr_is_that_of_centred_logits(compared):
    numbers = np.random.default_rng(0)
    reference = numbers.normal(0, 3, (8, 3)).astype(np.float32)
    model = (reference + numbers.normal(0, 0.1, (8, 3))).astype(np.float32)
    logits = contract_of(ABC, meaning="logits")
    found = compared(model + 5, reference, [0] * 8, contracts=(logits, logits)).logit_sqnr_db
    signal = reference - reference.mean(axis=1, keepdims=True)
    noise = model - model.mean(axis=1, keepdims=True) - signal
    assert found == pytest.approx(10 * math.log10((signal**2).sum() / (noise**2).sum()), abs=1e-4)
    assert 20 < found < 40


def test_the_logarithm_of_a_float_softmax_is_its_logits(compared):
    numbers = np.random.default_rng(1)
    logits = numbers.normal(0, 3, (8, 3))
    other = logits + numbers.normal(0, 0.1, (8, 3))
    mine, theirs = (np.exp(values) / np.exp(values).sum(axis=1, keepdims=True) for values in (other, logits))
    as_logits = contract_of(ABC, meaning="logits")
    wanted = compared(other, logits, [0] * 8, contracts=(as_logits, as_logits)).logit_sqnr_db
    assert compared(mine, theirs, [0] * 8).logit_sqnr_db == pytest.approx(wanted, abs=1e-3)


def test_where_logits_cannot_be_read_it_says_why(compared):
    rounded = contract_of(ABC, scale=1 / 256)
    found = compared(sure(0), sure(0), [0], contracts=(rounded, contract_of(ABC)))
    assert (found.logit_sqnr_db, found.why_no_sqnr) == (
        None,
        "model: its output is rounded, and what comes before cannot be read",
    )
    assert found.mean_l1 is not None


def test_independent_sigmoids_have_neither_distance(compared):
    sigmoids = contract_of(ABC, meaning="sigmoid")
    found = compared(sure(0), sure(1), [0], contracts=(sigmoids, sigmoids))
    assert (found.mean_l1, found.logit_sqnr_db) == (None, None)
    assert found.why_no_sqnr == "model: its sigmoids answer independently of each other"
    assert (found.only_model, found.only_reference) == (1, 0)


def test_models_with_other_orders_of_classes_are_compared_class_by_class(compared):
    wide = contract_of(("none", *ABC))
    pairs = ((0, 1), (1, 2), (2, 3))
    found = compared(
        sure(0, 1, 2),
        sure(1, 0, 3, count=4),
        [0, 1, 1],
        theirs=[1, 2, 2],
        pairs=pairs,
        contracts=(contract_of(ABC), wide),
    )
    assert (found.both, found.only_model, found.only_reference, found.neither) == (1, 1, 0, 1)
    assert found.agreement.count == 2
    assert found.mean_l1 == pytest.approx(0.7 / 3, abs=1e-6)


def test_models_without_a_common_class_have_no_distance(compared):
    found = compared(sure(0), sure(0), [0], pairs=())
    assert found.mean_l1 is None
    assert (found.logit_sqnr_db, found.why_no_sqnr) == (None, "the models have no class in common")
