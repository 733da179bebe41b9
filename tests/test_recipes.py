from __future__ import annotations

import pytest

from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.recipes import (
    ALIASES,
    GRANULARITIES,
    IO_TYPES,
    RECIPES,
    REPAIRS,
    get_recipe,
    resolve_recipes,
    resolve_repairs,
)


def resolved(*names, io=None):
    return [(request.recipe.name, request.io) for request in resolve_recipes(names, io=io)]


def test_there_are_five_recipes_in_the_order_of_their_weight():
    assert list(RECIPES) == ["float32", "float16", "dynamic", "int8", "int16x8"]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("fp32", "float32"),
        ("fp16", "float16"),
        ("drq", "dynamic"),
        ("w8a8", "int8"),
        ("w8a16", "int16x8"),
        ("uint8", "int8"),
    ],
)
def test_an_alias_means_its_recipe(alias, name):
    assert get_recipe(alias) is RECIPES[name]


def test_no_alias_hides_a_recipe():
    assert not ALIASES.keys() & RECIPES.keys()
    assert set(ALIASES.values()) <= set(RECIPES)


def test_an_unknown_recipe_is_refused_and_near_names_are_shown():
    with pytest.raises(UnknownNameError, match="int16x8") as caught:
        get_recipe("int16")
    assert caught.value.exit_code == 2
    assert caught.value.near[0] == "int16x8"


@pytest.mark.parametrize(
    ("name", "io"),
    [("float32", "float32"), ("float16", "float32"), ("dynamic", "float32"), ("int8", "uint8"), ("int16x8", "float32")],
)
def test_each_recipe_has_its_default_ends(name, io):
    assert resolved(name) == [(name, io)]


@pytest.mark.parametrize(
    ("name", "is_integer"),
    [("float32", False), ("float16", False), ("dynamic", False), ("int8", True), ("int16x8", True)],
)
def test_integer_recipes_are_those_with_integer_activations_and_need_calibration(name, is_integer):
    assert RECIPES[name].is_integer is is_integer
    assert RECIPES[name].needs_calibration is is_integer


@pytest.mark.parametrize(
    ("operator", "weights", "stays"),
    [("CONV_2D", 1023, True), ("CONV_2D", 1024, False), ("DEPTHWISE_CONV_2D", 9000, True)],
)
def test_dynamic_keeps_depthwise_and_small_kernels_in_float(operator, weights, stays):
    assert RECIPES["dynamic"].keeps_float(operator, weights) is stays
    assert not RECIPES["int8"].keeps_float(operator, weights)


def test_uint8_is_int8_with_uint8_ends():
    assert resolved("uint8") == resolved("int8", io="uint8") == resolved("uint8", io="uint8") == [("int8", "uint8")]


def test_duplicates_collapse_and_order_stays():
    assert resolved("w8a8", "fp32", "uint8", "int8", "float32") == [("int8", "uint8"), ("float32", "float32")]


@pytest.mark.parametrize("io", ["int8", "float32"])
def test_uint8_contradicts_other_ends(io):
    with pytest.raises(BadOptionError, match=f"contradicts --io {io}") as caught:
        resolve_recipes(["float32", "uint8"], io=io)
    assert caught.value.exit_code == 2
    assert caught.value.option == "--quant"


@pytest.mark.parametrize("io", IO_TYPES)
def test_int8_can_have_all_ends(io):
    assert resolved("int8", io=io) == [("int8", io)]


def test_ends_apply_to_the_recipes_that_can_have_them():
    assert resolved("float32", "int8", "int16x8", io="int8") == [
        ("float32", "float32"),
        ("int8", "int8"),
        ("int16x8", "float32"),
    ]


def test_ends_that_no_named_recipe_can_have_are_refused():
    with pytest.raises(BadOptionError, match="int8 is not possible here") as caught:
        resolve_recipes(["float32", "int16x8"], io="int8")
    assert caught.value.option == "--io"
    assert caught.value.exit_code == 2


def test_unknown_ends_are_refused():
    with pytest.raises(UnknownNameError, match="uint8"):
        resolve_recipes(["int8"], io="uint4")


def test_no_recipe_at_all_is_refused():
    with pytest.raises(BadOptionError, match="names no recipe"):
        resolve_recipes([])


def test_there_are_five_repairs_in_the_order_in_which_they_are_applied():
    assert list(REPAIRS) == ["dead-channels", "equalization", "percentile-ranges", "mse-ranges", "bias-correction"]


def by_default(granularity):
    return resolve_repairs(None, granularity)


def resolved_repairs(names, granularity="per-tensor"):
    return resolve_repairs(names, granularity)


def test_a_common_scale_is_repaired_by_equalization_unasked_and_scales_of_their_own_are_not():
    assert by_default("per-tensor") == ("dead-channels", "equalization", "mse-ranges", "bias-correction")
    assert by_default("per-channel") == ("mse-ranges", "bias-correction")


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_repairs_that_are_named_are_those_and_in_their_own_order(granularity):
    assert resolved_repairs(["bias-correction", "equalization"], granularity) == ("equalization", "bias-correction")
    assert resolved_repairs(["mse-ranges", "mse-ranges"], granularity) == ("mse-ranges",)
    assert resolved_repairs(["none"], granularity) == ()
    assert resolved_repairs([], granularity) == ()


@pytest.mark.parametrize("names", [["none", "equalization"], ["equalization", "none"]])
def test_none_stands_alone(names):
    with pytest.raises(BadOptionError, match="--repair: none stands alone") as caught:
        resolved_repairs(names, "per-channel")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("names", [["mse-ranges", "percentile-ranges"], ["percentile-ranges", "mse-ranges"]])
def test_two_choices_of_the_same_range_exclude_each_other(names):
    with pytest.raises(BadOptionError, match=f"--repair: {names[0]} and {names[1]} exclude each other"):
        resolved_repairs(names, "per-tensor")


def test_repairs_that_exclude_each_other_say_so_of_each_other_and_are_no_default_together():
    for repair in REPAIRS.values():
        if repair.excludes:
            assert REPAIRS[repair.excludes].excludes == repair.name
            assert not set(repair.default_for) & set(REPAIRS[repair.excludes].default_for)


def test_an_unknown_repair_is_refused_and_near_names_are_shown():
    with pytest.raises(UnknownNameError, match=r"unknown repair 'equalisation'; did you mean equalization") as caught:
        resolved_repairs(["equalisation"], "per-tensor")
    assert caught.value.exit_code == 2


def test_ranges_are_chosen_for_8_bits_and_the_rest_helps_16_bits_too():
    assert {name for name, repair in REPAIRS.items() if 16 not in repair.activation_bits} == {
        "percentile-ranges",
        "mse-ranges",
    }
    assert all(8 in repair.activation_bits for repair in REPAIRS.values())
