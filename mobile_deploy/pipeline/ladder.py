"""An accuracy budget: climbs from int8 to costlier files until the deployed file's drop is inside the budget.

    int8, as it is made without a budget
    percentile ranges instead
    equalization and silenced channels on top
    the best of these, trained on the calibration pictures with the float file as teacher
    16-bit activations, for a target that runs them fast
    1, 2, 4, 8, 16 layers in float, those first that gain most

Each rung is a .tflite that was audited, run and scored itself on the labelled pictures, beside the float file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from mobile_deploy.evaluation.accuracy import Accuracy
from mobile_deploy.evaluation.scoring import Scored
from mobile_deploy.pipeline.drafting import Draft, Drafter
from mobile_deploy.pipeline.judging import Judge
from mobile_deploy.pipeline.options import WIDE, Budget
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.tuning import Tuner
from mobile_deploy.recipes import RecipeRequest, resolve_recipes
from mobile_deploy.report.tables import Cell, Column, ResultTable
from mobile_deploy.statistics import Difference, mcnemar_exact, paired_difference, points_above
from mobile_deploy.tflite.mixed import keep_float
from mobile_deploy.training.twin import UntrainableError

_RANGE_REPAIRS = ("percentile-ranges", "mse-ranges")
# By rung, what is left out and what is added to the repairs that are tried without a budget.
_REPAIR_RUNGS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("int8", (), ()),
    ("percentile ranges", _RANGE_REPAIRS, ("percentile-ranges",)),
    ("equalization", (), ("dead-channels", "equalization")),
)
_FLOAT_LAYERS = (1, 2, 4, 8, 16)


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
    accuracy: Accuracy | None = None
    drop: Difference | None = None
    p_value: float | None = None
    float_layers: tuple[str, ...] = ()
    is_within: bool = False

    def to_json(self) -> dict[str, Any]:
        """Gives the rung as JSON values."""
        return {
            "name": self.name,
            "size_bytes": self.size_bytes,
            "host_latency_ms": self.latency_ms,
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
            "drop_points": None if self.drop is None else self.drop.to_json(),
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

    def facts(self) -> dict[str, Any]:
        """Gives what model.json says: all but the latencies, which differ from run to run."""
        told = self.to_json()
        return {
            **told,
            "rungs": [{key: rung[key] for key in rung if key != "host_latency_ms"} for rung in told["rungs"]],
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
    drafter: Drafter,
    request: RecipeRequest,
    budget: Budget,
    *,
    judge: Judge,
    progress: ProgressReporter,
    tuner: Tuner | None = None,
) -> Climb:
    """Makes files until one is inside the budget.

    Args:
        drafter: Makes them.
        request: int8 with its input/output type.
        budget: What is allowed.
        judge: Scores them.
        progress: Who listens.
        tuner: Trains the best file that repairs give; None for no such rung.

    Returns:
        All rungs and the file to write.

    Raises:
        QuantizerError: The quantizer refused the float file.
        BadDatasetError: No labelled picture can be decoded.
    """
    reference = judge.of_float()
    rungs: list[Rung] = []
    drafts: list[Draft] = []
    for name, draft, layers in _files(drafter, request, budget, tuner, progress):
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
    drafter: Drafter, request: RecipeRequest, budget: Budget, tuner: Tuner | None, progress: ProgressReporter
) -> Iterator[tuple[str, Draft, tuple[str, ...]]]:
    """Makes the files of all rungs, each when it is asked for."""
    usual = drafter.options.repairs
    made: list[Draft] = []
    for name, without, added in _REPAIR_RUNGS:
        tried = [repair for repair in usual if repair not in without] + list(added)
        with progress.stage(f"make {name}"):
            draft = drafter.draft(request, tried)
        if all(draft.data != other.data for other in made):
            made.append(draft)
            yield name, draft, ()
    sound = [draft for draft in made if not draft.audit.problems]
    base = max(sound, key=lambda draft: draft.repairs.sqnr_db if draft.repairs is not None else 0.0, default=None)
    # Layers in float start from `base` all the same: trained biases make up for rounding that float does not do.
    if base is not None and (trained := _trained(drafter, base, tuner)) is not None:
        yield trained.method, trained, ()
    if budget.runs_int16:
        with progress.stage(f"make {WIDE}"):
            draft = drafter.draft(resolve_recipes([WIDE])[0])
        yield WIDE, draft, ()
    if budget.runs_float and base is not None:
        yield from _with_float_layers(drafter, request, base, progress)


def _trained(drafter: Drafter, base: Draft, tuner: Tuner | None) -> Draft | None:
    """Trains a file; None where that does not help or the network cannot be trained."""
    if tuner is None:
        return None
    try:
        tuned = tuner.tune(drafter, base)
    except UntrainableError:
        return None
    return tuned.rival if tuned.is_nearer else None


def _with_float_layers(
    drafter: Drafter, request: RecipeRequest, base: Draft, progress: ProgressReporter
) -> Iterator[tuple[str, Draft, tuple[str, ...]]]:
    if base.repaired is None or base.repairs is None:
        return
    with progress.stage("find the layers that lose most") as advance:
        ranked = drafter.bench.rank_layers(base.repaired, base.data, base.contract, progress=advance)
    for count in sorted({min(count, len(ranked)) for count in _FLOAT_LAYERS} - {0}):
        chosen = ranked[:count]
        report = replace(base.repairs, float_layers=tuple(layer.name for layer in chosen))
        with progress.stage(f"make int8 with {count} layers in float"):
            data = keep_float(base.data, base.repaired.data, [layer.index for layer in chosen])
            draft = drafter.audited(
                request,
                data,
                repaired=base.repaired,
                repairs=report,
                facts={**base.facts, **report.to_json()},
                keeps_float_ops=True,
            )
        yield f"{count} {'layer' if count == 1 else 'layers'} in float", draft, report.float_layers


def _rung(
    name: str, draft: Draft, scored: Scored | None, reference: Scored, budget: Budget, layers: tuple[str, ...]
) -> Rung:
    rung = Rung(name=name, size_bytes=len(draft.data), latency_ms=draft.audit.latency_ms, float_layers=layers)
    if scored is None:
        return rung
    lost = int((reference.correct & ~scored.correct).sum())
    won = int((~reference.correct & scored.correct).sum())
    return replace(
        rung,
        accuracy=scored.accuracy,
        drop=paired_difference(lost, won, len(scored.correct)),
        p_value=mcnemar_exact(lost, won),
        is_within=points_above(lost - won, len(scored.correct), budget.max_drop_points) <= 0,
    )
