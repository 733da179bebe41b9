"""The weights that ship: they are small, whole and know the generated classes; other networks are refused."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.data.demo import DEMO_CLASSES, draw_demo_picture, draw_demo_pictures
from mobile_deploy.data.images import fit_picture
from mobile_deploy.errors import BadOptionError
from mobile_deploy.models.build import build_model
from mobile_deploy.models.demo_weights import DEMO_SPEC, check_demo_classes, demo_weights_file
from mobile_deploy.models.weight_files import read_structure
from mobile_deploy.models.weight_matching import match_layers
from mobile_deploy.models.weights import load_weights, resolve_weights
from mobile_deploy.variants.registry import make_spec

UNSEEN = 4  # a seed that they were neither trained, calibrated nor chosen on


def test_they_take_less_than_two_megabytes():
    assert demo_weights_file(DEMO_SPEC).stat().st_size < 2_000_000


def test_their_origin_names_the_file_and_its_hash():
    origin = resolve_weights("demo", DEMO_SPEC)
    file = demo_weights_file(DEMO_SPEC)
    assert (origin.kind, origin.path, origin.url) == ("demo", file, "")
    assert origin.to_json()["name"] == file.name
    assert origin.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_they_tell_pictures_apart_that_nobody_trained_on(keras):
    count = 5 * len(DEMO_CLASSES)
    squares = [fit_picture(picture, side=96, fit=IMAGENET_FIT) for picture in draw_demo_pictures(count, seed=UNSEEN)]
    model = build_model(DEMO_SPEC, keras=keras)
    assert not load_weights(model, resolve_weights("demo", DEMO_SPEC), DEMO_SPEC).new_head
    answers = np.asarray(model(np.stack(squares).astype(np.float32) / 127.5 - 1, training=False)).argmax(axis=1)
    # A guess is right 5 times; 36 lie five standard errors below what was measured.
    assert (answers == np.arange(count) % len(DEMO_CLASSES)).sum() >= 36


def test_drawn_pictures_take_the_classes_in_turn_and_are_those_of_the_files():
    *_, last = draw_demo_pictures(12, seed=5, side=32)
    with Image.open(io.BytesIO(draw_demo_picture(DEMO_CLASSES[1], 1, seed=5, side=32))) as picture:
        assert np.array_equal(last, np.asarray(picture))


def test_other_classes_keep_the_features_and_get_a_new_head():
    saved = read_structure(demo_weights_file(DEMO_SPEC))
    assert match_layers(saved, DEMO_SPEC).new == ()
    other = replace(DEMO_SPEC, classes=3)
    assert resolve_weights("demo", other).kind == "demo"
    assert match_layers(saved, other).new == ("predictions",)


@pytest.mark.parametrize(
    "spec",
    [
        make_spec("v2"),
        make_spec("v2", width_multiplier=0.35, side=128),
        make_spec("v2", width_multiplier=0.5, side=96),
        make_spec("v1", width_multiplier=0.35, side=96),
    ],
    ids=lambda spec: spec.name,
)
def test_another_network_is_refused_with_the_options_that_they_are_for(spec):
    with pytest.raises(BadOptionError, match=rf"mobilenet_v2_0\.35_96, not for {spec.name}$") as caught:
        resolve_weights("demo", spec)
    assert caught.value.hint == "pass --variant v2 --alpha 0.35 --resolution 96"


def test_another_number_of_classes_is_refused_with_their_names():
    check_demo_classes(10)
    with pytest.raises(BadOptionError, match=r"10 classes apart \(boat, .*, waves\), not 5") as caught:
        check_demo_classes(5)
    assert "mobile-deploy train --weights demo" in caught.value.hint
