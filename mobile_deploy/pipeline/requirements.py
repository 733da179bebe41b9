"""What this package asks of Python and of other packages, and whether a version meets it.

Read from the installed package's own metadata, so that pyproject.toml stays the only list. Standard library only: it
must work in the very environment that lacks something.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from mobile_deploy.errors import UnreadableFileError

PACKAGE = "mobile-deploy"

Verdict = Literal["ok", "too old", "too new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Something that must be there in a version within bounds.

    Attributes:
        name: Name of the package as installers know it, or "python".
        bounds: Such as ">=2.21,<2.22"; empty if any version will do.
    """

    name: str
    bounds: str

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Reads "name>=1,<2".

        >>> Requirement.parse("tf-keras>=2.21,<2.22").bounds
        '>=2.21,<2.22'
        """
        match = re.match(r"[\w.-]*\w", text.strip())
        if match is None:
            raise ValueError(f"{text!r} names no package")
        return cls(name=match.group(), bounds=text.strip()[match.end() :].strip())

    def judge(self, version: str) -> Verdict:
        """Says whether a version is within the bounds; a pre-release counts as its release.

        >>> Requirement(name="keras", bounds=">=3.12,<4").judge("3.9.1")
        'too old'
        """
        release = _release(version)
        for bound in filter(None, self.bounds.split(",")):
            match = re.fullmatch(r"\s*(>=|<)\s*([\d.]+)\s*", bound)
            if match is None:
                raise ValueError(f"{bound!r} is not >= or < and a release")
            order = _compare(release, _release(match[2]))
            if match[1] == ">=" and order < 0:
                return "too old"
            if match[1] == "<" and order >= 0:
                return "too new"
        return "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """All that this package asks for.

    Attributes:
        python: The Python versions it supports.
        packages: The packages it imports.
    """

    python: Requirement
    packages: tuple[Requirement, ...]


def read_requirements() -> Requirements:
    """Reads what the installed package, or the checkout it runs from, asks for.

    Raises:
        UnreadableFileError: There is neither.
    """
    try:
        metadata = importlib.metadata.metadata(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return _read_checkout(Path(__file__).parents[2] / "pyproject.toml")
    needed = [line for line in metadata.get_all("Requires-Dist") or () if ";" not in line]
    return _requirements(python=metadata["Requires-Python"], packages=needed)


def _read_checkout(path: Path) -> Requirements:
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    except OSError as error:
        problem = f"{PACKAGE} is not installed, and this is no checkout of it"
        raise UnreadableFileError(path=path, problem=problem, hint=f"pip install {PACKAGE}") from error
    return _requirements(python=project["requires-python"], packages=project["dependencies"])


def _requirements(*, python: str, packages: list[str]) -> Requirements:
    parsed = sorted((Requirement.parse(line) for line in packages), key=lambda requirement: requirement.name)
    return Requirements(python=Requirement(name="python", bounds=python), packages=tuple(parsed))


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def _compare(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    for mine, other in zip_longest(left, right, fillvalue=0):
        if mine != other:
            return mine - other
    return 0
