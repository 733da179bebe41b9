"""Networks at their published size: what is in the files, and who can open them."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.results import AuditFailedError
from mobile_deploy.recipes import RECIPES
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.variants.registry import VARIANTS

pytestmark = pytest.mark.slow

# Operators of the float file after conversion at 224 px, measured with TensorFlow 2.21.
V2_OPS = {"CONV_2D": 35, "DEPTHWISE_CONV_2D": 17, "ADD": 10, "MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}
OP_COUNTS = {"v1": 31, "v2": 65, "v3-small": 109, "v3-large": 122, "v3-small-minimalistic": 45}


@pytest.fixture(scope="module")
def v2_int8(tmp_path_factory):
    made = export("v2", weights="none", calibration_samples=10, output=tmp_path_factory.mktemp("v2"))
    return made.bundles[0]


def test_v2_int8_is_the_float_network_and_two_quantize_operators(v2_int8):
    assert v2_int8.manifest["audit"]["ops"] == dict(sorted((V2_OPS | {"QUANTIZE": 2}).items()))


def test_v2_int8_answers_alike_in_interpreter_and_compiled_model(v2_int8):
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.interpreter import Interpreter

    picture = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    interpreter = Interpreter(model_path=str(v2_int8.tflite))
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner("serving_default")
    expected = runner(image=picture)["output"][0]

    compiled = CompiledModel.from_file(str(v2_int8.tflite))
    given, answer = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    given[0].write(picture)
    compiled.run_by_index(0, given, answer)
    assert np.array_equal(answer[0].read(1000, np.uint8), expected)
    assert np.ptp(expected) > 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_exports_all_five_recipes_or_names_the_exception(variant, tmp_path):
    alpha = 0.25 if variant == "v1-conv" else 1.0  # 29 million weights tell nothing more
    has_hard_swish = variant in ("v3-large", "v3-small")
    try:
        result = export(
            variant, alpha=alpha, weights="none", quant=tuple(RECIPES), calibration_samples=10, output=tmp_path
        )
        assert not has_hard_swish
    except AuditFailedError as error:
        assert has_hard_swish
        assert "HARD_SWISH left in float" in error.message
        result = error.result
    written = {bundle.recipe: bundle for bundle in result.bundles}
    assert set(written) == set(RECIPES) - ({"int16x8"} if has_hard_swish else set())
    assert all(bundle.manifest["audit"]["verdict"] == "clean" for bundle in written.values())
    if variant in OP_COUNTS:
        assert len(read_graph(written["float32"].tflite.read_bytes()).ops) == OP_COUNTS[variant]
