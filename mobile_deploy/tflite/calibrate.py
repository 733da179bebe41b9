"""Measures the range of every activation by running the float .tflite itself on pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract
from mobile_deploy.tflite.graph import load_model
from mobile_deploy.tflite.runner import InterpreterError, encode_pictures, open_interpreter
from mobile_deploy.tflite.write import pack

# Means settle sooner than extremes; a quarter of 100 pictures gives them at a tenth of the time.
_AVERAGED_PICTURES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationRanges:
    """What was seen at each activation tensor.

    Attributes:
        limits: Smallest and largest value by tensor name.
        channel_means: Mean of each channel (last axis) by tensor name, the input's among them.
        pictures: How many pictures were run.
    """

    limits: Mapping[str, tuple[float, float]]
    channel_means: Mapping[str, npt.NDArray[np.float32]]
    pictures: int

    def joined(self, other: ActivationRanges) -> ActivationRanges:
        """Gives what was seen on the pictures of both; `other` is of the same network."""
        share = np.float32(self.pictures / (self.pictures + other.pictures))
        return ActivationRanges(
            limits={
                name: (min(low, other.limits[name][0]), max(high, other.limits[name][1]))
                for name, (low, high) in self.limits.items()
            },
            channel_means={
                name: share * mean + (1 - share) * other.channel_means[name]
                for name, mean in self.channel_means.items()
            },
            pictures=self.pictures + other.pictures,
        )

    def widened(self, names: Collection[str], factor: float) -> ActivationRanges:
        """Gives the same with the limits of some tensors multiplied by a factor."""
        limits = {
            name: (factor * low, factor * high) if name in names else (low, high)
            for name, (low, high) in self.limits.items()
        }
        return replace(self, limits=limits)


def _expose_activations(data: bytes, source: object) -> tuple[bytes, dict[int, str]]:
    """Lists every operator's float output as a graph output, so that XNNPACK keeps it.

    Such a copy still runs on XNNPACK, several times faster than an interpreter that preserves all tensors.
    """
    model = load_model(data, source=source)
    subgraph = model.subgraphs[0]
    made = [i for op in subgraph.operators for i in op.outputs if subgraph.tensors[i].type == 0]  # 0 is FLOAT32
    subgraph.outputs = made
    model.signatureDefs = []
    return pack(model), {i: subgraph.tensors[i].name.decode() for i in made}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the tensors of a network hold while one picture passes through.

    Attributes:
        encoded: The picture as the input tensor holds it, (1, side, side, 3).
        views: By tensor name, a function that gives the tensor's values. Keep no array between pictures: the
            interpreter refuses to go on while one is alive.
    """

    encoded: npt.NDArray[np.float32]
    views: Mapping[str, Callable[[], npt.NDArray[np.float32]]]


def watch(
    data: bytes,
    pictures: npt.NDArray[np.uint8],
    contract: InputContract,
    *,
    threads: int = 2,
    source: object = "the float .tflite",
) -> Iterator[Sight]:
    """Runs pictures through a float .tflite and shows every activation of each.

    Args:
        data: Bytes of the float .tflite.
        pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.
        contract: The float file's input.
        threads: XNNPACK threads.
        source: What to name in errors: a path.

    Yields:
        One sight a picture; it is valid until the next.

    Raises:
        InterpreterError: LiteRT refuses the file or fails.
        UnreadableFileError: The bytes are no .tflite.
    """
    exposed, names = _expose_activations(data, source)
    interpreter = open_interpreter(exposed, threads=threads, source=source)
    given = interpreter.get_input_details()[0]["index"]
    views = {name: interpreter.tensor(i) for i, name in names.items()}
    for picture in pictures:
        encoded = encode_pictures(picture[None], contract)
        try:
            interpreter.set_tensor(given, encoded)
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise InterpreterError(path=source, reason=str(error).strip()) from error
        yield Sight(encoded=encoded, views=views)


def input_name(data: bytes, *, source: object = "the float .tflite") -> str:
    """Gives the name of a file's input tensor."""
    model = load_model(data, source=source)
    subgraph = model.subgraphs[0]
    return str(subgraph.tensors[subgraph.inputs[0]].name.decode())


def measure_ranges(
    data: bytes,
    pictures: npt.NDArray[np.uint8],
    contract: InputContract,
    *,
    threads: int = 2,
    source: object = "the float .tflite",
    progress: Callable[[int, int], None] | None = None,
) -> ActivationRanges:
    """Runs pictures through a float .tflite and keeps the smallest, largest and mean values of each activation.

    Args:
        data: Bytes of the float .tflite.
        pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.
        contract: The float file's input.
        threads: XNNPACK threads.
        source: What to name in errors: a path.
        progress: Called with pictures done and pictures in all.

    Returns:
        True minima and maxima, no moving average: an average loses what rare pictures need.

    Raises:
        InterpreterError: LiteRT refuses the file, or an activation is not a finite number.
        UnreadableFileError: The bytes are no .tflite.
    """
    entry = input_name(data, source=source)
    seen: dict[str, _Seen] = {entry: _Seen()}
    averaged = max(1, len(pictures) // _AVERAGED_PICTURES)
    for done, sight in enumerate(watch(data, pictures, contract, threads=threads, source=source), start=1):
        with_means = done % averaged == 0
        seen[entry].add(sight.encoded, with_means=with_means)
        for name, view in sight.views.items():
            seen.setdefault(name, _Seen()).add(view(), with_means=with_means)
        if progress is not None:
            progress(done, len(pictures))
    for name, values in seen.items():
        if not np.isfinite(values.low) or not np.isfinite(values.high):
            raise InterpreterError(path=source, reason=f"{name} is not a finite number on some calibration pictures")
    return ActivationRanges(
        limits={name: (values.low, values.high) for name, values in seen.items()},
        channel_means={name: values.channel_sum / np.float32(values.averaged) for name, values in seen.items()},
        pictures=len(pictures),
    )


@dataclass(slots=True)
class _Seen:
    """What one tensor has shown so far."""

    low: float = np.inf
    high: float = -np.inf
    channel_sum: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(1, np.float32))
    averaged: int = 0

    def add(self, values: npt.NDArray[np.float32], *, with_means: bool) -> None:
        """Takes in the values of one picture."""
        # Unlike the builtin min and max, these keep a NaN.
        self.low = float(np.minimum(self.low, values.min()))
        self.high = float(np.maximum(self.high, values.max()))
        if with_means:
            with np.errstate(invalid="ignore", over="ignore"):  # the limits tell
                self.channel_sum = self.channel_sum + values.reshape(-1, values.shape[-1]).mean(axis=0)
            self.averaged += 1
