from __future__ import annotations

import pytest

from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.recipes import ALIASES, IO_TYPES, RECIPES, get_recipe, resolve_recipes


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
