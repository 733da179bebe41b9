"""What a job gives back: frozen records that print as a table and draw themselves in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mobile_deploy.bundle import Bundle
from mobile_deploy.data.manifest import SkippedFile
from mobile_deploy.errors import BelowBarError
from mobile_deploy.evaluation.accuracy import Accuracy
from mobile_deploy.pipeline.ladder import Climb
from mobile_deploy.pipeline.making import MadeFile
from mobile_deploy.report.tables import Cell, Column, ResultTable
from mobile_deploy.tflite.audit import audit_hint

_BYTES_PER_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What `export` or `quantize` made.

    Attributes:
        files: One record per recipe.
        untrained: Whether the weights are random, in the head at least.
        notes: What the user should know, one sentence each.
        skipped: Labelled pictures that could not be decoded and were left out of every accuracy.
        float_accuracy: Accuracy of the float file on the labelled pictures, where there were any.
        climb: How the accuracy budget was met or missed; None where there was none.
    """

    files: tuple[MadeFile, ...]
    untrained: bool
    notes: tuple[str, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    float_accuracy: Accuracy | None = field(default=None, repr=False)
    climb: Climb | None = field(default=None, repr=False)

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The bundles that were written."""
        return tuple(file.bundle for file in self.files if file.bundle is not None)

    def table(self) -> ResultTable:
        """Gives the closing table."""
        reference = self.float_accuracy
        columns = (
            Column(header="recipe", folds=True),
            Column(header="size (MB)"),
            Column(header="in/out"),
            Column(header="host (ms)"),
            Column(header="audit", folds=True),
            *((Column(header="top-1 [95 %]"),) if reference else ()),
        )
        scored = reference is not None
        rows = [row for file in self.files for row in (*_rival_row(file, scored=scored), _row(file, scored=scored))]
        if reference and all(file.request.recipe.name != "float32" for file in self.files):
            rows.insert(0, ("float32 (not written)", None, None, None, None, str(reference.top1)))
        title = "weights UNTRAINED" if self.untrained else ""
        return ResultTable(columns=columns, rows=tuple(rows), title=title)

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values."""
        return {
            "untrained": self.untrained,
            "notes": list(self.notes),
            "float_accuracy": self.float_accuracy.to_json() if self.float_accuracy else None,
            "budget": self.climb.to_json() if self.climb else None,
            "bundles": [_json_row(file) for file in self.files],
        }

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _rival_row(file: MadeFile, *, scored: bool) -> tuple[tuple[Cell, ...], ...]:
    """Gives the row of the same recipe made the other way, where there is one."""
    rival = file.rival
    if rival is None:
        return ()
    cells: tuple[Cell, ...] = (
        f"{file.request.recipe.name} {rival.method} (not written)",
        rival.size_bytes / _BYTES_PER_MB,
        None,
        rival.latency_ms,
        None,
    )
    return ((*cells, str(rival.accuracy.top1) if rival.accuracy else None) if scored else cells,)


def _row(file: MadeFile, *, scored: bool) -> tuple[Cell, ...]:
    cells: tuple[Cell, ...] = (
        f"{file.request.recipe.name} {file.method}".rstrip(),
        file.size_bytes / _BYTES_PER_MB,
        file.request.io,
        file.audit.latency_ms,
        verdict(file),
    )
    return (*cells, str(file.accuracy.top1) if file.accuracy else None) if scored else cells


def verdict(file: MadeFile) -> str:
    """Says in a few words what the audit found."""
    if file.audit.verdict != "float ops":
        return file.audit.verdict
    return "float: " + ", ".join(f"{count} {name}" for name, count in file.audit.float_ops.items())


def _json_row(file: MadeFile) -> dict[str, Any]:
    bundle = file.bundle
    return {
        "name": file.name,
        "recipe": file.request.recipe.name,
        "io": file.request.io,
        "directory": None if bundle is None else bundle.directory,
        "tflite": None if bundle is None else bundle.tflite,
        "size_bytes": file.size_bytes,
        "host_latency_ms": file.audit.latency_ms,
        "audit": file.audit.to_json(),
        "accuracy": file.accuracy.to_json() if file.accuracy else None,
        "repairs": file.repairs.to_json() if file.repairs else None,
        "method": file.method or None,
        "rival": None if file.rival is None else file.rival.to_json(),
    }


class AuditFailedError(BelowBarError):
    """Some files are not what was asked for; they were not written, the others were.

    Attributes:
        result: What was made all the same.
    """

    def __init__(self, *, result: ExportResult) -> None:
        self.result = result
        failed = [file for file in result.files if file.audit.problems]
        told = "; ".join(f"{file.request.recipe.name}: {', '.join(file.audit.problems)}" for file in failed)
        written = ", ".join(bundle.recipe for bundle in result.bundles) or "nothing"
        super().__init__(f"failed the audit and not written: {told} (written: {written})", hint=_hint(failed))


def _hint(failed: Sequence[MadeFile]) -> str:
    if any(file.audit.float_ops for file in failed):
        return audit_hint([file.request.recipe.name for file in failed])
    return "choose another --quant, or report the model that this happens with"


class BudgetMissedError(BelowBarError):
    """No int8 file is inside the accuracy budget; the best one was written.

    Attributes:
        result: What was made.
    """

    def __init__(self, *, result: ExportResult) -> None:
        self.result = result
        climb = result.climb
        drops = [100 * rung.drop.value for rung in climb.rungs if rung.drop is not None] if climb else []
        files = "1 file" if len(drops) == 1 else f"{len(drops)} files"
        best = f"the smallest drop of {files} is {min(drops):.2f} percentage points" if drops else "none runs"
        asked = climb.budget.max_drop_points if climb else 0.0
        super().__init__(
            f"no file is within --max-drop {asked:g} percentage points: {best}; the best one was written",
            hint="calibrate on more pictures like those of the task, or ship --quant float16",
        )
