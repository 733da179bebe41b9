"""The only serializer of .tflite files: everything the toolkit writes passes through `serialize`.

It makes the file canonical, so that equal networks give equal bytes: buffers inline, operator versions that say which
kernels are needed, one signature, readable unique tensor names, no converter metadata, equal vectors once.
"""

from __future__ import annotations

from itertools import chain, count
from typing import Any

from mobile_deploy.tflite.graph import ABSENT, WEIGHTED_OPS, Graph, OpRecord, graph_of
from mobile_deploy.tflite.slim import pack_slim

SIGNATURE = "serving_default"
INPUT_NAME = "image"
OUTPUT_NAME = "output"

# Lowest operator version whose kernel computes a given kind of arithmetic; 1 where nothing is listed.
# Source: tensorflow/lite/tools/versioning/op_version.cc, TensorFlow 2.21, except FULLY_CONNECTED "dynamic": that file
# asks for 12 with per-channel weights, which the 2.16 runtime refuses although its kernel computes them right. 11 is
# accepted there and refused by 2.14, whose kernel would answer wrongly without a word (both measured).
# By operator and arithmetic; "dynamic" is a float input with int8 weights.
_VERSIONS: dict[str, dict[str, int]] = {
    "ADD": {"int8": 2, "int16": 3},
    "AVERAGE_POOL_2D": {"int8": 2, "int16": 3},
    "CONCATENATION": {"int8": 2, "int16": 3},
    "CONV_2D": {"int8": 3, "int16": 3, "dynamic": 5},
    "DEPTHWISE_CONV_2D": {"int8": 3, "int16": 3},
    "DEQUANTIZE": {"int8": 2, "int16": 3, "float16": 3},
    "FULLY_CONNECTED": {"int8": 4, "int16": 4, "dynamic": 11},
    "L2_NORMALIZATION": {"int8": 2},
    "LOGISTIC": {"int8": 2, "int16": 3},
    "MAX_POOL_2D": {"int8": 2, "int16": 3},
    "MEAN": {"int8": 2, "int16": 3},
    "MUL": {"int8": 2, "int16": 4},
    "PAD": {"int8": 2, "int16": 3},
    "QUANTIZE": {"int16": 2},
    "RELU": {"int8": 2, "int16": 3},
    "RELU6": {"int8": 2, "int16": 3},
    "SOFTMAX": {"int8": 2, "int16": 3},
    "SUB": {"int8": 3, "int16": 5},
}


def _arithmetic(graph: Graph, op: OpRecord) -> str:
    """Names the kind of arithmetic: by the first input (QUANTIZE by its output), and the kernel if stored as int8."""
    if op.name == "QUANTIZE":
        return graph.tensors[op.outputs[0]].dtype
    kinds = [graph.tensors[i].dtype for i in op.inputs[:2] if i >= 0]
    return "dynamic" if kinds == ["float32", "int8"] else next(iter(kinds), "")


def _set_versions(graph: Graph) -> None:
    for op in graph.ops:
        code = graph.model.operatorCodes[graph.model.subgraphs[0].operators[op.index].opcodeIndex]
        needed = _VERSIONS.get(op.name, {}).get(_arithmetic(graph, op), 1)
        code.version = max(code.version, needed)


def _readable(name: str) -> str:
    """Keeps the layer part of a converter's name, which lists every fused operation after the first semicolon."""
    return name.partition(";")[0]


def _name_tensors(graph: Graph) -> None:
    """Names tensors after the operator that makes them, constants after the operator that reads them; all unique."""
    names: dict[int, str] = {}
    _give_name(names, graph.inputs[0], INPUT_NAME)
    _give_name(names, graph.outputs[0], OUTPUT_NAME)
    for op in graph.ops:
        for index in op.outputs:
            _give_name(names, index, _readable(graph.tensors[index].name))
    for op in graph.ops:
        roles = ("input", "kernel", "bias") if op.name in WEIGHTED_OPS else ()
        for position, index in enumerate(op.inputs):
            role = roles[position] if position < len(roles) else f"input_{position}"
            if index != ABSENT:
                _give_name(names, index, f"{names[op.outputs[0]]}/{role}")
    for index, name in names.items():
        graph.model.subgraphs[0].tensors[index].name = name


def _give_name(names: dict[int, str], index: int, wish: str) -> None:
    """Names a tensor that has no name yet; where the name is taken, with the lowest number that makes it unique."""
    if index not in names:
        taken = set(names.values())
        numbered = (f"{wish}#{number}" for number in count(2))
        names[index] = next(name for name in chain((wish,), numbered) if name not in taken)


def _set_signature(graph: Graph) -> None:
    from ai_edge_litert import schema_py_generated as schema

    def entry(name: str, index: int) -> Any:  # noqa: ANN401
        record = schema.TensorMapT()
        record.name, record.tensorIndex = name, index
        return record

    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
    signature.inputs = [entry(INPUT_NAME, graph.inputs[0])]
    signature.outputs = [entry(OUTPUT_NAME, graph.outputs[0])]
    graph.model.signatureDefs = [signature]


def _drop_unused(model: Any) -> None:  # noqa: ANN401
    """Removes tensors, buffers and operator codes that nothing refers to any more."""
    subgraph = model.subgraphs[0]
    operators = subgraph.operators
    kept = sorted(
        {i for op in operators for i in (*op.inputs, *op.outputs) if i >= 0} | {*subgraph.inputs, *subgraph.outputs}
    )
    tensor_at = {old: new for new, old in enumerate(kept)} | {ABSENT: ABSENT}
    subgraph.tensors = [subgraph.tensors[i] for i in kept]
    for op in operators:
        op.inputs = [tensor_at[i] for i in op.inputs]
        op.outputs = [tensor_at[i] for i in op.outputs]
    subgraph.inputs = [tensor_at[i] for i in subgraph.inputs]
    subgraph.outputs = [tensor_at[i] for i in subgraph.outputs]

    codes = sorted({op.opcodeIndex for op in operators})
    model.operatorCodes = [model.operatorCodes[i] for i in codes]
    for op in operators:
        op.opcodeIndex = codes.index(op.opcodeIndex)

    buffers = sorted({tensor.buffer for tensor in subgraph.tensors} | {0})  # buffer 0 is empty by the schema's rule
    model.buffers = [model.buffers[i] for i in buffers]
    for tensor in subgraph.tensors:
        tensor.buffer = buffers.index(tensor.buffer)


def pack(model: Any) -> bytes:  # noqa: ANN401
    """Packs schema objects into .tflite bytes as they are; for files that are run and thrown away."""
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def serialize(model: Any) -> bytes:  # noqa: ANN401
    """Makes a single-input, single-output model canonical, in place, and packs it.

    Args:
        model: A ModelT with one subgraph.

    Returns:
        The bytes of the .tflite.
    """
    # Converter metadata names its own version and environment; the file would differ between machines.
    model.metadata, model.metadataBuffer, model.description = [], None, "mobile-deploy"
    model.subgraphs[0].name = "main"
    _drop_unused(model)
    graph = graph_of(model, source="the model being written")
    _set_versions(graph)
    _name_tensors(graph)
    _set_signature(graph)
    return pack_slim(model)
