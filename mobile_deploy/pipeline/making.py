"""From one float .tflite to audited bundles: the part that `export` and `quantize` share.

float file -> ranges on calibration pictures -> one quantization per recipe -> audit -> trial run -> bundle
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mobile_deploy import __version__
from mobile_deploy.bundle import Bundle, BundleDraft, compose_bundle, write_bundles
from mobile_deploy.data.calibration import BUILTIN, CalibrationSet
from mobile_deploy.data.datasets import LabelledPictures
from mobile_deploy.data.manifest import SkippedFile
from mobile_deploy.evaluation.accuracy import Accuracy
from mobile_deploy.evaluation.golden import make_golden
from mobile_deploy.files import sha256_of_bytes
from mobile_deploy.pipeline.drafting import Calibration, Draft, Drafter
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.judging import Judge
from mobile_deploy.pipeline.ladder import Climb, climb
from mobile_deploy.pipeline.options import BUDGETED, MakeOptions, bundle_name
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.pipeline.repairing import RepairBench, RepairReport
from mobile_deploy.pipeline.tuning import Tuner, is_better
from mobile_deploy.recipes import RecipeRequest, resolve_recipes
from mobile_deploy.tflite.audit import AuditReport
from mobile_deploy.tflite.graph import load_model
from mobile_deploy.tflite.trial import TrialProcess
from mobile_deploy.tflite.write import serialize

_FLOAT = "float32"
# Pictures of a task have clearer answers than those that ship: without room for them the best classes of many tie at
# the highest score there is. V1 0.25 then is right on 41 % of 400 photographs, with room on 55 %; V2 does not mind.
_ROOM_ON_SHIPPED_PICTURES = 1.5
_TOOLS = ("tensorflow", "keras", "ai-edge-litert", "ai-edge-quantizer", "numpy", "pillow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A file that lost against another of the same recipe and was not written.

    Attributes:
        method: How its weights came about.
        size_bytes: Size of the .tflite.
        latency_ms: Median latency on this machine, one thread; None where it did not run.
        accuracy: Accuracy on labelled pictures, where there were any.
    """

    method: str
    size_bytes: int
    latency_ms: float | None
    accuracy: Accuracy | None

    def to_json(self) -> dict[str, Any]:
        """Gives the file as JSON values."""
        return {
            "method": self.method,
            "size_bytes": self.size_bytes,
            "host_latency_ms": self.latency_ms,
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
        }


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
        repairs: What repairs were worth; None for a recipe that is not calibrated.
        method: How its weights came about; empty where there was no rival.
        rival: The same recipe made the other way, which was not written; None where there was none.
    """

    request: RecipeRequest
    name: str
    size_bytes: int
    audit: AuditReport
    bundle: Bundle | None
    accuracy: Accuracy | None
    repairs: RepairReport | None
    method: str = ""
    rival: Rival | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeResult:
    """What became of all recipes.

    Attributes:
        files: One record per recipe.
        float_accuracy: Accuracy of the float file, where there were labelled pictures.
        skipped: Labelled pictures that could not be decoded and were left out.
        climb: How the accuracy budget was met or missed; None where there was none.
        notes: What the user should know, one sentence each.
    """

    files: tuple[MadeFile, ...]
    float_accuracy: Accuracy | None
    skipped: tuple[SkippedFile, ...] = ()
    climb: Climb | None = None
    notes: tuple[str, ...] = ()


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
    model: FloatModel, pictures: CalibrationSet, *, trial: TrialProcess, source: object, progress: ProgressReporter
) -> Calibration:
    """Measures activation ranges on calibration pictures.

    Args:
        model: The float file.
        pictures: What to run through it.
        trial: The child process that candidate files run in.
        source: What to call the float file in errors.
        progress: Who listens.

    Returns:
        The ranges and what they were measured on.

    Raises:
        InterpreterError: The file does not run or gives no finite numbers.
    """
    with progress.stage(f"calibrate on {pictures.manifest.count} pictures") as advance:
        bench = RepairBench(
            model,
            pictures.images,
            child=trial.child,
            source=source,
            score_room=_ROOM_ON_SHIPPED_PICTURES if pictures.manifest.source == BUILTIN else 1.0,
            progress=advance,
        )
    return Calibration(bench=bench, manifest=pictures.manifest)


def make_bundles(
    model: FloatModel,
    options: MakeOptions,
    *,
    calibration: Calibration | None,
    pictures: LabelledPictures | None,
    trial: TrialProcess,
    progress: ProgressReporter,
    tuner: Tuner | None = None,
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
        tuner: Trains int8 files; None for post-training quantization alone.

    Returns:
        One record per recipe, in the order asked for, and the float file's accuracy; 16-bit activations that came of a
        budget for int8 stand in its place.

    Raises:
        MobileDeployError: Quantization, scoring or writing failed.
    """
    drafter = Drafter(model=model, options=options, calibration=calibration, trial=trial)
    judge = None if pictures is None else Judge(model, pictures, progress=progress)
    made = _drafts(drafter, judge, progress, tuner)
    drafts, found = tuple(made.drafts.values()), made.climb
    accuracies = {} if judge is None else _accuracies(judge, drafts)
    twin = _float_twin_sha256(drafter, drafts)
    composed = [_composed(drafter, draft, accuracies.get(draft.request.recipe.name), twin, found) for draft in drafts]
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
                repairs=draft.repairs,
                method=draft.method,
                rival=_rival(made.rivals.get(draft.request.recipe.name), judge),
            )
            for draft, written in zip(drafts, composed, strict=True)
        ),
        float_accuracy=None if judge is None else judge.of_float().accuracy,
        skipped=() if judge is None else judge.skipped,
        climb=found,
        notes=made.notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drafts:
    """Files of all recipes, by recipe, and those that lost against them."""

    drafts: dict[str, Draft]
    rivals: dict[str, Draft]
    climb: Climb | None
    notes: tuple[str, ...]


def _drafts(drafter: Drafter, judge: Judge | None, progress: ProgressReporter, tuner: Tuner | None) -> _Drafts:
    """Makes a file of each recipe, once, and climbs for the one with a budget, which may become another recipe."""
    options, found = drafter.options, None
    made: dict[str, Draft] = {}
    rivals: dict[str, Draft] = {}
    notes: list[str] = []
    for request in options.requests:
        name = request.recipe.name
        if options.budget is not None and judge is not None and name == BUDGETED:
            found = climb(drafter, request, options.budget, judge=judge, progress=progress, tuner=tuner)
            made[found.draft.request.recipe.name] = found.draft
        elif name not in made:
            with progress.stage(f"quantize and audit {name}"):
                made[name] = drafter.draft(request)
            if tuner is not None and name == BUDGETED and not made[name].audit.problems:
                tuned = tuner.tune(drafter, made[name])
                is_kept, reason = is_better(tuned, judge)
                pair = (tuned.rival, tuned.before)
                made[name], rivals[name] = pair if is_kept else pair[::-1]
                notes.append(f"{name}: {tuned.name} {'kept' if is_kept else 'left out, no help here'}: {reason}.")
    return _Drafts(drafts=made, rivals=rivals, climb=found, notes=tuple(notes))


def _rival(draft: Draft | None, judge: Judge | None) -> Rival | None:
    if draft is None:
        return None
    scored = None if judge is None or draft.audit.problems else judge.of_drafts(draft)[0].accuracy
    return Rival(method=draft.method, size_bytes=len(draft.data), latency_ms=draft.audit.latency_ms, accuracy=scored)


def _accuracies(judge: Judge, drafts: Sequence[Draft]) -> dict[str, Accuracy]:
    """Scores every draft that passed its audit, by recipe."""
    sound = [draft for draft in drafts if not draft.audit.problems]
    scored = judge.of_drafts(*sound)
    return {draft.request.recipe.name: found.accuracy for draft, found in zip(sound, scored, strict=True)}


def _float_twin_sha256(drafter: Drafter, drafts: Sequence[Draft]) -> str:
    """Gives the hash of the file in the float32 bundle, whether that is made now or not."""
    made = next((draft.data for draft in drafts if draft.request.recipe.name == _FLOAT), None)
    if made is None:
        made = drafter.with_metadata(resolve_recipes([_FLOAT])[0], serialize(load_model(drafter.model.data, source="")))
    return sha256_of_bytes(made)


def _composed(
    drafter: Drafter, draft: Draft, accuracy: Accuracy | None, float_twin_sha256: str, found: Climb | None
) -> BundleDraft | None:
    """Puts the bundle of a draft together; None when the draft failed its audit."""
    if draft.audit.problems:
        return None
    model, options, calibration = drafter.model, drafter.options, drafter.calibration
    recipe = draft.request.recipe
    golden = make_golden(draft.data, draft.contract, source=recipe.name) if options.golden else None
    calibrated = calibration is not None and recipe.needs_calibration
    facts = {
        "io": draft.request.io,
        "granularity": options.granularity,
        "audit": draft.audit.to_json(),
        "accuracy": None if accuracy is None else accuracy.to_json(),
        **model.facts,
        "calibration": calibration.manifest.to_json() if calibration is not None and calibrated else None,
        "repairs": dict(draft.facts),
        "float_twin": {"sha256": float_twin_sha256},
        "tools": tool_versions(),
        **({} if golden is None else {"golden": golden.facts}),
        **({"method": draft.method} if draft.method else {}),
        **({} if found is None or found.draft is not draft else {"budget": found.facts()}),
    }
    return compose_bundle(
        options.output,
        bundle_name(model.name, draft.request, untrained=model.untrained),
        tflite=draft.data,
        recipe=recipe.name,
        contract=draft.contract,
        facts=facts,
        files={} if golden is None else golden.files,
    )
