from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mobile_deploy.models.build import build_model
from mobile_deploy.tflite.convert import ConversionError, convert_to_float
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import encode_pictures
from mobile_deploy.variants.registry import make_spec

V2_OPS = {"CONV_2D": 35, "DEPTHWISE_CONV_2D": 17, "ADD": 10, "MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}


def census(data: bytes) -> Counter[str]:
    return Counter(op.name for op in read_graph(data).ops)


def moved_by_last_bits(model, images: np.ndarray, *, draws: int = 4) -> float:
    """Gives how far answers move at most when every weight is moved by its last bit, up or down."""
    weights, draw = model.get_weights(), np.random.default_rng(0)
    before, far = model(images, training=False).numpy(), []
    for _ in range(draws):
        model.set_weights([np.nextafter(w, draw.choice([-np.inf, np.inf], w.shape).astype(w.dtype)) for w in weights])
        far.append(np.abs(model(images, training=False).numpy() - before).max())
    model.set_weights(weights)
    return float(max(far))


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small", "v3-small-minimalistic"])
def test_the_file_answers_as_keras_does(small_network, variant):
    network = small_network(variant)
    images = encode_pictures(network.pictures[:6], network.input)
    interpreter = Interpreter(model_content=network.data)
    run = interpreter.get_signature_runner("serving_default")
    found = np.concatenate([run(image=image[None])["output"] for image in images])
    expected = network.model(images, training=False).numpy()
    # Folding a batch norm rounds each weight once more. How far that moves the answers is the network's own affair.
    assert np.abs(found - expected).max() < 2 * moved_by_last_bits(network.model, images) < 1e-4
    assert np.ptp(expected, axis=0).max() > 0.01  # the pictures do not all get one answer


def test_batch_norm_activations_and_pads_fold_into_v2s_operators(small_network):
    assert census(small_network("v2").data) == V2_OPS


@pytest.mark.parametrize(("variant", "ops", "hard_swishes"), [("v3-small", 109, 19), ("v3-small-minimalistic", 45, 0)])
def test_v3_folds_and_its_hard_swishes_are_fused(small_network, variant, ops, hard_swishes):
    found = census(small_network(variant).data)
    assert found.total() == ops
    assert found["HARD_SWISH"] == hard_swishes
    assert found["PAD"] == found["RELU6"] == 0


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small", "v3-small-minimalistic"])
def test_only_builtins_and_a_batch_of_one(small_network, variant):
    network = small_network(variant)
    graph = read_graph(network.data)
    assert not any(op.is_custom for op in graph.ops)
    assert [graph.tensors[i].shape for i in graph.inputs] == [(1, network.side, network.side, 3)]
    assert [graph.tensors[i].shape for i in graph.outputs] == [(1, 10)]
    assert {graph.tensors[i].dtype for i in (*graph.inputs, *graph.outputs)} == {"float32"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "ops"), [("v1", 31), ("v2", 65), ("v3-small", 109), ("v3-large", 122), ("v3-small-minimalistic", 45)]
)
def test_full_size_networks_have_their_known_number_of_operators(keras, variant, ops):
    model = build_model(make_spec(variant, side=224), keras=keras)
    found = census(convert_to_float(lambda image: model(image, training=False), side=224))
    assert found.total() == ops
    if variant == "v2":
        assert found == V2_OPS


def test_operations_without_a_builtin_are_named():
    import tensorflow as tf

    def call(image):
        return tf.math.zeta(image, image) + tf.reshape(tf.linalg.inv(tf.reshape(image, (3, 8, 8))), (1, 8, 8, 3))

    with pytest.raises(ConversionError, match="no TFLite builtin for MatrixInverse, Zeta") as caught:
        convert_to_float(call, side=8)
    assert caught.value.ops == ("MatrixInverse", "Zeta")
    assert caught.value.exit_code == 4
    assert caught.value.hint
