"""What pruning and clustering did to a file: zeros, values and zipped size, read from its bytes.

pruned(model, sparsity, steps)        in training/sparsity.py
clustered(model, clusters)            in training/clusters.py
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import numpy as np

from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, OpRecord, read_graph

# What pruning and clustering change; depthwise kernels stay as they are.
_COMPRESSED_OPS = tuple(name for name in WEIGHTED_OPS if name != "DEPTHWISE_CONV_2D")
# A zip archive stores when a file was changed; a fixed day makes equal files equal archives.
_SOME_DAY = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelTally:
    """What one kernel of a file holds, as it is stored.

    Attributes:
        op: Index of the operator.
        operator: Its name, "CONV_2D" or "FULLY_CONNECTED".
        dtype: Of the stored values, such as "int8".
        size: Number of weights.
        zero_share: Share of them that are exactly zero.
        distinct: Number of different values.
    """

    op: int
    operator: str
    dtype: str
    size: int
    zero_share: float
    distinct: int


def kernel_tallies(data: bytes, *, source: object = "the .tflite") -> tuple[KernelTally, ...]:
    """Counts zeros and different values in the kernels that pruning and clustering change.

    Args:
        data: Bytes of a .tflite.
        source: What to name in errors: a path.

    Returns:
        One for each convolution and fully connected operator with a stored kernel, in execution order.

    Raises:
        UnreadableFileError: The file is damaged.
    """
    graph = read_graph(data, source=source)
    found = [op for op in graph.ops if op.name in _COMPRESSED_OPS and graph.tensors[op.inputs[1]].is_constant]
    return tuple(_tally(graph, op) for op in found)


def zip_size_bytes(data: bytes) -> int:
    """Gives the size of a file in a zip archive, deflated as far as it goes, such as in an app package."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        entry = zipfile.ZipInfo("model.tflite", date_time=_SOME_DAY)
        zipped.writestr(entry, data, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
    return len(archive.getvalue())


def _tally(graph: Graph, op: OpRecord) -> KernelTally:
    kernel = graph.constant(op.inputs[1])
    return KernelTally(
        op=op.index,
        operator=op.name,
        dtype=kernel.dtype.name,
        size=kernel.size,
        zero_share=float(np.mean(kernel == 0)),
        distinct=len(np.unique(kernel)),
    )
