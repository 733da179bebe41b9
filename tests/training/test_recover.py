"""Recovery: an integer network learns to answer as the float one, from pictures without labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.training.phase import steps_per_epoch
from mobile_deploy.training.qat import QuantizedTwin, build_quantized_twin
from mobile_deploy.training.recover import RecoverResult, imitation, recover, recovery_phase

GENEROUS_S = 600.0


class Case:
    """A small network per tensor, which loses much, and what it is to learn."""

    def __init__(self, network) -> None:
        self.network = network
        self.pictures, self.held_back = network.pictures[:16], network.pictures[16:]
        self.reference = read_logits(network.data, self.held_back, network.input)

    def twin(self) -> QuantizedTwin:
        made = self.network.quantized("int8", granularity="per-tensor")
        return build_quantized_twin(made.rounded, made, self.network.input, granularity="per-tensor")

    def sqnr_db(self, twin: QuantizedTwin) -> float:
        inputs = self.held_back.astype(np.float32) * np.float32(twin.pixels.scale) + np.float32(twin.pixels.offset)
        said = twin.twin.model(inputs, training=False).numpy().reshape(len(inputs), -1)
        return logit_sqnr_db(self.reference, said.astype(np.float64))

    def recover(self, twin: QuantizedTwin, *, loss=None, budget_s: float = GENEROUS_S) -> RecoverResult:
        loss = loss or imitation(self.network.data, self.network.input, "softmax")
        return recover(twin, loss, self.pictures, self.held_back, self.reference, budget_s=budget_s, seed=0)


@pytest.fixture(scope="module")
def case(small_network) -> Case:
    return Case(small_network("v1"))


@pytest.fixture(scope="module")
def recovered(case) -> tuple[QuantizedTwin, RecoverResult]:
    twin = case.twin()
    return twin, case.recover(twin)


def test_the_integer_network_comes_nearer_to_the_float_one(case, recovered):
    twin, found = recovered
    assert found.start_db == pytest.approx(case.sqnr_db(case.twin()), abs=1e-6)
    assert found.best_db > found.start_db + 0.5
    assert found.epochs == recovery_phase(16, start_db=found.start_db).epochs
    assert 0 < found.best_epoch <= found.epochs
    assert found.seconds > 0
    assert case.sqnr_db(twin) == pytest.approx(found.best_db, abs=1e-6)


def test_the_best_weights_stay_where_training_only_harms(case):
    imitated = imitation(case.network.data, case.network.input, "softmax")
    twin, untouched = case.twin(), case.twin()
    found = case.recover(twin, loss=lambda outputs, batch: -imitated(outputs, batch), budget_s=1e-9)
    assert (found.best_epoch, found.best_db) == (0, found.start_db)
    pairs = zip(twin.twin.model.get_weights(), untouched.twin.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_budget_ends_it(case):
    found = case.recover(case.twin(), budget_s=1e-9)
    assert found.epochs < recovery_phase(16, start_db=found.start_db).epochs


def test_few_pictures_are_one_batch():
    assert recovery_phase(16, start_db=10).batch_size == 16
    assert steps_per_epoch(400, recovery_phase(400, start_db=10).batch_size) == 16


def test_what_is_near_takes_smaller_steps_than_what_is_far():
    near, far = recovery_phase(100, start_db=20.0), recovery_phase(100, start_db=19.9)
    assert near == replace(far, learning_rate=near.learning_rate)
    assert near.learning_rate < far.learning_rate


def losses_of(case, meaning, *, shift=0.0) -> np.ndarray:
    """The loss of answers that are the float network's own, moved by `shift` in the first value."""
    loss = imitation(case.network.data, case.network.input, meaning)
    outputs = case.reference.astype(np.float32)
    outputs[:, 0] += shift
    return np.asarray(loss(outputs, {"image": case.held_back.astype(np.float32)}))


@pytest.mark.parametrize("meaning", ["softmax", "logits", "sigmoid", "embedding"])
def test_the_float_network_itself_has_the_least_loss(meaning, case):
    own = losses_of(case, meaning)
    assert own.shape == (len(case.held_back),)
    assert (losses_of(case, meaning, shift=0.5) > own).all()
    assert (losses_of(case, meaning, shift=-0.5) > own).all()


def test_the_least_loss_is_the_entropy_and_for_an_embedding_nothing(case):
    shares = np.exp(case.reference - case.reference.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert losses_of(case, "softmax") == pytest.approx(-(shares * np.log(shares)).sum(axis=1), rel=1e-3)
    assert losses_of(case, "embedding") == pytest.approx(0, abs=1e-4)
    moved = 0.25 / (case.reference**2).sum(axis=1)
    assert losses_of(case, "embedding", shift=0.5) == pytest.approx(moved, rel=1e-2)
