"""Reads the written bytes back and says whether they are what was asked for.

The file is parsed anew and held against its recipe and contract; `trial.py` also runs it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mobile_deploy.contract import ModelContract, Quantization
from mobile_deploy.recipes import RECIPES, Recipe
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, OpRecord
from mobile_deploy.tflite.precision import kernels_of

# The interface between float input/output and an integer network; never a leftover.
_BRIDGES = ("QUANTIZE", "DEQUANTIZE")
_SATURATED_BIAS = 2**31 - 1
_NEAR_ZERO_SCALE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What was found in a file.

    Attributes:
        problems: Why the file is not what was asked for; empty when it is.
        float_ops: Operators that compute in float although the recipe is integer, by name with their count.
        ops: Census of operators by name.
        dtypes: Census of tensors by dtype.
        saturated_biases: int32 biases at the end of their range.
        near_zero_scales: Activation tensors with a scale under 1e-8, which holds no signal.
        latency_ms: Median latency of one inference on this machine, one thread.
        runs: Runs behind it.
    """

    problems: tuple[str, ...]
    float_ops: Mapping[str, int]
    ops: Mapping[str, int]
    dtypes: Mapping[str, int]
    saturated_biases: int
    near_zero_scales: int
    latency_ms: float | None = None
    runs: int = 0

    @property
    def verdict(self) -> str:
        """Gives "clean", "float ops" when float leftovers were allowed, or "failed"."""
        if self.problems:
            return "failed"
        return "float ops" if self.float_ops else "clean"

    def to_json(self) -> dict[str, Any]:
        """Gives the report as JSON values; latency, which differs from run to run, is left out."""
        return {
            "verdict": self.verdict,
            "problems": list(self.problems),
            "float_ops": dict(self.float_ops),
            "ops": dict(self.ops),
            "dtypes": dict(self.dtypes),
            "saturated_biases": self.saturated_biases,
            "near_zero_scales": self.near_zero_scales,
        }

    def with_trial(self, answer: Mapping[str, Any]) -> AuditReport:
        """Adds what a `TrialProcess` found."""
        if "error" in answer:
            return replace(self, problems=(*self.problems, f"it does not run: {answer['error']}"))
        problems = self.problems if answer["finite"] else (*self.problems, "its output is not finite")
        return replace(self, problems=problems, latency_ms=answer["latency_ms"], runs=answer["runs"])


def _is_float_op(graph: Graph, op: OpRecord) -> bool:
    touched = (graph.tensors[i] for i in (*op.inputs, *op.outputs) if i >= 0)
    return op.name not in _BRIDGES and any(tensor.dtype in ("float32", "float16") for tensor in touched)


def float_ops_of(graph: Graph) -> dict[str, int]:
    """Counts the operators that compute in float, by name."""
    return dict(sorted(Counter(op.name for op in graph.ops if _is_float_op(graph, op)).items()))


def count_saturated_biases(graph: Graph) -> int:
    """Counts the int32 biases at the end of their range."""
    total = 0
    for op in graph.ops:
        bias = op.inputs[2] if op.name in WEIGHTED_OPS and len(op.inputs) > 2 else -1
        if bias >= 0 and graph.tensors[bias].dtype == "int32" and graph.tensors[bias].is_constant:
            total += int((np.abs(graph.constant(bias).astype(np.int64)) >= _SATURATED_BIAS).sum())
    return total


def count_near_zero_scales(graph: Graph) -> int:
    """Counts the activation tensors whose scale is so small that they hold no signal."""
    return sum(
        1
        for tensor in graph.tensors
        if not tensor.is_constant and tensor.scales and min(tensor.scales) < _NEAR_ZERO_SCALE
    )


def _weights_kept(graph: Graph, recipe: Recipe) -> str | None:
    """Says when kernels are stored in a wider type than the recipe's."""
    stored = {16: ("float16",), 8: ("int8",)}.get(recipe.weight_bits)
    if stored is None:
        return None
    wide = [
        kernel.name
        for op, kernel in kernels_of(graph)
        if kernel.dtype not in stored and not recipe.keeps_float(op.name, math.prod(kernel.shape))
    ]
    return f"{len(wide)} kernels are not {stored[0]}, the first {wide[0]}" if wide else None


def interface_problems(graph: Graph, contract: ModelContract) -> tuple[str, ...]:
    """Holds input and output tensor against the contract.

    Returns:
        One clause per contradiction.
    """
    problems = []
    ends = (("input", graph.inputs, contract.input), ("output", graph.outputs, contract.output))
    for name, indices, promised in ends:
        if len(indices) != 1:
            problems.append(f"{len(indices)} {name}s instead of one")
            continue
        tensor = graph.tensors[indices[0]]
        if tensor.dtype != promised.dtype:
            problems.append(f"{name} is {tensor.dtype}, the contract says {promised.dtype}")
        found = Quantization(scale=tensor.scales[0], zero_point=tensor.zero_points[0]) if tensor.scales else None
        if not _same_quantization(found, promised.quantization):
            problems.append(f"{name} quantization is {found}, the contract says {promised.quantization}")
    shape = graph.tensors[graph.inputs[0]].shape
    if shape != (1, contract.input.side, contract.input.side, 3):
        problems.append(f"input shape is {list(shape)}, the contract says side {contract.input.side}")
    size = math.prod(graph.tensors[graph.outputs[0]].shape[1:])
    if size != contract.output.size:
        problems.append(f"output holds {size} values, the contract says {contract.output.size}")
    return tuple(problems)


def _same_quantization(found: Quantization | None, promised: Quantization | None) -> bool:
    if found is None or promised is None:
        return found is promised
    # The file stores float32.
    return bool(np.isclose(found.scale, promised.scale, rtol=1e-6)) and found.zero_point == promised.zero_point


def audit_graph(graph: Graph, recipe: Recipe, contract: ModelContract, *, allow_float_ops: bool) -> AuditReport:
    """Holds what a file says of itself against its recipe and contract.

    Args:
        graph: The file, as read back.
        recipe: What was asked for.
        contract: What callers are promised.
        allow_float_ops: Whether float leftovers in an integer recipe are accepted.

    Returns:
        The findings; `problems` is empty when the file is what was asked for.
    """
    float_ops = float_ops_of(graph) if recipe.is_integer else {}
    saturated, near_zero = count_saturated_biases(graph), count_near_zero_scales(graph)
    custom = sorted({op.name for op in graph.ops if op.is_custom})
    problems = [*interface_problems(graph, contract)]
    if float_ops and not allow_float_ops:
        named = ", ".join(f"{count} {name}" for name, count in float_ops.items())
        problems.append(f"{named} left in float: the quantizer has no {recipe.name} form of it")
    if custom:
        problems.append(f"custom operators {', '.join(custom)}: a plain runtime refuses them")
    if saturated:
        problems.append(f"{saturated} saturated biases")
    if (kept := _weights_kept(graph, recipe)) is not None and not allow_float_ops:
        problems.append(kept)
    return AuditReport(
        problems=tuple(problems),
        float_ops=float_ops,
        ops=dict(sorted(Counter(op.name for op in graph.ops).items())),
        dtypes=dict(sorted(Counter(tensor.dtype for tensor in graph.tensors).items())),
        saturated_biases=saturated,
        near_zero_scales=near_zero,
    )


def audit_hint(failed: Collection[str]) -> str:
    """Gives the next step after a failed audit: accept the leftovers, or a recipe that did not fail."""
    others = ", ".join(name for name in RECIPES if name not in failed)
    return f"pass --allow-float-ops to write it all the same, or choose another --quant ({others})"
