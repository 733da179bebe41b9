"""The label of a .tflite as a record, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mobile_deploy.pipeline.inspect_words import (
    activation_words,
    end_words,
    metadata_words,
    mult_add_words,
    printable,
    refusal_words,
    runtime_words,
    shape_words,
    size_words,
    weight_words,
)
from mobile_deploy.report.tables import Column, ResultTable, facts_table
from mobile_deploy.statistics import finite_or_none
from mobile_deploy.tflite.census import OpGroup
from mobile_deploy.tflite.cost import LayerCost
from mobile_deploy.tflite.ends import EndTensor
from mobile_deploy.tflite.metadata import FileMetadata
from mobile_deploy.tflite.precision import WeightGranularity
from mobile_deploy.tflite.runtime_versions import MinimumRuntime
from mobile_deploy.tflite.target_profiles import PROFILES
from mobile_deploy.tflite.targets import TargetReport


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectResult:
    """The label of a .tflite.

    Attributes:
        path: The file.
        bundle: Name of the bundle it was named by; None for a file.
        size_bytes: Size of the file.
        sha256: Its hash.
        precision: Its precision in the words of the recipes.
        granularity: What the scales of 8-bit kernels cover; None for a file without such kernels.
        inputs: What goes in.
        outputs: What comes out.
        signatures: Names of the signatures.
        metadata: What the file says of itself; None where it says nothing.
        mult_adds: Of convolutions and fully connected operators, for one run.
        uncounted: Operators whose mult-adds are not in that count.
        weight_bytes: Bytes of the stored tensors by dtype.
        activation_bytes: Bytes of all activations together.
        peak_activation_bytes: Largest sum of activations that are alive at once.
        unpacked_bytes: Bytes of constants that a plain runtime computes when the file is loaded.
        runtime: The TFLite release it needs.
        contract_runtime: The release that the bundle promises; None for a file.
        ops: Operators by name and type.
        layers: Each operator with its cost, in execution order.
        types: What each of them computes in.
        targets: What each target makes of the file.
        warnings: What to know before shipping it, the gravest first.
    """

    path: Path
    bundle: str | None
    size_bytes: int
    sha256: str
    precision: str
    granularity: WeightGranularity | None
    inputs: tuple[EndTensor, ...]
    outputs: tuple[EndTensor, ...]
    signatures: tuple[str, ...]
    metadata: FileMetadata | None = field(repr=False)
    mult_adds: int
    uncounted: tuple[str, ...]
    weight_bytes: Mapping[str, int]
    activation_bytes: int
    peak_activation_bytes: int
    unpacked_bytes: int
    runtime: MinimumRuntime
    contract_runtime: str | None
    ops: tuple[OpGroup, ...]
    layers: tuple[LayerCost, ...] = field(repr=False)
    types: tuple[str, ...] = field(repr=False)
    targets: tuple[TargetReport, ...]
    warnings: tuple[str, ...]

    def facts(self) -> ResultTable:
        """Gives what is true of the whole file."""
        granularity = "" if self.granularity is None else f", weights {self.granularity}"
        facts: dict[str, str] = {
            "size": f"{size_words(self.size_bytes)}, sha256 {self.sha256[:12]}",
            "precision": f"{self.precision}{granularity}",
            **end_words("input", self.inputs),
            **end_words("output", self.outputs),
            "weights": weight_words(self.weight_bytes, unpacked=self.unpacked_bytes),
            "activations": activation_words(self.layers, peak=self.peak_activation_bytes, total=self.activation_bytes),
            "mult-adds": mult_add_words(self.mult_adds, self.uncounted),
            "runtime": runtime_words(self.runtime, contract=self.contract_runtime),
            "signature": ", ".join(self.signatures) or "none",
            "metadata": metadata_words(self.metadata),
        }
        shown = {name: printable(fact) for name, fact in facts.items()}
        return facts_table(shown, title=self.bundle or self.path.name)

    def operators(self) -> ResultTable:
        """Gives the operators by name and type."""
        columns = (
            Column(header="operator"),
            Column(header="type", folds=True),
            Column(header="count"),
            Column(header="mult-adds"),
            Column(header="weights (bytes)"),
        )
        rows = tuple(
            (printable(g.op), g.types or None, g.count, g.mult_adds or None, g.weight_bytes or None) for g in self.ops
        )
        return ResultTable(columns=columns, rows=rows)

    def takers(self) -> ResultTable:
        """Gives what each target takes."""
        columns = (
            Column(header="target"),
            Column(header="takes"),
            Column(header="pieces"),
            Column(header="by default"),
            Column(header="refuses", folds=True),
        )
        rows = tuple(
            (t.target, f"{t.taken} of {t.ops}", t.partitions, t.placed, printable(refusal_words(t) or "-"))
            for t in self.targets
        )
        return ResultTable(columns=columns, rows=rows)

    def layer_table(self) -> ResultTable:
        """Gives every operator with its cost, in execution order."""
        columns = (
            Column(header="#"),
            Column(header="operator"),
            Column(header="output"),
            Column(header="type"),
            Column(header="mult-adds"),
            Column(header="weights (B)"),
            Column(header="alive (B)"),
        )
        rows = tuple(
            (
                layer.op.index,
                printable(layer.op.name),
                None if layer.output is None else shape_words(layer.output.shape),
                None if layer.output is None else layer.output.dtype,
                layer.mult_adds or None,
                layer.constant_bytes or None,
                layer.alive_bytes,
            )
            for layer in self.layers
        )
        return ResultTable(columns=columns, rows=rows)

    def tables(self) -> tuple[ResultTable, ...]:
        """Gives the label, table by table, without the operators one by one."""
        return self.facts(), self.operators(), self.takers()

    def to_json(self) -> dict[str, Any]:
        """Gives everything as JSON values."""
        return {
            "path": str(self.path),
            "bundle": self.bundle,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "precision": self.precision,
            "granularity": None if self.granularity is None else asdict(self.granularity),
            "inputs": [asdict(end) for end in self.inputs],
            "outputs": [asdict(end) for end in self.outputs],
            "signatures": list(self.signatures),
            "metadata": _metadata_json(self.metadata),
            "mult_adds": self.mult_adds,
            "mult_adds_uncounted": list(self.uncounted),
            "weight_bytes": dict(self.weight_bytes),
            "activation_bytes": self.activation_bytes,
            "peak_activation_bytes": self.peak_activation_bytes,
            "unpacked_bytes": self.unpacked_bytes,
            "runtime": {**asdict(self.runtime), "contract": self.contract_runtime},
            "ops": [asdict(group) for group in self.ops],
            "layers": [_layer_json(layer, types) for layer, types in zip(self.layers, self.types, strict=True)],
            "targets": [_target_json(report) for report in self.targets],
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        blocks = [*map(str, self.tables()), *self.warning_lines()]
        return "\n\n".join(blocks)

    def warning_lines(self) -> tuple[str, ...]:
        """Gives the warnings as one block of text; none where there are none."""
        return ("\n".join(f"warning: {printable(warning)}" for warning in self.warnings),) if self.warnings else ()

    def _repr_html_(self) -> str:
        warnings = ResultTable(columns=(Column(header="warnings"),), rows=tuple((text,) for text in self.warnings))
        return "".join(table._repr_html_() for table in (*self.tables(), *((warnings,) if self.warnings else ())))


def _metadata_json(metadata: FileMetadata | None) -> dict[str, Any] | None:
    if metadata is None:
        return None
    described = {**asdict(metadata.model), "label_count": len(metadata.labels), "files": list(metadata.files)}
    return {key: _plain(value) for key, value in described.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401  # JSON values
    """Replaces what JSON has no number for; a file from anyone may hold it."""
    match value:
        case float():
            return finite_or_none(value)
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [_plain(inner) for inner in value]
    return value


def _layer_json(layer: LayerCost, types: str) -> dict[str, Any]:
    made = layer.output
    return {
        "index": layer.op.index,
        "op": layer.op.name,
        "version": layer.op.version,
        "types": types,
        "name": None if made is None else made.name,
        "output_shape": None if made is None else list(made.shape),
        "output_dtype": None if made is None else made.dtype,
        "mult_adds": layer.mult_adds,
        "weight_bytes": layer.constant_bytes,
        "alive_bytes": layer.alive_bytes,
    }


def _target_json(report: TargetReport) -> dict[str, Any]:
    profile = next(profile for profile in PROFILES if profile.name == report.target)
    return {
        "target": report.target,
        "title": profile.title,
        "ops": report.ops,
        "taken": report.taken,
        "placed": report.placed,
        "partitions": report.partitions,
        "refused": [asdict(refusal) for refusal in report.refused],
        "note": profile.note,
        "source": profile.source,
        "source_version": profile.version,
    }
