from __future__ import annotations

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.tflite.findings import findings
from mobile_deploy.tflite.graph import Graph, load_model, read_graph
from mobile_deploy.tflite.runtime_versions import MinimumRuntime, minimum_runtime
from mobile_deploy.tflite.targets import judge_targets
from mobile_deploy.tflite.write import pack


def found_in(data: bytes, runtime: MinimumRuntime | None = None) -> tuple[str, ...]:
    graph = read_graph(data, any_subgraphs=True)
    return told(graph, runtime or minimum_runtime(graph))


def told(graph: Graph, runtime: MinimumRuntime) -> tuple[str, ...]:
    return findings(graph, runtime, judge_targets(graph))


def planted(data: bytes, change) -> bytes:
    model = load_model(data, source="t")
    change(model)
    return pack(model)


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small-minimalistic"])
@pytest.mark.parametrize("quant", ["float32", "int8"])
def test_nothing_is_wrong_with_a_plain_network(small_network, variant, quant):
    assert found_in(small_network(variant).quantized(quant).data) == ()


@pytest.mark.parametrize(
    ("variant", "quant", "io", "granularity", "words"),
    [
        ("v2", "int8", None, "per-tensor", ["17 depthwise kernels have one scale for all channels"]),
        ("v2", "int8", "float32", "per-channel", ["float32 input and output on an integer file"]),
        ("v2", "float16", None, "per-channel", ["float16 weights become 1.6 MB of float32 on a CPU"]),
        ("v2", "dynamic", None, "per-channel", []),
        ("v3-small", "int8", None, "per-channel", ["XNNPACK takes it in 20 pieces, mostly for 19 HARD_SWISH (no int8"]),
        (
            "v3-small",
            "int16x8",
            None,
            "per-channel",
            ["19 HARD_SWISH compute in float", "float32 input and output", "XNNPACK takes it in 19", "16-bit activ"],
        ),
    ],
)
def test_each_recipe_has_its_warnings(small_network, variant, quant, io, granularity, words):
    found = found_in(small_network(variant).quantized(quant, io, granularity=granularity).data)
    assert len(found) == len(words)
    assert all(text.startswith(start) for text, start in zip(found, words, strict=True))


def test_saturated_biases_and_dead_scales_are_counted(v2_network):
    data = v2_network.quantized("int8").data
    graph = read_graph(data)
    bias = next(op.inputs[2] for op in graph.ops if op.name == "CONV_2D")
    dead = graph.ops[5].outputs[0]

    def change(model):
        tensors = model.subgraphs[0].tensors
        values = model.buffers[tensors[bias].buffer].data.copy().view(np.int32)
        values[:2] = -(2**31), 2**31 - 1
        model.buffers[tensors[bias].buffer].data = values.view(np.uint8)
        tensors[dead].quantization.scale = [1e-9]

    first, second = found_in(planted(data, change))
    assert first.startswith("2 saturated biases")
    assert second.startswith("1 activations with a scale near zero")


# Measured: 2.14 answers wrongly without a word below version 11 and refuses from 11 on.
@pytest.mark.parametrize(("version", "is_warned"), [(9, True), (10, True), (11, False), (12, False)])
def test_per_channel_dense_weights_that_old_runtimes_misread_are_named(v2_network, version, is_warned):
    def change(model):
        for code in model.operatorCodes:
            if code.builtinCode == 9:
                code.version = version

    found = found_in(planted(v2_network.quantized("dynamic").data, change))
    words = f"FULLY_CONNECTED version {version} with a scale per channel: TFLite 2.14 and older answer wrongly"
    assert any(text.startswith(words) for text in found) == is_warned


def custom(*names) -> bytes:
    file = TfliteFile()
    first = here = file.tensor((1, 4), name="image")
    for name in names:
        here = file.op(name, [here], file.tensor((1, 4)), custom=True)
    return file.ends([first], [here]).to_bytes()


def test_custom_operators_say_what_they_need():
    assert found_in(custom("FlexErf", "FlexErf")) == (
        "custom operators FlexErf: a plain runtime refuses them; they need the Flex delegate, several MB more",
    )
    assert "they need an app that has them" in found_in(custom("FlexErf", "Turbo"))[0]


def test_open_sizes_batches_and_bare_integers_are_told():
    file = TfliteFile()
    image, made = file.tensor((8, 4, 4, 3), name="image", dtype="uint8"), file.tensor((8, 4, 4, 3), name="made")
    file.op("CAST", [image], made)
    file.graph.tensors[image].shapeSignature = [-1, 4, 4, 3]
    found = found_in(file.ends([image], [made]).to_bytes())
    assert found == (
        "image: whole numbers without a scale; what they mean is not in the file",
        "image: the size is open until it runs; costs here are for the sizes in the file",
        "a batch of 8: costs are for all of it",
    )


def test_several_subgraphs_and_signatures_are_told():
    from ai_edge_litert import schema_py_generated as schema

    file = TfliteFile()
    image = file.tensor((1, 4))
    file.ends([image], [image])
    file.model.subgraphs = [file.graph, file.graph, file.graph]
    file.model.signatureDefs = []
    for name in ("train", "infer"):
        signature = schema.SignatureDefT()
        signature.signatureKey = name
        file.model.signatureDefs.append(signature)
    assert found_in(file.to_bytes()) == (
        "3 subgraphs: this label is of the first one alone",
        "2 signatures (train, infer): say which one you mean when you run it",
    )


def test_a_promise_that_the_operators_break_is_told():
    graph = read_graph(custom("Turbo"))
    runtime = MinimumRuntime(version="2.4", decided_by="CONV_2D version 5", unknown=(), stated="1.14.0")
    assert "the file says TFLite 1.14.0 is enough; CONV_2D version 5 came with 2.4" in told(graph, runtime)
    unknown = MinimumRuntime(version=None, decided_by="", unknown=("CONV_2D version 99",), stated=None)
    assert "CONV_2D version 99: the runtime it needs is not known" in told(graph, unknown)
