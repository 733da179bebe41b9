"""What a calibration set was made of, as data for the bundle: files, hashes, what was skipped, what looks wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit

# Activation ranges of MobileNet V2 settle between 50 and 100 photographs; below, single pictures decide them.
RECOMMENDED_COUNT = 50

# A flat picture saved as JPEG still varies by a level or two.
_SINGLE_COLOR_SPREAD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFile:
    """One picture that was used.

    Attributes:
        name: Path relative to the folder with forward slashes, or "array-00000".
        sha256: Of the file's bytes; for an array, of its shape and pixels.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """One file that was chosen and could not be used, or that is no picture.

    Attributes:
        name: Path relative to the folder with forward slashes.
        reason: Why.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRange:
    """Pixel values of one colour channel over the whole set.

    Attributes:
        minimum: Lowest value, 0 to 255.
        maximum: Highest value, 0 to 255.
        mean: Average value, rounded to 3 decimals.
    """

    minimum: int
    maximum: int
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationManifest:
    """What a calibration set was made of; equal inputs give equal manifests, with no time and no absolute path.

    Attributes:
        source: "builtin", "arrays" or the folder's name.
        side: Height and width the pictures were fitted to, in pixels.
        fit: How they were fitted.
        files: The pictures used, in the order of the set.
        skipped: Files named and left out.
        warnings: What looks wrong with the set, one sentence each.
        channels: Pixel values of red, green and blue.
    """

    source: str
    side: int
    fit: Fit
    files: tuple[CalibrationFile, ...]
    skipped: tuple[SkippedFile, ...]
    warnings: tuple[str, ...]
    channels: tuple[ChannelRange, ...]

    @property
    def count(self) -> int:
        """Number of pictures used."""
        return len(self.files)

    @property
    def digest(self) -> str:
        """sha256 over everything else in `to_json`."""
        text = json.dumps(self._content(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Gives the manifest as JSON values."""
        return {**self._content(), "digest": self.digest}

    def _content(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "side": self.side,
            "fit": {"kind": self.fit.kind, "fraction": self.fit.fraction},
            "count": self.count,
            "files": [{"name": file.name, "sha256": file.sha256} for file in self.files],
            "skipped": [{"name": file.name, "reason": file.reason} for file in self.skipped],
            "warnings": list(self.warnings),
            "channels": [{"min": c.minimum, "max": c.maximum, "mean": c.mean} for c in self.channels],
        }


def measure_channels(images: npt.NDArray[np.uint8]) -> tuple[ChannelRange, ...]:
    """Measures the pixel values of each channel.

    Args:
        images: (N, H, W, 3) uint8 RGB, N at least 1.

    Returns:
        Red, green and blue.
    """
    lowest, highest, mean = (reduce(images, axis=(0, 1, 2)) for reduce in (np.min, np.max, np.mean))
    return tuple(
        ChannelRange(minimum=int(lowest[c]), maximum=int(highest[c]), mean=round(float(mean[c]), 3)) for c in range(3)
    )


def lint_pictures(
    images: npt.NDArray[np.uint8],
    *,
    files: Sequence[CalibrationFile],
    shorter_sides: Sequence[int],
) -> tuple[str, ...]:
    """Looks for what makes a calibration set a poor stand-in for the pictures of the real task.

    Args:
        images: (N, side, side, 3) uint8 RGB.
        files: Name and hash of each picture.
        shorter_sides: Shorter side in pixels of each picture before it was fitted.

    Returns:
        One sentence for each finding, in a fixed order.
    """
    findings = (
        _few(len(files)),
        _duplicates(images, files),
        _single_colored(images, files),
        _tiny(shorter_sides, side=images.shape[1]),
        _grey(images),
    )
    return tuple(finding for finding in findings if finding)


def _few(count: int) -> str:
    if count < RECOMMENDED_COUNT:
        return f"Only {count} pictures; ranges are dependable from about {RECOMMENDED_COUNT} on, 100 are usual."
    return ""


def _duplicates(images: npt.NDArray[np.uint8], files: Sequence[CalibrationFile]) -> str:
    first_with: dict[bytes, str] = {}
    pairs = []
    for image, file in zip(images, files, strict=True):
        first = first_with.setdefault(hashlib.sha256(image.tobytes()).digest(), file.name)
        if first != file.name:
            pairs.append(f"{file.name} = {first}")
    return f"{len(pairs)} pictures repeat another one: {_first_few(pairs)}." if pairs else ""


def _single_colored(images: npt.NDArray[np.uint8], files: Sequence[CalibrationFile]) -> str:
    spread = (images.max(axis=(1, 2)) - images.min(axis=(1, 2))).max(axis=1)
    flat = [file.name for file, value in zip(files, spread, strict=True) if value <= _SINGLE_COLOR_SPREAD]
    return f"{len(flat)} pictures are a single color: {_first_few(flat)}." if flat else ""


def _tiny(shorter_sides: Sequence[int], *, side: int) -> str:
    largest = max(shorter_sides)
    if largest >= side:
        return ""
    return f"All pictures are smaller than the model's {side} pixels (shorter side at most {largest}) and thus blurred."


def _grey(images: npt.NDArray[np.uint8]) -> str:
    colorless = (images[..., 0] == images[..., 1]).all() and (images[..., 1] == images[..., 2]).all()
    return "All pictures are grey; ranges for colored pictures were not seen." if colorless else ""


def _first_few(names: Sequence[str]) -> str:
    return ", ".join((*names[:3], *(("...",) if len(names) > 3 else ())))
