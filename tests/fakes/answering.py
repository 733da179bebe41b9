"""A model whose answers are written down beforehand."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract, Quantization


def contract_of(
    labels: tuple[str, ...], *, meaning="softmax", size: int | None = None, scale: float | None = None, side: int = 8
) -> ModelContract:
    """A contract with these classes; `scale` makes the output uint8."""
    quantization = None if scale is None else Quantization(scale=scale, zero_point=0)
    return ModelContract(
        input=InputContract(side=side, dtype="float32", low=0.0, high=1.0, fit=Fit(kind="stretch")),
        output=OutputContract(
            dtype="float32" if scale is None else "uint8",
            meaning=meaning,
            size=len(labels) if size is None else size,
            quantization=quantization,
        ),
        labels=labels,
        minimum_runtime="2.14",
    )


class ScriptedModel:
    """Answers the first picture with the first row, and so on, whatever it shows."""

    def __init__(self, answers, contract: ModelContract) -> None:
        self.answers = np.asarray(answers, np.float32)
        self.contract = contract
        self.latencies_ms: list[float] = []
        self.seen: list[np.ndarray] = []

    @contextmanager
    def open(self, *, threads: int = 1):
        self._next = 0
        self.latencies_ms = []
        yield self

    def run(self, pictures):
        start, self._next = self._next, self._next + len(pictures)
        self.seen.extend(pictures)
        self.latencies_ms += [2.0] * len(pictures)
        return self.answers[start : self._next]
