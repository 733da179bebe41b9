from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mobile_deploy.variants
from mobile_deploy.variants.layers import IMAGE
from mobile_deploy.variants.plan import plan_layers
from mobile_deploy.variants.registry import VARIANTS, make_spec


def shapes(spec):
    return {layer.name: layer.output_shape for layer in plan_layers(spec)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_unique_and_inputs_come_before(variant):
    seen = {IMAGE}
    for layer in plan_layers(make_spec(variant)):
        assert layer.name not in seen
        assert set(layer.inputs) <= seen
        seen.add(layer.name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_layer_starts_from_the_shape_that_the_one_before_gives(variant):
    spec = make_spec(variant)
    given = shapes(spec) | {IMAGE: (224, 224, 3)}
    for layer in plan_layers(spec):
        assert layer.input_shape == given[layer.inputs[-1]]


@pytest.mark.parametrize(
    ("module", "variant", "names"),
    [
        ("v1", "v1", [f"conv_pw_{number}" for number in range(1, 14)]),
        (
            "v2",
            "v2",
            ["Conv1", "expanded_conv_project", *(f"block_{n}_project" for n in range(1, 17)), "Conv_1"],
        ),
        (
            "v3",
            "v3-large",
            ["expanded_conv_project", *(f"expanded_conv_{n}_project" for n in range(1, 15))],
        ),
        (
            "v3",
            "v3-small",
            ["expanded_conv_project", *(f"expanded_conv_{n}_project" for n in range(1, 11))],
        ),
    ],
)
def test_the_output_sides_written_beside_the_rows_are_right(module, variant, names):
    source = (Path(mobile_deploy.variants.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    written = [int(side) for side in re.findall(r"\),\s+# (\d+)$", source, flags=re.MULTILINE)]
    planned = shapes(make_spec(variant))
    sides = [planned[name][0] for name in names]
    start = len(written) - len(sides) if variant == "v3-small" else 0
    assert written[start : start + len(sides)] == sides


def test_v1_pads_below_and_right_whatever_the_size_and_v2_as_same_does():
    assert shapes(make_spec("v1", side=200))["conv_pw_13"] == (6, 6, 1024)
    assert shapes(make_spec("v2", side=200))["Conv_1"] == (7, 7, 1280)


def test_the_full_convolutions_give_the_shapes_of_the_pairs_they_replace():
    for side in (224, 200):
        separable, full = shapes(make_spec("v1", side=side)), shapes(make_spec("v1-conv", side=side))
        for number in range(1, 14):
            assert full[f"conv_full_{number}"] == separable[f"conv_pw_{number}"]


def test_the_shallow_network_lacks_five_blocks_and_keeps_the_names_of_the_others():
    missing = set(shapes(make_spec("v1"))) - set(shapes(make_spec("v1-shallow")))
    assert {name for name in missing if re.fullmatch(r"conv_dw_\d+", name)} == {f"conv_dw_{n}" for n in range(7, 12)}


def test_minimalistic_networks_have_no_gate_no_hard_swish_and_no_wide_kernel():
    for variant in ("v3-large-minimalistic", "v3-small-minimalistic"):
        plan = plan_layers(make_spec(variant))
        assert not {"hard_swish", "hard_sigmoid", "multiply"} & {layer.kind for layer in plan}
        assert max(layer.kernel for layer in plan) == 3


def test_the_narrow_v2_keeps_its_1280_features():
    assert shapes(make_spec("v2", width_multiplier=0.35))["Conv_1"] == (7, 7, 1280)
    assert shapes(make_spec("v2", width_multiplier=1.4))["Conv_1"] == (7, 7, 1792)


def test_v2_cuts_off_the_filters_of_a_block_before_it_rounds_them_and_those_of_the_stem_not():
    planned = shapes(make_spec("v2", width_multiplier=0.56))
    assert planned["expanded_conv_project"][-1] == 8
    assert planned["Conv1"][-1] == 24


def test_planning_needs_no_tensorflow():
    code = (
        "import sys; import mobile_deploy.variants.detail, mobile_deploy.variants.imagenet;"
        "sys.exit(bool({'tensorflow', 'keras', 'tf_keras', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
