"""What `debug` found: a table of the worst layers, everything as JSON, and a diagram."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from mobile_deploy.errors import UnknownNameError
from mobile_deploy.evaluation.causes import Cause, listed
from mobile_deploy.evaluation.layers import LayerError
from mobile_deploy.report.plots import SqnrPoint, draw_sqnr
from mobile_deploy.report.tables import Cell, Column, ResultTable, counted
from mobile_deploy.statistics import finite_or_none

Ranking = Literal["local", "cumulative"]
RANKINGS: tuple[Ranking, ...] = get_args(Ranking)

# Short words for operators that have long names.
_OP_WORDS = {"DEPTHWISE_CONV_2D": "dw conv", "CONV_2D": "conv", "FULLY_CONNECTED": "dense"}
_NAMED_IN_DIAGRAM = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One layer with what speaks against it.

    Attributes:
        error: What was measured.
        causes: Why it loses accuracy, the gravest first.
        gain_db: What the logit SQNR of the file rises by with this layer alone in float; None where not measured.
    """

    error: LayerError
    causes: tuple[Cause, ...]
    gain_db: float | None


def check_ranking(name: str) -> Ranking:
    """Finds a ranking by its name.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in RANKINGS:
        raise UnknownNameError(kind="ranking", name=name, known=RANKINGS)
    return name


def severity(by: Ranking) -> Callable[[LayerError], tuple[float, int]]:
    """Gives the key that sorts layers, the worst first."""
    if by == "cumulative":
        return lambda layer: (layer.cumulative.sqnr_db, layer.index)
    return lambda layer: (math.inf if layer.local is None else layer.local.sqnr_db, layer.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugResult:
    """What `debug` found.

    Attributes:
        name: Name of the model.
        source: The integer file.
        float_source: Its float twin.
        pictures: Pictures behind every number.
        by: What the layers are ranked by.
        sqnr_db: Logit SQNR of the file in dB.
        layers: All layers in execution order.
        top: How many of the worst the table shows.
        plot: The diagram that was written, if one was asked for.
    """

    name: str
    source: Path
    float_source: Path
    pictures: int
    by: Ranking
    sqnr_db: float
    layers: tuple[Suspect, ...] = field(repr=False)
    top: int
    plot: Path | None

    def ranked(self) -> tuple[Suspect, ...]:
        """Gives all layers, the worst first."""
        key = severity(self.by)
        return tuple(sorted(self.layers, key=lambda suspect: key(suspect.error)))

    def table(self) -> ResultTable:
        """Gives the worst layers, one a row."""
        return ResultTable(
            columns=(
                Column(header="layer", folds=True),
                Column(header="op"),
                Column(header="local", digits=1),
                Column(header="cum.", digits=1),
                Column(header="clip %"),
                Column(header="ratio", digits=0),
                Column(header="dead"),
                Column(header="cause", folds=True),
                Column(header="gain", digits=1),
            ),
            rows=tuple(_row(suspect) for suspect in self.ranked()[: self.top]),
            title=f"{self.name}: logit SQNR {_decibels(self.sqnr_db)} on {counted(self.pictures, 'picture')}\n"
            f"worst layers first by {self.by} error (local and cumulative SQNR, and gain, in dB)",
        )

    def advice(self) -> tuple[str, ...]:
        """Gives what helps against the causes in the table, and the dead channels of all layers, a line each."""
        shown = self.ranked()[: self.top]
        remedies: dict[str, tuple[str, int]] = {}
        for cause in (cause for suspect in shown for cause in suspect.causes if cause.remedy):
            remedies[cause.name] = (cause.remedy, remedies.get(cause.name, ("", 0))[1] + 1)
        lines = [f"{name} ({count} of {len(shown)}): {remedy}" for name, (remedy, count) in remedies.items()]
        dead = [f"{suspect.error.name} {listed(suspect.error.lost_channels)}" for suspect in self._with_dead()]
        return (*lines, *((f"dead channels: {'; '.join(dead)}",) if dead else ()))

    def _with_dead(self) -> tuple[Suspect, ...]:
        return tuple(suspect for suspect in self.layers if suspect.error.lost_channels)

    def draw(self) -> bytes:
        """Gives the SQNR along the network as a PNG."""
        points = [
            SqnrPoint(
                name=suspect.error.name,
                local_db=None if suspect.error.local is None else suspect.error.local.sqnr_db,
                cumulative_db=suspect.error.cumulative.sqnr_db,
            )
            for suspect in self.layers
        ]
        named = [self.layers.index(suspect) for suspect in self.ranked()[:_NAMED_IN_DIAGRAM]]
        title = f"{self.name}: SQNR along the network, {counted(self.pictures, 'picture')}"
        return draw_sqnr(points, title=title, named=named, at_cumulative=self.by == "cumulative")

    def to_json(self) -> dict[str, Any]:
        """Gives everything as JSON values; null where a number is infinite or was not measured."""
        return {
            "name": self.name,
            "tflite": self.source,
            "float_tflite": self.float_source,
            "pictures": self.pictures,
            "logit_sqnr_db": finite_or_none(self.sqnr_db),
            "ranked_by": self.by,
            "ranking": [suspect.error.index for suspect in self.ranked()],
            "layers": [_json_layer(suspect) for suspect in self.layers],
            "plot": self.plot,
        }

    def __str__(self) -> str:
        return "\n".join((str(self.table()), *self.advice()))

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _decibels(value: float) -> str:
    return f"{value:.1f} dB" if math.isfinite(value) else "exact" if value > 0 else "none"


def _row(suspect: Suspect) -> tuple[Cell, ...]:
    error = suspect.error
    return (
        error.name,
        _OP_WORDS.get(error.op, error.op.lower()),
        None if error.local is None else finite_or_none(error.local.sqnr_db),
        finite_or_none(error.cumulative.sqnr_db),
        100 * error.clipped,
        None if error.weights is None else error.weights.range_ratio,
        len(error.dead_channels),
        "; ".join(cause.text for cause in suspect.causes) or None,
        None if suspect.gain_db is None else _without_sign_of_zero(suspect.gain_db),
    )


def _without_sign_of_zero(value: float) -> float | None:
    """Rounds as the table does, so that no "-0.0" shows."""
    return round(value, 1) + 0.0 if math.isfinite(value) else None


def _json_layer(suspect: Suspect) -> dict[str, Any]:
    values = dataclasses.asdict(suspect.error)
    return {
        **{key: _json_value(value) for key, value in values.items()},
        "dead_channels": list(suspect.error.dead_channels),
        "causes": [dataclasses.asdict(cause) for cause in suspect.causes],
        "gain_db": finite_or_none(suspect.gain_db),
    }


def _json_value(value: Any) -> Any:  # noqa: ANN401  # whatever a record holds
    if isinstance(value, float):
        return finite_or_none(value)
    if isinstance(value, dict):
        return {key: _json_value(inner) for key, inner in value.items()}
    return [_json_value(inner) for inner in value] if isinstance(value, tuple) else value
