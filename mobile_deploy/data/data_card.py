"""What a network was trained on, as data for its bundle and its training manifest: no time and no absolute path."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from mobile_deploy.data.manifest import SkippedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFile:
    """One picture that was used.

    Attributes:
        name: Its path below the folder with forward slashes.
        sha256: Of the file's bytes.
        label: Output index of its class.
        validation: Whether it was for validation.
    """

    name: str
    sha256: str
    label: int
    validation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCard:
    """The pictures of a training run; equal inputs give equal cards.

    Attributes:
        source: The folder's name.
        classes: Names in output order.
        files: The pictures used.
        skipped: Pictures that could not be decoded.
        duplicates: Names of files with the same bytes, group by group.
        split: How the sides came about: made by the toolkit, given by the user, or no validation at all.
        share: Of each class that was to be for validation; 0 where the split was given.
        seed: Of the split.
    """

    source: str
    classes: tuple[str, ...]
    files: tuple[CardFile, ...]
    skipped: tuple[SkippedFile, ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()
    split: Literal["made", "given", "none"]
    share: float
    seed: int

    @property
    def digest(self) -> str:
        """sha256 over name, bytes, class and side of every picture, in the order of the names."""
        rows = sorted([file.name, file.sha256, self.classes[file.label], file.validation] for file in self.files)
        text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Gives the card as JSON values; of classes without a picture nothing is said."""
        train, validation = (Counter(file.label for file in self._side(side)) for side in (False, True))
        return {
            "source": self.source,
            "train": train.total(),
            "validation": validation.total(),
            "classes": [
                {"name": name, "index": index, "train": train[index], "validation": validation[index]}
                for index, name in enumerate(self.classes)
                if train[index] or validation[index]
            ],
            "sha256": self.digest,
            "split": {"kind": self.split, "share": self.share, "seed": self.seed},
            "skipped": [{"name": file.name, "reason": file.reason} for file in self.skipped],
            "duplicates": [list(group) for group in self.duplicates],
        }

    def _side(self, validation: bool) -> Iterable[CardFile]:
        return (file for file in self.files if file.validation == validation)
