"""Tries repairs on calibration pictures that were held back, and keeps those that help.

The calibration pictures are split: most give ranges, the others are answered by the float file and by each candidate.
What counts is the logit SQNR of the candidate file itself, run as it would be shipped. A repair stays while the file is
worse without it, by more than the kernels of other processors differ; then all is measured once more on all pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract
from mobile_deploy.evaluation.bench import FilePair
from mobile_deploy.evaluation.gains import measure_gains
from mobile_deploy.evaluation.layer_names import readable_names
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.recipes import REPAIRS, Granularity, RecipeRequest
from mobile_deploy.tflite.calibrate import ActivationRanges, measure_ranges
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.equalize import (
    Equalization,
    apply_equalization,
    measure_peaks,
    plan_equalization,
    plan_silence,
)
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import input_contract_for
from mobile_deploy.tflite.quantize import KernelBounds, QuantizeResult, quantize
from mobile_deploy.tflite.range_choice import Histogram, class_scores, measure_histograms, narrow_ranges
from mobile_deploy.tflite.runner import InterpreterError

# Every fifth picture is held back.
_SHARE = 5
# 16-bit activations have no fast kernels: a picture takes V2 150 ms instead of 2.
_MOST_HELD_BACK = {8: 32, 16: 4}

# Operators that compute nothing that rounding could harm.
_NO_LAYERS = ("PAD", "RESHAPE", "SOFTMAX", "SQUEEZE")
_RANKING_PICTURES = 8

# What a repair must be worth: the kernels of another processor may round differently by less.
LEAST_GAIN_DB = 0.05

ON_THE_FLOAT_FILE = ("dead-channels", "equalization")
_ON_RANGES = ("percentile-ranges", "mse-ranges")

Pictures = npt.NDArray[np.uint8]
Peaks = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairReport:
    """What repairs were worth on the pictures that were held back.

    Attributes:
        pictures: How many pictures were held back.
        sqnr_db: Logit SQNR of the file with the kept repairs, in dB.
        kept: By repair, how much lower it would be without, in dB.
        left_out: By repair that was tried in vain, how much higher it is without, in dB; a little below zero where it
            gained too little to matter.
        float_layers: Layers that were kept in float afterwards, which no figure here counts.
    """

    pictures: int
    sqnr_db: float
    kept: Mapping[str, float]
    left_out: Mapping[str, float]
    float_layers: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Gives the report as JSON values, in hundredths of a dB; null where a value is not finite."""
        return {
            "held_back_pictures": self.pictures,
            "logit_sqnr_db": rounded_db(self.sqnr_db),
            "kept": {name: rounded_db(gain) for name, gain in self.kept.items()},
            "left_out": {name: rounded_db(gain) for name, gain in self.left_out.items()},
            **({"float_layers": list(self.float_layers)} if self.float_layers else {}),
        }

    def __str__(self) -> str:
        before = ", before layers were kept in float" if self.float_layers else ""
        where = f"on {self.pictures} calibration pictures held back{before}"
        kept = (f"without {name} {gain:.1f} dB less" for name, gain in self.kept.items())
        left_out = (f"{' and '.join(self.left_out)} left out, no help here",) if self.left_out else ()
        return "; ".join((f"{self.sqnr_db:.1f} dB of logit SQNR {where}", *kept, *left_out))


def _gain_db(with_it: float, without: float) -> float:
    return 0.0 if with_it == without else with_it - without  # both may be infinite


def rounded_db(value: float) -> float | None:
    """Gives a figure for the record, in hundredths of a dB; None where it is not finite."""
    return round(value, 2) if np.isfinite(value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A float file that is ready to be quantized.

    Attributes:
        data: Bytes of the float .tflite, repaired.
        ranges: Its activation ranges on all pictures.
        equalization: How it differs from the file it was made from.
        repairs: The repairs in it, and in its quantization.
        kernel_bounds: By operator, the weight that 127 stands for, where training has settled that.
        is_trained: Whether its weights and ranges were trained for the integers' grid; its biases are corrected then.
    """

    data: bytes = field(repr=False)
    ranges: ActivationRanges = field(repr=False)
    equalization: Equalization = field(repr=False)
    repairs: tuple[str, ...]
    kernel_bounds: KernelBounds = field(default_factory=dict, repr=False)
    is_trained: bool = False

    def quantize(
        self, request: RecipeRequest, model: FloatModel, granularity: Granularity, source: object
    ) -> QuantizeResult:
        """Quantizes it.

        Raises:
            QuantizerError: The quantizer refused the file.
        """
        return quantize(
            self.data,
            request,
            model.input,
            granularity=granularity,
            ranges=self.ranges,
            kernel_bounds=self.kernel_bounds,
            corrects_biases="bias-correction" in self.repairs and not self.is_trained,
            source=source,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer and what it loses.

    Attributes:
        index: Position of its operator in the float file.
        name: Its name, shortened.
        gain_db: What the logit SQNR rises by when it alone is computed in float.
    """

    index: int
    name: str
    gain_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    """The float file with the repairs that change it, and its ranges."""

    data: bytes
    equalization: Equalization
    ranges: ActivationRanges


_VariantKey = tuple[tuple[str, ...], bool]  # the repairs that change the float file, and whether all pictures count


class RepairBench:
    """Tries repairs of one float file; what several recipes need is measured once.

    Args:
        model: The float file.
        pictures: (N, side, side, 3) uint8 RGB calibration pictures, fitted to the contract.
        child: The process that candidate files run in.
        source: What to call the float file in errors.
        score_room: How far beyond what the pictures show the class scores may go, as a factor.
        progress: Called with pictures done and pictures in all while ranges are measured.
    """

    def __init__(
        self,
        model: FloatModel,
        pictures: Pictures,
        *,
        child: Child,
        source: object,
        score_room: float = 1.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._model, self._child, self._source = model, child, source
        self._scores, self._score_room = class_scores(read_graph(model.data, source=source)), score_room
        is_held_back = np.arange(len(pictures)) % _SHARE == _SHARE - 1
        self._all = pictures
        self._measured: Pictures = pictures[~is_held_back]
        self._held_back: Pictures = pictures[is_held_back]
        self._variants: dict[_VariantKey, _Variant] = {
            ((), everything): variant for everything, variant in self._unchanged(progress).items()
        }
        self._histograms: dict[_VariantKey, dict[str, Histogram]] = {}
        self._known_peaks: dict[bool, Peaks] = {}
        self._known_narrow: dict[tuple[_VariantKey, str], ActivationRanges] = {}

    def _unchanged(self, progress: Callable[[int, int], None] | None) -> dict[bool, _Variant]:
        """Measures the float file as it is; each picture is run once."""

        def measure(part: Pictures, before: int) -> ActivationRanges:
            def advance(done: int, _total: int) -> None:
                if progress is not None:
                    progress(before + done, len(self._all))

            return measure_ranges(self._model.data, part, self._model.input, source=self._source, progress=advance)

        measured = measure(self._measured, 0)
        joined = measured.joined(measure(self._held_back, len(self._measured)))
        return {
            everything: _Variant(data=self._model.data, equalization=Equalization(), ranges=ranges)
            for everything, ranges in ((False, measured), (True, joined))
        }

    def choose(self, request: RecipeRequest, granularity: Granularity, names: Collection[str]) -> RepairReport:
        """Finds out which repairs help.

        Args:
            request: The recipe.
            granularity: What a weight scale covers.
            names: Repairs to try, out of `recipes.REPAIRS`.

        Returns:
            What each is worth; those in `kept` are for `repair`.

        Raises:
            QuantizerError: The quantizer refused the file.
        """
        bits = request.recipe.activation_bits
        tried = frozenset(name for name in names if bits in REPAIRS[name].activation_bits)
        pictures = self._held_back[: _MOST_HELD_BACK[bits]]
        scores: dict[frozenset[str], float] = {}

        def score(chosen: frozenset[str]) -> float:
            if chosen not in scores:
                scores[chosen] = self._sqnr_db(request, granularity, chosen, pictures)
            return scores[chosen]

        kept, left_out = tried, {}
        while kept:
            idle = max(kept, key=lambda name: (score(kept - {name}), name))
            gain_db = _gain_db(score(kept), score(kept - {idle}))
            if not gain_db < LEAST_GAIN_DB:  # nor where it is no number
                break
            left_out[idle] = 0.0 - gain_db  # no negative zero
            kept -= {idle}
        return RepairReport(
            pictures=len(pictures),
            sqnr_db=score(kept),
            kept={name: _gain_db(score(kept), score(kept - {name})) for name in REPAIRS if name in kept},
            left_out=left_out,
        )

    def repair(self, names: Collection[str], *, everything: bool = True) -> Repaired:
        """Applies repairs.

        Args:
            names: The repairs.
            everything: Whether all pictures are measured, or only those that are not held back.

        Returns:
            The repaired float file and its ranges.
        """
        return self._repaired(names, everything=everything)

    @property
    def measured(self) -> Pictures:
        """Pictures that are not held back."""
        return self._measured

    @property
    def held_back(self) -> Pictures:
        """Pictures to judge by."""
        return self._held_back

    @property
    def reference(self) -> npt.NDArray[np.float64]:
        """What the float file says to the pictures that were held back: (N, labels) logits."""
        return self._reference

    def sqnr_db(self, request: RecipeRequest, data: bytes) -> float:
        """Measures a file on the pictures that were held back; minus infinity where it does not run.

        Args:
            request: Its recipe.
            data: Bytes of the .tflite.

        Returns:
            Logit SQNR in dB.
        """
        return self._file_sqnr_db(request, data, self._held_back[: _MOST_HELD_BACK[request.recipe.activation_bits]])

    def rank_layers(
        self,
        repaired: Repaired,
        data: bytes,
        contract: ModelContract,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Layer, ...]:
        """Finds the layers of a file that gain most when they alone are computed in float.

        Args:
            repaired: The float file it was quantized from.
            data: Bytes of the integer file.
            contract: How to feed it.
            progress: Called with layers done and layers in all.

        Returns:
            The layers that gain anything, the best first.
        """
        graph = read_graph(repaired.data, source=self._source)
        layers = [op.index for op in graph.ops if op.name not in _NO_LAYERS]
        files = FilePair(data=data, given=contract.input, float_data=repaired.data, float_given=self._model.input)
        pictures = self._held_back[:_RANKING_PICTURES]
        gains = measure_gains(files, pictures, layers, child=self._child, progress=progress).by_layer
        names = readable_names([graph.tensors[op.outputs[0]].name for op in graph.ops])
        best = sorted((layer for layer in layers if gains[layer] > 0), key=lambda layer: -gains[layer])
        return tuple(Layer(index=layer, name=names[layer], gain_db=gains[layer]) for layer in best)

    def _repaired(self, names: Collection[str], *, everything: bool) -> Repaired:
        key = (tuple(name for name in ON_THE_FLOAT_FILE if name in names), everything)
        variant = self._variant(key)
        method = next((name for name in _ON_RANGES if name in names), None)
        ranges = variant.ranges if method is None else self._narrowed(key, method)
        return Repaired(
            data=variant.data,
            ranges=ranges.widened(self._scores, self._score_room),
            equalization=variant.equalization,
            repairs=tuple(name for name in REPAIRS if name in names),
            kernel_bounds=self._model.kernel_bounds,
        )

    def _narrowed(self, key: _VariantKey, method: str) -> ActivationRanges:
        if (key, method) not in self._known_narrow:
            self._known_narrow[key, method] = narrow_ranges(self._variant(key).ranges, self._spread(key), method)
        return self._known_narrow[key, method]

    def _variant(self, key: _VariantKey) -> _Variant:
        if key not in self._variants:
            self._variants[key] = self._changed(*key)
        return self._variants[key]

    def _changed(self, names: tuple[str, ...], everything: bool) -> _Variant:
        pictures = self._all if everything else self._measured
        model, graph = self._model, read_graph(self._model.data, source=self._source)
        peaks = self._peaks(everything)
        plan = plan_silence(graph, peaks) if "dead-channels" in names else Equalization()
        if "equalization" in names:
            plan = plan_equalization(graph, peaks, plan)
        data = apply_equalization(model.data, plan, source=self._source)
        ranges = measure_ranges(data, pictures, model.input, source=self._source)
        return _Variant(data=data, equalization=plan, ranges=ranges)

    def _peaks(self, everything: bool) -> Peaks:
        """Gives the largest value of each channel on the measured pictures, or on all; each picture is run once."""
        if everything not in self._known_peaks:
            part = self._held_back if everything else self._measured
            found = measure_peaks(self._model.data, part, self._model.input)
            known = self._peaks(everything=False) if everything else found
            self._known_peaks[everything] = {name: np.maximum(found[name], known[name]) for name in found}
        return self._known_peaks[everything]

    def _spread(self, key: _VariantKey) -> dict[str, Histogram]:
        if not key[0]:
            key = ((), False)  # extremes are those of all pictures, but how values are spread settles sooner
        if key not in self._histograms:
            variant = self._variant(key)
            self._histograms[key] = measure_histograms(
                variant.data, self._measured, self._model.input, variant.ranges, source=self._source
            )
        return self._histograms[key]

    @cached_property
    def _reference(self) -> npt.NDArray[np.float64]:
        return read_logits(self._model.data, self._held_back, self._model.input, source=self._source, child=self._child)

    def _sqnr_db(
        self, request: RecipeRequest, granularity: Granularity, names: Collection[str], pictures: Pictures
    ) -> float:
        """Makes a candidate file and measures it; minus infinity where it does not run."""
        repaired = self._repaired(names, everything=False)
        data = repaired.quantize(request, self._model, granularity, self._source).data
        return self._file_sqnr_db(request, data, pictures)

    def _file_sqnr_db(self, request: RecipeRequest, data: bytes, pictures: Pictures) -> float:
        given = input_contract_for(request, self._model.input)
        try:
            logits = read_logits(data, pictures, given, source=self._source, child=self._child)
        except InterpreterError:  # the audit will say so
            return -math.inf
        return logit_sqnr_db(self._reference[: len(pictures)], logits)
