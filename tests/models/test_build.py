"""The built networks against keras.applications, against tf_keras, and against their own plans."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest

from mobile_deploy.models.build import build_model
from mobile_deploy.variants.counts import count
from mobile_deploy.variants.plan import plan_layers
from mobile_deploy.variants.registry import VARIANTS, get_variant, make_spec

TOLERANCE = 1e-5
SIDES = (96, 128, 160, 192, 224, 200)
REFERENCES = {
    "v1": ("MobileNet", {}),
    "v2": ("MobileNetV2", {}),
    "v3-large": ("MobileNetV3Large", {"include_preprocessing": False}),
    "v3-small": ("MobileNetV3Small", {"include_preprocessing": False}),
    "v3-large-minimalistic": ("MobileNetV3Large", {"include_preprocessing": False, "minimalistic": True}),
    "v3-small-minimalistic": ("MobileNetV3Small", {"include_preprocessing": False, "minimalistic": True}),
}
ONE_OF_EACH = ("v1", "v2", "v3-small")


class Case(NamedTuple):
    variant: str
    alpha: float
    side: int


def cases_of(variant):
    """Every side once, the published alphas in turn: each alpha and each side occurs."""
    alphas = get_variant(variant).published_alphas
    return [Case(variant, alphas[place % len(alphas)], side) for place, side in enumerate(SIDES)]


CASES = [case for variant in REFERENCES for case in cases_of(variant)]
EVERY_CASE = [
    Case(variant, alpha, side)
    for variant in REFERENCES
    for alpha in get_variant(variant).published_alphas
    for side in SIDES
]


def reference_model(keras, case, **options):
    name, fixed = REFERENCES[case.variant]
    make = getattr(keras.applications, name)
    return make(input_shape=(case.side, case.side, 3), alpha=case.alpha, weights=None, **fixed, **options)


def randomize(model, images, *, seed):
    """Gives every weight a value of its own, and batch norms the statistics of `images`, as training would."""
    generator = np.random.default_rng(seed)
    draws = {
        "gamma": partial(generator.uniform, 0.7, 1.3),
        "beta": partial(generator.normal, 0.0, 0.2),
        "bias": partial(generator.normal, 0.0, 0.2),
    }
    for layer in model.layers:
        for weight in layer.trainable_weights:
            fan_in = np.prod(weight.shape[:-1])
            weight.assign(draws.get(weight.name, partial(generator.normal, 0.0, fan_in**-0.5))(size=weight.shape))
    norms = [layer for layer in model.layers if hasattr(layer, "moving_mean")]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(images, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def pictures(side):
    """Two pictures in [-1, 1]: fine noise and coarse squares."""
    generator = np.random.default_rng(side)
    noise = generator.uniform(-1, 1, (side, side, 3))
    squares = np.kron(generator.uniform(-1, 1, (8, 8, 3)), np.ones((side // 8, side // 8, 1)))
    return np.stack([noise, squares]).astype("float32")


def run(model, images):
    return np.asarray(model(images, training=False))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def logits_of(keras, model):
    """The same model, ending before its softmax."""
    return keras.Model(model.input, model.get_layer("softmax").input)


def weighted(model):
    return [(layer.name, tuple(layer.output.shape)) for layer in model.layers if layer.weights]


def assert_equals_the_reference(keras, case, weights_file):
    images = pictures(case.side)
    reference = reference_model(keras, case, classifier_activation=None)
    randomize(reference, images, seed=case.side)
    reference.save_weights(weights_file)
    spec = make_spec(case.variant, width_multiplier=case.alpha, side=case.side)
    model = build_model(spec, keras=keras)
    model.load_weights(weights_file)

    assert model.count_params() == reference.count_params() == count(spec).parameters_total
    assert weighted(model) == weighted(reference)
    expected = run(reference, images)
    assert np.abs(expected[0] - expected[1]).max() > 0.1, "the pictures must be told apart"
    np.testing.assert_allclose(run(logits_of(keras, model), images), expected, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(run(model, images), softmax(expected), rtol=0, atol=TOLERANCE)


def case_id(case):
    return f"{case.variant}-{case.alpha}-{case.side}"


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_network_equals_keras_applications_with_the_same_weight_file(keras, tmp_path, case):
    assert_equals_the_reference(keras, case, tmp_path / "random.weights.h5")


@pytest.mark.parametrize("case", [Case("v1", 0.6, 96), Case("v2", 0.56, 96), Case("v3-small", 1.25, 96)], ids=case_id)
def test_unpublished_widths_round_as_keras_applications_does(keras, tmp_path, case):
    assert_equals_the_reference(keras, case, tmp_path / "random.weights.h5")


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in EVERY_CASE if case not in CASES], ids=case_id)
def test_every_published_width_equals_keras_applications_at_every_side(keras, tmp_path, case):
    assert_equals_the_reference(keras, case, tmp_path / "random.weights.h5")


@pytest.mark.parametrize("variant", REFERENCES)
def test_features_equal_keras_applications_without_its_top(keras, tmp_path, variant):
    case = Case(variant, 1.0, 96)
    reference = reference_model(keras, case, include_top=False)
    randomize(reference, pictures(96), seed=0)
    reference.save(tmp_path / "layers_in_order.h5")
    model = build_model(make_spec(variant, side=96, include_top=False), keras=keras)
    model.load_weights(tmp_path / "layers_in_order.h5")
    expected = run(reference, pictures(96))
    assert model.output.shape == reference.output.shape
    np.testing.assert_allclose(run(model, pictures(96)), expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_flavours_of_keras_build_the_same_network(keras, tf_keras, variant):
    spec = make_spec(variant, width_multiplier=0.5, side=96)
    model, twin = build_model(spec, keras=keras), build_model(spec, keras=tf_keras)
    randomize(model, pictures(96), seed=1)
    assert [layer.name for layer in model.layers if layer.weights] == [
        layer.name for layer in twin.layers if layer.weights
    ]
    twin.set_weights(model.get_weights())
    expected = run(logits_of(keras, model), pictures(96))
    # The flavours round in different orders inside batch norm.
    np.testing.assert_allclose(run(logits_of(tf_keras, twin), pictures(96)), expected, rtol=0, atol=10 * TOLERANCE)
    np.testing.assert_allclose(run(twin, pictures(96)), softmax(expected), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("side", [200, 33])
@pytest.mark.parametrize("variant", VARIANTS)
def test_built_shapes_are_the_planned_ones(keras, variant, side):
    spec = make_spec(variant, width_multiplier=0.25, side=side, classes=3)
    model = build_model(spec, keras=keras)
    assert model.name == spec.name
    assert tuple(model.output.shape) == (None, 3)
    for layer in plan_layers(spec):
        assert tuple(model.get_layer(layer.name).output.shape[1:]) == layer.output_shape, layer.name


@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
def test_equal_seeds_give_equal_weights_and_another_seed_gives_others(request, flavour):
    module = request.getfixturevalue(flavour)
    spec = make_spec("v3-small", width_multiplier=0.35, side=32, classes=2)
    first, second, other = (build_model(spec, keras=module, seed=seed).get_weights() for seed in (7, 7, 8))
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    kernels = [(one, two) for one, two in zip(first, other, strict=True) if one.ndim == 4]
    assert kernels
    assert all(not np.array_equal(one, two) for one, two in kernels)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_signal_survives_an_untrained_network(keras, variant):
    model = build_model(make_spec(variant, side=96), keras=keras)
    logits = run(logits_of(keras, model), pictures(96))
    assert 1e-3 < logits.std() < 1e4
    assert np.abs(logits[0] - logits[1]).max() > 0.01 * np.abs(logits).max()


def test_only_layers_of_both_flavours_are_used(keras, tf_keras):
    kinds = {
        type(layer).__name__
        for variant in ONE_OF_EACH
        for layer in build_model(make_spec(variant, side=32), keras=keras).layers
    }
    assert all(hasattr(tf_keras.layers, kind) for kind in kinds)
    assert not {"Lambda", "TFOpLambda", "Activation"} & kinds


def test_batch_norm_forgets_at_the_rate_of_keras_applications(keras):
    for variant in ONE_OF_EACH:
        reference = reference_model(keras, Case(variant, 1.0, 32))
        model = build_model(make_spec(variant, side=32), keras=keras)
        for layer in reference.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                mine = model.get_layer(layer.name)
                assert (mine.momentum, mine.epsilon) == (layer.momentum, layer.epsilon)


@pytest.mark.parametrize(("variant", "rate"), [("v1", 0.001), ("v3-large", 0.2)])
def test_dropout_is_that_of_keras_applications(keras, variant, rate):
    assert build_model(make_spec(variant, side=32), keras=keras).get_layer("dropout").rate == rate
