"""The tf_keras twin of a float .tflite computes what the file computes, and gives its weights back."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_deploy.tflite.convert import convert_to_float
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import open_interpreter
from mobile_deploy.training.twin import UntrainableError, build_twin, find_layers, weights_of, with_weights

VARIANTS = ("v1", "v2", "v3-small", "v3-small-minimalistic")


def run(data: bytes, image: np.ndarray) -> np.ndarray:
    interpreter = open_interpreter(data, threads=1, source="the file")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def noise(data: bytes) -> np.ndarray:
    graph = read_graph(data)
    shape = graph.tensors[graph.inputs[0]].shape
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_twin_answers_as_its_file(variant, small_network):
    data = small_network(variant).data
    image = noise(data)
    assert np.abs(build_twin(data).answers(image).numpy() - run(data, image)).max() < 1e-5


@pytest.mark.parametrize("side", [8, 24])
def test_a_dense_layer_may_read_a_whole_feature_map(side, keras):
    """The converter leaves a Flatten out and lets the dense operator read the map as it is."""
    layers = keras.layers
    steps = [layers.Input((side, side, 3)), layers.Conv2D(4, 3, strides=8), layers.Flatten(), layers.Dense(5)]
    model = keras.Sequential(steps)
    data = convert_to_float(lambda image: model(image, training=False), side=side)
    twin, image = build_twin(data), noise(data)
    assert np.abs(twin.answers(image).numpy() - run(data, image)).max() < 1e-5
    twin.model.set_weights([1.5 * weight for weight in twin.model.get_weights()])
    assert np.abs(twin.answers(image).numpy() - run(twin.write_back(), image)).max() < 1e-5


def test_a_twin_ends_before_the_softmax(v2_network):
    twin = build_twin(v2_network.data)
    image = noise(v2_network.data)
    logits = twin.model(image).numpy()
    raised = np.exp(logits - logits.max())
    assert np.allclose(raised / raised.sum(), twin.answers(image).numpy(), atol=1e-6)
    assert not np.allclose(logits.sum(), 1, atol=1e-3)


def test_every_activation_of_the_file_is_made_by_one_layer(small_network):
    data = small_network("v3-small").data
    graph, layers = read_graph(data), find_layers(build_twin(data).answers)
    assert sorted(layers) == [op.index for op in graph.ops]
    for op in graph.ops:
        assert tuple(layers[op.index].output.shape[1:]) == graph.tensors[op.outputs[0]].shape[1:]


@pytest.mark.parametrize("variant", VARIANTS)
def test_changed_weights_go_back_into_the_file(variant, small_network):
    data = small_network(variant).data
    twin, draw = build_twin(data), np.random.default_rng(1)
    twin.model.set_weights([w * draw.uniform(0.8, 1.2, w.shape) for w in twin.model.get_weights()])
    image, written = noise(data), twin.write_back()
    assert np.abs(twin.answers(image).numpy() - run(data, image)).max() > 1e-4
    assert np.abs(twin.answers(image).numpy() - run(written, image)).max() < 1e-5


def test_weights_that_did_not_change_give_equal_weights(v2_network):
    twin = build_twin(v2_network.data)
    before = weights_of(twin.model, twin.graph)
    after = weights_of(build_twin(with_weights(v2_network.data, before)).model, twin.graph)
    assert before.keys() == after.keys()
    for index, weights in before.items():
        assert np.array_equal(weights.kernel, after[index].kernel)
        assert np.array_equal(weights.bias, after[index].bias)


def test_operators_that_shared_a_bias_are_trained_apart(v2_network):
    twin = build_twin(v2_network.data)
    weights = weights_of(twin.model, twin.graph)
    first, second, *_ = weights
    weights[first].bias[:] = 1
    weights[second].bias[:] = 2
    written = build_twin(with_weights(v2_network.data, weights))
    again = weights_of(written.model, written.graph)
    assert set(again[first].bias) == {1}
    assert set(again[second].bias) == {2}


def test_the_first_operator_without_a_layer_is_named(keras):
    import tensorflow as tf

    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="before")(image)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.UpSampling2D(name="grow")(x)))  # TILE
    data = convert_to_float(lambda x: tf.sin(model(x)), side=8)
    with pytest.raises(UntrainableError, match="no layer for TILE") as raised:
        build_twin(data, source="mine.tflite")
    assert raised.value.exit_code == 5
    assert "mine.tflite" in raised.value.message
    assert "no layer for SIN" not in raised.value.message


def test_pools_concatenations_and_constants_have_layers(keras):
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    pooled = [
        keras.layers.MaxPooling2D(2)(x),
        keras.layers.AveragePooling2D(2, padding="same")(x),
        keras.layers.Conv2D(4, 3, strides=2, padding="same", groups=2, activation="tanh")(x),
    ]
    x = keras.layers.Rescaling(list(np.linspace(0.5, 2, 20)))(keras.layers.Concatenate()(pooled))
    x = keras.layers.Dense(6, activation="sigmoid")(keras.layers.Flatten()(x))
    model = keras.Model(image, x)
    data = convert_to_float(lambda x: model(x, training=False), side=16)
    picture = noise(data)
    assert np.abs(build_twin(data).answers(picture).numpy() - run(data, picture)).max() < 1e-5
