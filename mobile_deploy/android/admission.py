"""Which bundles may go into an app without further words: trained, audited, and not too new for the app's runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobile_deploy.bundle import Bundle
from mobile_deploy.errors import InputDataError

BUILT_RUNTIME = "2.16"
"""TFLite release of the runtime that `app build` puts into the app."""

LITERT_VERSION = "1.4.2"
"""LiteRT release that the Gradle files name: the newest that keeps the Interpreter on CPU and GPU."""

LITERT_RUNTIME = "2.17"
"""TFLite release that any LiteRT is at least: its count began after that one.

Source: tflite/tools/versioning/runtime_version.cc, google-ai-edge/LiteRT.
"""

_RELEASE = re.compile(r"\d{1,6}(?:\.\d{1,6}){1,3}")


class UntrainedBundleError(InputDataError):
    """The weights of a bundle are random, so that its answers mean nothing.

    Attributes:
        name: Name of the bundle.
    """

    def __init__(self, *, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name} is untrained: its answers mean nothing",
            hint="export it with trained weights, or pass --allow-untrained",
        )


class UnauditedBundleError(InputDataError):
    """Nobody found that a bundle's file is what its recipe promises.

    Attributes:
        name: Name of the bundle.
        verdict: What the audit said; "" where there was none.
    """

    def __init__(self, *, name: str, verdict: str) -> None:
        self.name = name
        self.verdict = verdict
        said = f"its audit says {verdict!r}, not 'clean'" if verdict else "model.json records no audit"
        super().__init__(
            f"{name} is not audited: {said}", hint="export it again with --overwrite, or pass --allow-unaudited"
        )


class BundleTooNewError(InputDataError):
    """A bundle needs a newer runtime than the app has.

    Attributes:
        name: Name of the bundle.
        needed: Oldest TFLite release that computes it right.
        found: TFLite release of the app's runtime.
    """

    def __init__(self, *, name: str, needed: str, found: str) -> None:
        self.name = name
        self.needed = needed
        self.found = found
        super().__init__(
            f"{name} needs TFLite {needed} or newer, the app's runtime is {found}",
            hint="use a newer runtime in the app and pass --allow-newer",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """What the user lets pass.

    Attributes:
        untrained: Random weights.
        unaudited: A file whose audit is missing or not clean.
        newer: A file that asks for a newer runtime than the app's.
    """

    untrained: bool = False
    unaudited: bool = False
    newer: bool = False


TRYING_OUT = Allowances(untrained=True, unaudited=True, newer=True)
"""What passes where nothing reaches other people; the app itself looks at the runtime that it has."""


def check_admissible(bundle: Bundle, allowed: Allowances, *, runtime: str) -> tuple[str, ...]:
    """Refuses what an app should not ship.

    Args:
        bundle: The bundle.
        allowed: What passes all the same.
        runtime: TFLite release of the app's runtime, such as "2.16".

    Returns:
        What passed although something speaks against it, one sentence each.

    Raises:
        UntrainedBundleError: Its weights are random.
        UnauditedBundleError: Its audit is missing or not clean.
        BundleTooNewError: It asks for a newer runtime, or for one that nobody knows.
    """
    objections = (
        (is_untrained(bundle), allowed.untrained, UntrainedBundleError(name=bundle.name)),
        (_verdict(bundle) != "clean", allowed.unaudited, _unaudited(bundle)),
        (_is_newer(bundle, runtime), allowed.newer, _too_new(bundle, runtime)),
    )
    for is_so, passes, error in objections:
        if is_so and not passes:
            raise error
    return tuple(error.message for is_so, _, error in objections if is_so)


def is_untrained(bundle: Bundle) -> bool:
    """Says whether a bundle's weights are random, in the head at least."""
    if bundle.name.removesuffix(f"-{bundle.recipe}").endswith("-untrained"):
        return True
    weights = _object(bundle, "weights")
    kind = weights.get("kind")
    return kind == "none" or (kind != "trained" and weights.get("new_head") is True)


def _object(bundle: Bundle, key: str) -> Mapping[str, Any]:
    found = bundle.manifest.get(key)
    return found if isinstance(found, dict) else {}


def _verdict(bundle: Bundle) -> str:
    return str(_object(bundle, "audit").get("verdict") or "")


def _unaudited(bundle: Bundle) -> UnauditedBundleError:
    return UnauditedBundleError(name=bundle.name, verdict=_verdict(bundle))


def _too_new(bundle: Bundle, runtime: str) -> BundleTooNewError:
    return BundleTooNewError(name=bundle.name, needed=bundle.contract.minimum_runtime, found=runtime)


def _is_newer(bundle: Bundle, runtime: str) -> bool:
    needed = bundle.contract.minimum_runtime
    return _RELEASE.fullmatch(needed) is None or _order(needed) > _order(runtime)


def _order(release: str) -> tuple[int, ...]:
    """Makes releases comparable.

    >>> _order("2.14") > _order("2.3"), _order("2.16.0") == _order("2.16")
    (True, True)
    """
    numbers = [int(part) for part in release.split(".")]
    while numbers[-1:] == [0]:
        numbers.pop()
    return tuple(numbers)
