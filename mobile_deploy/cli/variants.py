"""`mobile-deploy variants`: the networks and what they cost, or one in detail."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from mobile_deploy.cli.options import AlphaOption, ClassesOption, JsonOption, ResolutionOption
from mobile_deploy.cli.output import emit
from mobile_deploy.report.tables import Cell, Column, ResultTable, facts_table, print_table
from mobile_deploy.variants.counts import VariantCounts, count
from mobile_deploy.variants.detail import LayerDetail, SeparationCost, VariantDetail, describe
from mobile_deploy.variants.registry import VARIANTS, ModelSpec, Variant, get_variant, make_spec, unpublished_notes

NameArgument = Annotated[str | None, typer.Argument(help="One variant to show in detail.")]


def run(
    name: NameArgument = None,
    alpha: AlphaOption = 1.0,
    resolution: ResolutionOption = None,
    classes: ClassesOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """Show the networks and what they cost, or one in detail."""
    names = tuple(VARIANTS) if name is None else (name,)
    specs = [make_spec(one, width_multiplier=alpha, side=resolution, classes=classes) for one in names]
    if name is None:
        counted = [(spec, count(spec)) for spec in specs]
        rows = [_row(spec, counts) for spec, counts in counted]
        emit("variants", {"variants": rows}, show=lambda: _show_all(counted), as_json=as_json)
    else:
        detail = describe(specs[0])
        data = {"variants": [_row(detail.spec, detail.counts)], "detail": _detail(detail)}
        emit("variants", data, show=lambda: _show_one(detail), as_json=as_json)


def _row(spec: ModelSpec, counts: VariantCounts) -> dict[str, Any]:
    variant = get_variant(spec.variant)
    return {
        "name": variant.name,
        **asdict(counts),
        "alpha": spec.width_multiplier,
        "resolution": spec.side,
        "classes": spec.classes,
        "published_alphas": variant.published_alphas,
        "published_resolutions": variant.published_sides,
        "paper": variant.paper,
    }


def _detail(detail: VariantDetail) -> dict[str, Any]:
    cost = detail.separation
    return {
        "notes": unpublished_notes(detail.spec),
        "layer_count": detail.layer_count_paper,
        "shares": detail.shares,
        "separation": cost
        and {**asdict(cost), "predicted_ratio": cost.predicted_ratio, "counted_ratio": cost.counted_ratio},
        "layers": detail.layers,
    }


def _show_all(counted: list[tuple[ModelSpec, VariantCounts]]) -> None:
    columns = (
        Column(header="name"),
        Column(header="parameters"),
        Column(header="mult-adds"),
        Column(header="published alphas", folds=True),
        Column(header="arXiv"),
    )
    rows = tuple(
        (spec.variant, counts.parameters_total, counts.mult_adds, _alphas(variant), variant.paper.arxiv)
        for spec, counts in counted
        for variant in (get_variant(spec.variant),)
    )
    print_table(ResultTable(columns=columns, rows=rows))
    sides = " or ".join(dict.fromkeys(f"{spec.side} px" for spec, _ in counted))
    first = counted[0][0]
    typer.echo(f"\nAt alpha {first.width_multiplier:g}, {sides}, {first.classes:,} classes.")
    typer.echo("In detail: mobile-deploy variants NAME")


def _alphas(variant: Variant) -> str | None:
    return " ".join(map(str, variant.published_alphas)) or None


def _show_one(detail: VariantDetail) -> None:
    print_table(_facts(detail))
    typer.echo("")
    print_table(_shares(detail))
    if detail.separation:
        typer.echo("")
        print_table(_separation(detail.separation))
    typer.echo("")
    print_table(_layers(detail))
    for note in unpublished_notes(detail.spec):
        typer.echo(f"\nNote: {note}")


def _facts(detail: VariantDetail) -> ResultTable:
    paper = detail.variant.paper
    facts: dict[str, Cell] = {
        "parameters": detail.counts.parameters_total,
        "parameters, trainable": detail.counts.parameters_trainable,
        "parameters, kernels alone (the paper's count)": detail.counts.parameters_paper,
        "mult-adds": detail.counts.mult_adds,
        "layers with a kernel": detail.layer_count_paper,
        "published alphas": _alphas(detail.variant),
        "paper": f"arXiv:{paper.arxiv}, {paper.title}",
    }
    return facts_table(facts, title=f"{detail.spec.variant}: {detail.spec.name}, {detail.spec.classes:,} classes")


def _shares(detail: VariantDetail) -> ResultTable:
    return ResultTable(
        columns=(Column(header="layer type"), Column(header="mult-adds (%)"), Column(header="parameters (%)")),
        rows=tuple((share.layer_type, share.mult_adds_percent, share.parameters_percent) for share in detail.shares),
    )


def _separation(cost: SeparationCost) -> ResultTable:
    facts: dict[str, Cell] = {
        "layers": f"{cost.depthwise}, {cost.pointwise}",
        "mult-adds of the two": cost.pair_mult_adds,
        "mult-adds of one full convolution": cost.full_mult_adds,
        "ratio": f"{cost.counted_ratio:.4f}",
        "1/N + 1/k^2": f"1/{cost.filters} + 1/{cost.kernel}^2 = {cost.predicted_ratio:.4f}",
    }
    return facts_table(facts, title="Depthwise separation, the pair that occurs most")


def _layers(detail: VariantDetail) -> ResultTable:
    columns = (
        Column(header="layer"),
        Column(header="output"),
        Column(header="parameters"),
        Column(header="mult-adds"),
    )
    shown = [layer for layer in detail.layers if layer.counts.mult_adds]
    return ResultTable(columns=columns, rows=tuple(map(_layer_row, shown)))


def _layer_row(layer: LayerDetail) -> tuple[str, str, int, int]:
    output = "x".join(map(str, layer.output_shape))
    return layer.name, output, layer.counts.parameters_total, layer.counts.mult_adds
