"""One recipe to a file that was held to account: quantized with the repairs that help, written, read back and run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobile_deploy.contract import ModelContract
from mobile_deploy.data.manifest import CalibrationManifest
from mobile_deploy.files import refusals_named
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.options import MakeOptions, bundle_name
from mobile_deploy.pipeline.repairing import ON_THE_FLOAT_FILE, RepairBench, Repaired, RepairReport
from mobile_deploy.recipes import RecipeRequest
from mobile_deploy.tflite.audit import AuditReport, audit_graph
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import contract_for
from mobile_deploy.tflite.metadata import attach_metadata
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.tflite.trial import TrialProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was measured on calibration pictures, and what they were."""

    bench: RepairBench = field(repr=False)
    manifest: CalibrationManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A file that is not in a bundle yet.

    Attributes:
        request: The recipe with its input/output type.
        data: Bytes of the .tflite.
        contract: How to feed it and read it.
        audit: What the audit found.
        repaired: The float file it was quantized from, and how; None for a recipe that is not calibrated.
        repairs: What repairs were worth; None likewise.
        facts: What model.json says of the repairs.
        method: How its weights came about, where there are rivals.
    """

    request: RecipeRequest
    data: bytes = field(repr=False)
    contract: ModelContract
    audit: AuditReport
    repaired: Repaired | None = field(default=None, repr=False)
    repairs: RepairReport | None = None
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafter:
    """Makes files of one float file.

    Attributes:
        model: The float file.
        options: What shall be made.
        calibration: What was measured; None when no recipe needs it.
        trial: The child process that runs each file once.
    """

    model: FloatModel
    options: MakeOptions
    calibration: Calibration | None
    trial: TrialProcess

    @property
    def bench(self) -> RepairBench:
        """Where repairs are tried.

        Raises:
            ValueError: Nothing was calibrated.
        """
        if self.calibration is None:
            raise ValueError("nothing was calibrated")
        return self.calibration.bench

    def draft(self, request: RecipeRequest, repairs: Sequence[str] | None = None) -> Draft:
        """Makes the file of a recipe.

        Args:
            request: The recipe.
            repairs: Repairs to try instead of those of the options.

        Returns:
            The file, audited.

        Raises:
            QuantizerError: The quantizer refused the float file.
        """
        source, granularity = self.options.float_source, self.options.granularity
        if not request.recipe.needs_calibration:
            made = quantize(self.model.data, request, self.model.input, granularity=granularity, source=source)
            return self.audited(request, made.data)
        tried = self.options.repairs if repairs is None else repairs
        if self.model.kernel_bounds:  # weights whose grid is settled may not be scaled any more
            tried = [name for name in tried if name not in ON_THE_FLOAT_FILE]
        report = self.bench.choose(request, granularity, tried)
        repaired = self.bench.repair(report.kept)
        made = repaired.quantize(request, self.model, granularity, source)
        facts = {
            **report.to_json(),
            "equalization": repaired.equalization.to_json(),
            "corrected_biases": made.corrected_biases,
            "floored_channels": made.floored_channels,
        }
        return self.audited(request, made.data, repaired=repaired, repairs=report, facts=facts)

    def audited(
        self,
        request: RecipeRequest,
        data: bytes,
        *,
        repaired: Repaired | None = None,
        repairs: RepairReport | None = None,
        facts: Mapping[str, Any] | None = None,
        keeps_float_ops: bool = False,
    ) -> Draft:
        """Writes metadata into a file, writes it to a scratch folder, reads it back, runs it and holds it to account.

        Args:
            request: The recipe.
            data: Bytes of the .tflite.
            repaired: What it was quantized from.
            repairs: What repairs were worth.
            facts: What model.json says of the repairs.
            keeps_float_ops: Whether operators are float on purpose.

        Returns:
            The draft.
        """
        model = self.model
        data = self.with_metadata(request, data)
        with (
            refusals_named(Path(tempfile.gettempdir())),
            tempfile.TemporaryDirectory(prefix="mobile-deploy-") as scratch,
        ):
            path = Path(scratch) / "trial.tflite"
            path.write_bytes(data)
            written = read_graph(path.read_bytes())
            told = self.trial.run(path)
        contract = contract_for(written, request, model.input, meaning=model.meaning, labels=model.labels)
        allowed = self.options.allow_float_ops or keeps_float_ops
        audit = audit_graph(written, request.recipe, contract, allow_float_ops=allowed).with_trial(told)
        return Draft(
            request=request,
            data=data,
            contract=contract,
            audit=audit,
            repaired=repaired,
            repairs=repairs,
            facts=facts or {},
        )

    def with_metadata(self, request: RecipeRequest, data: bytes) -> bytes:
        """Writes the contract and the labels into the file of a recipe."""
        model = self.model
        contract = contract_for(read_graph(data), request, model.input, meaning=model.meaning, labels=model.labels)
        return attach_metadata(data, contract, name=bundle_name(model.name, request, untrained=model.untrained))
