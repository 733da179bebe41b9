"""The label of the file: what is in a .tflite, what it costs, who can run it, and what to beware of.

The file is read and never run, so that any file from anyone can be asked.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mobile_deploy.bundle import Bundle, load_bundle
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import is_folder, sha256_of_bytes
from mobile_deploy.pipeline.inspect_result import InspectResult
from mobile_deploy.tflite.census import group_ops
from mobile_deploy.tflite.cost import (
    activation_bytes,
    layer_costs,
    peak_activation_bytes,
    total_mult_adds,
    uncounted_ops,
    unpacked_bytes,
    weight_bytes,
)
from mobile_deploy.tflite.ends import EndTensor, end_tensor
from mobile_deploy.tflite.findings import findings
from mobile_deploy.tflite.graph import Graph, read_file, read_graph
from mobile_deploy.tflite.metadata import FileMetadata, read_metadata
from mobile_deploy.tflite.precision import computing_types, file_precision, weight_granularity
from mobile_deploy.tflite.runtime_versions import minimum_runtime
from mobile_deploy.tflite.targets import judge_targets


def inspect(model: Path | str) -> InspectResult:
    """Reads the label of a file.

    Args:
        model: A .tflite, whoever made it, or a bundle.

    Returns:
        What is in it, what it costs, which targets take it, and warnings.

    Raises:
        UnreadableFileError: It is no .tflite or bundle, or is damaged.
        BundleChangedError: A file of the bundle changed since it was written.
    """
    path = Path(model)
    bundle = load_bundle(path) if is_folder(path) else None
    file = path if bundle is None else bundle.tflite
    data = read_file(file)
    graph = read_graph(data, source=file, any_subgraphs=True)
    metadata, damage = _read_metadata(data, file)
    runtime, targets, types = minimum_runtime(graph), judge_targets(graph), computing_types(graph)
    layers = layer_costs(graph)
    return InspectResult(
        path=file,
        bundle=None if bundle is None else bundle.name,
        size_bytes=len(data),
        sha256=sha256_of_bytes(data),
        precision=file_precision(graph),
        granularity=weight_granularity(graph),
        inputs=_inputs(graph, bundle),
        outputs=tuple(end_tensor(graph, index) for index in graph.outputs),
        signatures=graph.signatures,
        metadata=metadata,
        mult_adds=total_mult_adds(graph),
        uncounted=uncounted_ops(graph),
        weight_bytes=weight_bytes(graph),
        activation_bytes=activation_bytes(graph),
        peak_activation_bytes=peak_activation_bytes(graph),
        unpacked_bytes=unpacked_bytes(graph),
        runtime=runtime,
        contract_runtime=None if bundle is None else bundle.contract.minimum_runtime,
        ops=group_ops(layers, types),
        layers=layers,
        types=tuple(types[layer.op.index] for layer in layers),
        targets=targets,
        warnings=(*damage, *findings(graph, runtime, targets)),
    )


def _read_metadata(data: bytes, file: Path) -> tuple[FileMetadata | None, tuple[str, ...]]:
    """Reads the metadata; where it is damaged, says so, since the network itself may still be sound."""
    try:
        return read_metadata(data, source=file), ()
    except UnreadableFileError as error:
        return None, (error.message,)


def _inputs(graph: Graph, bundle: Bundle | None) -> tuple[EndTensor, ...]:
    """Gives the inputs; the range of a float one, which no file says, is in the bundle."""
    ends = tuple(end_tensor(graph, index) for index in graph.inputs)
    if bundle is None or len(ends) != 1 or ends[0].low is not None:
        return ends
    promised = bundle.contract.input
    return (replace(ends[0], low=promised.low, high=promised.high),)
