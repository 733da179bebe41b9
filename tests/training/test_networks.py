"""A variant in training: its layers by phase, its file of weights and its float .tflite."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_deploy.models.build import build_model
from mobile_deploy.models.weights import load_weights, resolve_weights
from mobile_deploy.tflite.convert import convert_to_float
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.training.networks import build_network, float_tflite, freeze, weights_file
from mobile_deploy.variants.registry import make_spec

V1 = make_spec("v1", width_multiplier=0.25, side=32, classes=3)
V3 = make_spec("v3-small", width_multiplier=0.35, side=32, classes=3)


def untrained(spec, seed: int = 0):
    return build_network(spec, resolve_weights("none", spec), seed=seed)


@pytest.fixture(scope="module")
def network():
    return untrained(V3)


def trained_layers(network, phase: str) -> list[str]:
    freeze(network.model, network.spec, phase)
    return sorted({weight.name.partition("/")[0] for weight in network.model.trainable_weights})


def test_each_phase_trains_its_layers(network, tf_keras):
    norms = {layer.name for layer in network.answers.layers if isinstance(layer, tf_keras.layers.BatchNormalization)}
    everything = trained_layers(network, "scratch")
    assert norms < set(everything)
    assert trained_layers(network, "head") == ["conv_2", "logits"]
    for phase in ("all", "prune"):
        assert set(trained_layers(network, phase)) == set(everything) - norms
    freeze(network.model, network.spec, "scratch")


def test_the_network_in_training_ends_in_the_logits_of_the_answers(network):
    image = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    logits, answers = (np.asarray(model(image, training=False)) for model in (network.model, network.answers))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.ptp(logits) > 0.01
    np.testing.assert_allclose(answers, powers / powers.sum(axis=1, keepdims=True), atol=1e-6)


def test_the_weight_file_is_read_back_by_both_flavours_and_is_the_same_twice(network, keras, tf_keras, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(weights_file(network))
    assert weights_file(network) == path.read_bytes()
    origin = resolve_weights(path, V3)
    for flavour in (keras, tf_keras):
        other = build_model(V3, keras=flavour, seed=9)
        loaded = load_weights(other, origin, V3)
        assert not loaded.new_head
        for ours, theirs in zip(network.answers.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_weights_for_other_classes_leave_a_new_head(network, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(weights_file(network))
    more = make_spec("v3-small", width_multiplier=0.35, side=32, classes=4)
    assert build_network(more, resolve_weights(path, more), seed=0).new_head
    assert not build_network(V3, resolve_weights(path, V3), seed=0).new_head


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_float_file_is_that_of_keras_3_whatever_the_network_was_trained_in(policy, keras, tf_keras):
    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        network = untrained(V1, seed=1)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    plain = build_model(V1, keras=keras)
    plain.set_weights(network.answers.get_weights())
    wanted = convert_to_float(lambda image: plain(image, training=False), side=V1.side)
    ours, theirs = read_graph(float_tflite(network)), read_graph(wanted)
    assert [op.name for op in ours.ops] == [op.name for op in theirs.ops]
    for mine, other in zip(ours.ops, theirs.ops, strict=True):
        for index, counterpart in zip(mine.inputs, other.inputs, strict=True):
            if ours.tensors[index].is_constant:
                np.testing.assert_allclose(ours.constant(index), theirs.constant(counterpart), atol=1e-6)
