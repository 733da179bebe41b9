from __future__ import annotations

import pytest
from fakes.small_networks import LABELS
from fakes.tflite_file import TfliteFile, ending_in

from mobile_deploy.contract import Fit, Quantization
from mobile_deploy.errors import BadOptionError, LabelCountError, UnreadableFileError
from mobile_deploy.recipes import RECIPES, resolve_recipes
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import (
    contract_for,
    describe_float_input,
    infer_contract,
    input_side,
    name_outputs,
    output_meaning,
)

FOUR = ("a", "b", "c", "d")
FIT = Fit(kind="letterbox")


def meaning(*ops, asked=None, labels=(), shape=(1, 4)):
    return output_meaning(read_graph(ending_in(*ops, shape=shape)), asked=asked, labels=labels, source="m.tflite")


@pytest.mark.parametrize(
    ("ops", "labels", "shape", "found"),
    [
        (("FULLY_CONNECTED", "SOFTMAX"), (), (1, 4), "softmax"),
        (("SOFTMAX", "DEQUANTIZE"), (), (1, 4), "softmax"),
        (("SOFTMAX", "RESHAPE", "SQUEEZE", "QUANTIZE"), (), (1, 4), "softmax"),
        (("SOFTMAX",), FOUR, (1, 4), "softmax"),
        (("FULLY_CONNECTED", "LOGISTIC"), (), (1, 1), "sigmoid"),
        (("LOGISTIC", "DEQUANTIZE"), FOUR, (1, 4), "sigmoid"),
        (("L2_NORMALIZATION",), (), (1, 4), "embedding"),
        (("L2_NORMALIZATION",), FOUR, (1, 4), "embedding"),
        (("CONV_2D",), (), (1, 2, 2, 4), "embedding"),
        (("FULLY_CONNECTED",), FOUR, (1, 4), "logits"),
        (("CONV_2D",), FOUR, (1, 1, 1, 4), "logits"),
        (("RESHAPE",), FOUR, (1, 4, 1), "logits"),
        (("CONV_2D",), FOUR, (1, 2, 2, 4), "embedding"),
        (("MEAN", "RESHAPE"), FOUR, (1, 4), "logits"),
    ],
)
def test_the_last_telling_operator_gives_the_meaning(ops, labels, shape, found):
    assert meaning(*ops, labels=labels, shape=shape) == found


@pytest.mark.parametrize("labels", [(), FOUR[:3]])
def test_an_output_that_nothing_explains_must_be_explained(labels):
    with pytest.raises(BadOptionError, match=r"--output-meaning: needed: the output \[1, 4\]") as caught:
        meaning("FULLY_CONNECTED", labels=labels)
    assert caught.value.exit_code == 2
    assert "--labels" in caught.value.hint


@pytest.mark.parametrize("shape", [(), (4,)])
def test_an_output_without_a_batch_must_be_explained(shape):
    with pytest.raises(BadOptionError, match="needed"):
        meaning("FULLY_CONNECTED", shape=shape)


@pytest.mark.parametrize(
    ("last", "asked"),
    [
        ("FULLY_CONNECTED", "logits"),
        ("FULLY_CONNECTED", "embedding"),
        ("L2_NORMALIZATION", "embedding"),
        ("SOFTMAX", "softmax"),
        ("LOGISTIC", "sigmoid"),
        ("DIV", "softmax"),
    ],
)
def test_what_the_user_says_is_taken_where_the_file_allows_it(last, asked):
    assert meaning(last, asked=asked) == asked


@pytest.mark.parametrize(
    ("last", "asked"),
    [
        ("SOFTMAX", "logits"),
        ("SOFTMAX", "sigmoid"),
        ("SOFTMAX", "embedding"),
        ("LOGISTIC", "softmax"),
        ("LOGISTIC", "logits"),
        ("FULLY_CONNECTED", "softmax"),
        ("CONV_2D", "sigmoid"),
        ("L2_NORMALIZATION", "softmax"),
    ],
)
def test_what_contradicts_the_file_is_refused(last, asked):
    with pytest.raises(BadOptionError, match=f"{asked} contradicts the model, whose last operator is {last}") as caught:
        meaning(last, asked=asked)
    assert caught.value.exit_code == 2


def test_two_outputs_are_refused():
    file = TfliteFile()
    image, other = file.tensor((1, 8, 8, 3), name="image"), file.tensor((1, 4), name="other")
    file.op("SOFTMAX", [image], other)
    graph = read_graph(file.ends([image], [other, other]).to_bytes())
    with pytest.raises(UnreadableFileError, match="2 outputs"):
        output_meaning(graph, asked=None, labels=(), source="m.tflite")


@pytest.mark.parametrize(
    "shape", [(), (8, 8, 3), (2, 8, 8, 3), (1, 8, 9, 3), (1, 8, 8, 1), (1, 3, 8, 8), (1, 8, 8, 3, 1)]
)
def test_an_input_that_is_no_square_picture_is_refused(shape):
    file = TfliteFile()
    image = file.tensor(shape, name="image")
    graph = read_graph(file.ends([image], [image]).to_bytes())
    with pytest.raises(UnreadableFileError, match=r"its input is \[.* needed is one picture"):
        input_side(graph, source="m.tflite")


def test_two_inputs_are_refused():
    file = TfliteFile()
    first, second = file.tensor((1, 8, 8, 3), name="first"), file.tensor((1, 8, 8, 3), name="second")
    with pytest.raises(UnreadableFileError):
        input_side(read_graph(file.ends([first, second], [first]).to_bytes()), source="m.tflite")


@pytest.mark.parametrize(
    ("kind", "size", "labels", "names"),
    [
        ("softmax", 4, FOUR, FOUR),
        ("softmax", 2, (), ("class 0", "class 1")),
        ("logits", 4, FOUR, FOUR),
        ("sigmoid", 1, ("yes",), ("yes",)),
        ("sigmoid", 1, ("no", "yes"), ("no", "yes")),
        ("logits", 1, ("no", "yes"), ("no", "yes")),
        ("sigmoid", 1, (), ("class 0", "class 1")),
        ("sigmoid", 4, FOUR, FOUR),
        ("embedding", 4, (), ()),
        ("embedding", 4, FOUR, FOUR),
    ],
)
def test_outputs_are_named_as_given_or_numbered(kind, size, labels, names):
    assert name_outputs(read_graph(ending_in("SOFTMAX", shape=(1, size))), labels, meaning=kind) == names


@pytest.mark.parametrize(
    ("kind", "size", "count"),
    [("softmax", 4, 3), ("softmax", 4, 5), ("logits", 1, 3), ("sigmoid", 1, 3), ("sigmoid", 4, 2), ("embedding", 4, 3)],
)
def test_labels_that_do_not_fit_are_refused_with_both_counts(kind, size, count):
    graph = read_graph(ending_in("SOFTMAX", shape=(1, size)))
    with pytest.raises(LabelCountError) as caught:
        name_outputs(graph, tuple(map(str, range(count))), meaning=kind)
    assert (caught.value.labels, caught.value.outputs, caught.value.exit_code) == (count, size, 5)


@pytest.mark.parametrize(("quant", "io"), [(name, io) for name, recipe in RECIPES.items() for io in recipe.io_types])
def test_a_contract_says_what_the_recipe_promises(v2_network, quant, io):
    contract = v2_network.contract(v2_network.quantized(quant, io).data, quant, io)
    zero_points = {"uint8": (127, 0), "int8": (-1, -128)}
    expected = [
        Quantization(scale=pytest.approx(scale), zero_point=zero_point)
        for scale, zero_point in zip((2 / 255, 1 / 256), zero_points.get(io, ()), strict=False)
    ] or [None, None]
    assert [contract.input.quantization, contract.output.quantization] == expected
    assert (contract.input.dtype, contract.output.dtype) == (io, io)
    assert (contract.input.side, contract.input.low, contract.input.high) == (64, -1.0, 1.0)
    assert (contract.output.meaning, contract.output.size, contract.labels) == ("softmax", 10, LABELS)
    assert contract.minimum_runtime == RECIPES[quant].minimum_runtime


@pytest.mark.parametrize("io", ["uint8", "int8", "float32"])
def test_the_contract_of_a_foreign_file_is_read_off_it(v2_network, io):
    data = v2_network.quantized("int8", io).data
    promised = v2_network.contract(data, "int8", io)
    value_range = (-1.0, 1.0) if io == "float32" else None
    found = infer_contract(
        read_graph(data), value_range=value_range, fit=FIT, meaning=None, labels=(), source="m.tflite"
    )
    assert found.output == promised.output
    assert (found.input.side, found.input.dtype, found.input.fit) == (64, io, FIT)
    assert found.labels == tuple(f"class {i}" for i in range(10))
    # Of -1 to 1 an integer input holds what its zero point leaves: one half step is lost.
    assert (found.input.low, found.input.high) == pytest.approx((-1.0, 1.0), abs=1 / 255 + 1e-6)
    if io != "float32":
        assert found.input.quantization == Quantization(
            scale=pytest.approx(promised.input.quantization.scale), zero_point=promised.input.quantization.zero_point
        )
        zero = found.input.quantization.zero_point + (128 if io == "int8" else 0)
        assert found.input.low + zero * found.input.pixel_scale == pytest.approx(0.0, abs=1e-9)


def test_the_range_of_a_float_file_must_be_said(v2_network):
    with pytest.raises(BadOptionError, match=r"--input-range: needed: m\.tflite takes float32"):
        infer_contract(
            read_graph(v2_network.data), value_range=None, fit=FIT, meaning=None, labels=(), source="m.tflite"
        )


def test_an_input_of_another_type_is_refused():
    file = TfliteFile()
    image = file.tensor((1, 8, 8, 3), name="image", dtype="int16", scales=(0.1,))
    answer = file.op("SOFTMAX", [image], file.tensor((1, 4), name="answer"))
    with pytest.raises(UnreadableFileError, match="image is int16; known: uint8, int8, float32"):
        infer_contract(
            read_graph(file.ends([image], [answer]).to_bytes()),
            value_range=None,
            fit=FIT,
            meaning=None,
            labels=(),
            source="m.tflite",
        )


def test_a_float_file_takes_float_pixels():
    file = TfliteFile()
    image = file.tensor((1, 8, 8, 3), name="image", dtype="uint8")
    widened = file.op("CAST", [image], file.tensor((1, 8, 8, 3), name="widened"))
    graph = read_graph(file.ends([image], [widened]).to_bytes())
    with pytest.raises(UnreadableFileError, match=r"m\.tflite: its input is uint8, that of a float file is float32"):
        describe_float_input(graph, value_range=(0, 255), fit=FIT, source="m.tflite")


def test_a_feature_map_counts_all_its_values():
    graph = read_graph(ending_in("CONV_2D", shape=(1, 7, 7, 5)))
    found = infer_contract(graph, value_range=(0, 1), fit=FIT, meaning=None, labels=(), source="m.tflite")
    given = describe_float_input(graph, value_range=(0, 1), fit=FIT, source="m.tflite")
    promised = contract_for(graph, resolve_recipes(["float32"])[0], given, meaning="embedding", labels=())
    assert found.output == promised.output
    assert (found.output.size, found.output.meaning, found.labels) == (245, "embedding", ())


@pytest.mark.parametrize("side", [0, -1, 4097, 2**31 - 1])
def test_an_input_of_an_absurd_side_is_refused(side):
    with pytest.raises(UnreadableFileError, match=f"its input is {side} pixels wide; allowed: 1 to 4096"):
        input_side(read_graph(ending_in("SOFTMAX", side=side)), source="m.tflite")


def test_more_outputs_than_any_classifier_has_are_not_named_one_by_one():
    graph = read_graph(ending_in("SOFTMAX", shape=(1, 2**31 - 1)))
    with pytest.raises(BadOptionError, match="2,147,483,647 outputs, a classifier 200,000 at most"):
        name_outputs(graph, (), meaning="softmax")
    assert name_outputs(graph, (), meaning="embedding") == ()


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (1e38, 0), (0.5, 2**40)])
def test_a_contract_of_values_that_no_contract_may_have_is_refused(scale, zero_point):
    file = TfliteFile()
    image = file.tensor((1, 8, 8, 3), name="image")
    made = file.tensor((1, 4), name="made", dtype="uint8", scales=(scale,), zero_points=(zero_point,))
    graph = read_graph(file.ends([image], [file.op("SOFTMAX", [image], made)]).to_bytes())
    with pytest.raises(UnreadableFileError, match=r"cannot use m\.tflite: bad contract: "):
        infer_contract(graph, value_range=(0, 1), fit=Fit(kind="stretch"), meaning=None, labels=(), source="m.tflite")
