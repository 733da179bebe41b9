"""What `train` gives back: the bundles, the learning curve and the table of what each file is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from mobile_deploy.bundle import Bundle
from mobile_deploy.data.manifest import SkippedFile
from mobile_deploy.errors import BelowBarError
from mobile_deploy.evaluation.accuracy import Accuracy
from mobile_deploy.pipeline.making import MadeFile
from mobile_deploy.pipeline.results import ExportResult
from mobile_deploy.report.tables import Cell, Column, ResultTable
from mobile_deploy.training.phase import EpochRecord

_BYTES_PER_MB = 1e6
_PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseFile:
    """A file as it would be without pruning or clustering; it was not written.

    Attributes:
        recipe: Its recipe.
        size_bytes: Size of the .tflite.
        zip_bytes: Its size in a zip archive.
        latency_ms: Median latency on this machine, one thread; None where it did not run.
        accuracy: Accuracy on labelled pictures, where there were any.
    """

    recipe: str
    size_bytes: int
    zip_bytes: int
    latency_ms: float | None
    accuracy: Accuracy | None

    def to_json(self) -> dict[str, Any]:
        """Gives the figures as JSON values."""
        return {
            "recipe": self.recipe,
            "size_bytes": self.size_bytes,
            "zip_bytes": self.zip_bytes,
            "host_latency_ms": self.latency_ms,
            "accuracy": self.accuracy.to_json() if self.accuracy else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """What `train` made.

    Attributes:
        folder: The folder of the run.
        made: The bundles; no files in a worker that is not the chief.
        curve: All epochs of all phases.
        notes: What the user should know, one sentence each.
        skipped: Pictures that could not be decoded and were left out.
        judged: Folder that names the pictures files were scored on, for `evaluate`; None where there were none.
        zip_bytes: Size in a zip archive by recipe, where the weights were compressed.
        dense: The same recipes without compression.
        manifest: What training.json says.
    """

    folder: Path
    made: ExportResult
    curve: tuple[EpochRecord, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    judged: Path | None = None
    zip_bytes: Mapping[str, int] = field(default_factory=dict, repr=False)
    dense: tuple[DenseFile, ...] = field(default=(), repr=False)
    manifest: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The bundles that were written."""
        return self.made.bundles

    def table(self) -> ResultTable:
        """Gives one row for each file."""
        return self.made.table()

    def tables(self) -> tuple[ResultTable, ...]:
        """Gives everything there is to show, in order."""
        training = (self.phase_table(),) if self.curve else ()
        files = (self.table(),) if self.made.files else ()
        compression = self.compression_table()
        return (*training, *files, *((compression,) if compression else ()))

    def phase_table(self) -> ResultTable:
        """Gives one row for each phase of the training, as it stood after its last epoch."""
        columns = (
            Column(header="phase"),
            Column(header="epochs"),
            Column(header="loss", digits=3),
            Column(header="right (%)", digits=1),
            Column(header="validation loss", digits=3),
            Column(header="validation (%)", digits=1),
            Column(header="time (s)", digits=1),
        )
        phases = [(name, tuple(records)) for name, records in groupby(self.curve, key=lambda record: record.phase)]
        return ResultTable(columns=columns, rows=tuple(_phase_row(name, records) for name, records in phases))

    def compression_table(self) -> ResultTable | None:
        """Gives each file beside what it would be without pruning and clustering; None where there was neither."""
        if not self.dense:
            return None
        columns = (
            Column(header="file", folds=True),
            Column(header="size (MB)"),
            Column(header="zip (MB)"),
            Column(header="host (ms)"),
            Column(header="top-1 [95 %]"),
        )
        made = {file.request.recipe.name: file for file in self.made.files}
        rows = [
            row
            for dense in self.dense
            for row in (
                _dense_row(dense),
                _compressed_row(made[dense.recipe], self.zip_bytes.get(dense.recipe)),
            )
            if dense.recipe in made
        ]
        return ResultTable(columns=columns, rows=tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values."""
        return {
            **self.made.to_json(),
            "notes": list(self.notes),
            "folder": self.folder,
            "validation": self.judged,
            "zip_bytes": dict(self.zip_bytes),
            "dense": [dense.to_json() for dense in self.dense],
            # Every picture has a line in training.json; nobody wants them twice.
            "training": {name: value for name, value in self.manifest.items() if name != "files"},
        }

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _dense_row(dense: DenseFile) -> tuple[Cell, ...]:
    return (
        f"{dense.recipe} dense (not written)",
        dense.size_bytes / _BYTES_PER_MB,
        dense.zip_bytes / _BYTES_PER_MB,
        dense.latency_ms,
        str(dense.accuracy.top1) if dense.accuracy else None,
    )


def _compressed_row(file: MadeFile, zip_bytes: int | None) -> tuple[Cell, ...]:
    return (
        f"{file.request.recipe.name} {file.method}".rstrip(),
        file.size_bytes / _BYTES_PER_MB,
        None if zip_bytes is None else zip_bytes / _BYTES_PER_MB,
        file.audit.latency_ms,
        str(file.accuracy.top1) if file.accuracy else None,
    )


def _phase_row(name: str, records: Sequence[EpochRecord]) -> tuple[Cell, ...]:
    last = records[-1]
    return (
        name,
        len(records),
        last.loss,
        None if last.accuracy is None else _PERCENT * last.accuracy,
        last.validation_loss,
        None if last.validation_accuracy is None else _PERCENT * last.validation_accuracy,
        sum(record.seconds for record in records),
    )


class TrainedBelowBarError(BelowBarError):
    """The training is done, and a file made of it is not what was asked for.

    Attributes:
        result: What was made all the same.
    """

    def __init__(self, *, result: TrainResult, cause: BelowBarError) -> None:
        self.result = result
        super().__init__(
            f"trained, and {cause.message}",
            hint=f"{cause.hint}; the training is kept: run again with --resume, and --overwrite for files that exist",
        )
