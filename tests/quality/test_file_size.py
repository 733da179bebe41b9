"""The int8 file of the real V2: how much smaller sharing makes it, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quality.plain_converter import NETWORKS, plain_int8

from mobile_deploy.bundle import Bundle
from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.data.images import load_picture
from mobile_deploy.pipeline.export import export
from mobile_deploy.tflite.graph import load_model
from mobile_deploy.tflite.write import pack, serialize

pytestmark = pytest.mark.slow

SIDE = 224
CLASSES = 1000
RATIO = 0.945


@pytest.fixture(scope="module")
def weights(shared_dir) -> Path:
    return shared_dir / "pretrained" / NETWORKS["v2"][1]


@pytest.fixture(scope="module")
def v2_int8(weights, tmp_path_factory) -> Bundle:
    return export("v2", weights=weights, calibration="builtin", output=tmp_path_factory.mktemp("slim")).bundles[0]


@pytest.fixture(scope="module")
def photographs(shared_dir) -> np.ndarray:
    """(200, 224, 224, 3) uint8 RGB."""
    paths = sorted((shared_dir / "imagenet_sample" / "images").iterdir())[:200]
    return np.stack([load_picture(path, side=SIDE, fit=IMAGENET_FIT) for path in paths])


def in_interpreter(path: Path, pictures: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner("serving_default")
    return np.stack([run(image=picture[None])["output"][0] for picture in pictures])


def in_compiled_model(path: Path, pictures: np.ndarray) -> np.ndarray:
    from ai_edge_litert.compiled_model import CompiledModel

    compiled = CompiledModel.from_file(str(path))
    given, answer = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    answers = []
    for picture in pictures:
        given[0].write(picture[None])
        compiled.run_by_index(0, given, answer)
        answers.append(np.array(answer[0].read(CLASSES, np.uint8)))
    return np.stack(answers)


def test_v2_int8_is_smaller_than_what_the_plain_tools_make_with_labels_and_all(keras, weights, v2_int8):
    noise = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)  # ranges cost nothing
    plain = len(plain_int8(keras, "v2", weights, noise))
    bare = len(serialize(load_model(v2_int8.tflite.read_bytes(), source=v2_int8.tflite)))
    print(f"plain {plain}, ours {bare} ({bare / plain:.4f}), with metadata {v2_int8.size_bytes}")
    assert v2_int8.size_bytes <= RATIO * plain


@pytest.mark.parametrize("runtime", [in_interpreter, in_compiled_model])
def test_sharing_changes_no_answer(runtime, v2_int8, photographs, tmp_path):
    whole = tmp_path / "whole.tflite"
    whole.write_bytes(pack(load_model(v2_int8.tflite.read_bytes(), source=v2_int8.tflite)))
    assert whole.stat().st_size > v2_int8.size_bytes + 200_000
    answers = runtime(v2_int8.tflite, photographs)
    assert np.array_equal(answers, runtime(whole, photographs))
    assert len({row.tobytes() for row in answers}) > 190
