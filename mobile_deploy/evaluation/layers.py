"""The error of each layer of an integer file: on its own, and as it has piled up.

The local error is that of one operator which reads the float file's values, rounded as the integer file stores them.
The cumulative error is that of the whole integer file at this operator's result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mobile_deploy.evaluation.bench import Bench, FilePair, is_measurable
from mobile_deploy.evaluation.layer_names import readable_names
from mobile_deploy.evaluation.probes import has_stored_weights
from mobile_deploy.evaluation.tallies import Closeness, ResultTally
from mobile_deploy.tflite.graph import ABSENT, WEIGHTED_OPS, Graph
from mobile_deploy.tflite.runner import InterpreterError
from mobile_deploy.tflite.twins import OpPair, activation_inputs, pair_ops

_FULL_INT32 = 2**31 - 1
_LOBE_DEPTH = 0.375  # of hard-swish, at -1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFacts:
    """What a layer's kernel and bias look like.

    Attributes:
        range_ratio: Largest absolute weight of the widest output channel over that of the narrowest that is not zero,
            in the float file.
        channels: Output channels.
        shares_scale: Whether all channels share one scale although there are several.
        zero_channels: Channels whose stored weights are all zero.
        zero_in_float: Those of them that are zero in the float file too.
        saturated_biases: Channels whose int32 bias stands at an end of its range.
        noise_share: Power of the error that the stored weights alone make over that of the local error.
    """

    range_ratio: float
    channels: int
    shares_scale: bool
    zero_channels: tuple[int, ...]
    zero_in_float: tuple[int, ...]
    saturated_biases: tuple[int, ...]
    noise_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LobeFacts:
    """How a hard-swish fares where it is negative.

    Attributes:
        steps: Steps of the stored result between 0 and the lowest point of the lobe, -0.375.
        value_share: Share of inputs in the lobe, between -3 and 0.
        noise_share: Share of the power of the local error that arises there.
    """

    steps: float
    value_share: float
    noise_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerError:
    """One layer of an integer file.

    Attributes:
        index: Position of the operator in the float file.
        name: Short name of the layer.
        op: Operator.
        shape: Shape of the result.
        local: Error of the operator fed with float values; None where it cannot be fed.
        cumulative: Error of the whole integer file at this result.
        clipped: Share of the result's values that the integer range cuts off.
        clip_noise_share: Power of what is cut off over that of the local error.
        bulk_steps: Integer steps that hold all but a thousandth of the values; None for other than 8 bits.
        silent_channels: Channels of a layer with weights that were never anything but zero.
        silenced_channels: Those of them that move by a step at least in the float file.
        input_scales: Scales of the integer activations that it reads.
        output_scale: Scale of its result; None for a float one.
        weights: Facts of a layer with a kernel of integers.
        lobe: Facts of an integer hard-swish.
    """

    index: int
    name: str
    op: str
    shape: tuple[int, ...]
    local: Closeness | None
    cumulative: Closeness
    clipped: float
    clip_noise_share: float
    bulk_steps: int | None
    silent_channels: tuple[int, ...]
    silenced_channels: tuple[int, ...]
    input_scales: tuple[float, ...]
    output_scale: float | None
    weights: WeightFacts | None
    lobe: LobeFacts | None

    @property
    def dead_channels(self) -> tuple[int, ...]:
        """Channels that carried nothing: stored weights all zero, or a result that was never anything but zero."""
        zero = self.weights.zero_channels if self.weights is not None else ()
        return tuple(sorted({*zero, *self.silent_channels}))

    @property
    def lost_channels(self) -> tuple[int, ...]:
        """Dead channels that no picture can wake: stored weights all zero, or silent although the float file is not."""
        zero = self.weights.zero_channels if self.weights is not None else ()
        return tuple(sorted({*zero, *self.silenced_channels}))


def measure_layers(
    files: FilePair, pictures: npt.NDArray[np.uint8], *, progress: Callable[[int, int], None] | None = None
) -> tuple[LayerError, ...]:
    """Measures every layer on pictures.

    Args:
        files: Both files.
        pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.
        progress: Called with pictures done and pictures in all.

    Returns:
        The layers in execution order.

    Raises:
        NotTheTwinError: The files do not belong together.
        InterpreterError: A file does not run or gives no finite numbers.
    """
    stored, twin = files.graphs()
    pairs = tuple(
        pair
        for pair in pair_ops(stored, twin, source=files.source, twin_source=files.float_source)
        if is_measurable(pair, stored, twin)
    )
    tallies = {
        pair.twin.index: ResultTally(
            tensor=stored.tensors[pair.stored.outputs[0]], is_hard_swish=pair.stored.name == "HARD_SWISH"
        )
        for pair in pairs
    }
    bench = Bench(files, pairs)
    for done, picture in enumerate(pictures, start=1):
        bench.run(picture[None], tallies)
        if progress is not None:
            progress(done, len(pictures))
    _check_finite(tallies.values(), files)
    names = readable_names([twin.tensors[pair.twin.outputs[0]].name for pair in pairs])
    return tuple(
        _described(pair, name, tallies[pair.twin.index], stored, twin) for pair, name in zip(pairs, names, strict=True)
    )


def _check_finite(tallies: Iterable[ResultTally], files: FilePair) -> None:
    """Refuses sums that a NaN or an overflow went into."""
    for tally in tallies:
        if not math.isfinite(tally.cumulative.noise + tally.local.noise + tally.weight_noise):
            reason = f"{tally.tensor.name} is not finite, or too large to be squared, on some pictures"
            raise InterpreterError(path=files.source, reason=reason)


def _described(pair: OpPair, name: str, tally: ResultTally, stored: Graph, twin: Graph) -> LayerError:
    """Puts together what was measured of a layer and what the files say of it."""
    local = tally.local
    read = [stored.tensors[i] for i in activation_inputs(stored, pair.stored)]
    silent = _silent_channels(pair, tally)
    return LayerError(
        index=pair.twin.index,
        name=name,
        op=pair.stored.name,
        shape=tally.tensor.shape,
        local=local.closeness() if local.signal or local.noise else None,
        cumulative=tally.cumulative.closeness(),
        clipped=tally.clipped / tally.values,
        clip_noise_share=_share(tally.clip_noise, local.noise),
        bulk_steps=tally.bulk_steps(),
        silent_channels=silent,
        silenced_channels=_alive_in_float(silent, tally),
        input_scales=tuple(tensor.scales[0] for tensor in read if tensor.scales),
        output_scale=tally.tensor.scales[0] if tally.tensor.scales else None,
        weights=_weight_facts(pair, tally, stored, twin) if has_stored_weights(pair, stored) else None,
        lobe=_lobe_facts(tally) if tally.is_hard_swish and tally.tensor.scales else None,
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _silent_channels(pair: OpPair, tally: ResultTally) -> tuple[int, ...]:
    return () if pair.stored.name not in WEIGHTED_OPS or tally.is_moving is None else _indices(~tally.is_moving)


def _alive_in_float(channels: tuple[int, ...], tally: ResultTally) -> tuple[int, ...]:
    step = tally.tensor.scales[0] if tally.tensor.scales else 0.0
    return tuple(i for i in channels if tally.largest is not None and tally.largest[i] > step)


def _indices(flags: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.flatnonzero(flags))


def _weight_facts(pair: OpPair, tally: ResultTally, stored: Graph, twin: Graph) -> WeightFacts:
    kernel = stored.tensors[pair.stored.inputs[1]]
    exact, rounded = (
        _widest_by_channel(graph.constant(op.inputs[1]), op.name)
        for graph, op in ((twin, pair.twin), (stored, pair.stored))
    )
    moving = exact[exact > 0]
    is_zero = rounded == 0
    return WeightFacts(
        range_ratio=float(moving.max() / moving.min()) if moving.size else 1.0,
        channels=exact.size,
        shares_scale=len(kernel.scales) == 1 < exact.size,
        zero_channels=_indices(is_zero),
        zero_in_float=_indices(is_zero & (exact == 0)),
        saturated_biases=_saturated_biases(pair, stored),
        noise_share=_share(tally.weight_noise, tally.local.noise),
    )


def _widest_by_channel(kernel: npt.NDArray[np.generic], op: str) -> npt.NDArray[np.float64]:
    """Gives the largest absolute weight of each output channel."""
    axis = WEIGHTED_OPS[op]
    others = tuple(i for i in range(kernel.ndim) if i != axis)
    return np.asarray(np.abs(kernel.astype(np.float64)).max(axis=others))


def _saturated_biases(pair: OpPair, stored: Graph) -> tuple[int, ...]:
    index = pair.stored.inputs[2] if len(pair.stored.inputs) > 2 else ABSENT
    if index == ABSENT or stored.tensors[index].dtype != "int32" or not stored.tensors[index].is_constant:
        return ()
    return _indices(np.abs(stored.constant(index).astype(np.int64)) >= _FULL_INT32)


def _lobe_facts(tally: ResultTally) -> LobeFacts:
    return LobeFacts(
        steps=_LOBE_DEPTH / tally.tensor.scales[0],
        value_share=_share(tally.lobe_values, tally.values),
        noise_share=_share(tally.lobe_noise, tally.local.noise),
    )
