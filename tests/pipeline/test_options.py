"""The accuracy budget of a job: what it allows, and what it cannot do without."""

from __future__ import annotations

import pytest

from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.pipeline.options import Budget, make_budget
from mobile_deploy.recipes import resolve_recipes


def budget(max_drop=1.0, target=None, *, quant=("int8",), data="folder", repair=None):
    return make_budget(max_drop, target, resolve_recipes(quant), data=data, repair=repair)


@pytest.mark.parametrize(
    ("target", "runs_int16", "runs_float"),
    [
        (None, False, True),
        ("xnnpack", False, True),
        ("gpu", False, True),
        ("edgetpu", False, False),
        ("ethos-u", True, False),
    ],
)
def test_a_target_says_which_files_may_be_tried(target, runs_int16, runs_float):
    expected = Budget(max_drop_points=0.5, runs_int16=runs_int16, runs_float=runs_float)
    assert budget(0.5, target) == expected


def test_without_a_bound_there_is_no_budget():
    assert budget(None) is None
    assert budget(None, data=None, repair=["none"], quant=["float16"]) is None


@pytest.mark.parametrize("points", [0, 100, 0.25])
def test_a_bound_is_from_0_to_100_points(points):
    assert budget(points).max_drop_points == points


@pytest.mark.parametrize("points", [-0.1, 100.5, 101, float("nan"), float("inf")])
def test_other_bounds_are_refused(points):
    with pytest.raises(BadOptionError, match=r"--max-drop: .* is not from 0 to 100 percentage points") as caught:
        budget(points)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": None}, "--max-drop: needs labelled pictures"),
        ({"quant": ["float32", "int16x8"]}, "--max-drop: is a budget for int8, which --quant leaves out"),
        ({"repair": ["mse-ranges"]}, "--repair: --max-drop chooses repairs itself"),
        ({"repair": []}, "--repair: --max-drop chooses repairs itself"),
        ({"max_drop": None, "target": "gpu"}, "--target: says what --max-drop may try, which is not given"),
    ],
)
def test_what_a_budget_cannot_do_without_or_with_is_refused(given, said):
    with pytest.raises(BadOptionError, match=said) as caught:
        budget(**given)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("max_drop", [1.0, None])
def test_an_unknown_target_is_refused_and_near_names_are_shown(max_drop):
    with pytest.raises(UnknownNameError, match="unknown target 'ethos'; did you mean ethos-u") as caught:
        budget(max_drop, "ethos")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("quant", [["int8"], ["uint8"], ["float32", "w8a8"]])
def test_int8_counts_under_each_of_its_names(quant):
    assert budget(quant=quant) == Budget(max_drop_points=1.0)
