"""What `verify` gives back: the checks and how close the models are, as tables and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobile_deploy.errors import BelowBarError
from mobile_deploy.evaluation.parity import Parity
from mobile_deploy.pipeline.checks import Check
from mobile_deploy.pipeline.closeness import Closeness
from mobile_deploy.report.tables import Column, ResultTable, counted, what_differs


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """What became of all checks.

    Attributes:
        name: Name of the bundle.
        directory: Its folder.
        checks: The checks, in order.
        closeness: How close the models are on the same pictures, pair by pair; the bundle is the last of them.
    """

    name: str
    directory: Path
    checks: tuple[Check, ...]
    closeness: tuple[Closeness, ...] = ()

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.verdict == "failed")

    def table(self) -> ResultTable:
        """Gives one row per check."""
        columns = (Column(header="check"), Column(header="verdict"), Column(header="found", folds=True))
        return ResultTable(columns=columns, rows=tuple((c.name, c.verdict, c.found) for c in self.checks))

    def closeness_table(self) -> ResultTable | None:
        """Gives one row per pair of models; None where nothing was compared."""
        if not self.closeness:
            return None
        columns = (
            Column(header="reference", folds=True),
            Column(header="compared", folds=True),
            Column(header="max diff", digits=6),
            Column(header="mean diff", digits=6),
            Column(header="cosine", digits=4),
            Column(header="lowest", digits=4),
            Column(header="same (%)", digits=1),
            Column(header="SQNR (dB)", digits=1),
        )
        names = tuple(dict.fromkeys(name for pair in self.closeness for name in (pair.reference, pair.model)))
        short = dict(zip(names, what_differs(names), strict=True))
        return ResultTable(
            columns=columns,
            rows=tuple((short[pair.reference], short[pair.model], *_measures(pair.parity)) for pair in self.closeness),
            title=f"on {counted(self.closeness[0].parity.pictures, 'picture')}: "
            "differences of the outputs, same top-1, SQNR of the logits",
        )

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values."""
        return {
            "name": self.name,
            "directory": self.directory,
            "verdict": "failed" if self.failures else "ok",
            "checks": self.checks,
            "closeness": [pair.to_json() for pair in self.closeness],
        }

    def __str__(self) -> str:
        return "\n\n".join(str(table) for table in (self.table(), self.closeness_table()) if table is not None)

    def _repr_html_(self) -> str:
        tables = (self.table(), self.closeness_table())
        return "".join(table._repr_html_() for table in tables if table is not None)


def _measures(parity: Parity) -> tuple[float | None, ...]:
    return (
        parity.max_difference,
        parity.mean_difference,
        parity.mean_cosine,
        parity.min_cosine,
        None if parity.agreement is None else parity.agreement.value * 100,
        parity.sqnr_db,
    )


class VerificationFailedError(BelowBarError):
    """A bundle is not what it says.

    Attributes:
        result: What was found.
    """

    def __init__(self, *, result: VerifyResult) -> None:
        self.result = result
        failed = result.failures
        told = "; ".join(f"{check.name}: {check.found}" for check in failed)
        super().__init__(
            f"{result.name} failed {len(failed)} of {len(result.checks)} checks: {told}",
            hint="export it again with --overwrite, or copy it again from where it was made",
        )
