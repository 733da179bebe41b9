"""Small converted networks of the variant table with lively weights, pictures and ranges."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from fakes.pictures import make_picture
from models.user_models import with_lively_weights

from mobile_deploy.contract import Fit, InputContract, ModelContract
from mobile_deploy.models.build import build_model
from mobile_deploy.recipes import Granularity, IoType, resolve_recipes
from mobile_deploy.tflite.calibrate import ActivationRanges, measure_ranges
from mobile_deploy.tflite.convert import convert_to_float
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import contract_for
from mobile_deploy.tflite.quantize import QuantizeResult, quantize
from mobile_deploy.variants.registry import make_spec

LABELS = tuple(f"name {i}" for i in range(10))
# Alpha and side of each: the narrowest that have weights files, the smallest sides at which every layer is there.
SIZES = {"v1": (0.25, 64), "v2": (0.35, 64), "v3-small": (0.75, 64), "v3-small-minimalistic": (1.0, 64)}


@dataclass(frozen=True, kw_only=True)
class SmallNetwork:
    """A converted network; what is derived from it is made once."""

    variant: str
    model: Any
    side: int
    data: bytes
    _made: dict[tuple[str, str | None, str], QuantizeResult] = field(default_factory=dict, repr=False)

    @cached_property
    def pictures(self) -> np.ndarray:
        """(24, side, side, 3) uint8 RGB."""
        return _pictures(self.side)

    @cached_property
    def input(self) -> InputContract:
        """The float file's input."""
        return InputContract(side=self.side, dtype="float32", low=-1.0, high=1.0, fit=Fit(kind="stretch"))

    @cached_property
    def ranges(self) -> ActivationRanges:
        """Ranges over all pictures."""
        return measure_ranges(self.data, self.pictures, self.input)

    def quantized(
        self, quant: str, io: IoType | None = None, *, granularity: Granularity = "per-channel"
    ) -> QuantizeResult:
        """The file in a recipe, made once."""
        key = (quant, io, granularity)
        if key not in self._made:
            self._made[key] = self.quantized_anew(*key)
        return self._made[key]

    def quantized_anew(self, quant: str, io: IoType | None, granularity: Granularity) -> QuantizeResult:
        """The same, made now."""
        request = resolve_recipes([quant], io=io)[0]
        return quantize(self.data, request, self.input, ranges=self.ranges, granularity=granularity)

    def contract(self, data: bytes, quant: str, io: str | None = None) -> ModelContract:
        """The contract of such a file."""
        request = resolve_recipes([quant], io=io)[0]
        return contract_for(read_graph(data), request, self.input, meaning="softmax", labels=LABELS)


def _pictures(side: int) -> np.ndarray:
    return np.stack([make_picture(seed, height=side, width=side) for seed in range(24)])


def make_small_network(keras: Any, variant: str) -> SmallNetwork:
    """Builds and converts a network."""
    alpha, side = SIZES[variant]
    spec = make_spec(variant, width_multiplier=alpha, side=side, classes=len(LABELS))
    model = with_lively_weights(build_model(spec, keras=keras))
    _settle(model, _pictures(side).astype(np.float32) / 127.5 - 1)
    data = convert_to_float(lambda image: model(image, training=False), side=side)
    return SmallNetwork(variant=variant, model=model, side=side, data=data)


def _settle(model: Any, images: np.ndarray) -> None:
    """Gives batch norms the statistics of the pictures, so that no activation is dead or saturated everywhere."""
    for layer in model.layers:
        if hasattr(layer, "moving_mean"):
            layer.momentum = 0.0
    model(images, training=True)
