"""Pictures to train on, decoded once up front and kept in memory as far as they fit.

There are two squares of each picture, both made by `data/images.py` alone:

- the contract square, `side` x `side`: what the network will be given in the field. Validation, calibration and
  teachers see it.
- the margin square, which augmentation crops from: `round(side / 0.875)` on each side, with the contract's fit, and for
  center-crop with the fraction `min(1, fraction / 0.875)`. For a fraction of up to 0.875 the middle `side` x `side`
  pixels of it show what the contract square shows, at the same scale; around them lies what the contract crops away.
  Where the contract crops away less (a larger fraction, stretch, letterbox), the margin square shows all there is, a
  little larger: by fraction / 0.875, at most 8/7.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Literal

from mobile_deploy.contract import Fit
from mobile_deploy.data.feed import Square
from mobile_deploy.data.images import Picture, decode_picture, fit_picture
from mobile_deploy.data.manifest import SkippedFile
from mobile_deploy.errors import BadPictureError, UnreadableFileError
from mobile_deploy.files import sha256_of_file

# Side of the contract square as a share of the margin square: what center-crop leaves in the ImageNet contract.
MARGIN_SHARE = 0.875

KEPT_BYTES = 2_000_000_000

Kind = Literal["contract", "margin"]
Progress = Callable[[int, int], None]

_MAX_THREADS = 4


def margin_square(square: Square) -> Square:
    """Gives the square that augmentation crops from.

    Args:
        square: The contract's.

    >>> margin_square(Square(side=224, fit=Fit(kind="center-crop", fraction=0.875)))
    Square(side=256, fit=Fit(kind='center-crop', fraction=1.0))
    """
    fit = square.fit
    if fit.kind == "center-crop":
        fit = Fit(kind="center-crop", fraction=min(1.0, fit.fraction / MARGIN_SHARE))
    return Square(side=round(square.side / MARGIN_SHARE), fit=fit)


class PictureStore:
    """Picture files as contract squares and margin squares; safe to ask from several threads.

    Args:
        paths: (N) the files.
        names: (N) what to call each in messages and records.
        square: What the network takes.
        kept_bytes: Memory to keep squares in; what does not fit is decoded again each time it is asked for.
    """

    def __init__(
        self, paths: Sequence[Path], *, names: Sequence[str], square: Square, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self.paths = tuple(paths)
        self.names = tuple(names)
        self._squares: dict[Kind, Square] = {"contract": square, "margin": margin_square(square)}
        self._kept: dict[tuple[Kind, int], Picture] = {}
        self._left_bytes = kept_bytes
        self._lock = Lock()

    @property
    def side(self) -> int:
        """Height and width of the contract squares in pixels."""
        return self._squares["contract"].side

    @property
    def margin_side(self) -> int:
        """Height and width of the margin squares in pixels."""
        return self._squares["margin"].side

    def __len__(self) -> int:
        return len(self.paths)

    def verify(self, *, keep: Kind | None = None, progress: Progress | None = None) -> tuple[str | SkippedFile, ...]:
        """Decodes every file once, in several threads.

        Args:
            keep: Which of the squares to make on the way, so that they need not be decoded again.
            progress: Called with the number of pictures done and the number to do, after each one.

        Returns:
            (N) sha256 of each file's bytes, or why it cannot be used.
        """
        found = []
        with ThreadPoolExecutor(max_workers=min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
            for one in pool.map(lambda position: self._verify_one(position, keep), range(len(self))):
                found.append(one)
                if progress is not None:
                    progress(len(found), len(self))
        return tuple(found)

    def contract_picture(self, position: int) -> Picture:
        """Gives a picture as the network is given it.

        Args:
            position: Of the file among the paths.

        Returns:
            (side, side, 3) uint8 RGB, not to be written to.

        Raises:
            BadPictureError: It cannot be decoded.
        """
        return self._square("contract", position)

    def margin_picture(self, position: int) -> Picture:
        """Gives a picture with the margin that augmentation crops from.

        Args:
            position: Of the file among the paths.

        Returns:
            (margin_side, margin_side, 3) uint8 RGB, not to be written to.

        Raises:
            BadPictureError: It cannot be decoded.
        """
        return self._square("margin", position)

    def forget(self, kind: Kind, positions: Iterable[int]) -> None:
        """Frees the memory of squares that will not be asked for again soon."""
        with self._lock:
            for position in positions:
                dropped = self._kept.pop((kind, position), None)
                self._left_bytes += dropped.nbytes if dropped is not None else 0

    def _verify_one(self, position: int, keep: Kind | None) -> str | SkippedFile:
        path = self.paths[position]
        try:
            decoded = decode_picture(path)
            digest = sha256_of_file(path)
        except BadPictureError as error:
            return SkippedFile(name=self.names[position], reason=error.problem)
        except UnreadableFileError as error:
            return SkippedFile(name=self.names[position], reason=error.message)
        if keep is not None:
            self._keep(keep, position, self._fitted(keep, decoded))
        return digest

    def _square(self, kind: Kind, position: int) -> Picture:
        kept = self._kept.get((kind, position))
        if kept is not None:
            return kept
        picture = self._fitted(kind, decode_picture(self.paths[position]))
        self._keep(kind, position, picture)
        return picture

    def _fitted(self, kind: Kind, decoded: Picture) -> Picture:
        return fit_picture(decoded, side=self._squares[kind].side, fit=self._squares[kind].fit)

    def _keep(self, kind: Kind, position: int, picture: Picture) -> None:
        with self._lock:
            if picture.nbytes <= self._left_bytes and (kind, position) not in self._kept:
                self._left_bytes -= picture.nbytes
                self._kept[kind, position] = picture
