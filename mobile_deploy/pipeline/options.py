"""What shall be made and where, checked before anything slow begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.errors import BadOptionError, OutputExistsError, UnknownNameError
from mobile_deploy.files import check_writable, refusals_named
from mobile_deploy.recipes import GRANULARITIES, Granularity, RecipeRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeOptions:
    """What shall be made and where.

    Attributes:
        requests: The recipes.
        granularity: What one weight scale covers.
        output: Folder to write the bundles into.
        overwrite: Whether bundles may be replaced.
        allow_float_ops: Whether float leftovers in an integer recipe are accepted.
        float_source: What to call the float file in errors.
    """

    requests: tuple[RecipeRequest, ...]
    granularity: Granularity
    output: Path
    overwrite: bool
    allow_float_ops: bool
    float_source: object = "the float .tflite"


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
    for request in options.requests:
        target = options.output / bundle_name(model_name, request, untrained=untrained)
        with refusals_named(target):
            taken = target.exists()
        if taken and not options.overwrite:
            raise OutputExistsError(path=target)


def needs_calibration(requests: Sequence[RecipeRequest]) -> bool:
    """Says whether any recipe needs activation ranges."""
    return any(request.recipe.needs_calibration for request in requests)
