from __future__ import annotations

import dataclasses

import pytest

from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.variants.registry import VARIANTS, ModelSpec, get_variant, make_spec, unpublished_notes


def test_the_registry_has_the_variants_of_the_command_line():
    assert set(VARIANTS) == {
        "v1",
        "v2",
        "v3-large",
        "v3-small",
        "v3-large-minimalistic",
        "v3-small-minimalistic",
        "v1-conv",
        "v1-shallow",
    }


def test_an_unknown_variant_is_refused_with_near_names():
    with pytest.raises(UnknownNameError) as caught:
        make_spec("v3-smal")
    assert caught.value.near[0] == "v3-small"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"side": 31}, "--resolution"),
        ({"side": -224}, "--resolution"),
        ({"width_multiplier": 0.0}, "--alpha"),
        ({"width_multiplier": -1.0}, "--alpha"),
        ({"width_multiplier": float("nan")}, "--alpha"),
        ({"width_multiplier": float("inf")}, "--alpha"),
        ({"classes": 0}, "--classes"),
    ],
)
def test_a_number_out_of_range_names_its_option(changes, option):
    with pytest.raises(BadOptionError) as caught:
        make_spec("v2", **changes)
    assert caught.value.option == option


def test_a_changed_spec_is_checked_again():
    with pytest.raises(BadOptionError):
        dataclasses.replace(make_spec("v2"), side=16)


def test_side_32_is_allowed():
    assert make_spec("v2", side=32).side == 32


def test_the_default_side_is_the_variants_own():
    assert {make_spec(name).side for name in VARIANTS} == {224}


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (make_spec("v2"), "mobilenet_v2_1.0_224"),
        (make_spec("v1", width_multiplier=0.25, side=128), "mobilenet_v1_0.25_128"),
        (make_spec("v3-small-minimalistic", width_multiplier=0.75), "mobilenet_v3_small_minimalistic_0.75_224"),
        (make_spec("v1-conv", width_multiplier=1), "mobilenet_v1_conv_1.0_224"),
        (make_spec("v2", classes=7, include_top=False), "mobilenet_v2_1.0_224_no_top"),
    ],
)
def test_names_say_variant_alpha_and_side(spec, name):
    assert spec.name == name


def test_every_variant_and_model_name_is_its_own():
    assert len({variant.model_name for variant in VARIANTS.values()}) == len(VARIANTS)


def test_all_variants_take_pictures_from_minus_one_to_one():
    assert {variant.value_range for variant in VARIANTS.values()} == {(-1.0, 1.0)}


def test_the_papers_own_comparisons_have_no_published_weights():
    assert [name for name, variant in VARIANTS.items() if not variant.published_alphas] == ["v1-conv", "v1-shallow"]
    assert unpublished_notes(make_spec("v1-conv")) == ("No weights are published for v1-conv.",)


@pytest.mark.parametrize("name", ["v1", "v2", "v3-large", "v3-small", "v3-large-minimalistic"])
def test_published_widths_and_sides_get_no_note(name):
    variant = get_variant(name)
    for alpha in variant.published_alphas:
        for side in variant.published_sides:
            assert unpublished_notes(make_spec(name, width_multiplier=alpha, side=side)) == ()


def test_an_unpublished_alpha_is_allowed_but_said():
    (note,) = unpublished_notes(make_spec("v3-large-minimalistic", width_multiplier=0.75))
    assert note == "Alpha 0.75 of v3-large-minimalistic has no published weights; published are 1.0."


def test_an_unpublished_side_is_said_beside_the_alpha():
    alpha_note, side_note = unpublished_notes(make_spec("v2", width_multiplier=0.6, side=200))
    assert "0.6" in alpha_note
    assert side_note == "No weights of v2 were trained at 200 px, but those for 96, 128, 160, 192, 224 px fit it."


def test_specs_are_values():
    assert make_spec("v2") == ModelSpec(variant="v2", width_multiplier=1.0, side=224)
    assert len({make_spec("v2"), make_spec("v2")}) == 1
