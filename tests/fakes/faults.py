"""Faults of integer files, made on purpose: each is what a rule about layers looks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fakes.small_networks import SmallNetwork

from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, graph_of, load_model
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.tflite.write import pack


def with_ranges(network: SmallNetwork, factors: dict[str, float]) -> bytes:
    """The int8 file whose activation ranges were wrongly measured: some are scaled by a factor, by tensor name."""
    limits = {
        name: (low * factors.get(name, 1), high * factors.get(name, 1))
        for name, (low, high) in network.ranges.limits.items()
    }
    ranges = replace(network.ranges, limits=limits)
    return quantize(network.data, resolve_recipes(["int8"])[0], network.input, ranges=ranges).data


def with_kernel(data: bytes, op: int, change) -> bytes:
    """A file in which `change` edits the kernel of the operator at this position in place."""
    return _edited(data, op, 1, change)


def with_bias(data: bytes, op: int, change) -> bytes:
    """A file in which `change` edits the bias of the operator at this position in place."""
    return _edited(data, op, 2, change)


def _edited(data: bytes, op: int, position: int, change) -> bytes:
    model = load_model(data, source="a file under test")
    graph = graph_of(model, source="a file under test")
    index = graph.ops[op].inputs[position]
    values = graph.constant(index).copy()
    change(values)
    buffer = type(model.buffers[0])()
    buffer.data = np.frombuffer(values.tobytes(), dtype=np.uint8)
    model.buffers.append(buffer)
    model.subgraphs[0].tensors[index].buffer = len(model.buffers) - 1
    return pack(model)


def kill_channel(channel: int, *, op: str):
    """A change that makes the kernel of one output channel zero."""

    def change(kernel: np.ndarray) -> None:
        np.moveaxis(kernel, WEIGHTED_OPS[op], 0)[channel] = 0

    return change


def position_of(graph: Graph, name: str, number: int = 0) -> int:
    """Position of the operator of this kind that is there after `number` others."""
    return [op.index for op in graph.ops if op.name == name][number]
