"""From one float .tflite to audited bundles: the part that `export` and `quantize` share.

float file -> ranges on calibration pictures -> one quantization per recipe -> audit -> trial run -> bundle
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mobile_deploy import __version__
from mobile_deploy.bundle import Bundle, BundleDraft, compose_bundle, write_bundles
from mobile_deploy.contract import InputContract, ModelContract, OutputMeaning
from mobile_deploy.data.calibration import CalibrationSet
from mobile_deploy.data.datasets import LabelledPictures
from mobile_deploy.data.manifest import CalibrationManifest
from mobile_deploy.evaluation.accuracy import Accuracy, Candidate, score
from mobile_deploy.files import refusals_named, sha256_of_bytes
from mobile_deploy.pipeline.options import MakeOptions, bundle_name
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.recipes import RecipeRequest, resolve_recipes
from mobile_deploy.tflite.audit import AuditReport, audit_graph
from mobile_deploy.tflite.calibrate import ActivationRanges, measure_ranges
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import contract_for
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.tflite.trial import TrialProcess

_FLOAT = "float32"
_TOOLS = ("tensorflow", "keras", "ai-edge-litert", "ai-edge-quantizer", "numpy", "pillow")


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatModel:
    """A float .tflite that is understood: where everything else is made from.

    Attributes:
        data: Bytes of the file.
        name: Start of the bundles' names.
        input: What goes in.
        meaning: What comes out.
        labels: Class names in output order.
        wnids: WordNet identifiers in the same order, where the classes have them.
        facts: What model.json says of its origin.
        untrained: Whether its weights are random, in the head at least.
        notes: What the user should know of its origin, one sentence each.
    """

    data: bytes = field(repr=False)
    name: str
    input: InputContract
    meaning: OutputMeaning
    labels: tuple[str, ...] = field(repr=False)
    wnids: tuple[str, ...] = field(default=(), repr=False)
    facts: Mapping[str, Any] = field(repr=False)
    untrained: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Activation ranges and the pictures behind them."""

    ranges: ActivationRanges = field(repr=False)
    manifest: CalibrationManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFile:
    """What became of one recipe.

    Attributes:
        request: The recipe with its input/output type.
        name: Name of the bundle.
        size_bytes: Size of the .tflite.
        audit: What the audit found.
        bundle: The written bundle; None when the audit failed.
        accuracy: Accuracy on labelled pictures, where there were any.
    """

    request: RecipeRequest
    name: str
    size_bytes: int
    audit: AuditReport
    bundle: Bundle | None
    accuracy: Accuracy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeResult:
    """What became of all recipes.

    Attributes:
        files: One record per recipe.
        float_accuracy: Accuracy of the float file, where there were labelled pictures.
    """

    files: tuple[MadeFile, ...]
    float_accuracy: Accuracy | None


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # `quantize` does without TensorFlow
        return "not installed"


@cache
def tool_versions() -> dict[str, str]:
    """Gives the versions of the packages that decide what a file looks like."""
    return {"mobile-deploy": __version__, **{name: _installed(name) for name in _TOOLS}}


def calibrate(
    model: FloatModel, pictures: CalibrationSet, *, source: object, progress: ProgressReporter
) -> Calibration:
    """Measures activation ranges on calibration pictures.

    Args:
        model: The float file.
        pictures: What to run through it.
        source: What to call the float file in errors.
        progress: Who listens.

    Returns:
        The ranges and what they were measured on.

    Raises:
        InterpreterError: The file does not run or gives no finite numbers.
    """
    with progress.stage(f"calibrate on {pictures.manifest.count} pictures") as advance:
        ranges = measure_ranges(model.data, pictures.images, model.input, source=source, progress=advance)
    return Calibration(ranges=ranges, manifest=pictures.manifest)


def make_bundles(
    model: FloatModel,
    options: MakeOptions,
    *,
    calibration: Calibration | None,
    pictures: LabelledPictures | None,
    trial: TrialProcess,
    progress: ProgressReporter,
) -> MakeResult:
    """Quantizes, audits, scores and writes one bundle per recipe; a file that fails its audit is not written.

    The bundles appear together at the end, or none does.

    Args:
        model: The float file.
        options: What shall be made and where.
        calibration: Activation ranges; None when no recipe needs them.
        pictures: Labelled pictures to score on, or None.
        trial: The child process that runs each file once.
        progress: Who listens.

    Returns:
        One record per recipe, in the order asked for, and the float file's accuracy.

    Raises:
        MobileDeployError: Quantization, scoring or writing failed.
    """
    drafts = []
    for request in options.requests:
        with progress.stage(f"quantize and audit {request.recipe.name}"):
            drafts.append(_draft(model, options, request, calibration, trial))
    accuracies = {} if pictures is None else _score(model, drafts, pictures, progress)
    composed = [_composed(model, options, draft, calibration, accuracies) for draft in drafts]
    write_bundles([bundle for bundle in composed if bundle is not None], overwrite=options.overwrite)
    return MakeResult(
        files=tuple(
            MadeFile(
                request=draft.request,
                name=bundle_name(model.name, draft.request, untrained=model.untrained),
                size_bytes=len(draft.data),
                audit=draft.audit,
                bundle=None if written is None else written.bundle,
                accuracy=accuracies.get(draft.request.recipe.name),
            )
            for draft, written in zip(drafts, composed, strict=True)
        ),
        float_accuracy=accuracies.get(_FLOAT),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    request: RecipeRequest
    data: bytes = field(repr=False)
    contract: ModelContract
    repairs: Mapping[str, int]
    audit: AuditReport


def _draft(
    model: FloatModel,
    options: MakeOptions,
    request: RecipeRequest,
    calibration: Calibration | None,
    trial: TrialProcess,
) -> _Draft:
    """Makes a file, writes it to a scratch folder, reads it back, runs it and holds it to account."""
    made = quantize(
        model.data,
        request,
        model.input,
        granularity=options.granularity,
        ranges=None if calibration is None else calibration.ranges,
        source=options.float_source,
    )
    repairs = {"corrected_biases": made.corrected_biases, "floored_channels": made.floored_channels}
    with (
        refusals_named(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="mobile-deploy-") as scratch,
    ):
        path = Path(scratch) / "trial.tflite"
        path.write_bytes(made.data)
        written = read_graph(path.read_bytes())
        told = trial.run(path)
    contract = contract_for(written, request, model.input, meaning=model.meaning, labels=model.labels)
    report = audit_graph(written, request.recipe, contract, allow_float_ops=options.allow_float_ops)
    return _Draft(request=request, data=made.data, contract=contract, repairs=repairs, audit=report.with_trial(told))


def _score(
    model: FloatModel, drafts: Sequence[_Draft], pictures: LabelledPictures, progress: ProgressReporter
) -> dict[str, Accuracy]:
    """Scores the float file and every draft that passed its audit, by recipe."""
    as_float = resolve_recipes([_FLOAT])[0]
    contract = contract_for(read_graph(model.data), as_float, model.input, meaning=model.meaning, labels=model.labels)
    candidates = {_FLOAT: Candidate(data=model.data, contract=contract)}
    for draft in drafts:
        if not draft.audit.problems:
            candidates[draft.request.recipe.name] = Candidate(data=draft.data, contract=draft.contract)
    with progress.stage(f"score {', '.join(candidates)} on {len(pictures)} pictures") as advance:
        return score(candidates, pictures, progress=advance)


def _composed(
    model: FloatModel,
    options: MakeOptions,
    draft: _Draft,
    calibration: Calibration | None,
    accuracies: Mapping[str, Accuracy],
) -> BundleDraft | None:
    """Puts the bundle of a draft together; None when the draft failed its audit."""
    if draft.audit.problems:
        return None
    recipe = draft.request.recipe
    accuracy = accuracies.get(recipe.name)
    calibrated = calibration is not None and recipe.needs_calibration
    facts = {
        "io": draft.request.io,
        "granularity": options.granularity,
        "audit": draft.audit.to_json(),
        "accuracy": None if accuracy is None else accuracy.to_json(),
        **model.facts,
        "calibration": calibration.manifest.to_json() if calibration is not None and calibrated else None,
        "repairs": dict(draft.repairs),
        "float_twin": {"sha256": sha256_of_bytes(model.data)},
        "tools": tool_versions(),
    }
    return compose_bundle(
        options.output,
        bundle_name(model.name, draft.request, untrained=model.untrained),
        tflite=draft.data,
        recipe=recipe.name,
        contract=draft.contract,
        facts=facts,
    )
