"""Operators counted by name and by the types they compute in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mobile_deploy.tflite.cost import LayerCost


@dataclass(frozen=True, slots=True, kw_only=True)
class OpGroup:
    """Operators of one name that compute in one type.

    Attributes:
        op: Their name.
        types: What they compute in, such as "int8" or "uint8 > int8".
        count: How many there are.
        mult_adds: Their mult-adds.
        weight_bytes: Bytes of the stored tensors they read.
    """

    op: str
    types: str
    count: int
    mult_adds: int
    weight_bytes: int


def group_ops(layers: Sequence[LayerCost], types: Mapping[int, str]) -> tuple[OpGroup, ...]:
    """Sums operators of one name and type up.

    Args:
        layers: Each operator with its cost.
        types: What it computes in, by its index.

    Returns:
        The groups, the costly ones first.
    """
    by_kind: dict[tuple[str, str], list[LayerCost]] = defaultdict(list)
    for layer in layers:
        by_kind[layer.op.name, types[layer.op.index]].append(layer)
    groups = (
        OpGroup(
            op=op,
            types=kind,
            count=len(members),
            mult_adds=sum(layer.mult_adds for layer in members),
            weight_bytes=sum(layer.constant_bytes for layer in members),
        )
        for (op, kind), members in by_kind.items()
    )
    return tuple(sorted(groups, key=lambda group: (-group.mult_adds, -group.count)))
