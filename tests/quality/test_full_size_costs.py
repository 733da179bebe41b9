"""What the converted files cost is what the papers' tables cost, at published sizes."""

from __future__ import annotations

import pytest

from mobile_deploy.models.build import build_model
from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.inspect import inspect
from mobile_deploy.tflite.convert import convert_to_float
from mobile_deploy.tflite.cost import total_mult_adds, uncounted_ops
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.variants.counts import count
from mobile_deploy.variants.registry import VARIANTS, make_spec

pytestmark = pytest.mark.slow

# Of the variants of which the papers publish several; 200 px leaves a padding of its own in the file.
OTHER_SIZES = [
    ("v1", 0.25, 128),
    ("v1", 0.5, 160),
    ("v1", 0.75, 200),
    ("v2", 0.35, 96),
    ("v2", 1.4, 224),
    ("v3-large", 0.75, 192),
    ("v3-small", 0.75, 160),
]


@pytest.mark.parametrize(("variant", "alpha", "side"), [*((name, 1.0, 224) for name in VARIANTS), *OTHER_SIZES])
def test_a_converted_file_has_the_mult_adds_of_its_table(keras, variant, alpha, side):
    spec = make_spec(variant, width_multiplier=alpha, side=side)
    model = build_model(spec, keras=keras)
    graph = read_graph(convert_to_float(lambda image: model(image, training=False), side=side))
    assert total_mult_adds(graph) == count(spec).mult_adds
    assert uncounted_ops(graph) == ()


# The largest sum of tensors alive at once. V2: 96 channels of 112x112 into 96 of 56x56; V1: 32 into 64 of 112x112.
@pytest.mark.parametrize(
    ("variant", "peak"), [("v2", 96 * (112**2 + 56**2)), ("v1", (32 + 64) * 112**2)], ids=["v2", "v1"]
)
def test_int8_at_224_needs_this_memory(variant, peak, tmp_path):
    made = export(variant, weights="none", quant=("float32", "int8"), calibration_samples=10, output=tmp_path)
    labels = {bundle.recipe: inspect(bundle.directory) for bundle in made.bundles}
    assert labels["int8"].peak_activation_bytes == peak == {"v2": 1_505_280, "v1": 1_204_224}[variant]
    assert labels["float32"].peak_activation_bytes == 4 * peak
    # Arm's compiler Vela counts 300,990,520 for V2: these, one for each value that is pooled or requantized, and two
    # for each that goes through SOFTMAX.
    if variant == "v2":
        others = 7 * 7 * 1280 + 224 * 224 * 3 + 1000 + 2 * 1000
        assert labels["int8"].mult_adds == 300_990_520 - others == count(make_spec("v2")).mult_adds
