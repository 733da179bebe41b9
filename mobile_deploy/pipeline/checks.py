"""One check of something: its name, its verdict and what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mobile_deploy.errors import MobileDeployError, printable

Verdict = Literal["ok", "failed", "not there", "not checked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check.

    Attributes:
        name: What was checked.
        verdict: "ok", "failed", "not there" where it need not be there, "not checked" where another failure leaves
            nothing to check.
        found: What was found, or why it failed.
    """

    name: str
    verdict: Verdict
    found: str


def held(name: str, problems: Sequence[str], *, found: str) -> Check:
    """Makes a check that failed if there are problems, and else found something."""
    told = printable("; ".join(problems) or found)
    return Check(name=printable(name), verdict="failed" if problems else "ok", found=told)


def absent(name: str, why: str) -> Check:
    """Makes a check of what need not be there and is not."""
    return Check(name=name, verdict="not there", found=why)


def unchecked(name: str, why: str) -> Check:
    """Makes a check that another failure left nothing for."""
    return Check(name=name, verdict="not checked", found=why)


def guarded(name: str, check: Callable[[], Check]) -> Check:
    """Carries out a check; an error in it is a failure of the check and no more."""
    try:
        return check()
    except MobileDeployError as error:
        return held(name, [error.message], found="")
