"""The copies of an integer file and its float twin that are run to measure layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract
from mobile_deploy.evaluation.probes import (
    QUANTIZED_DTYPES,
    ApartProbe,
    Probe,
    has_stored_weights,
    quantize_values,
    use_stored_weights,
)
from mobile_deploy.evaluation.tallies import ResultTally
from mobile_deploy.tflite.graph import Graph, TensorRecord, read_graph
from mobile_deploy.tflite.runner import InterpreterError, encode_pictures
from mobile_deploy.tflite.twins import NotTheTwinError, OpPair, activation_inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePair:
    """An integer file and the float file that was quantized.

    Attributes:
        data: Bytes of the integer file.
        given: Its input.
        float_data: Bytes of the float file.
        float_given: Its input.
        source: What to call the integer file in errors: a path.
        float_source: What to call the float file in errors: a path.
    """

    data: bytes = field(repr=False)
    given: InputContract
    float_data: bytes = field(repr=False)
    float_given: InputContract
    source: object = "the integer file"
    float_source: object = "the float file"

    def graphs(self) -> tuple[Graph, Graph]:
        """Reads both files anew: copies change the schema objects."""
        return read_graph(self.data, source=self.source), read_graph(self.float_data, source=self.float_source)


class Bench:
    """Four copies that are run side by side.

    Both files with every result laid open, the integer file taken apart into its operators, and the float file taken
    apart with the integer file's weights.

    Args:
        files: Both files.
        pairs: The layers to measure.
    """

    def __init__(self, files: FilePair, pairs: Sequence[OpPair]) -> None:
        stored, twin = files.graphs()
        self._files, self._pairs, self._stored, self._twin = files, pairs, stored, twin
        self._apart_pairs = [pair for pair in pairs if _can_be_fed(pair, stored, twin)]
        self._weighted_pairs = [pair for pair in self._apart_pairs if has_stored_weights(pair, stored)]
        read = {i for pair in self._apart_pairs for i in activation_inputs(twin, pair.twin)}
        self._given, self._float_given = stored.inputs[0], twin.inputs[0]
        seen = sorted(({pair.twin.outputs[0] for pair in pairs} | read) - {self._float_given})
        self._float_tensors = seen
        self._float = Probe.of_results(files.float_data, seen, source=files.float_source)
        results = [pair.stored.outputs[0] for pair in pairs]
        self._whole = Probe.of_results(files.data, results, source=files.source)
        self._apart = ApartProbe(files.graphs()[0], [pair.stored for pair in self._apart_pairs], source=files.source)
        reweighted = files.graphs()[1]
        use_stored_weights(self._weighted_pairs, stored, reweighted)
        self._reweighted = ApartProbe(
            reweighted, [pair.twin for pair in self._weighted_pairs], source=files.float_source
        )

    def run(self, picture: npt.NDArray[np.uint8], tallies: dict[int, ResultTally]) -> None:
        """Runs one picture through all copies and adds up what comes out."""
        encoded = encode_pictures(picture, self._files.float_given)
        self._float.run({self._float_given: encoded})
        exact = {i: self._float.read(i) for i in self._float_tensors} | {self._float_given: encoded}
        self._check_finite(exact)
        self._whole.run({self._given: encode_pictures(picture, self._files.given)})
        for pair in self._pairs:
            result = self._read(self._whole, pair, exact)
            tallies[pair.twin.index].add_cumulative(exact[pair.twin.outputs[0]], result)
        self._run_apart(exact, tallies)

    def _read(self, probe: Probe | ApartProbe, pair: OpPair, exact: Mapping[int, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Reads a layer's result, whose shape a file may state wrongly: it is settled when the file is loaded."""
        result, expected = probe.read(pair.stored.outputs[0]), exact[pair.twin.outputs[0]].shape
        if result.shape != expected:
            difference = f"layer {pair.twin.index} gives {list(result.shape)} there, {list(expected)} in the float file"
            raise NotTheTwinError(source=self._files.source, twin=self._files.float_source, difference=difference)
        return result

    def _check_finite(self, exact: dict[int, npt.NDArray[Any]]) -> None:
        for index, values in exact.items():
            if not np.isfinite(values).all():
                name = self._twin.tensors[index].name
                raise InterpreterError(path=self._files.float_source, reason=f"{name} is not finite on some pictures")

    def _run_apart(self, exact: dict[int, npt.NDArray[Any]], tallies: dict[int, ResultTally]) -> None:
        given = {
            pair.twin.index: [exact[i] for i in activation_inputs(self._twin, pair.twin)] for pair in self._apart_pairs
        }
        self._apart.run(
            {
                pair.stored.index: [
                    quantize_values(values, self._stored.tensors[i])
                    for values, i in zip(
                        given[pair.twin.index], activation_inputs(self._stored, pair.stored), strict=True
                    )
                ]
                for pair in self._apart_pairs
            }
        )
        for pair in self._apart_pairs:
            result, first = self._read(self._apart, pair, exact), given[pair.twin.index][0]
            tallies[pair.twin.index].add_local(exact[pair.twin.outputs[0]], result, first)
        self._reweighted.run({pair.twin.index: given[pair.twin.index] for pair in self._weighted_pairs})
        for pair in self._weighted_pairs:
            difference = self._reweighted.read(pair.twin.outputs[0]) - exact[pair.twin.outputs[0]]
            tallies[pair.twin.index].weight_noise += float(np.vdot(difference, difference))


def is_measurable(pair: OpPair, stored: Graph, twin: Graph) -> bool:
    """Tells whether a layer's result is real values, as float or as integers of one scale."""
    return _is_real(stored.tensors[pair.stored.outputs[0]]) and twin.tensors[pair.twin.outputs[0]].dtype == "float32"


def _can_be_fed(pair: OpPair, stored: Graph, twin: Graph) -> bool:
    """Tells whether a layer reads nothing but real values."""
    theirs, ours = activation_inputs(stored, pair.stored), activation_inputs(twin, pair.twin)
    return (
        len(theirs) > 0
        and all(_is_real(stored.tensors[i]) for i in theirs)
        and all(twin.tensors[i].dtype == "float32" for i in ours)
    )


def _is_real(tensor: TensorRecord) -> bool:
    return tensor.dtype == "float32" or (tensor.dtype in QUANTIZED_DTYPES and len(tensor.scales) == 1)
