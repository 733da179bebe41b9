"""The folder of one training run: what it was started with, its checkpoints and its logs.

    run.json               what the run was started with
    01-head.npz, ...       a checkpoint for each phase; of a finished phase its result
    log.csv, curve.png     the learning curve
    tensorboard/           the same as TensorBoard's events

A checkpoint replaces the one before it in one step, so at any moment each phase has one that is whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mobile_deploy.errors import (
    CheckpointNotWrittenError,
    OutputNotWritableError,
    ResumeMismatchError,
    TrainingExistsError,
    UnreadableFileError,
)
from mobile_deploy.files import check_writable, reason_in_words, refusals_named, write_file
from mobile_deploy.training.checkpoints import Checkpoint, from_bytes, to_bytes
from mobile_deploy.training.logs import EventLog, write_picture, write_table
from mobile_deploy.training.phase import EpochRecord

SCHEMA_VERSION = 1

# Drawing takes a third of a second, which is much beside an epoch of a small set.
_BETWEEN_PICTURES_S = 30.0
_LONGEST_SHOWN = 48  # letters of a setting in an error

# What a killed process leaves of a file that it was writing, and what else is a run's own.
_LEFTOVERS = (".mobile-deploy-*",)
_OWN_FILES = ("run.json", "[0-9][0-9]-*.npz", "log.csv", "curve.png", "tensorboard/events.out.tfevents.*")


class TrainingFolder:
    """One run on the disk.

    Args:
        path: The folder, which is made when it is missing.
        identity: Whatever must be the same for a resume to make sense, as JSON values: variant, hash of the data, seed.
            A phase's own settings, the network's shapes and the number of examples are added by the loop.
        resume: Whether to go on with the run that is there; where none is, it begins from the start.
        overwrite: Whether a run that is there is thrown away when `resume` is False.
        writes: False in the workers that are not the chief, which only read.
        title: Heading of the learning curve; the folder's name if empty.

    Raises:
        TrainingExistsError: A run is there, and neither `resume` nor `overwrite` is true.
        ResumeMismatchError: The run that is there was started with another identity.
        OutputNotWritableError: The folder cannot be written.
        UnreadableFileError: What the run was started with cannot be read.
    """

    def __init__(
        self,
        path: Path,
        *,
        identity: Mapping[str, Any],
        resume: bool = False,
        overwrite: bool = False,
        writes: bool = True,
        title: str = "",
    ) -> None:
        self.path = path
        self._resumes = resume
        self._writes = writes
        self._title = title or path.name
        self._curves: list[tuple[EpochRecord, ...]] = []
        self._saved_epochs: list[int] = []
        self._events = EventLog(path / "tensorboard")
        self._drawn = -_BETWEEN_PICTURES_S
        self._begin_run(_as_json(identity), overwrite=overwrite)

    @property
    def curve(self) -> tuple[EpochRecord, ...]:
        """All epochs of all phases so far."""
        return tuple(record for curve in self._curves for record in curve)

    def begin(self, name: str, settings: Mapping[str, Any]) -> Checkpoint | None:
        """Begins the next phase of the run.

        Args:
            name: Name of the phase.
            settings: What must be the same for the phase to go on, as JSON values.

        Returns:
            Where it stands; None where it begins from its start.

        Raises:
            ResumeMismatchError: The run that is there has another phase in this place, or one with other settings.
            UnreadableFileError: Its checkpoint cannot be read.
        """
        self._curves.append(())
        self._saved_epochs.append(0)
        path = self.checkpoint_path(name)
        if not self._resumes:
            return None
        for other in sorted(self.path.glob(f"{len(self._curves):02d}-*.npz")):
            if other != path:
                then = other.stem.partition("-")[2]
                raise ResumeMismatchError(path=self.path, differences=[f"phase {len(self._curves)}: {then} -> {name}"])
        if not path.is_file():
            return None
        checkpoint = self._read(path)
        _compare(path, then=checkpoint.settings, now=_as_json(settings))
        self._curves[-1], self._saved_epochs[-1] = checkpoint.curve, checkpoint.standing.epochs
        return checkpoint

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint of the phase that was begun last, and the logs.

        Args:
            name: Name of the phase.
            checkpoint: Where the phase stands.

        Raises:
            CheckpointNotWrittenError: The checkpoint cannot be written; the one before is still there.
            OutputNotWritableError: The logs cannot be written.
        """
        self._curves[-1] = checkpoint.curve
        if not self._writes:
            return
        path = self.checkpoint_path(name)
        try:
            write_file(path, to_bytes(checkpoint))
        except OutputNotWritableError as error:
            reason = error.message.rpartition(": ")[2]
            raise CheckpointNotWrittenError(path=path, reason=reason, epochs=self._saved_epochs[-1]) from error
        self._saved_epochs[-1] = checkpoint.standing.epochs
        self._log(draws=checkpoint.standing.finished is not None)

    def checkpoint_path(self, name: str) -> Path:
        """Gives the checkpoint of the phase that was begun last.

        Args:
            name: Name of the phase.
        """
        return self.path / f"{len(self._curves):02d}-{name}.npz"

    @property
    def saved_epochs(self) -> int:
        """How many epochs of the phase that was begun last its checkpoint holds; 0 where there is none."""
        return self._saved_epochs[-1]

    def _log(self, *, draws: bool) -> None:
        write_table(self.path / "log.csv", self.curve)
        self._events.write(self.curve)
        if draws or time.monotonic() - self._drawn >= _BETWEEN_PICTURES_S:
            write_picture(self.path / "curve.png", self.curve, title=self._title)
            self._drawn = time.monotonic()

    def _begin_run(self, identity: Any, *, overwrite: bool) -> None:  # noqa: ANN401  # JSON
        """Checks the run that is there, or begins one."""
        record = self.path / "run.json"
        is_there = record.is_file()
        if is_there and self._resumes:
            _compare(record, then=self._identity_in(record), now=identity)
        if not self._writes:
            return
        check_writable(self.path)
        if is_there and not self._resumes and not overwrite:
            raise TrainingExistsError(path=self.path)
        with refusals_named(self.path):
            goes_on = is_there and self._resumes
            for leftover in list(self._found(_LEFTOVERS if goes_on else (*_OWN_FILES, *_LEFTOVERS))):
                leftover.unlink()
        if not goes_on:
            write_file(record, _dumps({"schema_version": SCHEMA_VERSION, "identity": identity}))

    def _found(self, patterns: tuple[str, ...]) -> Iterator[Path]:
        for pattern in patterns:
            yield from self.path.glob(pattern)

    def _identity_in(self, record: Path) -> Any:  # noqa: ANN401  # JSON
        try:
            content = json.loads(record.read_bytes())
            if content["schema_version"] == SCHEMA_VERSION:
                return content["identity"]
            problem = f"it has schema {content['schema_version']}, known is {SCHEMA_VERSION}"
        except OSError as error:
            raise UnreadableFileError(path=record, problem=reason_in_words(error)) from error
        except (ValueError, TypeError, KeyError) as error:
            raise _not_a_run(record, f"it is no record of a run ({error})") from error
        raise _not_a_run(record, problem)

    def _read(self, path: Path) -> Checkpoint:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
        return from_bytes(data, source=path)


def differences(then: Any, now: Any, *, name: str = "") -> Iterator[str]:  # noqa: ANN401  # JSON
    """Names what differs between two JSON values.

    >>> list(differences({"phase": {"rate": 0.1}, "seed": 0}, {"phase": {"rate": 0.2}, "seed": 0}))
    ['phase.rate: 0.1 -> 0.2']
    """
    if isinstance(then, dict) and isinstance(now, dict):
        for key in {**then, **now}:
            yield from differences(then.get(key), now.get(key), name=f"{name}.{key}" if name else key)
    elif then != now:
        yield f"{name}: {_shown(then)} -> {_shown(now)}"


def _compare(path: Path, *, then: Any, now: Any) -> None:  # noqa: ANN401
    found = tuple(differences(then, now))
    if found:
        raise ResumeMismatchError(path=path, differences=found)


def _shown(value: Any) -> str:  # noqa: ANN401
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _as_json(values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Gives values as they come back from a file: lists for tuples."""
    return json.loads(json.dumps(values))


def _dumps(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"


def _not_a_run(record: Path, problem: str) -> UnreadableFileError:
    return UnreadableFileError(path=record, problem=problem, hint="pass --overwrite instead of --resume")
