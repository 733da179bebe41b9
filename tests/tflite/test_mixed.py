from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.tflite.graph import WEIGHTED_OPS, load_model, read_graph
from mobile_deploy.tflite.mixed import keep_float
from mobile_deploy.tflite.runner import encode_pictures, open_interpreter
from mobile_deploy.tflite.twins import CONVERSIONS, NotTheTwinError, activation_inputs, pair_ops
from mobile_deploy.tflite.write import pack

VARIANTS = ("v1", "v2", "v3-small")
WIDTHS = ("int8", "int16x8")


def files(network, quant="int8", io="float32") -> tuple[bytes, bytes]:
    return network.quantized(quant, io).data, network.quantized("float32").data


def answer(data: bytes, given: np.ndarray, *, at: int | None = None) -> np.ndarray:
    """What the file says, or what it holds at a tensor, as it is stored."""
    model = load_model(data, source="a file under test")
    if at is not None:
        model.subgraphs[0].outputs, model.signatureDefs = [at], []
    interpreter = open_interpreter(pack(model), threads=1, source="a file under test")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def picture(network) -> np.ndarray:
    return encode_pictures(network.pictures[:1], network.input)


def conversions(data: bytes) -> dict[str, int]:
    return dict(Counter(op.name for op in read_graph(data).ops if op.name in CONVERSIONS))


def float_layers(data: bytes, twin: bytes) -> list[int]:
    """Layers whose result is float."""
    graph = read_graph(data)
    pairs = pair_ops(graph, read_graph(twin))
    return [pair.twin.index for pair in pairs if graph.tensors[pair.stored.outputs[0]].dtype == "float32"]


@pytest.mark.parametrize("quant", WIDTHS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_with_all_operators_float_the_answers_are_those_of_the_twin(small_network, variant, quant):
    network = small_network(variant)
    data, twin = files(network, quant)
    mixed = keep_float(data, twin, range(len(read_graph(twin).ops)))
    assert conversions(mixed) == {}
    assert np.array_equal(answer(mixed, picture(network)), answer(twin, picture(network)))


def test_with_integer_ends_only_the_ends_are_converted(v2_network):
    data, twin = files(v2_network, io="uint8")
    mixed = keep_float(data, twin, range(len(read_graph(twin).ops)))
    assert conversions(mixed) == {"DEQUANTIZE": 1, "QUANTIZE": 1}
    first = read_graph(data).tensors[read_graph(data).inputs[0]]
    seen = (v2_network.pictures[:1].astype(np.float32) - first.zero_points[0]) * np.float32(first.scales[0])
    said = answer(mixed, v2_network.pictures[:1])
    assert said.dtype == np.uint8
    assert np.abs(said / 256 - answer(twin, seen)).max() <= 0.5 / 256 + 1e-6  # one rounding, no two


@pytest.mark.parametrize(("quant", "io"), [("int8", "uint8"), ("int8", "float32"), ("int16x8", "float32")])
def test_with_no_operator_float_the_file_stays_as_it_is(v2_network, quant, io):
    data, twin = files(v2_network, quant, io)
    assert keep_float(data, twin, []) == data


@pytest.mark.parametrize("quant", WIDTHS)
@pytest.mark.parametrize("layer", [0, 1, 9, 62, 63, 64])  # CONV_2D, depthwise, ADD, MEAN, FULLY_CONNECTED, SOFTMAX
def test_one_operator_changes_and_no_other(v2_network, layer, quant):
    data, twin = files(v2_network, quant)
    mixed = keep_float(data, twin, [layer])
    before, after = read_graph(data), read_graph(mixed)
    assert float_layers(mixed, twin) == [layer]
    assert [t.name for t in (after.tensors[after.inputs[0]], after.tensors[after.outputs[0]])] == ["image", "output"]
    computing = [[op for op in graph.ops if op.name not in CONVERSIONS] for graph in (before, after)]
    for number, (was, now) in enumerate(zip(*computing, strict=True)):
        if number != layer:
            assert (was.name, was.version) == (now.name, now.version)
            assert [described(before, i) for i in was.inputs] == [described(after, i) for i in now.inputs]


def described(graph, index):
    tensor = graph.tensors[index]
    values = graph.constant(index).tobytes() if tensor.is_constant else b""
    return tensor.dtype, tensor.shape, tensor.scales, tensor.zero_points, values


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_layer_in_turn_computes_what_the_twin_computes(small_network, variant):
    """With all layers up to one float, the value there is the float file's, bit by bit."""
    network = small_network(variant)
    data, twin = files(network)
    graph = read_graph(twin)
    for op in graph.ops[:: max(1, len(graph.ops) // 12)]:
        mixed = keep_float(data, twin, range(op.index + 1))
        made = pair_ops(read_graph(mixed), graph)[op.index].stored.outputs[0]
        expected = answer(twin, picture(network), at=op.outputs[0])
        assert np.array_equal(answer(mixed, picture(network), at=made), expected), f"{op.index} {op.name}"


def test_a_single_float_layer_reads_and_gives_what_its_neighbours_round(v2_network):
    layer = 4
    data, twin = files(v2_network)
    mixed = keep_float(data, twin, [layer])
    graph = read_graph(mixed)
    op = pair_ops(graph, read_graph(twin))[layer].stored
    given = answer(mixed, picture(v2_network), at=op.inputs[0])
    before = read_graph(data)
    stored = pair_ops(before, read_graph(twin))[layer].stored
    tensor = before.tensors[stored.inputs[0]]
    codes = answer(data, picture(v2_network), at=tensor.index).astype(np.float32)
    assert np.array_equal(given, (codes - tensor.zero_points[0]) * np.float32(tensor.scales[0]))
    result = answer(mixed, picture(v2_network), at=op.outputs[0])
    rounded = graph.consumers(op.outputs[0])[0]
    made = graph.tensors[rounded.outputs[0]]
    assert (rounded.name, made.scales) == ("QUANTIZE", before.tensors[stored.outputs[0]].scales)
    expected = np.clip(np.rint(result / made.scales[0]) + made.zero_points[0], -128, 127)
    assert np.abs(answer(mixed, picture(v2_network), at=made.index) - expected).max() <= 1


def test_kernel_and_bias_are_those_of_the_twin(v2_network):
    data, twin = files(v2_network)
    mixed, reference = read_graph(keep_float(data, twin, [3])), read_graph(twin)
    pair = pair_ops(mixed, reference)[3]
    for got, expected in zip(pair.stored.inputs[1:], pair.twin.inputs[1:], strict=True):
        assert np.array_equal(mixed.constant(got), reference.constant(expected))


def test_neighbours_that_are_float_share_no_conversion(v2_network):
    data, twin = files(v2_network)
    alone, together = (conversions(keep_float(data, twin, ops)) for ops in ([3], [3, 4, 5]))
    assert alone == together == {"QUANTIZE": 2, "DEQUANTIZE": 2}  # one of each is the file's own


def test_converted_values_are_named_after_what_they_hold(v2_network):
    data, twin = files(v2_network)
    mixed = read_graph(keep_float(data, twin, [3]))
    before, after = (op for op in mixed.ops[1:-1] if op.name in CONVERSIONS)
    given, made = (mixed.tensors[i].name for i in (before.inputs[0], before.outputs[0]))
    assert made == f"{given}_dequantized"
    given, made = (mixed.tensors[i].name for i in (after.inputs[0], after.outputs[0]))
    assert made == f"{given}_quantized"


def test_a_value_with_float_and_integer_readers_is_there_in_both_forms(v2_network):
    data, twin = files(v2_network)
    # 5 gives to the convolution 6 and, around it, to the addition 9.
    mixed = read_graph(keep_float(data, twin, [5, 9]))
    pairs = pair_ops(mixed, read_graph(twin))
    readers = [op.name for op in mixed.consumers(pairs[5].stored.outputs[0])]
    assert sorted(readers) == ["ADD", "QUANTIZE"]
    assert mixed.tensors[pairs[6].stored.inputs[0]].dtype == "int8"


def test_a_value_that_two_float_operators_read_is_converted_once(v2_network):
    data, twin = files(v2_network)
    mixed = read_graph(keep_float(data, twin, [6, 9]))  # both read what 5 gives
    given = pair_ops(mixed, read_graph(twin))[5].stored.outputs[0]
    assert [op.name for op in mixed.consumers(given)] == ["DEQUANTIZE"]


def test_operators_can_be_added_one_after_the_other(v2_network):
    data, twin = files(v2_network)
    once, twice = keep_float(data, twin, [3, 4]), keep_float(keep_float(data, twin, [3]), twin, [4])
    assert float_layers(twice, twin) == [3, 4]
    assert conversions(twice) == conversions(once)
    assert np.array_equal(answer(once, picture(v2_network)), answer(twice, picture(v2_network)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_unique_and_versions_fit_the_arithmetic(small_network, variant):
    network = small_network(variant)
    data, twin = files(network, io="uint8")
    reference = read_graph(twin)
    mixed = read_graph(keep_float(data, twin, range(0, len(reference.ops), 3)))
    assert len({tensor.name for tensor in mixed.tensors}) == len(mixed.tensors)
    for op in mixed.ops:
        if op.name in WEIGHTED_OPS:
            needed = {"float32": 1, "int8": 4 if op.name == "FULLY_CONNECTED" else 3}
            assert op.version == needed[mixed.tensors[op.inputs[0]].dtype]
        if op.name == "DEQUANTIZE":
            assert op.version == 2


@pytest.mark.parametrize("variant", ["v1", "v2"])  # it has no integer HARD_SWISH, which V3 needs
def test_xnnpack_takes_the_whole_mixed_file(small_network, variant):
    network = small_network(variant)
    data, twin = files(network, io="uint8")
    mixed = keep_float(data, twin, range(0, len(read_graph(twin).ops), 3))
    interpreter = open_interpreter(mixed, threads=1, source="a mixed file")
    executed = [op["op_name"] for op in interpreter._get_ops_details()]
    assert executed[-1] == "DELEGATE"
    assert executed.count("DELEGATE") == 1


def requantizing(dtype: str) -> bytes:
    """Two additions with a step of another scale between them, as a quantizer writes it before a concatenation."""
    file = TfliteFile()
    scales = [{} if dtype == "float32" else {"scales": (s,), "zero_points": (0,)} for s in (0.5, 0.25, 1.0, 0.125)]
    image, sums, wider, last = (
        file.tensor((1, 2, 2, 3), name=name, dtype=dtype, **scale)
        for name, scale in zip(("image", "sums", "wider", "last"), scales, strict=True)
    )
    file.op("ADD", [image, image], sums)
    if dtype == "float32":
        file.op("ADD", [sums, sums], last)
    else:
        file.op("QUANTIZE", [sums], wider)
        file.op("ADD", [wider, wider], last)
    return file.ends([image], [last]).to_bytes()


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ([0], ["DEQUANTIZE", "ADD", "QUANTIZE", "ADD"]),
        ([1], ["ADD", "DEQUANTIZE", "ADD", "QUANTIZE"]),
        ([0, 1], ["DEQUANTIZE", "ADD", "ADD", "QUANTIZE"]),
    ],
)
def test_a_change_of_scale_on_the_way_is_left_out(ops, expected):
    mixed = read_graph(keep_float(requantizing("int8"), requantizing("float32"), ops))
    assert [op.name for op in mixed.ops] == expected
    if ops == [0]:
        assert mixed.tensors[mixed.ops[2].outputs[0]].scales == (1.0,)


def test_the_file_of_the_plain_converter_can_be_mixed(v2_network, keras):
    import tensorflow as tf

    def converted(*, quantized: bool) -> bytes:
        converter = tf.lite.TFLiteConverter.from_keras_model(v2_network.model)
        if quantized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([p[None]] for p in encode_pictures(pictures, v2_network.input))
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return converter.convert()

    pictures = v2_network.pictures
    data, twin = converted(quantized=True), converted(quantized=False)
    mixed = keep_float(data, twin, range(len(read_graph(twin).ops)))
    assert conversions(mixed) == {}
    assert np.array_equal(answer(mixed, picture(v2_network)), answer(twin, picture(v2_network)))


def test_another_network_is_refused(small_network):
    with pytest.raises(NotTheTwinError, match="layer 0 is CONV_2D") as caught:
        keep_float(files(small_network("v2"))[0], files(small_network("v1"))[1], [0])
    assert caught.value.exit_code == 5
    assert "--float" in caught.value.hint


def test_a_file_with_a_layer_more_is_refused():
    file = TfliteFile()
    image, sums, last, more = (file.tensor((1, 2, 2, 3), name=name) for name in ("image", "sums", "last", "more"))
    file.op("ADD", [image, image], sums)
    file.op("ADD", [sums, sums], last)
    file.op("ADD", [last, last], more)
    with pytest.raises(NotTheTwinError, match=r"layer 2 is missing there and ADD .* in the float file"):
        keep_float(requantizing("int8"), file.ends([image], [more]).to_bytes(), [0])


def test_an_operator_that_is_not_there_is_refused(v2_network):
    with pytest.raises(ValueError, match=r"no operators \[99\]; there are 65"):
        keep_float(*files(v2_network), [3, 99])


def test_the_kernel_is_no_activation(v2_network):
    graph = read_graph(files(v2_network)[0])
    assert all(len(activation_inputs(graph, op)) == 1 for op in graph.ops if op.name in WEIGHTED_OPS)
