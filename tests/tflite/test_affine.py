from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from fakes.tflite_file import RELU, TfliteFile

from mobile_deploy.errors import BadOptionError
from mobile_deploy.tflite.affine import Affine, fold_leading_affine, network_range
from mobile_deploy.tflite.graph import read_graph

SHAPE = (1, 4, 4, 3)


def network(*steps, reader_of_image=False) -> bytes:
    """Steps such as ("MUL", 2.0), ("SUB", 1.0, "constant first") or ("MUL", 2.0, "relu"), then a pooling."""
    file = TfliteFile()
    image = here = file.tensor(SHAPE, name="image")
    for name, values, *form in steps:
        constant = file.constant(np.asarray(values, np.float32))
        operands = [constant, here] if "constant first" in form else [here, constant]
        options = {"fusedActivationFunction": RELU} if "relu" in form else {}
        here = file.op(name, operands, file.tensor(SHAPE, name=name), **options)
    if reader_of_image:
        here = file.op("ADD", [here, image], file.tensor(SHAPE, name="both"))
    axes = file.constant(np.array([1, 2], np.int32))
    return file.ends([image], [file.op("MEAN", [here, axes], file.tensor((1, 3), name="mean"))]).to_bytes()


def answer(data: bytes, image: np.ndarray) -> np.ndarray:
    return Interpreter(model_content=data).get_signature_runner()(image=image)["output"]


def ops(data: bytes) -> list[str]:
    return [op.name for op in read_graph(data).ops]


@pytest.mark.parametrize(
    ("steps", "scale", "offset"),
    [
        ([("MUL", 1 / 255)], 1 / 255, 0),
        ([("DIV", 127.5), ("SUB", 1.0)], 1 / 127.5, -1),
        ([("SUB", 127.5), ("MUL", 1 / 127.5)], 1 / 127.5, -1),
        ([("ADD", 1.0, "constant first"), ("MUL", 3.0, "constant first")], 3, 3),
        ([("MUL", np.full((1, 1, 1, 3), 0.5)), ("ADD", np.full((1, 4, 4, 3), 2.0))], 0.5, 2),
        ([("ADD", 1.0), ("DIV", 4.0), ("SUB", 2.0), ("MUL", 8.0)], 2, -14),
    ],
)
def test_a_chain_of_scalars_is_folded_into_one_map(steps, scale, offset):
    data = network(*steps)
    result = fold_leading_affine(data)
    assert (result.affine.scale, result.affine.offset) == pytest.approx((scale, offset), rel=1e-6)
    assert ops(result.data) == ["MEAN"]
    image = np.random.default_rng(0).uniform(0, 255, SHAPE).astype(np.float32)
    mapped = (result.affine.scale * image + result.affine.offset).astype(np.float32)
    assert answer(result.data, mapped) == pytest.approx(image.mean(axis=(1, 2)) * scale + offset, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(
    "step",
    [
        ("SUB", [103.9, 116.8, 123.7]),
        ("MUL", [1.0, 1.0, 2.0]),
        ("MUL", 2.0, "relu"),
        ("SUB", 1.0, "constant first"),
        ("DIV", 1.0, "constant first"),
        ("MUL", -1.0),
        ("MUL", 0.0),
        ("DIV", -2.0),
        ("DIV", 0.0),
        ("MUL", float("nan")),
    ],
)
def test_what_is_no_growing_map_of_all_channels_alike_ends_the_chain(step):
    result = fold_leading_affine(network(("MUL", 0.5), step, ("ADD", 1.0)))
    assert result.affine == Affine(scale=0.5)
    assert ops(result.data) == [step[0], "ADD", "MEAN"]
    first = fold_leading_affine(network(step, ("ADD", 1.0)))
    assert first.affine.is_identity
    assert ops(first.data) == [step[0], "ADD", "MEAN"]


def test_an_image_with_two_readers_is_not_folded():
    result = fold_leading_affine(network(("MUL", 0.5), reader_of_image=True))
    assert result.affine.is_identity
    assert ops(result.data) == ["MUL", "ADD", "MEAN"]


def test_a_product_of_the_image_with_itself_is_not_folded():
    file = TfliteFile()
    image, square = file.tensor(SHAPE, name="image"), file.tensor(SHAPE, name="square")
    file.op("MUL", [image, image], square)
    assert fold_leading_affine(file.ends([image], [square]).to_bytes()).affine.is_identity


def test_a_map_that_is_the_whole_network_leaves_no_operator():
    file = TfliteFile()
    image, double = file.tensor(SHAPE, name="image"), file.tensor(SHAPE, name="double")
    file.op("MUL", [image, file.constant(np.float32([2]))], double)
    result = fold_leading_affine(file.ends([image], [double]).to_bytes())
    assert result.affine.scale == 2
    assert ops(result.data) == []


def test_folding_again_finds_nothing():
    once = fold_leading_affine(network(("MUL", 0.5)))
    again = fold_leading_affine(once.data)
    assert again.affine.is_identity
    assert again.data == once.data


BYTES, UNIT, CENTRED = (0.0, 255.0), (0.0, 1.0), (-1.0, 1.0)


@pytest.mark.parametrize(
    ("affine", "asked", "expected"),
    [
        (Affine(), CENTRED, CENTRED),
        (Affine(), BYTES, BYTES),
        (Affine(scale=1 / 255), None, UNIT),
        (Affine(scale=1 / 127.5, offset=-1), None, CENTRED),
        (Affine(scale=1 / 255), BYTES, UNIT),
        (Affine(scale=2, offset=-1), UNIT, CENTRED),
        (Affine(scale=0.5, offset=0.5), CENTRED, UNIT),
        (Affine(scale=1 / 58, offset=-2), None, (-2.0, 2.396552)),
        (Affine(scale=100.0), UNIT, (0.0, 100.0)),
    ],
)
def test_the_networks_range_follows_from_the_map_and_the_option(affine, asked, expected):
    assert network_range(affine, asked) == expected


@pytest.mark.parametrize(
    ("affine", "asked", "words"),
    [
        (Affine(), None, "holds no rescaling"),
        (Affine(scale=2, offset=-1), None, r"begins with x \* 2 - 1, which fits no single"),
        (Affine(scale=100.0), None, "fits no single"),
        (Affine(scale=1e-6), None, "fits no single"),
        (Affine(scale=1 / 255), UNIT, r"0,1 contradicts .* it would see only \[0, 0.0039"),
        (Affine(scale=1 / 127.5, offset=-1), CENTRED, r"-1,1 contradicts .* x \* 0.00784314 - 1"),
        (Affine(scale=2, offset=-1), BYTES, "0,255 contradicts"),
    ],
)
def test_a_range_that_nothing_fixes_or_that_contradicts_is_refused(affine, asked, words):
    with pytest.raises(BadOptionError, match=words) as caught:
        network_range(affine, asked)
    assert caught.value.option == "--input-range"
    assert caught.value.exit_code == 2
    assert "--input-range=" in caught.value.hint
