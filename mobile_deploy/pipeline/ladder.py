"""An accuracy budget: climbs from int8 to costlier files until the deployed file's drop is inside the budget.

    int8, as it is made without a budget
    percentile ranges instead
    equalization and silenced channels on top
    16-bit activations, for a target that runs them fast
    1, 2, 4, 8, 16 layers in float, those first that gain most

Each rung is a .tflite that was audited, run and scored itself on the labelled pictures, beside the float file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mobile_deploy.evaluation.accuracy import Accuracy
from mobile_deploy.evaluation.scoring import Scored
from mobile_deploy.pipeline.drafting import Draft, Drafter
from mobile_deploy.pipeline.judging import Judge
from mobile_deploy.pipeline.options import Budget
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.recipes import RecipeRequest, resolve_recipes
from mobile_deploy.report.tables import Cell, Column, ResultTable
from mobile_deploy.statistics import Difference, mcnemar_exact, paired_difference
from mobile_deploy.tflite.mixed import keep_float

_RANGE_REPAIRS = ("percentile-ranges", "mse-ranges")
# By rung, what is left out and what is added to the repairs that are tried without a budget.
_REPAIR_RUNGS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("int8", (), ()),
    ("percentile ranges", _RANGE_REPAIRS, ("percentile-ranges",)),
    ("equalization", (), ("dead-channels", "equalization")),
)
_FLOAT_LAYERS = (1, 2, 4, 8, 16)
_POINTS = 100
_WIDE = "int16x8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One file on the way.

    Attributes:
        name: What it is.
        size_bytes: Size of the .tflite.
        latency_ms: Median latency on this machine, one thread; None where it did not run.
        accuracy: On the labelled pictures; None for a file that failed its audit.
        drop: Top-1 of the float file minus its own; None likewise.
        p_value: Of McNemar's exact test that both are equally good; None likewise.
        float_layers: Layers that are computed in float.
        is_within: Whether the drop is inside the budget.
    """

    name: str
    size_bytes: int
    latency_ms: float | None
    accuracy: Accuracy | None
    drop: Difference | None
    p_value: float | None
    float_layers: tuple[str, ...] = ()
    is_within: bool

    def to_json(self) -> dict[str, Any]:
        """Gives the rung as JSON values; latency, which differs from run to run, is left out."""
        drop = self.drop
        return {
            "name": self.name,
            "size_bytes": self.size_bytes,
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
            "drop_points": None
            if drop is None
            else {"value": _POINTS * drop.value, "low": _POINTS * drop.low, "high": _POINTS * drop.high},
            "mcnemar_p": self.p_value,
            "float_layers": list(self.float_layers),
            "is_within": self.is_within,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """How far a climb went.

    Attributes:
        budget: What was allowed.
        rungs: The files, in order.
        draft: The first inside the budget, else the one with the highest top-1.
    """

    budget: Budget
    rungs: tuple[Rung, ...]
    draft: Draft = field(repr=False)

    @property
    def is_within(self) -> bool:
        """Whether a file is inside the budget."""
        return any(rung.is_within for rung in self.rungs)

    def to_json(self) -> dict[str, Any]:
        """Gives the climb as JSON values."""
        return {
            "max_drop_points": self.budget.max_drop_points,
            "is_within": self.is_within,
            "rungs": [rung.to_json() for rung in self.rungs],
        }

    def table(self) -> ResultTable:
        """Gives one row per rung."""
        columns = (
            Column(header="rung", folds=True),
            Column(header="size (MB)"),
            Column(header="host (ms)"),
            Column(header="top-1 [95 %]"),
            Column(header="drop (points) [95 %]"),
            Column(header="inside"),
        )
        title = f"accuracy budget: at most {self.budget.max_drop_points:g} percentage points below float32"
        return ResultTable(columns=columns, rows=tuple(_row(rung) for rung in self.rungs), title=title)


def _row(rung: Rung) -> tuple[Cell, ...]:
    drop = None if rung.drop is None else str(rung.drop).removesuffix(" points")
    accuracy = "failed the audit" if rung.accuracy is None else str(rung.accuracy.top1)
    return rung.name, rung.size_bytes / 1e6, rung.latency_ms, accuracy, drop, "yes" if rung.is_within else "no"


def climb(
    drafter: Drafter, request: RecipeRequest, budget: Budget, *, judge: Judge, progress: ProgressReporter
) -> Climb:
    """Makes files until one is inside the budget.

    Args:
        drafter: Makes them.
        request: int8 with its input/output type.
        budget: What is allowed.
        judge: Scores them.
        progress: Who listens.

    Returns:
        All rungs and the file to write.

    Raises:
        QuantizerError: The quantizer refused the float file.
        BadDatasetError: No labelled picture can be decoded.
    """
    reference = judge.of_float()
    rungs: list[Rung] = []
    drafts: list[Draft] = []
    for name, draft, layers in _files(drafter, request, budget, drafts, progress):
        scored = None if draft.audit.problems else judge.of_drafts(draft)[0]
        rung = _rung(name, draft, scored, reference, budget, layers)
        drafts.append(draft)
        rungs.append(rung)
        if rung.is_within:
            return Climb(budget=budget, rungs=tuple(rungs), draft=draft)
    best = max(range(len(rungs)), key=lambda i: (_top1(rungs[i]), -i))
    return Climb(budget=budget, rungs=tuple(rungs), draft=drafts[best])


def _top1(rung: Rung) -> float:
    return -1.0 if rung.accuracy is None else rung.accuracy.top1.value


def _files(
    drafter: Drafter, request: RecipeRequest, budget: Budget, made: Sequence[Draft], progress: ProgressReporter
) -> Iterator[tuple[str, Draft, tuple[str, ...]]]:
    """Makes the files of all rungs, each when it is asked for; `made` are those that were taken so far."""
    usual = drafter.options.repairs
    for name, without, added in _REPAIR_RUNGS:
        tried = [repair for repair in usual if repair not in without] + list(added)
        with progress.stage(f"make {name}"):
            draft = drafter.draft(request, tried)
        if all(draft.data != other.data for other in made):
            yield name, draft, ()
    base = max(made, key=lambda draft: draft.repairs.sqnr_db if draft.repairs is not None else 0.0)
    if budget.runs_int16:
        with progress.stage(f"make {_WIDE}"):
            draft = drafter.draft(resolve_recipes([_WIDE])[0])
        yield _WIDE, draft, ()
    if budget.runs_float:
        yield from _with_float_layers(drafter, request, base, progress)


def _with_float_layers(
    drafter: Drafter, request: RecipeRequest, base: Draft, progress: ProgressReporter
) -> Iterator[tuple[str, Draft, tuple[str, ...]]]:
    if base.repaired is None or base.audit.problems:
        return
    with progress.stage("find the layers that lose most") as advance:
        ranked = drafter.bench.rank_layers(base.repaired, base.data, base.contract, progress=advance)
    for count in _FLOAT_LAYERS:
        if count > len(ranked):
            return
        chosen = ranked[:count]
        data = keep_float(base.data, base.repaired.data, [layer.index for layer in chosen])
        with progress.stage(f"make int8 with {count} layers in float"):
            draft = drafter.audited(request, data, repaired=base.repaired, repairs=base.repairs, keeps_float_ops=True)
        names = tuple(layer.name for layer in chosen)
        facts = {**base.facts, "float_layers": list(names)}
        yield f"{count} {'layer' if count == 1 else 'layers'} in float", replace(draft, facts=facts), names


def _rung(
    name: str, draft: Draft, scored: Scored | None, reference: Scored, budget: Budget, layers: tuple[str, ...]
) -> Rung:
    size_bytes, latency_ms = len(draft.data), draft.audit.latency_ms
    if scored is None:
        return Rung(
            name=name,
            size_bytes=size_bytes,
            latency_ms=latency_ms,
            accuracy=None,
            drop=None,
            p_value=None,
            float_layers=layers,
            is_within=False,
        )
    lost = int((reference.correct & ~scored.correct).sum())
    won = int((~reference.correct & scored.correct).sum())
    drop = paired_difference(lost, won, len(scored.correct))
    return Rung(
        name=name,
        size_bytes=size_bytes,
        latency_ms=latency_ms,
        accuracy=scored.accuracy,
        drop=drop,
        p_value=mcnemar_exact(lost, won),
        float_layers=layers,
        is_within=_POINTS * (lost - won) <= budget.max_drop_points * len(scored.correct),
    )
