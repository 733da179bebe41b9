"""The contract: everything a program must know to feed a .tflite and to read its answer, as one typed object.

Calibration, prediction, evaluation, benchmark and the Android app read it; none of them has a 224 or a 127.5 of its
own. The picture rule is one rule: EXIF orientation, then `Fit`, then Pillow's 8-bit antialiased bilinear resize to
`side` x `side` RGB. That uint8 picture p is the input as the network was trained to see it through

    real = low + p * (high - low) / 255

which a uint8 input tensor holds as p itself, an int8 one as p - 128, and a float32 one as `real`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.recipes import IO_TYPES, IoType

FitKind = Literal["stretch", "center-crop", "letterbox"]
OutputMeaning = Literal["softmax", "logits", "sigmoid", "embedding"]

FIT_KINDS: tuple[FitKind, ...] = get_args(FitKind)
OUTPUT_MEANINGS: tuple[OutputMeaning, ...] = get_args(OutputMeaning)

# What every contract says of its input; read back, so that a file that means something else is refused.
_FIXED = {"layout": "NHWC", "color": "RGB", "resize": "bilinear-antialiased"}

# Beyond what any network for a phone takes or gives; a contract from a stranger may not make its reader allocate more.
LARGEST_SIDE = 4096
LARGEST_OUTPUT = 16_000_000
_LARGEST_REAL = 1e9

_Kind = TypeVar("_Kind")


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
        kind, colon, fraction = text.partition(":")
        try:
            value = float(fraction) if colon else 1.0
            return cls(kind=kind, fraction=value)  # type: ignore[arg-type]  # checked in __post_init__
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
        labels: Class names in output order; empty for an embedding. A single sigmoid or logit may have two: for 0
            and for 1.
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
                **_FIXED,
                "dtype": self.input.dtype,
                "range": [self.input.low, self.input.high],
                "fit": {"kind": self.input.fit.kind, "fraction": self.input.fit.fraction},
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
            promised = value["label_count"]
        except BadOptionError as error:
            raise UnreadableFileError(path=source, problem=f"bad contract: {error.message}") from error
        except KeyError as error:
            raise UnreadableFileError(path=source, problem=f"the contract lacks {error}") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UnreadableFileError(path=source, problem=f"bad contract: {error}") from error
        if promised != len(labels):
            raise UnreadableFileError(path=source, problem=f"{promised} labels promised, {len(labels)} found")
        return contract


def _exactly(raw: object, kind: type[_Kind]) -> _Kind:
    """Insists on a type; a bool is no int here."""
    if type(raw) is not kind:
        raise ValueError(f"{raw!r} is not of type {kind.__name__}")
    return raw


def _number(raw: object) -> float:
    if type(raw) not in (int, float) or not abs(raw) <= _LARGEST_REAL:  # type: ignore[arg-type]  # its type is known by then
        raise ValueError(f"{raw!r} is not a number between -{_LARGEST_REAL:g} and {_LARGEST_REAL:g}")
    return float(raw)  # type: ignore[arg-type]


def _count(raw: object, *, most: int) -> int:
    if not 1 <= _exactly(raw, int) <= most:
        raise ValueError(f"{raw!r} is not from 1 to {most}")
    return _exactly(raw, int)


def _one_of(raw: object, allowed: tuple[_Kind, ...]) -> _Kind:
    for value in allowed:
        if raw == value:
            return value
    raise ValueError(f"{raw!r} is not one of {', '.join(map(str, allowed))}")


def _parse_quantization(raw: Mapping[str, Any] | None) -> Quantization | None:
    if raw is None:
        return None
    scale = _number(raw["scale"])
    if scale <= 0:
        raise ValueError(f"scale {scale} is not positive")
    zero_point = _exactly(raw["zero_point"], int)
    if not -(2**31) <= zero_point < 2**31:
        raise ValueError(f"zero point {zero_point} is no 32-bit integer")
    return Quantization(scale=scale, zero_point=zero_point)


def _parse_input(raw: Mapping[str, Any]) -> InputContract:
    for key, only in _FIXED.items():
        _one_of(raw[key], (only,))
    low, high = map(_number, raw["range"])
    if low >= high:
        raise ValueError(f"range {low} to {high} is empty")
    return InputContract(
        side=_count(raw["side"], most=LARGEST_SIDE),
        dtype=_one_of(raw["dtype"], IO_TYPES),
        low=low,
        high=high,
        fit=Fit(kind=raw["fit"]["kind"], fraction=_number(raw["fit"]["fraction"])),
        quantization=_parse_quantization(raw["quantization"]),
    )


def _parse_output(raw: Mapping[str, Any]) -> OutputContract:
    return OutputContract(
        dtype=_one_of(raw["dtype"], IO_TYPES),
        meaning=_one_of(raw["meaning"], OUTPUT_MEANINGS),
        size=_count(raw["size"], most=LARGEST_OUTPUT),
        quantization=_parse_quantization(raw["quantization"]),
    )


def _parse_contract(value: Mapping[str, Any], labels: tuple[str, ...]) -> ModelContract:
    return ModelContract(
        input=_parse_input(value["input"]),
        output=_parse_output(value["output"]),
        labels=labels,
        background_class=_exactly(value["background_class"], bool),
        minimum_runtime=_exactly(value["minimum_runtime"], str),
    )
