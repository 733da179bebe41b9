"""The contract: everything a program must know to feed a .tflite and to read its answer, as one typed object.

Calibration, prediction, evaluation, benchmark and the Android app read it; none of them has a 224 or a 127.5 of its
own. The picture rule is one rule: EXIF orientation, then `Fit`, then Pillow's 8-bit antialiased bilinear resize to
`side` x `side` RGB. That uint8 picture p is the input as the network was trained to see it through

    real = low + p * (high - low) / 255

which a uint8 input tensor holds as p itself, an int8 one as p - 128, and a float32 one as `real`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.recipes import IoType

FitKind = Literal["stretch", "center-crop", "letterbox"]
OutputMeaning = Literal["softmax", "logits", "sigmoid", "embedding"]

FIT_KINDS: tuple[FitKind, ...] = get_args(FitKind)
OUTPUT_MEANINGS: tuple[OutputMeaning, ...] = get_args(OutputMeaning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a picture of any shape becomes a square.

    Attributes:
        kind: "stretch" ignores the aspect ratio; "center-crop" takes the central square; "letterbox" scales the whole
            picture in and pads with black.
        fraction: For center-crop, the side of the square as a share of the picture's shorter side, in (0, 1].
    """

    kind: FitKind
    fraction: float = 1.0

    def __post_init__(self) -> None:
        """Refuses what no picture can be fitted with.

        Raises:
            BadOptionError: Unknown kind, or a fraction outside (0, 1] or on a kind that has none.
        """
        if self.kind not in FIT_KINDS:
            raise BadOptionError(option="--fit", problem=f"{self.kind!r} is not one of {', '.join(FIT_KINDS)}")
        if not 0 < self.fraction <= 1 or (self.kind != "center-crop" and self.fraction != 1):
            raise BadOptionError(
                option="--fit", problem=f"fraction {self.fraction} must be in (0, 1], and 1 unless center-crop"
            )

    def __str__(self) -> str:
        return self.kind if self.kind != "center-crop" else f"{self.kind}:{self.fraction:g}"

    @classmethod
    def parse(cls, text: str) -> Fit:
        """Reads "stretch", "letterbox", "center-crop" or "center-crop:0.875".

        Raises:
            BadOptionError: The text is none of these.

        >>> Fit.parse("center-crop:0.875").fraction
        0.875
        """
        kind, _, fraction = text.partition(":")
        try:
            return cls(kind=kind, fraction=float(fraction or 1))  # type: ignore[arg-type]  # checked in __post_init__
        except ValueError as error:
            raise BadOptionError(option="--fit", problem=f"{fraction!r} is not a number") from error


IMAGENET_FIT = Fit(kind="center-crop", fraction=0.875)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """Per-tensor affine quantization: real = scale * (q - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputContract:
    """What goes in: one NHWC RGB picture.

    Attributes:
        side: Height and width in pixels.
        dtype: Type of the input tensor.
        low: Real value that pixel 0 stands for.
        high: Real value that pixel 255 stands for.
        fit: How a picture becomes a square.
        quantization: The tensor's quantization; None for float32.
    """

    side: int
    dtype: IoType
    low: float
    high: float
    fit: Fit
    quantization: Quantization | None = None

    @property
    def pixel_scale(self) -> float:
        """Step in real value from one pixel value to the next."""
        return (self.high - self.low) / 255


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputContract:
    """What comes out.

    Attributes:
        dtype: Type of the output tensor.
        meaning: "softmax" (probabilities that sum to 1), "logits", "sigmoid" (one probability a unit), "embedding".
        size: Number of values.
        quantization: The tensor's quantization; None for float32.
    """

    dtype: IoType
    meaning: OutputMeaning
    size: int
    quantization: Quantization | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContract:
    """Everything a caller of the .tflite must know.

    Attributes:
        input: What goes in.
        output: What comes out.
        labels: Class names in output order; empty for an embedding. A single sigmoid may have two: for 0 and for 1.
        background_class: Whether output 0 is a class of its own for "none of these".
        minimum_runtime: Oldest TFLite release that computes the file right.
    """

    input: InputContract
    output: OutputContract
    labels: tuple[str, ...] = field(default=(), repr=False)
    background_class: bool = False
    minimum_runtime: str

    def to_json(self) -> dict[str, Any]:
        """Gives the contract as JSON values; labels live in labels.txt and are only counted here."""

        def quantization(value: Quantization | None) -> dict[str, Any] | None:
            return None if value is None else {"scale": value.scale, "zero_point": value.zero_point}

        return {
            "input": {
                "side": self.input.side,
                "layout": "NHWC",
                "color": "RGB",
                "dtype": self.input.dtype,
                "range": [self.input.low, self.input.high],
                "fit": {"kind": self.input.fit.kind, "fraction": self.input.fit.fraction},
                "resize": "bilinear-antialiased",
                "quantization": quantization(self.input.quantization),
            },
            "output": {
                "dtype": self.output.dtype,
                "meaning": self.output.meaning,
                "size": self.output.size,
                "quantization": quantization(self.output.quantization),
            },
            "label_count": len(self.labels),
            "background_class": self.background_class,
            "minimum_runtime": self.minimum_runtime,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, labels: tuple[str, ...], source: object) -> ModelContract:
        """Reads what `to_json` wrote.

        Args:
            value: The "contract" object of a model.json.
            labels: The lines of labels.txt.
            source: File named in errors.

        Raises:
            UnreadableFileError: A field is missing, has the wrong type or an impossible value.
        """
        try:
            contract = _parse_contract(value, labels)
        except BadOptionError as error:
            raise UnreadableFileError(path=source, problem=f"bad contract: {error.message}") from error
        except KeyError as error:
            raise UnreadableFileError(path=source, problem=f"the contract lacks {error}") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise UnreadableFileError(path=source, problem=f"bad contract: {error}") from error
        if value["label_count"] != len(labels):
            raise UnreadableFileError(
                path=source, problem=f"{value['label_count']} labels promised, {len(labels)} found"
            )
        return contract


def _parse_contract(value: Mapping[str, Any], labels: tuple[str, ...]) -> ModelContract:
    def number(raw: object) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
            raise ValueError(f"{raw!r} is not a number")
        return float(raw)

    def whole(raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise ValueError(f"{raw!r} is not a whole number")  # noqa: TRY004  # a file's content is wrong
        return raw

    def one_of(raw: object, allowed: tuple[Any, ...]) -> Any:  # noqa: ANN401  # the literal types are checked here
        if raw not in allowed:
            raise ValueError(f"{raw!r} is not one of {', '.join(allowed)}")
        return raw

    def quantization(raw: Mapping[str, Any] | None) -> Quantization | None:
        return None if raw is None else Quantization(scale=number(raw["scale"]), zero_point=whole(raw["zero_point"]))

    given, wanted = value["input"], value["output"]
    low, high = given["range"]
    return ModelContract(
        input=InputContract(
            side=whole(given["side"]),
            dtype=one_of(given["dtype"], get_args(IoType)),
            low=number(low),
            high=number(high),
            fit=Fit(kind=given["fit"]["kind"], fraction=number(given["fit"]["fraction"])),
            quantization=quantization(given["quantization"]),
        ),
        output=OutputContract(
            dtype=one_of(wanted["dtype"], get_args(IoType)),
            meaning=one_of(wanted["meaning"], OUTPUT_MEANINGS),
            size=whole(wanted["size"]),
            quantization=quantization(wanted["quantization"]),
        ),
        labels=labels,
        background_class=bool(value["background_class"]),
        minimum_runtime=str(value["minimum_runtime"]),
    )
