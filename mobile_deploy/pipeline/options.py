"""What shall be made and where, checked before anything slow begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.errors import BadOptionError, OutputExistsError, UnknownNameError
from mobile_deploy.files import check_writable, refusals_named
from mobile_deploy.recipes import GRANULARITIES, Granularity, RecipeRequest, resolve_recipes
from mobile_deploy.tflite.target_profiles import PROFILES

_ALL_POINTS = 100
_MOST_MINUTES = 24 * 60

# The recipe that an accuracy budget is about.
BUDGETED = "int8"
# What it may become on a target with fast kernels for 16-bit activations.
WIDE = "int16x8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much accuracy a file may cost.

    Attributes:
        max_drop_points: Most that top-1 may lie below the float file's, in percentage points.
        runs_int16: Whether the target has fast kernels for 16-bit activations; CPUs are 90 times slower in them.
        runs_float: Whether the target computes in float at all.
    """

    max_drop_points: float
    runs_int16: bool = False
    runs_float: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeOptions:
    """What shall be made and where.

    Attributes:
        requests: The recipes.
        granularity: What one weight scale covers.
        repairs: What to try against the losses of an integer recipe, out of `recipes.REPAIRS`.
        output: Folder to write the bundles into.
        overwrite: Whether bundles may be replaced.
        allow_float_ops: Whether float leftovers in an integer recipe are accepted.
        float_source: What to call the float file in errors.
        golden: Whether the bundles shall hold golden vectors.
        budget: How much accuracy int8 may cost; None for no such bound.
        recover_minutes: Time that int8 may be trained on the calibration pictures; None for no recovery.
    """

    requests: tuple[RecipeRequest, ...]
    granularity: Granularity
    repairs: tuple[str, ...]
    output: Path
    overwrite: bool
    allow_float_ops: bool
    float_source: object = "the float .tflite"
    golden: bool = False
    budget: Budget | None = None
    recover_minutes: float | None = None


def check_granularity(name: str, requests: Sequence[RecipeRequest]) -> Granularity:
    """Finds a granularity by its name.

    Args:
        name: Such as "per-tensor".
        requests: The recipes that shall have it.

    Raises:
        UnknownNameError: There is none of that name.
        BadOptionError: A recipe cannot have it.
    """
    if name not in GRANULARITIES:
        raise UnknownNameError(kind="granularity", name=name, known=GRANULARITIES)
    for recipe in (request.recipe for request in requests):
        if name not in recipe.granularities:
            raise BadOptionError(
                option="--granularity",
                problem=f"{recipe.name} can only be {' or '.join(recipe.granularities)}",
                hint=f"leave {recipe.name} out of --quant, or pass --granularity {recipe.granularities[0]}",
            )
    return name


def check_recovery(minutes: float | None, requests: Sequence[RecipeRequest]) -> float | None:
    """Checks the time that int8 may be trained for; None for no recovery.

    Raises:
        BadOptionError: It is no time, or there is no int8 to recover.
    """
    if minutes is None:
        return None
    if not 0 < minutes <= _MOST_MINUTES:  # NaN is not
        raise BadOptionError(
            option="--recover-minutes", problem=f"{minutes:g} is not above 0 and at most {_MOST_MINUTES} minutes"
        )
    if all(request.recipe.name != BUDGETED for request in requests):
        raise BadOptionError(option="--recover", problem="trains int8, which --quant does not ask for")
    return minutes


def bundle_name(model_name: str, request: RecipeRequest, *, untrained: bool) -> str:
    """Names a bundle, such as "mobilenet_v2_1.0_224-untrained-int8"."""
    return f"{model_name}{'-untrained' if untrained else ''}-{request.recipe.name}"


def check_outputs(options: MakeOptions, model_name: str, *, untrained: bool) -> None:
    """Finds out before the slow steps whether the bundles can be written.

    Raises:
        OutputExistsError: A bundle is there and may not be replaced.
        OutputNotWritableError: The folder cannot be written.
    """
    check_writable(options.output)
    may_be_wide = options.budget is not None and options.budget.runs_int16
    for request in (*options.requests, *(resolve_recipes([WIDE]) if may_be_wide else ())):
        target = options.output / bundle_name(model_name, request, untrained=untrained)
        with refusals_named(target):
            taken = target.exists()
        if taken and not options.overwrite:
            raise OutputExistsError(path=target)


def needs_calibration(requests: Sequence[RecipeRequest]) -> bool:
    """Says whether any recipe needs activation ranges."""
    return any(request.recipe.needs_calibration for request in requests)


def make_budget(
    max_drop: float | None,
    target: str | None,
    requests: Sequence[RecipeRequest],
    *,
    data: object,
    repair: object,
) -> Budget | None:
    """Makes the accuracy budget of a job.

    Args:
        max_drop: Most that top-1 may drop, in percentage points; None for no budget.
        target: Name of what the file shall run on, or None.
        requests: The recipes.
        data: Labelled pictures, or None.
        repair: Repairs that were asked for, or None.

    Returns:
        The budget; None where there is none.

    Raises:
        UnknownNameError: There is no such target.
        BadOptionError: Something that a budget needs is missing, or it is in the way.
    """
    profiles = {profile.name: profile for profile in PROFILES}
    if target is not None and target not in profiles:
        raise UnknownNameError(kind="target", name=target, known=profiles)
    if max_drop is None:
        if target is not None:
            raise BadOptionError(option="--target", problem="says what --max-drop may try, which is not given")
        return None
    if not 0 <= max_drop <= _ALL_POINTS:
        raise BadOptionError(option="--max-drop", problem=f"{max_drop:g} is not from 0 to 100 percentage points")
    if data is None:
        raise BadOptionError(
            option="--max-drop", problem="needs labelled pictures to measure the drop on", hint="pass --data DIR"
        )
    if all(request.recipe.name != BUDGETED for request in requests):
        raise BadOptionError(option="--max-drop", problem=f"is a budget for {BUDGETED}, which --quant leaves out")
    if repair is not None:
        raise BadOptionError(option="--repair", problem="--max-drop chooses repairs itself")
    if target is None:
        return Budget(max_drop_points=max_drop)
    profile = profiles[target]
    return Budget(max_drop_points=max_drop, runs_int16=profile.runs_int16_fast, runs_float=profile.runs_float)
