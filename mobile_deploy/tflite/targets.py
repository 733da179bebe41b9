"""Which operators of a file each target takes, in how many pieces, and why it refuses the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mobile_deploy.tflite.cost import constants_of
from mobile_deploy.tflite.graph import Graph
from mobile_deploy.tflite.target_conditions import OpView
from mobile_deploy.tflite.target_profiles import PROFILES, Keeps, TargetProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Operators that a target refuses for one reason.

    Attributes:
        op: Name of the operator.
        count: How many there are.
        reason: Why, such as "no int8 form" or "needs a batch of one".
    """

    op: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What one target makes of a file.

    Attributes:
        target: Name of the target.
        ops: Operators in the file.
        taken: How many of them the target can take.
        placed: How many it really gets by default: all that it takes, or those of one group.
        partitions: Groups that run without leaving the target, formed as TFLite's partitioner forms them.
        refused: What it refuses, in the order of the file.
    """

    target: str
    ops: int
    taken: int
    placed: int
    partitions: int
    refused: tuple[Refusal, ...]


def judge_targets(graph: Graph) -> tuple[TargetReport, ...]:
    """Holds a file against all profiles.

    Args:
        graph: The file.

    Returns:
        One report a target.
    """
    constants = constants_of(graph)
    views = tuple(OpView(graph=graph, op=op, constants=constants) for op in graph.ops)
    return tuple(_judge(views, profile) for profile in PROFILES)


def refusal_reason(view: OpView, profile: TargetProfile) -> str | None:
    """Says why a target refuses an operator.

    Args:
        view: The operator.
        profile: The target.

    Returns:
        The first reason; None if it takes it.
    """
    rule = profile.rule_for(view.op.name)
    if rule is None:
        return "custom operator" if view.op.is_custom else "not among its operators"
    if not view.inputs:
        return "has no input"
    wrong = next((t.dtype for t in view.activations if t.dtype not in rule.dtypes), None)
    if wrong is not None:
        return f"no {wrong} form"
    conditions = (*profile.conditions, *rule.conditions)
    return next((f"needs {asked.words}" for asked in conditions if not asked.holds(view)), None)


def _judge(views: Sequence[OpView], profile: TargetProfile) -> TargetReport:
    reasons = [refusal_reason(view, profile) for view in views]
    refused = Counter((v.op.name, reason) for v, reason in zip(views, reasons, strict=True) if reason is not None)
    sizes = _partition_sizes(views, [reason is None for reason in reasons])
    return TargetReport(
        target=profile.name,
        ops=len(views),
        taken=reasons.count(None),
        placed=_placed(sizes, profile.keeps),
        partitions=len(sizes),
        refused=tuple(Refusal(op=op, count=count, reason=reason) for (op, reason), count in refused.items()),
    )


def _placed(sizes: Sequence[int], keeps: Keeps) -> int:
    if not sizes:
        return 0
    return {"all": sum(sizes), "largest": max(sizes), "first": sizes[0]}[keeps]


def _partition_sizes(views: Sequence[OpView], taken: Sequence[bool]) -> list[int]:
    """Groups the taken operators as the runtime does, and gives the size of each group in order.

    The runtime grows a group by every operator of one kind (taken or not) whose inputs are ready, until none is left;
    then the other kind has its turn. So an operator lies in the first turn of its own kind that is not before those of
    the operators it reads from. Source: PartitionGraphIntoIndependentNodeSubsets in tflite/graph_info.cc.
    """
    turn_of_tensor: dict[int, int] = {}
    sizes: Counter[int] = Counter()
    for view, is_taken in zip(views, taken, strict=True):
        turn = max((turn_of_tensor.get(i, 0) for i in view.op.inputs), default=0)
        if (turn % 2 == 0) != (is_taken == taken[0]):
            turn += 1
        turn_of_tensor.update(dict.fromkeys(view.op.outputs, turn))
        if is_taken:
            sizes[turn] += 1
    return [size for _, size in sorted(sizes.items())]
