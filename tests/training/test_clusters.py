"""Clustering: how many values, in which integers, and that what is trained is what comes out."""

from __future__ import annotations

import numpy as np
import pytest
from training.small_twins import kernels, logits, small_twin, train

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.clusters import channel_gains, clustered, operator_bounds
from mobile_deploy.training.sparsity import pruned


@pytest.fixture
def twin(tf_keras):
    """Its channels differ in size by up to a thousand, as those of folded networks do."""
    model = small_twin(tf_keras)
    layer = model.get_layer("op002")
    layer.set_weights([layer.get_weights()[0] * np.geomspace(0.003, 3, 24)])
    return model


def integers(kernel: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """What a quantizer stores."""
    return np.round(kernel / (bounds / 127))


def distinct(result) -> dict[str, int]:
    found = kernels(result.model)
    return {name: len(np.unique(integers(found[name], bounds))) for name, bounds in result.kernel_bounds.items()}


@pytest.mark.parametrize("clusters", [4, 32])
def test_each_kernel_but_the_depthwise_holds_few_integers_although_channels_differ_in_size(twin, clusters):
    clustering = clustered(twin, clusters=clusters)
    train(clustering.model, steps=10)
    result = clustering.strip()
    assert set(result.kernel_bounds) == {"op000", "op002", "op004"}
    assert max(distinct(result).values()) <= clusters
    assert min(distinct(result).values()) > clusters / 2
    assert len(np.unique(kernels(result.model)["op001"])) == 72
    # The values themselves are many, since each channel has its own size.
    assert len(np.unique(kernels(result.model)["op002"])) > 2 * clusters


def test_kernels_lie_on_the_grid_of_the_file(twin):
    result = clustered(twin).strip()
    for name, bounds in result.kernel_bounds.items():
        steps = kernels(result.model)[name] / (bounds / 127)
        assert steps == pytest.approx(np.round(steps), abs=1e-4)
        assert np.abs(steps).max() == pytest.approx(127)


def test_many_clusters_change_little_and_few_change_more(twin):
    errors = [np.abs(logits(clustered(twin, clusters=n).model) - logits(twin)).max() for n in (3, 16, 128)]
    assert errors[2] < 0.05 * np.ptp(logits(twin)) < errors[0]
    assert errors[2] < errors[1] < errors[0]


def test_the_stripped_network_is_the_trained_one_but_for_rounding(twin):
    clustering = clustered(twin, clusters=16)
    train(clustering.model, steps=10, rate=1e-2)
    before = logits(clustering.model)
    result = clustering.strip()
    assert [type(layer) for layer in result.model.layers] == [type(layer) for layer in twin.layers]
    assert [layer.name for layer in result.model.layers] == [layer.name for layer in twin.layers]
    assert np.abs(logits(result.model) - before).max() < 0.02 * np.ptp(before)
    assert np.abs(before - logits(twin)).max() > 0.05 * np.ptp(before)


def test_centroids_and_weights_both_learn(twin):
    clustering = clustered(twin)
    wrapper = clustering.model.get_layer("cluster_op002")
    before = [wrapper.cluster_centroids["kernel"].numpy(), wrapper.original_clusterable_weights["kernel"].numpy()]
    train(clustering.model, steps=3)
    after = [wrapper.cluster_centroids["kernel"].numpy(), wrapper.original_clusterable_weights["kernel"].numpy()]
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert clustering.model.get_layer("cluster_op002").layer.gains.numpy() == pytest.approx(
        np.abs(kernels(twin)["op002"]).max(axis=(0, 1, 2))
    )


def test_the_original_is_not_touched(twin):
    before = twin.get_weights()
    clustering = clustered(twin)
    train(clustering.model, steps=3)
    clustering.strip()
    assert all(np.array_equal(a, b) for a, b in zip(before, twin.get_weights(), strict=True))


def test_pruned_weights_stay_zero_and_zero_is_one_of_the_values(twin):
    pruning = pruned(twin, sparsity=0.5, steps=10)
    train(pruning.model, steps=10, hook=pruning.hook)
    sparse = pruning.strip()
    clustering = clustered(sparse, clusters=8)
    train(clustering.model, steps=20, rate=1e-2)
    result = clustering.strip()
    for name in result.kernel_bounds:
        was_zero = kernels(sparse)[name] == 0
        assert was_zero.mean() >= 0.5
        assert not kernels(result.model)[name][was_zero].any()
    assert max(distinct(result).values()) <= 8


def test_a_channel_without_weights_stays_so_and_leaves_its_bias_room(twin):
    kernel, bias = twin.get_layer("op000").get_weights()
    kernel[..., 3], kernel[..., 4], bias[:] = 0, 1e-6, 1.0
    twin.get_layer("op000").set_weights([kernel, bias])
    clustering = clustered(twin)
    train(clustering.model, steps=5)
    result = clustering.strip()
    assert not kernels(result.model)["op000"][..., 3:5].any()
    assert distinct(result)["op000"] <= 32
    bounds = result.kernel_bounds["op000"]
    assert (bounds[[3, 4]] == bounds.max()).all()


def test_a_kernel_of_zeros_stays_one(twin):
    twin.get_layer("op004").set_weights([np.zeros((24, 5)), np.ones(5)])
    result = clustered(twin).strip()
    assert "op004" not in result.kernel_bounds
    assert not kernels(result.model)["op004"].any()


def test_one_scale_for_the_whole_kernel_needs_one_bound(twin):
    clustering = clustered(twin, clusters=16, granularity="per-tensor")
    train(clustering.model, steps=5)
    result = clustering.strip()
    assert {bounds.shape for bounds in result.kernel_bounds.values()} == {(1,)}
    assert max(distinct(result).values()) <= 16
    assert len(np.unique(kernels(result.model)["op002"])) <= 16


def test_kernels_with_fewer_weights_than_clusters_are_left_alone(tf_keras):
    image = tf_keras.Input((12, 12, 3))
    x = tf_keras.layers.Conv2D(4, 1, name="op000")(image)
    model = tf_keras.Model(image, tf_keras.layers.Conv2D(50, 1, name="op001")(x))
    clustering = clustered(model)
    assert clustering.layers == ("op001",)
    assert np.array_equal(kernels(clustering.strip().model)["op000"], kernels(model)["op000"])


def test_bounds_by_operator_have_the_files_axes(twin):
    result = clustered(twin).strip()
    bounds = operator_bounds(result)
    assert {index: found.shape for index, found in bounds.items()} == {0: (8, 1, 1, 1), 2: (24, 1, 1, 1), 4: (5, 1)}
    assert np.array_equal(bounds[2].ravel(), result.kernel_bounds["op002"])


def test_a_resumed_run_goes_on_where_the_weights_say(twin):
    whole, resumed = clustered(twin, clusters=8), clustered(twin, clusters=8)
    train(whole.model, steps=5)
    resumed.model.set_weights(whole.model.get_weights())
    assert logits(resumed.model) == pytest.approx(logits(whole.model), abs=1e-6)
    for clustering in (whole, resumed):
        train(clustering.model, steps=5)
    assert logits(resumed.strip().model) == pytest.approx(logits(whole.strip().model), abs=1e-6)


def test_equal_networks_are_clustered_equally(twin):
    first, second = (clustered(twin).strip() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.model.get_weights(), second.model.get_weights(), strict=True))


def test_a_network_in_half_precision_is_clustered_in_single(tf_keras):
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        half = small_twin(tf_keras)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    clustering = clustered(half)
    train(clustering.model, steps=2)
    assert max(distinct(clustering.strip()).values()) <= 32


def test_gains_are_the_largest_weight_of_a_channel_or_of_all():
    kernel = np.array([[1.0, -4.0, 0.0, 1e-5], [-2.0, 3.0, 0.0, 0.0]], np.float32)
    assert channel_gains(kernel, None, "per-channel").tolist() == pytest.approx([2, 4, 0, 1e-5])
    assert channel_gains(kernel, np.ones(4, np.float32), "per-channel").tolist() == [2, 4, 0, 0]
    assert channel_gains(kernel, np.ones(4, np.float32), "per-tensor").tolist() == [4, 4, 0, 0]


@pytest.mark.parametrize("clusters", [2, 129])
def test_too_few_or_too_many_clusters_are_refused(twin, clusters):
    with pytest.raises(BadOptionError, match=r"--clusters: .* 3 to 128"):
        clustered(twin, clusters=clusters)
