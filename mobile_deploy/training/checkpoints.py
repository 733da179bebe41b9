"""A checkpoint: everything a phase needs to go on as if it had never stopped, as one file.

The file is an .npz, a zip of arrays with a checksum for each, whose member "meta" is JSON. It is written under another
name and renamed, so it is either the old one or the new one, whole.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.training.phase import EpochRecord

SCHEMA_VERSION = 1

StopReason = Literal["epochs", "patience", "budget", "hook"]
Arrays = Sequence[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a phase has come.

    Attributes:
        epochs: That are done.
        steps: Optimizer steps that are done.
        seconds: Time it took so far.
        best_epoch: The best on the validation pictures so far, from 1; 0 before there was one.
        best_score: What it scored: the larger, the better, compared from the first value on.
        finished: Why the phase ended; None while it goes on.
        kept_epoch: Epoch whose weights the finished phase kept; 0 while it goes on.
        examples_per_second: Of its training steps.
    """

    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best_score: tuple[float, ...] = ()
    finished: StopReason | None = None
    kept_epoch: int = 0
    examples_per_second: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A phase after an epoch, or at its end.

    Attributes:
        settings: What the phase was started with, as JSON values.
        standing: How far it has come.
        curve: Its epochs.
        weights: Of the network, in its order; of a finished phase the result.
        optimizer: What the optimizer remembers; empty once finished.
        average: Moving averages of the weights; empty without.
        best: Weights of the best epoch; empty without.
    """

    settings: Mapping[str, Any]
    standing: Standing
    curve: tuple[EpochRecord, ...]
    weights: Arrays = field(repr=False)
    optimizer: Arrays = field(repr=False, default=())
    average: Arrays = field(repr=False, default=())
    best: Arrays = field(repr=False, default=())

    def finish(self, *, weights: Arrays, standing: Standing) -> Checkpoint:
        """Gives what is kept of a phase that has ended: its result."""
        return replace(self, weights=weights, standing=standing, optimizer=(), average=(), best=())


_GROUPS = ("weights", "optimizer", "average", "best")


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """Packs a checkpoint.

    Args:
        checkpoint: The checkpoint.

    Returns:
        Bytes of the file; equal checkpoints give equal bytes.
    """
    meta = {
        "schema_version": SCHEMA_VERSION,
        "settings": dict(checkpoint.settings),
        "standing": asdict(checkpoint.standing),
        "curve": [asdict(record) for record in checkpoint.curve],
        "counts": {group: len(getattr(checkpoint, group)) for group in _GROUPS},
    }
    arrays = {f"{group}_{i}": value for group in _GROUPS for i, value in enumerate(getattr(checkpoint, group))}
    file = io.BytesIO()
    np.savez(file, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)
    return file.getvalue()


def from_bytes(data: bytes, *, source: object) -> Checkpoint:
    """Unpacks a checkpoint.

    Args:
        data: Bytes of the file.
        source: What to name in errors: its path.

    Returns:
        The checkpoint.

    Raises:
        UnreadableFileError: The bytes are no checkpoint, are damaged, or were written by a later version.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as members:
            meta = json.loads(members["meta"].tobytes())
            if meta["schema_version"] != SCHEMA_VERSION:
                raise _unreadable(source, f"it has schema {meta['schema_version']}, known is {SCHEMA_VERSION}")
            groups = {g: [members[f"{g}_{i}"] for i in range(meta["counts"][g])] for g in _GROUPS}
            return Checkpoint(
                settings=meta["settings"],
                standing=_standing(meta["standing"]),
                curve=tuple(EpochRecord(**record) for record in meta["curve"]),
                **groups,
            )
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(source, f"it is no whole checkpoint ({error})") from error


def _standing(values: Mapping[str, Any]) -> Standing:
    return Standing(**{**values, "best_score": tuple(values["best_score"])})


def _unreadable(source: object, problem: str) -> UnreadableFileError:
    return UnreadableFileError(path=source, problem=problem, hint="delete it; its phase then begins anew")
