from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes.small_networks import make_small_network
from fakes.tflite_file import TfliteFile

from mobile_deploy.recipes import RECIPES
from mobile_deploy.tflite.graph import load_model, read_graph
from mobile_deploy.tflite.write import serialize

VARIANTS = ("v1", "v2", "v3-small", "v3-small-minimalistic")


def canonical(data: bytes) -> bytes:
    return serialize(load_model(data, source="the test's file"))


def chain_of(*names: str) -> TfliteFile:
    """Additions whose results have these names, each with a constant of its own."""
    file = TfliteFile()
    image = here = file.tensor((1, 2, 2, 3), name="in")
    for number, name in enumerate(names):
        constant = file.constant(np.full(3, number, np.float32), name="same")
        here = file.op("ADD", [here, constant], file.tensor((1, 2, 2, 3), name=name))
    return file.ends([image], [here])


def names_in(data: bytes) -> list[str]:
    return [tensor.name for tensor in read_graph(data).tensors]


@pytest.mark.parametrize("quant", RECIPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_serializing_again_changes_nothing(small_network, variant, quant):
    data = small_network(variant).quantized(quant).data
    assert canonical(data) == data


@pytest.mark.parametrize("quant", RECIPES)
def test_the_signature_is_the_same_in_every_file(v2_network, quant):
    from ai_edge_litert.interpreter import Interpreter

    data = v2_network.quantized(quant).data
    signatures = Interpreter(model_content=data).get_signature_list()
    assert signatures == {"serving_default": {"inputs": ["image"], "outputs": ["output"]}}
    graph = read_graph(data)
    assert [graph.tensors[i].name for i in (*graph.inputs, *graph.outputs)] == ["image", "output"]


@pytest.mark.parametrize("quant", RECIPES)
def test_tensor_names_are_unique_and_readable(v2_network, quant):
    names = names_in(v2_network.quantized(quant).data)
    assert len(set(names)) == len(names)
    assert all(name and ";" not in name for name in names)


def test_constants_are_named_after_the_operator_that_reads_them(v2_network):
    graph = read_graph(v2_network.data)
    for op in graph.ops:
        if op.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            made = graph.tensors[op.outputs[0]].name
            assert graph.tensors[op.inputs[1]].name == f"{made}/kernel"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a", "a", "z"), ["image", "a/input_1", "a", "a#2/input_1", "a#2", "output/input_1", "output"]),
        (("a;x;y", "a;b", "z"), ["image", "a/input_1", "a", "a#2/input_1", "a#2", "output/input_1", "output"]),
        (("a#2", "a", "a", "z"), ["a#2", "a", "a#3", "output"]),
        (("output", "image", "z"), ["output#2", "image#2", "output"]),
        (("", "", "z"), ["", "#2", "output"]),
    ],
)
def test_equal_names_are_numbered_once_and_for_all(names, expected):
    data = canonical(chain_of(*names).to_bytes())
    found = names_in(data)
    assert len(set(found)) == len(found)
    assert [name for name in found if name in expected] == expected
    assert canonical(data) == data


# Source: tensorflow/lite/tools/versioning/op_version.cc, and for FULLY_CONNECTED "dynamic" the remark in write.py.
VERSIONS = {
    "float32": {"ADD": 1, "CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "MEAN": 1, "SOFTMAX": 1},
    "float16": {"CONV_2D": 1, "DEQUANTIZE": 3, "FULLY_CONNECTED": 1},
    "dynamic": {"ADD": 1, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 11, "MEAN": 1, "SOFTMAX": 1},
    "int8": {"ADD": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "MEAN": 2, "SOFTMAX": 2}
    | {"QUANTIZE": 1},
    "int16x8": {"ADD": 3, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "MEAN": 3, "SOFTMAX": 3}
    | {"QUANTIZE": 2, "DEQUANTIZE": 3},
}


@pytest.mark.parametrize("quant", RECIPES)
def test_operator_versions_say_which_kernels_are_needed(v2_network, quant):
    found = {op.name: op.version for op in read_graph(v2_network.quantized(quant).data).ops}
    assert found.items() >= VERSIONS[quant].items()


def test_mul_and_hard_swish_have_their_versions(small_network):
    network = small_network("v3-small")
    found = {q: {op.name: op.version for op in read_graph(network.quantized(q).data).ops} for q in ("int8", "int16x8")}
    assert (found["int8"]["MUL"], found["int16x8"]["MUL"]) == (2, 4)
    assert (found["int8"]["HARD_SWISH"], found["int16x8"]["HARD_SWISH"]) == (1, 1)


def test_a_higher_version_is_never_lowered():
    file = chain_of("a")
    file.model.operatorCodes[0].version = 9
    assert read_graph(canonical(file.to_bytes())).ops[0].version == 9


def test_what_nothing_refers_to_is_dropped():
    file = chain_of("a", "b")
    file.constant(np.zeros(1000, np.float32), name="orphan")
    file.op("ADD", [0, 1], file.tensor((1, 2, 2, 3), name="dead"))
    file.graph.operators.pop()
    model = load_model(canonical(file.to_bytes()), source="t")
    assert len(model.subgraphs[0].tensors) == 5
    assert len(model.operatorCodes) == 2
    assert [buffer.data is None for buffer in model.buffers] == [True, False, False]


def test_a_shared_constant_stays_shared():
    file = chain_of("a", "b")
    file.graph.operators[1].inputs[1] = file.graph.operators[0].inputs[1]
    graph = read_graph(canonical(file.to_bytes()))
    assert graph.ops[0].inputs[1] == graph.ops[1].inputs[1]
    assert [tensor.name for tensor in graph.tensors] == ["image", "a/input_1", "a", "output"]


def test_no_metadata_and_no_version_of_a_tool_is_left(v2_network):
    model = load_model(v2_network.data, source="t")
    assert not model.metadata
    assert model.metadataBuffer is None or len(model.metadataBuffer) == 0
    assert (model.description, model.subgraphs[0].name) == (b"mobile-deploy", b"main")
    for trace in (b"2.21", b"CONVERSION", b"min_runtime", b"/home", b"tmp"):
        assert trace not in v2_network.data


def test_every_buffer_of_a_quantized_file_lies_inline(v2_network):
    data = v2_network.quantized("int8").data
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(data)
    assert all(model.Buffers(i).Offset() == 0 for i in range(model.BuffersLength()))


def test_equal_networks_converted_twice_give_equal_bytes(keras, v2_network):
    keras.backend.clear_session()
    again = make_small_network(keras, "v2")
    assert again.data == v2_network.data
    for quant in RECIPES:
        assert again.quantized(quant).data == v2_network.quantized(quant).data


@pytest.mark.slow
def test_two_processes_give_equal_bytes(tmp_path):
    program = (
        "import sys, keras; from pathlib import Path; from fakes.small_networks import make_small_network\n"
        "network = make_small_network(keras, 'v3-small')\n"
        "Path(sys.argv[1]).write_bytes(network.data + network.quantized('int8').data)\n"
    )
    files = [tmp_path / "first", tmp_path / "second"]
    for path in files:
        subprocess.run([sys.executable, "-c", program, path], check=True, cwd=Path(__file__).parent.parent)
    assert files[0].read_bytes() == files[1].read_bytes()
