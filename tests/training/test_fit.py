"""Phases on a real variant, and on the twin of a float .tflite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.training_feeds import ArrayFeed

from mobile_deploy.models.weights import resolve_weights
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.tflite.convert import convert_to_float
from mobile_deploy.tflite.graph import WEIGHTED_OPS, read_graph
from mobile_deploy.training import fit
from mobile_deploy.training.fit import Lesson, fit_network, fit_twin, training_precision
from mobile_deploy.training.networks import build_network
from mobile_deploy.training.phase import Phase
from mobile_deploy.training.targets import losses
from mobile_deploy.variants.registry import make_spec

SPEC = make_spec("v1-shallow", width_multiplier=0.25, side=32, classes=3)
PHASE = Phase(name="all", epochs=2, batch_size=8, learning_rate=0.01)


def feed(side: int, *, seed: int = 0) -> ArrayFeed:
    """Noise with a tinge of red, green or blue, which is the class."""
    random, labels = np.random.default_rng(seed), np.arange(24) % 3
    images = random.integers(0, 156, (24, side, side, 3))
    images[np.arange(24), :, :, labels] += 90
    return ArrayFeed(images, labels, seed=seed)


def lesson(side: int, **changes) -> Lesson:
    return Lesson(
        feed=feed(side),
        validation=None,
        loss=losses(meaning="softmax", size=3),
        pixels=Affine(scale=2 / 255, offset=-1.0),
        seed=0,
        **changes,
    )


def weights_by_kind(network, tf_keras) -> dict[str, list[np.ndarray]]:
    """Weights of the head, of the batch norms and of all others."""
    found: dict[str, list[np.ndarray]] = {"head": [], "norm": [], "rest": []}
    for layer in network.answers.layers:
        is_norm = isinstance(layer, tf_keras.layers.BatchNormalization)
        found["head" if layer.name == "conv_preds" else "norm" if is_norm else "rest"] += layer.get_weights()
    return found


def changed(before: list[np.ndarray], after: list[np.ndarray]) -> bool:
    return any(not np.array_equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("phase", "moves"), [("head", {"head"}), ("all", {"head", "rest"}), ("scratch", {"head", "rest", "norm"})]
)
def test_a_phase_moves_its_layers_and_no_others(phase, moves, tf_keras):
    network = build_network(SPEC, resolve_weights("none", SPEC), seed=0)
    before = weights_by_kind(network, tf_keras)
    (done,) = fit_network(network, [replace(PHASE, name=phase, epochs=1)], lesson(32))
    after = weights_by_kind(network, tf_keras)
    assert {kind for kind in before if changed(before[kind], after[kind])} == moves
    assert (done.phase.name, done.steps) == (phase, 3)


# --- the twin


def tiny_file(tf_keras, *, seed: int = 0) -> bytes:
    """A convolution, a depthwise one and a softmax over three classes."""
    layers, draw = tf_keras.layers, np.random.default_rng(seed)
    image = tf_keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    x = layers.GlobalAveragePooling2D()(layers.DepthwiseConv2D(3, activation="relu")(x))
    model = tf_keras.Model(image, layers.Softmax()(layers.Dense(3)(x)))
    model.set_weights([draw.normal(scale=0.4, size=values.shape) for values in model.get_weights()])
    return convert_to_float(lambda picture: model(picture, training=False), side=12)


def answers(data: bytes, images: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    given, told = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    said = []
    for image in images:
        interpreter.set_tensor(given, (image[None] * 2 / 255 - 1).astype(np.float32))
        interpreter.invoke()
        said.append(interpreter.get_tensor(told)[0])
    return np.stack(said)


@pytest.fixture(scope="module")
def data(tf_keras) -> bytes:
    return tiny_file(tf_keras)


def test_without_phases_the_file_stays_as_it_is(data):
    assert fit_twin(data, [], lesson(12)).data is data


def test_training_the_twin_changes_what_the_file_says_and_nothing_of_its_form(data):
    fitted = fit_twin(data, [replace(PHASE, epochs=12, learning_rate=0.03)], lesson(12))
    assert [op.name for op in read_graph(fitted.data).ops] == [op.name for op in read_graph(data).ops]
    columns = feed(12, seed=1).columns
    before, after = (answers(file, columns["image"]).argmax(axis=1) == columns["label"] for file in (data, fitted.data))
    assert before.mean() < 0.7
    assert after.mean() > 0.9
    assert fitted.kernel_bounds is None


def kernels(data: bytes) -> list[np.ndarray]:
    graph = read_graph(data)
    pruned = [op for op in graph.ops if op.name in WEIGHTED_OPS and op.name != "DEPTHWISE_CONV_2D"]
    return [graph.constant(op.inputs[1]) for op in pruned]


def test_pruning_leaves_zeros_in_the_file(data):
    fitted = fit_twin(data, [replace(PHASE, name="prune")], lesson(12), sparsity=0.5)
    assert all(np.mean(kernel == 0) >= 0.5 for kernel in kernels(fitted.data))
    assert not any(np.mean(kernel == 0) > 0.4 for kernel in kernels(data))


def test_clustering_leaves_few_values_and_says_what_127_stands_for(data):
    fitted = fit_twin(
        data, [replace(PHASE, name="cluster")], lesson(12), clusters=6, granularity="per-tensor", source="tiny"
    )
    assert all(len(np.unique(kernel)) <= 6 for kernel in kernels(fitted.data))
    assert set(fitted.kernel_bounds) == {0, 3}


# --- precision


def test_without_a_gpu_networks_are_made_in_float32(tf_keras):
    with training_precision() as policy:
        assert policy == tf_keras.mixed_precision.global_policy().name == "float32"


@pytest.mark.parametrize(
    ("capabilities", "wanted"),
    [
        ([], "float32"),
        ([(6, 1)], "float32"),
        ([(7, 5)], "mixed_float16"),
        ([(9, 0)], "mixed_bfloat16"),
        ([(9, 0), (7, 5)], "mixed_float16"),
    ],
)
def test_the_weakest_gpu_decides_about_half_precision(monkeypatch, tf_keras, capabilities, wanted):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(range(len(capabilities))))
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda device: {"compute_capability": capabilities[device]}
    )
    with fit.training_precision() as policy:
        assert policy == tf_keras.mixed_precision.global_policy().name == wanted
    assert tf_keras.mixed_precision.global_policy().name == "float32"
