"""Pruning: how many zeros, when, and that what is trained is what comes out."""

from __future__ import annotations

import numpy as np
import pytest
from training.small_twins import kernels, logits, small_twin, train

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.hooks import Hook
from mobile_deploy.training.phase import EpochRecord
from mobile_deploy.training.sparsity import pruned

EPOCH = EpochRecord(
    phase="prune",
    epoch=1,
    learning_rate=0.0,
    loss=0.0,
    accuracy=None,
    validation_loss=None,
    validation_accuracy=None,
    seconds=0.0,
)


def zeros(values: np.ndarray) -> float:
    return float(np.mean(values == 0))


@pytest.fixture
def twin(tf_keras):
    return small_twin(tf_keras)


def test_before_the_first_step_it_is_the_same_network(twin):
    assert logits(pruned(twin, steps=10).model) == pytest.approx(logits(twin), abs=1e-5)


@pytest.mark.parametrize("sparsity", [0.5, 0.77])
def test_each_kernel_but_the_depthwise_gets_at_least_its_share_of_zeros(twin, sparsity):
    pruning = pruned(twin, sparsity=sparsity, steps=12)
    train(pruning.model, steps=12, hook=pruning.hook)
    found = {name: zeros(kernel) for name, kernel in kernels(pruning.strip()).items()}
    assert pruning.layers == ("op000", "op002", "op004")
    # 8 x 27, 8 x 24 and 24 x 5 weights: rounded up, not to the nearest.
    assert {name: found[name] for name in pruning.layers} == {
        "op000": np.ceil(sparsity * 216) / 216,
        "op002": np.ceil(sparsity * 192) / 192,
        "op004": np.ceil(sparsity * 120) / 120,
    }
    assert found["op001"] == 0


def test_the_stripped_network_is_the_trained_one(twin):
    pruning = pruned(twin, steps=30)
    train(pruning.model, steps=30, hook=pruning.hook)
    before = logits(pruning.model)
    stripped = pruning.strip()
    assert [layer.name for layer in stripped.layers] == [layer.name for layer in twin.layers]
    assert [type(layer) for layer in stripped.layers] == [type(layer) for layer in twin.layers]
    assert logits(stripped) == pytest.approx(before, abs=1e-5)
    assert np.abs(logits(stripped) - logits(twin)).max() > 0.01


def test_the_original_is_not_touched(twin):
    before = twin.get_weights()
    pruning = pruned(twin, steps=10)
    train(pruning.model, steps=10, hook=pruning.hook)
    pruning.strip()
    assert all(np.array_equal(a, b) for a, b in zip(before, twin.get_weights(), strict=True))


def test_zeros_grow_until_two_thirds_of_the_steps_and_then_stay_where_they_are(twin):
    class Watch(Hook):
        def on_begin(self, model):
            pruning.hook.on_begin(model)

        def on_step(self, step):
            masks.append(pruning.model.get_layer("prune_low_magnitude_op002").pruning_vars[0][1].numpy())

    pruning, masks = pruned(twin, steps=60), []
    train(pruning.model, steps=60, hook=Watch())
    shares = [zeros(mask) for mask in masks]
    assert shares == sorted(shares)
    assert 0.2 < shares[10] < shares[30] < 0.5
    assert shares[41:] == [0.5] * 19
    assert np.array_equal(masks[41], masks[59])


@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_the_last_choice_of_weights_is_at_the_full_sparsity_whatever_the_number_of_steps(tf_keras, steps):
    import tensorflow as tf

    schedule = pruned(small_twin(tf_keras), sparsity=0.6, steps=steps).model.layers[1].pruning_schedule
    chosen = [schedule(tf.constant(step, tf.int64)) for step in range(1, steps + 1)]
    shares = [float(share) for is_chosen, share in chosen if is_chosen]
    assert shares[-1] == pytest.approx(0.6)
    assert len(shares) <= 30


def test_weights_that_are_not_smallest_last_are_chosen_by_the_mask(twin):
    """A step after the masking moves what was masked; it may not come back for that."""
    pruning = pruned(twin, steps=3)
    train(pruning.model, steps=3, hook=pruning.hook)
    wrapper = pruning.model.get_layer("prune_low_magnitude_op002")
    ((kernel, mask, _),) = wrapper.pruning_vars
    kernel.assign(np.where(mask.numpy() == 0, 100.0, kernel.numpy()))
    assert np.abs(kernels(pruning.strip())["op002"]).max() < 100


def test_an_epochs_end_leaves_exact_zeros(twin):
    pruning = pruned(twin, steps=3)
    train(pruning.model, steps=3, hook=pruning.hook)
    kernel = pruning.model.get_layer("prune_low_magnitude_op002").pruning_vars[0][0]
    assert zeros(kernel.numpy()) < 0.5
    assert pruning.hook.on_epoch_end(EPOCH) is False
    assert zeros(kernel.numpy()) == 0.5


def test_a_resumed_run_goes_on_where_the_weights_say(tf_keras, twin):
    whole = pruned(twin, steps=12)
    train(whole.model, steps=8, hook=whole.hook)
    resumed = pruned(twin, steps=12)
    resumed.model.set_weights(whole.model.get_weights())
    resumed.hook.on_begin(resumed.model)
    assert resumed.model.get_layer("prune_low_magnitude_op000").pruning_step.numpy() == 8
    for pruning in (whole, resumed):
        train(pruning.model, steps=4)
    assert logits(resumed.strip()) == pytest.approx(logits(whole.strip()), abs=1e-6)


def test_a_network_in_half_precision_is_pruned_in_single(tf_keras):
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        half = small_twin(tf_keras)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    pruning = pruned(half, steps=3)
    train(pruning.model, steps=3, hook=pruning.hook)
    assert pruning.model.compute_dtype == "float32"
    assert zeros(kernels(pruning.strip())["op002"]) == 0.5


@pytest.mark.parametrize("sparsity", [0.0, 0.96, 1.5, -0.1])
def test_a_share_out_of_range_is_refused(twin, sparsity):
    with pytest.raises(BadOptionError, match=r"--sparsity: .* allowed: above 0 up to 0.95"):
        pruned(twin, sparsity=sparsity, steps=3)
