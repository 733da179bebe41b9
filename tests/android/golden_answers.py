"""Makes golden answers: what output tensors mean.

The folder that `write_golden_answers` writes is read by the Kotlin tests of android_demo/core:

    index.json          {"schema_version": 1, "cases": [...]}; each case has
      name              words
      contract          the "contract" object of a model.json
      labels            class names
      output            file with the bytes of the output tensor
      scores            file with one little-endian float32 for each label
      top               how many classes are asked for
      guesses           [{"index", "label"}, ...]: the best classes, best first
    *.bin               what output and scores name

The answers are those of `mobile_deploy.tflite.runner`, `mobile_deploy.evaluation.accuracy` and
`mobile_deploy.pipeline.predict`, from fixed values and fixed seeds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract, OutputMeaning, Quantization
from mobile_deploy.evaluation.accuracy import class_scores
from mobile_deploy.pipeline.predict import TOP, _guesses
from mobile_deploy.recipes import IoType
from mobile_deploy.tflite.runner import decode_output

_INPUT = InputContract(side=32, dtype="uint8", low=-1.0, high=1.0, fit=Fit(kind="stretch"))
_TYPES: tuple[IoType, ...] = ("uint8", "int8", "float32")
_MEANINGS: tuple[OutputMeaning, ...] = ("softmax", "logits", "sigmoid")
# What quantizers give a softmax of 256 steps.
_USUAL = {
    "uint8": Quantization(scale=1 / 256, zero_point=0),
    "int8": Quantization(scale=1 / 256, zero_point=-128),
    "float32": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenAnswer:
    """One output tensor and what it is read with.

    Attributes:
        name: Unique words.
        contract: What the tensor means.
        raw: What it holds, in the contract's type.
    """

    name: str
    contract: ModelContract
    raw: npt.NDArray[Any]


def write_golden_answers(folder: Path) -> int:
    """Writes all cases and the index.

    Args:
        folder: Made if missing.

    Returns:
        The number of cases.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = [_write_case(folder, number, case) for number, case in enumerate(golden_answers())]
    (folder / "index.json").write_text(json.dumps({"schema_version": 1, "cases": cases}, indent=1))
    return len(cases)


def golden_answers() -> Iterator[GoldenAnswer]:
    """Makes the cases one by one: every type and meaning, ties, zeros, single outputs, background, and drawn ones."""
    yield from _every_type_and_meaning()
    yield from _every_byte()
    yield from _ties()
    yield from _zeros()
    yield from _single_outputs()
    yield from _background()
    yield from _extremes()
    yield from _drawn()


def _write_case(folder: Path, number: int, case: GoldenAnswer) -> dict[str, Any]:
    contract = case.contract
    scores = class_scores(decode_output(case.raw, contract.output)[None], contract)[0]
    output_file, scores_file = f"{number:03}.output.bin", f"{number:03}.scores.bin"
    (folder / output_file).write_bytes(case.raw.astype(case.raw.dtype.newbyteorder("<")).tobytes())
    (folder / scores_file).write_bytes(scores.astype("<f4").tobytes())
    return {
        "name": case.name,
        "contract": contract.to_json(),
        "labels": list(contract.labels),
        "output": output_file,
        "scores": scores_file,
        "top": TOP,
        "guesses": [{"index": guess.index, "label": guess.label} for guess in _guesses(scores, contract)],
    }


def _case(
    name: str,
    values: Sequence[float] | npt.NDArray[Any],
    *,
    dtype: IoType = "float32",
    meaning: OutputMeaning = "softmax",
    quantization: Quantization | None = None,
    labels: Sequence[str] = (),
    background: bool = False,
) -> GoldenAnswer:
    raw = np.array(values).astype(dtype)
    output = OutputContract(dtype=dtype, meaning=meaning, size=raw.size, quantization=quantization)
    contract = ModelContract(
        input=_INPUT,
        output=output,
        labels=tuple(labels) or tuple(f"Größe {i}, 雪" for i in range(raw.size)),
        background_class=background,
        minimum_runtime="2.3",
    )
    return GoldenAnswer(name=name, contract=contract, raw=raw)


def _noise(dtype: IoType, count: int, *, seed: int) -> npt.NDArray[Any]:
    draw = np.random.default_rng(seed)
    if dtype == "float32":
        return draw.normal(size=count).astype(np.float32)
    limits = np.iinfo(dtype)
    return draw.integers(limits.min, limits.max + 1, count, dtype=dtype)


def _every_type_and_meaning() -> Iterator[GoldenAnswer]:
    for dtype, meaning, count in product(_TYPES, _MEANINGS, (3, 5, 6, 40)):
        values = _noise(dtype, count, seed=count)
        if dtype == "float32" and meaning != "logits":
            values = np.exp(values) / np.exp(values).sum()
        name = f"{dtype} {meaning} of {count}"
        yield _case(name, values, dtype=dtype, meaning=meaning, quantization=_USUAL[dtype])


def _every_byte() -> Iterator[GoldenAnswer]:
    for dtype, zero_point in (("uint8", 0), ("uint8", 128), ("int8", -128), ("int8", 0), ("int8", 3)):
        limits = np.iinfo(dtype)
        values = np.random.default_rng(9).permutation(np.arange(limits.min, limits.max + 1))
        quantization = Quantization(scale=0.0039215688593685627, zero_point=zero_point)
        name = f"every {dtype} with zero point {zero_point}"
        yield _case(name, values, dtype=dtype, meaning="logits", quantization=quantization)


def _ties() -> Iterator[GoldenAnswer]:
    usual = {"dtype": "uint8", "quantization": _USUAL["uint8"]}
    yield _case("two equal best", [3, 200, 7, 200, 9, 1], **usual)
    yield _case("all equal", [25] * 10, **usual)
    yield _case("all equal, few", [128] * 3, **usual)
    yield _case("equal ones at the cut", [9, 250, 9, 130, 9, 9, 131, 9], **usual)
    yield _case("equal ones on both sides of 127", [127, 128, 127, 128, 127, 128, 255], **usual)
    yield _case("equal logits below zero", [-1.5, -1.5, -2, -1.5, -3, -2, -2], meaning="logits")
    yield _case("0 and -0 are equal", [-0.0, 0.0, -0.0, 0.0, -1, -0.0, 0.0], meaning="logits")
    yield _case("int8 ties", [-128, 5, -3, 5, -3, -3, -3, 5], dtype="int8", quantization=_USUAL["int8"])


def _zeros() -> Iterator[GoldenAnswer]:
    for dtype, zero in (("uint8", 0), ("int8", -128), ("float32", 0)):
        usual = {"dtype": dtype, "quantization": _USUAL[dtype]}
        one, two = (1.0, 0.5) if dtype == "float32" else (zero + 255, zero + 130)
        yield _case(f"{dtype}: one of many is above 0", [zero] * 7 + [one] + [zero] * 3, **usual)
        yield _case(f"{dtype}: three of many are above 0", [two, zero, zero, two, zero, one, zero, zero], **usual)
        yield _case(f"{dtype}: none of many is above 0", [zero] * 8, **usual)
        yield _case(f"{dtype}: few classes are shown with their zeros", [zero, one, zero, zero, zero], **usual)
        yield _case(f"{dtype}: sigmoids are cut, too", [zero, two, two, zero, zero, zero], meaning="sigmoid", **usual)
        yield _case(f"{dtype}: logits of 0 are not cut", [zero, two, zero, zero, zero, zero], meaning="logits", **usual)
    below = Quantization(scale=0.01, zero_point=3)
    yield _case("values below 0 among probabilities", [5, 3, 3, 1, 3, 2], dtype="uint8", quantization=below)


def _single_outputs() -> Iterator[GoldenAnswer]:
    two, one = ("nein", "ja"), ("ja",)
    for labels, values in ((two, (0, 20, 127, 128, 129, 200, 255)), (one, (0, 200))):
        for value, (dtype, lowest) in product(values, (("uint8", 0), ("int8", -128))):
            quantization, name = _USUAL[dtype], f"{dtype} sigmoid {value} of 255 with {len(labels)} labels"
            yield _case(
                name, [value + lowest], dtype=dtype, meaning="sigmoid", quantization=quantization, labels=labels
            )
    for value in (0.0, 0.1, 0.5, 0.7, 1.0, 1e-9):
        yield _case(f"sigmoid {value} with 2 labels", [value], meaning="sigmoid", labels=two)
    for value in (-7.25, -0.0, 0.0, 3.5):
        yield _case(f"logit {value} with 2 labels", [value], meaning="logits", labels=two)
    quantized = Quantization(scale=0.1, zero_point=12)
    for value in (-100, 12, 99):
        name = f"int8 logit {value} with 2 labels"
        yield _case(name, [value], dtype="int8", meaning="logits", quantization=quantized, labels=two)
    yield _case("two softmax outputs", [0.25, 0.75], labels=two)
    yield _case("two sigmoid outputs", [0.25, 0.75], meaning="sigmoid", labels=two)


def _background() -> Iterator[GoldenAnswer]:
    for dtype in _TYPES:
        values = np.zeros(1001) if dtype == "float32" else np.full(1001, np.iinfo(dtype).min)
        values[[0, 1, 1000, 7]] += [0.5, 0.125, 0.25, 0.125] if dtype == "float32" else [180, 20, 140, 20]
        labels = ("background", *(f"class {i}" for i in range(1, 1001)))
        yield _case(
            f"{dtype} with a background class",
            values,
            dtype=dtype,
            quantization=_USUAL[dtype],
            labels=labels,
            background=True,
        )


def _extremes() -> Iterator[GoldenAnswer]:
    real = [1e38, -3e38, 1e-45, -1e-45, 1.17549435e-38, 16777217.0, 0.1]
    yield _case("float32 of every size", real, meaning="logits")
    yield _case(
        "float32 with a quantization", real[2:], meaning="logits", quantization=Quantization(scale=0.3, zero_point=7)
    )
    for scale, zero_point in ((1e-30, 0), (1e9, -128), (0.1, 2**31 - 1), (0.1, -(2**31)), (1 / 3, 127)):
        quantization = Quantization(scale=scale, zero_point=zero_point)
        name = f"int8 with scale {scale:g} and zero point {zero_point}"
        yield _case(name, range(-128, 127, 9), dtype="int8", meaning="logits", quantization=quantization)
    yield _case("uint8 without a quantization", range(255, 0, -17), dtype="uint8", meaning="logits")


def _drawn(count: int = 30, seed: int = 11) -> Iterator[GoldenAnswer]:
    """Sizes, scales and zero points that nobody chose, of few levels, so that many values are equal."""
    draw = np.random.default_rng(seed)
    for number in range(count):
        dtype, meaning = _TYPES[number % 3], _MEANINGS[number // 3 % 3]
        size = int(np.exp(draw.uniform(np.log(2), np.log(300))))
        limits = (0, 256) if dtype == "uint8" else (-128, 128)
        values = draw.choice(draw.integers(*limits, int(draw.integers(1, 12))), size)
        zero_point = int(draw.choice(values)) if number % 2 else int(draw.integers(*limits))
        quantization = Quantization(scale=float(np.exp(draw.uniform(-9, 2))), zero_point=zero_point)
        is_real = dtype == "float32"
        yield _case(
            f"drawn {number}: {size} {dtype} {meaning}",
            values / 64 if is_real else values,
            dtype=dtype,
            meaning=meaning,
            quantization=None if is_real else quantization,
        )
