"""A float .tflite that is understood: where everything else is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mobile_deploy.contract import InputContract, OutputMeaning
from mobile_deploy.tflite.quantize import KernelBounds


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatModel:
    """A float .tflite that is understood: where everything else is made from.

    Attributes:
        data: Bytes of the file.
        name: Start of the bundles' names.
        input: What goes in.
        meaning: What comes out.
        labels: Class names in output order.
        wnids: WordNet identifiers in the same order, where the classes have them.
        facts: What model.json says of its origin.
        untrained: Whether its weights are random, in the head at least.
        notes: What the user should know of its origin, one sentence each.
        kernel_bounds: By operator, the weight that 127 must stand for; empty where the largest weight decides.
    """

    data: bytes = field(repr=False)
    name: str
    input: InputContract
    meaning: OutputMeaning
    labels: tuple[str, ...] = field(repr=False)
    wnids: tuple[str, ...] = field(default=(), repr=False)
    facts: Mapping[str, Any] = field(repr=False)
    untrained: bool = False
    notes: tuple[str, ...] = ()
    kernel_bounds: KernelBounds = field(default_factory=dict, repr=False)
