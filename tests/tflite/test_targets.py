from __future__ import annotations

import numpy as np
import pytest
from fakes.tflite_file import RELU, TfliteFile

from mobile_deploy.tflite.cost import constants_of
from mobile_deploy.tflite.graph import Graph, read_graph
from mobile_deploy.tflite.target_conditions import OpView
from mobile_deploy.tflite.target_profiles import EDGETPU, ETHOS_U, GPU, PROFILES, XNNPACK
from mobile_deploy.tflite.targets import Refusal, TargetReport, judge_targets, refusal_reason

TANH = 4
INT8 = {"dtype": "int8", "scales": (0.5,)}
PICTURE = (1, 4, 4, 4)


def report(graph: Graph, target: str) -> TargetReport:
    return next(found for found in judge_targets(graph) if found.target == target)


def reason(graph: Graph, profile, *, op=-1) -> str | None:
    return refusal_reason(OpView(graph=graph, op=graph.ops[op], constants=constants_of(graph)), profile)


def one(name, *, shape=PICTURE, output=PICTURE, more=(), tensor=None, **options) -> Graph:
    """A file of one operator that reads a picture and stored values."""
    file, tensor = TfliteFile(), tensor or {}
    image, made = file.tensor(shape, name="image", **tensor), file.tensor(output, name="made", **tensor)
    file.op(name, [image, *(file.constant(values) for values in more)], made, **options)
    return read_graph(file.ends([image], [made]).to_bytes())


def chain(*names) -> Graph:
    """One int8 operator after the other."""
    file = TfliteFile()
    first = here = file.tensor((1, 10), **INT8)
    for name in names:
        here = file.op(name, [here], file.tensor((1, 10), **INT8))
    return read_graph(file.ends([first], [here]).to_bytes())


def delegated_parts(data: bytes) -> int:
    """How many parts XNNPACK takes on this machine."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    return sum(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small", "v3-small-minimalistic"])
@pytest.mark.parametrize("quant", ["float32", "float16", "dynamic", "int8", "int16x8"])
def test_xnnpack_takes_a_network_in_as_many_parts_as_on_this_machine(small_network, variant, quant):
    data = small_network(variant).quantized(quant).data
    assert report(read_graph(data), "xnnpack").partitions == delegated_parts(data)


@pytest.mark.parametrize("peer", ["mobilenet_v2_1.0_224_quant.tflite", "mobilenet_v1_0.5_160_quant.tflite"])
def test_xnnpack_takes_the_official_files_in_two_parts_as_on_this_machine(shared_dir, peer):
    data = (shared_dir / "peers" / peer).read_bytes()
    found = report(read_graph(data), "xnnpack")
    assert found.partitions == delegated_parts(data) == 2
    assert Refusal(op="AVERAGE_POOL_2D", count=1, reason="no uint8 form") in found.refused


@pytest.mark.parametrize(
    "graph",
    [
        one("ADD", more=[np.float32([1])]),
        one("ADD", more=[np.float32([1])], fusedActivationFunction=TANH),
        one("SOFTMAX"),
        one("SOFTMAX", beta=2.0),
        one("MEAN", more=[np.int32([1, 2])], output=(1, 4)),
        one("L2_NORMALIZATION"),
        one("RELU", tensor=INT8),
        one("RESHAPE", output=(1, 64), more=[np.int32([1, 64])], tensor=INT8),
    ],
    ids=["add", "tanh", "softmax", "beta", "mean", "normalization", "relu int8", "reshape int8"],
)
def test_xnnpack_takes_or_refuses_one_operator_as_on_this_machine(graph):
    from mobile_deploy.tflite.write import pack

    for op in graph.model.operatorCodes:
        op.version = 2 if graph.tensors[graph.inputs[0]].dtype == "int8" and op.builtinCode != 22 else 1
    assert report(graph, "xnnpack").partitions == delegated_parts(pack(graph.model))


# Arm's compiler Vela 5.2.0 places the int8 files whole and leaves two operators of the int16x8 ones to the CPU.
@pytest.mark.parametrize(("quant", "left"), [("int8", 0), ("int16x8", 2)])
@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small-minimalistic"])
def test_ethos_u_takes_what_vela_places(small_network, variant, quant, left):
    found = report(read_graph(small_network(variant).quantized(quant).data), "ethos-u")
    assert found.ops - found.taken == left
    assert found.partitions == 1


def test_ethos_u_takes_v3_with_its_hard_swish_and_the_edge_tpu_does_not(small_network):
    graph = read_graph(small_network("v3-small").quantized("int8").data)
    assert report(graph, "ethos-u").refused == ()
    edge = report(graph, "edgetpu")
    assert edge.refused == (Refusal(op="HARD_SWISH", count=19, reason="not among its operators"),)
    # QUANTIZE and the first convolution; all behind the first HARD_SWISH stays on the CPU.
    assert (edge.taken, edge.placed, edge.partitions) == (len(graph.ops) - 19, 2, 20)


@pytest.mark.parametrize("target", ["edgetpu", "ethos-u"])
def test_a_float_file_is_nothing_for_integer_hardware(v2_network, target):
    found = report(read_graph(v2_network.data), target)
    assert (found.taken, found.placed, found.partitions) == (0, 0, 0)
    assert {refusal.reason for refusal in found.refused} == {"no float32 form"}


def test_the_gpu_takes_float_and_8_bit_networks_whole_and_16_bit_ones_not_at_all(v2_network):
    taken = {q: report(read_graph(v2_network.quantized(q).data), "gpu") for q in ("float32", "float16", "int8")}
    assert all(found.taken == found.placed == found.ops for found in taken.values())
    assert report(read_graph(v2_network.quantized("int16x8").data), "gpu").taken == 0


def test_a_refused_operator_in_the_middle_makes_two_parts():
    graph = chain("RELU", "RELU6", "HARD_SWISH", "RELU", "LOGISTIC", "RELU")
    edge, npu = report(graph, "edgetpu"), report(graph, "ethos-u")
    assert (edge.taken, edge.partitions, edge.placed) == (5, 2, 2)
    assert (npu.taken, npu.partitions, npu.placed) == (6, 1, 6)


def test_a_delegate_that_takes_one_part_takes_the_largest():
    graph = chain("RELU", "L2_NORMALIZATION", "RELU", "RELU6", "L2_NORMALIZATION", "RELU")
    found = report(graph, "gpu")
    assert (found.taken, found.partitions, found.placed) == (4, 3, 2)


def test_a_branch_beside_a_refused_operator_stays_in_one_part():
    file = TfliteFile()
    start, left, right, end = (file.tensor((1, 10)) for _ in range(4))
    file.op("RELU", [start], left)
    file.op("L2_NORMALIZATION", [left], right)
    file.op("RELU6", [left], file.tensor((1, 10)))
    file.op("ADD", [right, 4], end)
    found = report(read_graph(file.ends([start], [end]).to_bytes()), "xnnpack")
    assert (found.taken, found.partitions) == (3, 2)


def test_nothing_is_taken_of_a_file_without_operators():
    file = TfliteFile()
    image = file.tensor((1, 4))
    for found in judge_targets(read_graph(file.ends([image], [image]).to_bytes())):
        assert (found.ops, found.taken, found.placed, found.partitions, found.refused) == (0, 0, 0, 0, ())


def convolution(*, kernel=(4, 3, 3, 4), dtype="int8", live_kernel=False, name="CONV_2D", **options) -> Graph:
    file = TfliteFile()
    image = file.tensor(PICTURE, name="image", **INT8)
    values = np.zeros(kernel, np.dtype(dtype))
    weights = file.tensor(kernel, **INT8) if live_kernel else file.constant(values, scales=(0.5,))
    bias = file.constant(np.zeros(4, np.int32), scales=(0.25,))
    made = file.op(name, [image, weights, bias], file.tensor(PICTURE, name="made", **INT8), **options)
    return read_graph(file.ends([image, weights] if live_kernel else [image], [made]).to_bytes())


DEPTHWISE = {"name": "DEPTHWISE_CONV_2D", "kernel": (1, 3, 3, 4)}


@pytest.mark.parametrize(
    ("profile", "graph", "expected"),
    [
        (XNNPACK, convolution(), None),
        (XNNPACK, convolution(live_kernel=True), "needs stored weights"),
        (XNNPACK, convolution(fusedActivationFunction=RELU), None),
        (XNNPACK, convolution(fusedActivationFunction=TANH), "needs no fused TANH"),
        (XNNPACK, one("CONCATENATION", more=[np.float32([0])] * 5), "needs 2 to 5 inputs"),
        (GPU, convolution(fusedActivationFunction=TANH), None),
        (GPU, convolution(fusedActivationFunction=TANH + 1), "needs no fused SIGN_BIT"),
        (GPU, one("RELU", shape=(1, 2, 3, 4, 5), output=(1, 2, 3, 4, 5)), "needs at most 4 axes"),
        (GPU, one("PAD", more=[np.zeros((2, 2), np.int32)]), "needs paddings of 3 or 4 axes"),
        (EDGETPU, convolution(strideH=5, strideW=5), None),
        (EDGETPU, convolution(dilationHFactor=2, dilationWFactor=1), "needs the same dilation both ways"),
        (EDGETPU, one("AVERAGE_POOL_2D", tensor=INT8), None),
        (EDGETPU, one("RELU", tensor={"dtype": "int8"}), "needs quantized tensors"),
        (EDGETPU, one("RELU", shape=(2, 4, 4, 4), tensor=INT8), "needs only the three innermost axes above 1"),
        (EDGETPU, one("SOFTMAX", tensor=INT8), "needs one axis of at most 16,000 values"),
        (EDGETPU, one("SOFTMAX", shape=(1, 16_000), output=(1, 16_000), tensor=INT8), None),
        (EDGETPU, one("SOFTMAX", shape=(1, 16_001), output=(1, 16_001), tensor=INT8), "needs one axis of at most"),
        (EDGETPU, one("MEAN", more=[np.int32([0])], tensor=INT8), "needs no reduction along the batch"),
        (EDGETPU, one("MEAN", more=[np.int32([-4])], tensor=INT8), "needs no reduction along the batch"),
        (EDGETPU, one("MEAN", more=[np.int32([3])], tensor=INT8), None),
        (EDGETPU, one("MEAN", shape=(1, 4, 4, 6), more=[np.int32([-1])], tensor=INT8), "needs a reduced depth that"),
        (EDGETPU, one("PAD", more=[np.int32([[1, 0], [0, 0], [0, 0], [0, 0]])], tensor=INT8), "needs no padding of"),
        (EDGETPU, one("PAD", more=[np.int32([[0, 0], [1, 1], [1, 1], [0, 0]])], tensor=INT8), None),
        (ETHOS_U, convolution(strideH=3, strideW=3), None),
        (ETHOS_U, convolution(strideH=4, strideW=4), "needs strides of at most 3"),
        (ETHOS_U, convolution(strideH=4, strideW=4, padding=1), None),
        (ETHOS_U, convolution(**DEPTHWISE, strideH=4, strideW=4, padding=1), "needs strides of at most 3"),
        (ETHOS_U, convolution(dtype="int16"), "needs 8-bit weights"),
        (ETHOS_U, one("MEAN", shape=(2, 4, 4, 4), more=[np.int32([1])], tensor=INT8), "needs a batch of one"),
        (ETHOS_U, one("RELU", tensor={"dtype": "int8", "scales": (0.5,) * 4, "axis": 3}), "needs one scale a tensor"),
    ],
)
def test_conditions_are_checked_on_the_file(profile, graph, expected):
    found = reason(graph, profile)
    assert (found is None) if expected is None else found.startswith(expected)


def test_open_sizes_are_nothing_for_compilers_and_an_open_batch_is_for_one():
    file = TfliteFile()
    image, made = file.tensor(PICTURE, **INT8), file.tensor(PICTURE, **INT8)
    file.op("RELU", [image], made)
    for tensor in file.graph.tensors:
        tensor.shapeSignature = [-1, 4, 4, 4]
    graph = read_graph(file.ends([image], [made]).to_bytes())
    assert reason(graph, EDGETPU) == "needs sizes known in advance"
    assert reason(graph, ETHOS_U) is None
    file.graph.tensors[0].shapeSignature = [1, -1, -1, 4]
    assert reason(read_graph(file.to_bytes()), ETHOS_U) == "needs sizes known in advance, but for the batch"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_custom_operator_and_one_without_input_are_refused(profile):
    file = TfliteFile()
    image, made, drawn = (file.tensor((1, 4)) for _ in range(3))
    file.op("Turbo", [image], made, custom=True)
    file.op("SOFTMAX", [], drawn)
    graph = read_graph(file.ends([image], [made]).to_bytes())
    assert reason(graph, profile, op=0) == "custom operator"
    assert reason(graph, profile, op=1) == "has no input"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_profile_names_its_source_and_each_operator_once(profile):
    from ai_edge_litert import schema_py_generated as schema

    named = [op for rule in profile.rules for op in rule.ops]
    assert len(named) == len(set(named))
    builtin = {name for name in vars(schema.BuiltinOperator) if name.isupper()}
    custom = {"Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Resampler"}
    assert set(named) - builtin <= custom
    assert "https://" in profile.source
    assert profile.version
