"""Which pictures a network is trained on and which it is judged by, and how much each picture counts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Weighting = Literal["none", "balanced"]
WEIGHTINGS: tuple[Weighting, ...] = ("none", "balanced")

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Two sides of a set of pictures.

    Attributes:
        train: Positions of the pictures to train on, rising.
        validation: Likewise of those to validate on.
    """

    train: Positions
    validation: Positions


def split_pictures(digests: Mapping[int, str], labels: Sequence[int], *, share: float, seed: int) -> Split:
    """Parts pictures so that each class has about the same share on both sides, and copies of a file stay together.

    What side a picture is on depends on its bytes, its class and the seed, not on names or on the order of the files.

    Args:
        digests: sha256 of each usable picture by its position.
        labels: Class of the picture at each position.
        share: Of each class to validate on, in [0, 1); 0 for none at all. Else at least one picture and not all, where
            the class has two different ones.
        seed: Of the draw.

    Returns:
        The two sides.
    """
    if not share:
        return Split(train=_positions(digests), validation=_positions(()))
    validation = [position for group in _groups_drawn(digests, labels, share, seed) for position in group]
    return Split(train=_positions(digests.keys() - set(validation)), validation=_positions(validation))


def copies(digests: Mapping[int, str]) -> tuple[tuple[int, ...], ...]:
    """Finds files with the same bytes.

    Args:
        digests: sha256 of each picture by its position.

    Returns:
        The positions of each file that is there more than once, rising.
    """
    groups = _by_digest(digests).values()
    return tuple(sorted(tuple(sorted(group)) for group in groups if len(group) > 1))


def example_weights(labels: npt.NDArray[np.int32], weighting: Weighting) -> npt.NDArray[np.float32]:
    """Says how much each picture counts in the loss; the mean over all pictures is 1.

    Args:
        labels: (N,) class of each picture.
        weighting: "balanced" lets every class count the same, however many pictures it has; "none" every picture.

    Returns:
        (N,) float32.
    """
    if weighting == "none":
        return np.ones(len(labels), np.float32)
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (len(labels) / (len(counts) * counts))[places].astype(np.float32)


def _groups_drawn(digests: Mapping[int, str], labels: Sequence[int], share: float, seed: int) -> list[list[int]]:
    """Draws the groups of equal files to validate on, class by class."""
    of_class = defaultdict(list)
    for digest, group in _by_digest(digests).items():
        # A file that is there under two classes goes with the first of them.
        of_class[min(labels[position] for position in group)].append((_rank(digest, seed), group))
    drawn = []
    for ranked in of_class.values():
        groups = [group for _, group in sorted(ranked)]
        wanted = share * sum(map(len, groups))
        taken = 0
        # The last group is for training.
        for group in groups[:-1]:
            if taken and taken + len(group) / 2 > wanted:
                break
            drawn.append(group)
            taken += len(group)
    return drawn


def _rank(digest: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()


def _by_digest(digests: Mapping[int, str]) -> dict[str, list[int]]:
    groups = defaultdict(list)
    for position, digest in digests.items():
        groups[digest].append(position)
    return groups


def _positions(values: object) -> Positions:
    return np.array(sorted(values), np.int64)  # type: ignore[call-overload]
