"""The oldest TFLite release that knows every operator of a file in the version the file asks for.

Source of the table: tflite/tools/versioning/runtime_version.cc, google-ai-edge/LiteRT, commit 05215c29 (2025). It tells
when a kernel was added, not whether it computed right: a release may still be too old for other reasons. Versions that
the source leaves out are unknown here too. LiteRT counts anew: its 1.0 follows TFLite 2.17.
"""

from __future__ import annotations

from dataclasses import dataclass

from mobile_deploy.tflite.graph import Graph

_METADATA_NAME = b"min_runtime_version"
_LONGEST_VERSION = 16  # Source: that file; the buffer has this size

# First release of each version of an operator, the first version first.
# fmt: off
_RELEASES: dict[str, tuple[str, ...]] = {
    "ABS": ("1.13", "2.4", "2.5", "2.6", "2.12"),
    "ADD": ("1.5", "1.14", "2.4", "2.6", "2.13"),
    "ADD_N": ("1.14",),
    "ARG_MAX": ("1.9", "1.14", "2.9"),
    "ARG_MIN": ("1.9", "1.14", "2.9"),
    "ASSIGN_VARIABLE": ("2.6",),
    "ATAN2": ("2.10",),
    "AVERAGE_POOL_2D": ("1.5", "1.14", "2.3"),
    "BATCH_MATMUL": ("2.3", "2.3", "2.4", "2.5"),
    "BATCH_TO_SPACE_ND": ("1.6", "1.14", "2.3", "2.12"),
    "BIDIRECTIONAL_SEQUENCE_LSTM": ("1.14", "1.14", "1.14"),
    "BIDIRECTIONAL_SEQUENCE_RNN": ("1.14", "1.14", "2.3"),
    "BITCAST": ("2.13",),
    "BITWISE_XOR": ("2.13",),
    "BROADCAST_ARGS": ("2.6",),
    "BROADCAST_TO": ("", "2.5", "2.5"),
    "BUCKETIZE": ("2.8",),
    "CALL_ONCE": ("2.5",),
    "CAST": ("1.5", "2.7", "2.8", "2.9", "2.12", "2.15", "2.17"),
    "CEIL": ("1.14",),
    "COMPLEX_ABS": ("2.5",),
    "CONCATENATION": ("1.5", "1.14", "2.3", "2.14"),
    "CONV_2D": ("1.5", "1.14", "1.14", "2.3", "2.4", "2.9", "2.11", "2.15"),
    "CONV_3D": ("2.5",),
    "CONV_3D_TRANSPOSE": ("2.6",),
    "COS": ("1.14",),
    "CUMSUM": ("2.4",),
    "DENSIFY": ("2.2",),
    "DEPTHWISE_CONV_2D": ("1.5", "1.12", "1.14", "2.2", "2.3", "2.3", "2.11"),
    "DEPTH_TO_SPACE": ("2.1", "2.5"),
    "DEQUANTIZE": ("1.13", "1.14", "1.15", "2.2", "2.7", "2.18"),
    "DILATE": ("2.15",),
    "DIV": ("1.6", "2.3"),
    "DYNAMIC_UPDATE_SLICE": ("2.9", "2.17", "2.19", "2.20"),
    "ELU": ("1.14",),
    "EMBEDDING_LOOKUP": ("1.13", "1.14", "1.14", "2.18"),
    "EQUAL": ("1.14", "1.14", "2.3", "2.13"),
    "EXP": ("1.7", "2.12"),
    "EXPAND_DIMS": ("1.10",),
    "FAKE_QUANT": ("1.5", "1.10"),
    "FILL": ("1.13", "2.3", "2.5", "2.12"),
    "FLOOR": ("1.9",),
    "FLOOR_DIV": ("1.14", "1.14", "2.13"),
    "FLOOR_MOD": ("1.13", "2.13"),
    "FULLY_CONNECTED":
        ("1.5", "1.10", "1.14", "1.14", "2.0", "2.1", "2.3", "2.3", "2.3", "2.11", "2.15", "2.17", "2.18"),
    "GATHER": ("1.6", "1.14", "1.15", "2.4", "2.5", "2.13", "2.15"),
    "GATHER_ND": ("1.14", "2.3", "2.5", "2.13", "2.16"),
    "GELU": ("2.9", "2.9"),
    "GREATER": ("1.14", "1.14"),
    "GREATER_EQUAL": ("1.14", "1.14", "2.13"),
    "HARD_SWISH": ("1.15",),
    "HASHTABLE": ("2.5",),
    "HASHTABLE_FIND": ("2.5",),
    "HASHTABLE_IMPORT": ("2.5",),
    "HASHTABLE_SIZE": ("2.5",),
    "IF": ("1.15",),
    "IMAG": ("2.5",),
    "L2_NORMALIZATION": ("1.5", "1.14"),
    "L2_POOL_2D": ("1.5",),
    "LEAKY_RELU": ("1.13", "2.3"),
    "LESS": ("1.14", "1.14", "2.13"),
    "LESS_EQUAL": ("1.14", "1.14"),
    "LOCAL_RESPONSE_NORMALIZATION": ("1.5",),
    "LOG": ("1.14", "2.15"),
    "LOGICAL_AND": ("1.11",),
    "LOGICAL_NOT": ("1.11",),
    "LOGICAL_OR": ("1.11",),
    "LOGISTIC": ("1.14", "1.14", "2.3"),
    "LOG_SOFTMAX": ("1.14", "1.14"),
    "LSTM": ("1.7", "1.10", "1.14", "2.3"),
    "MAXIMUM": ("1.14", "1.14", "2.3", "2.3"),
    "MAX_POOL_2D": ("1.5", "1.14", "2.3"),
    "MEAN": ("1.6", "1.14", "2.4"),
    "MINIMUM": ("1.14", "1.14", "2.3", "2.3"),
    "MIRROR_PAD": ("1.13", "2.3", "2.12"),
    "MUL": ("1.5", "1.14", "1.15", "2.3", "2.6", "2.11", "2.13"),
    "MULTINOMIAL": ("2.8",),
    "NEG": ("1.9",),
    "NON_MAX_SUPPRESSION_V4": ("2.1",),
    "NON_MAX_SUPPRESSION_V5": ("2.1",),
    "NOT_EQUAL": ("1.14", "1.14", "2.3"),
    "ONE_HOT": ("1.11",),
    "PACK": ("1.11", "1.14", "2.3", "2.13"),
    "PAD": ("1.5", "1.14", "2.4", "2.6"),
    "PADV2": ("1.9", "1.14", "2.4", "2.6"),
    "POW": ("1.10",),
    "PRELU": ("1.8",),
    "QUANTIZE": ("1.14", "1.15", "2.7"),
    "RANDOM_STANDARD_NORMAL": ("2.8",),
    "RANDOM_UNIFORM": ("2.8",),
    "RANGE": ("1.13", "2.14"),
    "RANK": ("1.14",),
    "READ_VARIABLE": ("2.6",),
    "REAL": ("2.5",),
    "REDUCE_ALL": ("2.6",),
    "REDUCE_ANY": ("1.11",),
    "REDUCE_MAX": ("1.11", "1.14", "2.5"),
    "REDUCE_MIN": ("1.11", "1.14", "2.5"),
    "REDUCE_PROD": ("1.11", "2.6"),
    "RELU": ("1.5", "2.1", "2.5"),
    "RELU6": ("1.5", "1.14", "2.5"),
    "RELU_0_TO_1": ("2.10",),
    "RELU_N1_TO_1": ("1.5",),
    "RESHAPE": ("1.5",),
    "RESIZE_BILINEAR": ("1.7", "1.14", "2.2", "2.5"),
    "RESIZE_NEAREST_NEIGHBOR": ("1.13", "1.14", "2.3", "2.4"),
    "REVERSE_SEQUENCE": ("1.14",),
    "REVERSE_V2": ("1.14", "2.2", "2.5"),
    "RFFT2D": ("2.5",),
    "RIGHT_SHIFT": ("2.13",),
    "RNN": ("1.5", "1.14", "2.3"),
    "ROUND": ("1.14",),
    "RSQRT": ("1.10", "2.5", "2.15"),
    "SCATTER_ND": ("2.1",),
    "SEGMENT_SUM": ("2.2",),
    "SELECT": ("1.14", "1.14", "2.12", "2.12"),
    "SELECT_V2": ("2.2", "2.12"),
    "SHAPE": ("1.10",),
    "SIGN": ("2.11", "2.12"),
    "SIN": ("1.9",),
    "SLICE": ("1.14", "1.14", "1.14", "2.4", "2.5", "2.14"),
    "SOFTMAX": ("1.5", "1.14", "2.3"),
    "SPACE_TO_BATCH_ND": ("1.6", "1.14", "2.3", "2.12"),
    "SPACE_TO_DEPTH": ("1.5", "1.14"),
    "SPARSE_TO_DENSE": ("1.9", "1.14", "1.15"),
    "SPLIT": ("1.5", "1.14", "1.14", "2.3"),
    "SPLIT_V": ("1.13", "2.3"),
    "SQRT": ("1.10",),
    "SQUARE": ("1.12",),
    "SQUARED_DIFFERENCE": ("1.13", "2.5"),
    "SQUEEZE": ("1.6", "2.5"),
    "STRIDED_SLICE": ("1.6", "1.14", "2.1", "2.2", "2.5", "2.6", "2.14", "2.14"),
    "SUB": ("1.6", "1.14", "2.3", "2.4", "2.4"),
    "SUM": ("1.10", "1.15"),
    "SVDF": ("1.5", "1.14", "2.2", "2.3"),
    "TANH": ("1.14", "1.14", "2.3"),
    "TILE": ("1.10", "2.2", "2.8"),
    "TOPK_V2": ("1.7", "1.14", "2.13"),
    "TRANSPOSE": ("1.6", "1.14", "1.15", "2.3", "2.4", "2.12"),
    "TRANSPOSE_CONV": ("1.9", "2.2", "2.3", "2.13", "2.15"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("1.13", "1.14", "2.3", "2.12"),
    "UNIDIRECTIONAL_SEQUENCE_RNN": ("1.14", "1.14", "2.3"),
    "UNIQUE": ("1.14",),
    "UNPACK": ("1.11", "1.14", "2.2", "2.3"),
    "VAR_HANDLE": ("2.6",),
    "WHERE": ("1.14", "2.8"),
    "WHILE": ("1.15",),
    "ZEROS_LIKE": ("1.12",),
}
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumRuntime:
    """Which TFLite release a file needs.

    Attributes:
        version: The oldest release by the operators' versions, such as "2.11"; None where none of them is known.
        decided_by: The operator that asks for it, such as "CONV_2D version 5"; empty where there is none.
        unknown: Operators whose release is not known, with their version.
        stated: What the file itself says in its metadata; None where it says nothing.
    """

    version: str | None
    decided_by: str
    unknown: tuple[str, ...]
    stated: str | None

    @property
    def is_understated(self) -> bool:
        """Whether the file promises to run on an older release than its operators allow."""
        return self.stated is not None and self.version is not None and _order(self.stated) < _order(self.version)


def minimum_runtime(graph: Graph) -> MinimumRuntime:
    """Finds the oldest release for a file.

    Args:
        graph: The file.

    Returns:
        The release, and what is not known.
    """
    asked = list(dict.fromkeys((op.name, op.version) for op in graph.ops if not op.is_custom))
    known = {key: release for key in asked if (release := _release(*key))}
    latest = max(known, key=lambda key: _order(known[key]), default=None)
    return MinimumRuntime(
        version=None if latest is None else known[latest],
        decided_by="" if latest is None else _named(*latest),
        unknown=tuple(_named(*key) for key in asked if key not in known),
        stated=_stated(graph),
    )


def _named(name: str, version: int) -> str:
    return f"{name} version {version}"


def _release(name: str, version: int) -> str | None:
    releases = _RELEASES.get(name, ())
    return (releases[version - 1] or None) if 0 < version <= len(releases) else None


def _order(version: str) -> tuple[int, ...]:
    """Makes versions comparable.

    >>> _order("2.14") > _order("2.3")
    True
    """
    parts = [int(part) if part.isdecimal() else 0 for part in version.split(".")]
    while parts and parts[-1] == 0:  # 2.3.0 is 2.3
        parts.pop()
    return tuple(parts)


def _stated(graph: Graph) -> str | None:
    for entry in graph.model.metadata or ():
        if entry.name == _METADATA_NAME and 0 <= entry.buffer < len(graph.model.buffers):
            data = graph.model.buffers[entry.buffer].data
            text = b"" if data is None else bytes(data[:_LONGEST_VERSION])
            return text.partition(b"\0")[0].decode("ascii", "replace").strip() or None
    return None
