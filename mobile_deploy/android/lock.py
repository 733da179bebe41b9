"""The lock file: every artifact that the build takes from a Maven repository, with its size and hash."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.errors import UnreadableFileError

_COORDINATES = re.compile(r"([\w.-]+):([\w.-]+):([\w.-]+)(?::([\w.-]+))?@(\w+)", re.ASCII)
_SIZE = re.compile(r"-|\d{1,12}", re.ASCII)
_SHA256 = re.compile(r"-|[0-9a-f]{64}")
_UNKNOWN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file of a Maven repository.

    Attributes:
        group: Group of the artifact.
        name: Its name.
        version: Its version.
        classifier: What tells it from others of that version; empty for the main one.
        type: Its type, which is its ending: "jar", "aar", "signature".
        size_bytes: Its size; 0 where it is still to be locked.
        sha256: Its hash; empty where it is still to be locked.
        roles: What it is for, such as "kotlinc".
    """

    group: str
    name: str
    version: str
    classifier: str
    type: str
    size_bytes: int
    sha256: str
    roles: tuple[str, ...]

    @property
    def coordinates(self) -> str:
        """Group, name, version, classifier and type as the lock file writes them."""
        classifier = f":{self.classifier}" if self.classifier else ""
        return f"{self.group}:{self.name}:{self.version}{classifier}@{self.type}"

    @property
    def file_name(self) -> str:
        """Name of the file in the cache."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.group}.{self.name}-{self.version}{classifier}.{self.type}"


def read_lock(path: Path) -> tuple[Artifact, ...]:
    """Reads a lock file.

    Args:
        path: The file: roles, coordinates, bytes and sha256 a line; lines that begin with "#" are comments.

    Raises:
        UnreadableFileError: It is missing or a line is none of these.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UnreadableFileError(path=path, problem=f"it cannot be read ({error})") from error
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip() and line[0] != "#"]
    return tuple(_parse(line, path=path, number=number) for number, line in numbered)


def _parse(line: str, *, path: Path, number: int) -> Artifact:
    words = line.split()
    found = _COORDINATES.fullmatch(words[1]) if len(words) == 4 else None
    if found is None or not (_SIZE.fullmatch(words[2]) and _SHA256.fullmatch(words[3])):
        raise UnreadableFileError(path=path, problem=f"line {number} is not ROLES GROUP:NAME:VERSION@TYPE BYTES SHA256")
    roles, _, size, sha256 = words
    group, name, version, classifier, kind = found.groups(default="")
    return Artifact(
        group=group,
        name=name,
        version=version,
        classifier=classifier,
        type=kind,
        size_bytes=0 if size == _UNKNOWN else int(size),
        sha256="" if sha256 == _UNKNOWN else sha256,
        roles=tuple(roles.split(",")),
    )


def with_roles(artifacts: Sequence[Artifact], roles: Collection[str]) -> tuple[Artifact, ...]:
    """Chooses the artifacts that have one of some roles, in the order of the lock file."""
    return tuple(artifact for artifact in artifacts if not set(roles).isdisjoint(artifact.roles))


def format_lock(comments: Sequence[str], artifacts: Sequence[Artifact]) -> str:
    """Writes a lock file.

    Args:
        comments: Lines above the artifacts, each with its "#".
        artifacts: The artifacts.
    """
    rows = [
        (",".join(artifact.roles), artifact.coordinates, str(artifact.size_bytes), artifact.sha256)
        for artifact in artifacts
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{r:<{widths[0]}}  {c:<{widths[1]}}  {b:>{widths[2]}}  {h}" for r, c, b, h in rows]
    return "\n".join((*comments, *lines)) + "\n"
