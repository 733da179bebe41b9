"""Feeds the same pictures to several models: each file is decoded once, whatever squares the models take.

A picture that cannot be decoded is left out for all models alike and told, so that they are scored on the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.data.images import Picture, decode_picture, fit_picture
from mobile_deploy.data.manifest import SkippedFile
from mobile_deploy.errors import BadPictureError

# Pictures held in memory at once; fewer where a model takes large ones.
_BATCH = 32
_BATCH_BYTES = 64_000_000
_THREADS = 2
_NAMED_SKIPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """What a model takes.

    Attributes:
        side: Height and width in pixels.
        fit: How a picture becomes a square.
    """

    side: int
    fit: Fit

    @classmethod
    def of(cls, contract: InputContract) -> Square:
        """Reads it off a contract."""
        return cls(side=contract.side, fit=contract.fit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some pictures as all the squares that were asked for.

    Attributes:
        read: How many files were read.
        positions: (N,) places of the pictures among all; those that cannot be decoded are left out.
        pictures: (N, side, side, 3) uint8 RGB by square.
    """

    read: int
    positions: npt.NDArray[np.int64]
    pictures: Mapping[Square, npt.NDArray[np.uint8]]


Squares = dict[Square, Picture]


class PictureFeed:
    """Picture files as squares, once or again and again: what fits into memory is decoded once.

    Args:
        paths: The files.
        kept_bytes: Memory to keep squares in from one pass to the next; 0 for a single pass.
    """

    def __init__(self, paths: Sequence[Path], *, kept_bytes: int = 0) -> None:
        self.paths = tuple(paths)
        self._left_bytes = kept_bytes
        self._kept: dict[int, Squares] = {}
        self._skipped: dict[int, SkippedFile] = {}

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """Files that could not be decoded so far, in the order of the paths."""
        return tuple(self._skipped[position] for position in sorted(self._skipped))

    def batches(self, squares: Collection[Square]) -> Iterator[Batch]:
        """Gives all pictures, some at a time.

        Args:
            squares: What the models take; equal ones are made once.

        Returns:
            Batches in the order of the paths; one whose pictures cannot be decoded at all is empty.
        """
        wanted = tuple(dict.fromkeys(squares))
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            size = max(1, min(_BATCH, _BATCH_BYTES // sum(3 * square.side**2 for square in wanted)))
            for start in range(0, len(self.paths), size):
                positions = range(start, min(start + size, len(self.paths)))
                loaded = list(pool.map(lambda position: self._load(position, wanted), positions))
                yield self._batch(dict(zip(positions, loaded, strict=True)), wanted)

    def _load(self, position: int, wanted: Sequence[Square]) -> Squares | SkippedFile:
        """Gives one picture as every square, from memory where it is there."""
        if position in self._skipped:
            return self._skipped[position]
        kept = self._kept.get(position, {})
        if all(square in kept for square in wanted):
            return kept
        path = self.paths[position]
        try:
            decoded = decode_picture(path)
        except BadPictureError as error:
            return SkippedFile(name=str(path), reason=error.problem)
        return {square: fit_picture(decoded, side=square.side, fit=square.fit) for square in wanted}

    def _batch(self, loaded: Mapping[int, Squares | SkippedFile], wanted: Sequence[Square]) -> Batch:
        usable = {position: made for position, made in loaded.items() if not isinstance(made, SkippedFile)}
        self._skipped |= {position: made for position, made in loaded.items() if isinstance(made, SkippedFile)}
        for position, made in usable.items():
            self._keep(position, made)
        return Batch(
            read=len(loaded),
            positions=np.array(list(usable), np.int64),
            pictures={square: np.array([made[square] for made in usable.values()], np.uint8) for square in wanted},
        )

    def _keep(self, position: int, made: Squares) -> None:
        fresh = {square: picture for square, picture in made.items() if square not in self._kept.get(position, {})}
        size_bytes = sum(picture.nbytes for picture in fresh.values())
        if size_bytes <= self._left_bytes:
            self._left_bytes -= size_bytes
            self._kept[position] = self._kept.get(position, {}) | fresh


def about_skipped(skipped: Sequence[SkippedFile]) -> tuple[str, ...]:
    """Says in one sentence which pictures were left out; nothing if none was.

    >>> about_skipped([SkippedFile(name="a.jpg", reason="damaged")])
    ('1 labelled picture cannot be decoded and was left out: a.jpg (damaged).',)
    """
    if not skipped:
        return ()
    named = [f"{file.name} ({file.reason})" for file in skipped[:_NAMED_SKIPS]]
    shown = "; ".join((*named, *(("...",) if len(skipped) > _NAMED_SKIPS else ())))
    count = "1 labelled picture" if len(skipped) == 1 else f"{len(skipped)} labelled pictures"
    return (f"{count} cannot be decoded and {'was' if len(skipped) == 1 else 'were'} left out: {shown}.",)
