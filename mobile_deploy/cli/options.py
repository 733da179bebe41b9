"""The options that several commands share, each declared once, so that a word means the same everywhere.

Defaults stand in the signatures of the commands. Values that a table of the toolkit knows (recipes, fits) stay text
here: the function that reads the table checks them and names the near ones.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from mobile_deploy.contract import Fit
from mobile_deploy.errors import BadOptionError
from mobile_deploy.recipes import DEFAULT_RECOVER_MINUTES, REPAIRS

# How the command speaks.
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON envelope on stdout and nothing else.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Also show what the tools underneath say.")]

# Where results go.
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write the bundles into.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]

# The network.
AlphaOption = Annotated[float, typer.Option("--alpha", help="Width multiplier of the variant.")]
ResolutionOption = Annotated[
    int | None,
    typer.Option("--resolution", metavar="PIXELS", help="Side of the square input; by default the variant's own."),
]
ClassesOption = Annotated[int, typer.Option("--classes", help="Number of classes.")]
LabelsOption = Annotated[
    Path | None, typer.Option("--labels", metavar="FILE", help="Class names, one a line, in output order.")
]

ClassCountOption = Annotated[
    int | None, typer.Option("--classes", help="Number of classes; by default as many as labels, else 1000.")
]
InputRangeOption = Annotated[
    str | None,
    typer.Option(
        "--input-range",
        metavar="-1,1|0,1|0,255",
        help="Pixel range the model takes, where it does not say so itself; write --input-range=-1,1.",
    ),
]
OpenSideOption = Annotated[
    int | None, typer.Option("--resolution", metavar="PIXELS", help="Input side of a Keras file that leaves it open.")
]
OutputMeaningOption = Annotated[
    str | None,
    typer.Option(
        "--output-meaning",
        metavar="softmax|logits|sigmoid|embedding",
        help="What the output means, where the model does not say so itself.",
    ),
]

# Quantization.
QuantOption = Annotated[
    str, typer.Option("--quant", metavar="LIST", help="Comma-separated: float32, float16, dynamic, int8, int16x8.")
]
IoOption = Annotated[
    str | None,
    typer.Option(
        "--io",
        metavar="uint8|int8|float32",
        help="Type of input and output; by default uint8 for int8, float32 for the others.",
    ),
]
GranularityOption = Annotated[
    str, typer.Option("--granularity", metavar="per-channel|per-tensor", help="What one weight scale covers.")
]

RepairOption = Annotated[
    str | None,
    typer.Option(
        "--repair",
        metavar="LIST|none",
        help=f"What to try against the losses of int8: {', '.join(REPAIRS)}; by default what suits the granularity.",
    ),
]
AllowFloatOpsOption = Annotated[
    bool, typer.Option("--allow-float-ops", help="Write an integer recipe although some operators stay float.")
]

GoldenOption = Annotated[
    bool, typer.Option("--golden", help="Also write inputs with their outputs, which `verify` replays.")
]
RecoverOption = Annotated[
    bool,
    typer.Option(
        "--recover",
        help="Train int8 on the calibration pictures, with the float network as teacher; kept where it helps.",
    ),
]
RecoverMinutesOption = Annotated[
    float | None,
    typer.Option("--recover-minutes", metavar="MINUTES", help="Time for --recover at most; 4 by default."),
]

# Pictures.
FitOption = Annotated[
    str | None,
    typer.Option(
        "--fit",
        metavar="stretch|center-crop[:SHARE]|letterbox",
        help="How a picture becomes a square.",
    ),
]
CalibrationOption = Annotated[
    str | None,
    typer.Option("--calibration", metavar="DIR|builtin", help="Pictures to measure activation ranges on."),
]
CalibrationSamplesOption = Annotated[
    int | None,
    typer.Option("--calibration-samples", metavar="N", help="Most pictures to calibrate on; 128, or 500 to recover."),
]
DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Labelled pictures to measure accuracy on.")
]
MaxDropOption = Annotated[
    str | None,
    typer.Option("--max-drop", metavar="POINTS", help="Most that top-1 may drop, in percentage points: 0.5 or 0.5%."),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="xnnpack|gpu|edgetpu|ethos-u", help="What the file shall run on, for what --max-drop tries."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smh]?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}

# Pixels of every depth lie far within; float32 cannot hold the largest numbers.
_LARGEST_BOUND = 1_000_000


def split_list(text: str) -> tuple[str, ...]:
    """Reads a comma-separated list; blanks around names and empty names do not count.

    Args:
        text: Such as "float32,int8".

    >>> split_list("float32, int8,")
    ('float32', 'int8')
    """
    return tuple(name for part in text.split(",") if (name := part.strip()))


def parse_range(text: str | None) -> tuple[float, float] | None:
    """Reads two numbers, the lower first.

    Args:
        text: Such as "-1,1", or None.

    Raises:
        BadOptionError: It is something else.

    >>> parse_range("-1,1")
    (-1.0, 1.0)
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadOptionError(option="--input-range", problem=f"{text!r} is not two numbers such as -1,1") from error
    if not all(abs(bound) <= _LARGEST_BOUND for bound in (low, high)):  # neither is NaN
        raise BadOptionError(
            option="--input-range", problem=f"{text!r}: both numbers must be from -{_LARGEST_BOUND} to {_LARGEST_BOUND}"
        )
    if low >= high:
        raise BadOptionError(option="--input-range", problem=f"{text!r}: the first number must be the smaller one")
    return low, high


def parse_points(text: str | None, *, option: str) -> float | None:
    """Reads percentage points, with or without a percent sign; None stays None.

    Args:
        text: Such as "0.5" or "0.5%".
        option: What to name in errors.

    Raises:
        BadOptionError: It is no number from 0 to 100.

    >>> parse_points("0.5%", option="--max-drop")
    0.5
    """
    if text is None:
        return None
    try:
        points = float(text.strip().removesuffix("%"))
    except ValueError as error:
        raise BadOptionError(
            option=option, problem=f"{text!r} is no number of percentage points such as 0.5"
        ) from error
    if not 0 <= points <= 100:  # NaN is not
        raise BadOptionError(option=option, problem=f"{text!r} is not from 0 to 100 percentage points")
    return points


def parse_counts(text: str | None, *, option: str) -> tuple[int, ...] | None:
    """Reads a list of whole numbers of at least 1; None stays None.

    Args:
        text: Such as "1,4".
        option: What to name in errors.

    Raises:
        BadOptionError: One is something else, or there is none.

    >>> parse_counts("1,4", option="--threads")
    (1, 4)
    """
    if text is None:
        return None
    words = split_list(text)
    if not words or not all(word.isascii() and word.isdigit() and len(word) <= 9 and int(word) >= 1 for word in words):
        raise BadOptionError(option=option, problem=f"{text!r} is no list of whole numbers from 1, such as 1,4")
    return tuple(dict.fromkeys(int(word) for word in words))


def parse_duration(text: str | None, *, option: str) -> float | None:
    """Reads a time in seconds, minutes or hours; None stays None.

    Args:
        text: Such as "90s", "10m" or "1h"; a number alone is minutes.
        option: What to name in errors.

    Returns:
        The time in seconds.

    Raises:
        BadOptionError: It is something else, not positive or longer than a day.

    >>> parse_duration("10m", option="--sustained")
    600.0
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2] or "m"] if match else 0.0
    if not 0 < seconds <= 24 * _SECONDS["h"]:
        raise BadOptionError(option=option, problem=f"{text!r} is no time of up to a day, such as 90s, 10m or 1h")
    return seconds


def recovery_time(recover: bool, minutes: float | None) -> float | None:
    """Reads how many minutes int8 may be trained for; None for no recovery. Naming a time asks for it.

    >>> recovery_time(True, None)
    4.0
    """
    return minutes if minutes is not None or not recover else DEFAULT_RECOVER_MINUTES


def parse_fit(text: str | None) -> Fit | None:
    """Reads a crop rule such as "stretch" or "center-crop:0.875"; None stays None."""
    return None if text is None else Fit.parse(text)
