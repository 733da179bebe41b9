"""The preprocessing a network begins with: found in the traced graph, taken out, and nothing else changed."""

from __future__ import annotations

import numpy as np
import pytest
from user_models import with_lively_weights

from mobile_deploy.errors import BadOptionError
from mobile_deploy.models.adopt import adopt_model
from mobile_deploy.models.leading_affine import split_leading_affine
from mobile_deploy.tflite.convert import convert_to_float
from mobile_deploy.tflite.graph import read_graph

SIDE = 32
MEANS, VARIANCES = [123.7, 116.3, 103.5], [3409.0, 3263.0, 3292.0]


def network(keras, preprocess=lambda layers, image: image, *, padding="valid", side=SIDE):
    """A convolution behind the caller's preprocessing; several tensors make several branches."""
    image = keras.Input((side, side, 3))
    entries = preprocess(keras.layers, image)
    layers = keras.layers
    ends = [
        layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, padding=padding)(entry))
        for entry in (entries if isinstance(entries, list) else [entries])
    ]
    row = layers.Concatenate()(ends) if len(ends) > 1 else ends[0]
    return with_lively_weights(keras.Model(image, layers.Dense(2)(row)))


def split(model):
    return split_leading_affine(lambda image: model(image, training=False), side=SIDE)


def answer(call, image):
    import tensorflow as tf

    return np.asarray(tf.function(call, autograph=False)(tf.constant(image, tf.float32)))


def check_split(model, *, scale, offset):
    """The map is the expected one, and map and rest together are the model."""
    result = split(model)
    assert (result.scale, result.offset) == pytest.approx((scale, offset), rel=1e-6)
    image = np.random.default_rng(0).uniform(0, 255, (1, SIDE, SIDE, 3)).astype(np.float32)
    wanted = np.asarray(model(image, training=False))
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(answer(result.call, image * scale + offset), wanted, rtol=1e-4, atol=1e-5)


def half_used(layers, image):
    unit = layers.Rescaling(1 / 255)(image)
    return [unit, layers.Rescaling(2.0, offset=-1)(unit)]


# (name, preprocessing, scale, offset)
WHOLE = [
    ("nothing", lambda layers, image: image, 1, 0),
    ("rescaling to [0, 1]", lambda layers, image: layers.Rescaling(1 / 255)(image), 1 / 255, 0),
    ("rescaling to [-1, 1]", lambda layers, image: layers.Rescaling(1 / 127.5, offset=-1)(image), 1 / 127.5, -1),
    ("operators", lambda layers, image: image / 127.5 - 1, 1 / 127.5, -1),
    ("operators with the number first", lambda layers, image: -1 + 2 * image / 255, 1 / 127.5, -1),
    ("a number per channel, all equal", lambda layers, image: layers.Rescaling([1 / 255] * 3)(image), 1 / 255, 0),
    (
        "normalization over all channels",
        lambda layers, image: layers.Normalization(axis=None, mean=127.5, variance=127.5**2)(image),
        1 / 127.5,
        -1,
    ),
    ("a chain", lambda layers, image: (layers.Rescaling(1 / 255)(image) - 0.5) / 0.5, 1 / 127.5, -1),
    ("augmentation first", lambda layers, image: layers.Rescaling(1 / 255)(layers.RandomFlip()(image)), 1 / 255, 0),
]
PARTLY = [
    ("each channel its own", lambda layers, image: layers.Normalization(mean=MEANS, variance=VARIANCES)(image), 1, 0),
    (
        "each channel its own behind one number",
        lambda layers, image: layers.Normalization(mean=MEANS, variance=VARIANCES)(layers.Rescaling(2.0)(image)),
        2,
        0,
    ),
    ("picture read twice", lambda layers, image: [layers.Rescaling(1 / 255)(image), image], 1, 0),
    ("result of the first step read twice", half_used, 1 / 255, 0),
    ("negative", lambda layers, image: 1 - layers.Rescaling(1 / 255)(image), 1 / 255, 0),
    ("negative factor", lambda layers, image: image * -0.5, 1, 0),
    ("square", lambda layers, image: layers.Multiply()([image, image]), 1, 0),
    ("divided by", lambda layers, image: 255 / (image + 1), 1, 1),
]


def case_id(value):
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
@pytest.mark.parametrize(("name", "preprocess", "scale", "offset"), WHOLE, ids=case_id)
def test_multiplying_and_adding_one_number_is_taken_out(request, flavour, name, preprocess, scale, offset):
    check_split(network(request.getfixturevalue(flavour), preprocess), scale=scale, offset=offset)


@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
@pytest.mark.parametrize(("name", "preprocess", "scale", "offset"), PARTLY, ids=case_id)
def test_everything_else_stays_in_the_network(request, flavour, name, preprocess, scale, offset):
    check_split(network(request.getfixturevalue(flavour), preprocess), scale=scale, offset=offset)


@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
def test_preprocess_input_of_keras_applications_is_taken_out(request, flavour):
    flavour_module = request.getfixturevalue(flavour)
    preprocess_input = flavour_module.applications.mobilenet_v2.preprocess_input
    check_split(network(flavour_module, lambda layers, image: preprocess_input(image)), scale=1 / 127.5, offset=-1)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_first_convolution_keeps_its_weights(keras, padding):
    model = network(keras, lambda layers, image: layers.Rescaling(1 / 127.5, offset=-1)(image), padding=padding)
    graph = read_graph(convert_to_float(split(model).call, side=SIDE))
    assert [op.name for op in graph.ops] == ["CONV_2D", "MEAN", "FULLY_CONNECTED"]
    kernel, bias = (graph.constant(index) for index in graph.ops[0].inputs[1:])
    convolution = next(layer for layer in model.layers if layer.weights)
    np.testing.assert_allclose(kernel, np.transpose(convolution.get_weights()[0], (3, 0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(bias, convolution.get_weights()[1], rtol=1e-6)


def test_a_saved_model_is_split_too(keras, tmp_path):
    import tensorflow as tf

    model = network(keras)

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)])
    def serve(picture):
        return {"scores": model(picture / 127.5 - 1, training=False)}

    tf.saved_model.save(model, str(tmp_path / "exported"), signatures=serve)
    result = split_leading_affine(adopt_model(tmp_path / "exported", trust=True).call, side=SIDE)
    assert (result.scale, result.offset) == (1 / 127.5, -1)
    graph = read_graph(convert_to_float(result.call, side=SIDE))
    assert [op.name for op in graph.ops] == ["CONV_2D", "MEAN", "FULLY_CONNECTED"]


@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
def test_a_side_that_is_too_small_for_the_network_is_named(request, flavour):
    def shrink(layers, image):
        return layers.Conv2D(4, 3, strides=4)(layers.Conv2D(4, 3, strides=4)(image))

    model = network(request.getfixturevalue(flavour), shrink, side=None)
    with pytest.raises(BadOptionError, match=r"32 x 32 do not pass.*: Negative dimension size") as caught:
        split(model)
    assert (caught.value.option, caught.value.exit_code) == ("--resolution", 2)
    assert len(caught.value.message) < 200
    assert "\n" not in caught.value.message
