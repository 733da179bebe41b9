"""The locked artifacts, checked and in the cache; Maven is started once for all that are missing, else not at all."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from mobile_deploy.android.failures import (
    ArtifactsNotFetchedError,
    BuildStepFailedError,
    BuildToolMissingError,
    DamagedArtifactError,
)
from mobile_deploy.android.lock import Artifact, format_lock, read_lock, with_roles
from mobile_deploy.android.programs import run_step
from mobile_deploy.android.sources import LOCK_NAME, app_sources
from mobile_deploy.errors import CacheNotWritableError, OutputNotWritableError
from mobile_deploy.files import cache_directory, refusals_named, sha256_of_file
from mobile_deploy.files.paths import hidden_sibling

_COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_MAVEN_HINTS = {
    "linux": "sudo apt-get install maven",
    "darwin": "brew install maven",
    "win32": "choco install maven",
}
# Maven resets the terminal's colours even where it is told to use none.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 400  # characters

Report = Callable[[str], None]
"""Is told what is being done, such as "fetching 29 files"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """Checked files of the lock.

    Attributes:
        paths: Where each lies.
    """

    paths: Mapping[Artifact, Path]

    def of(self, role: str) -> tuple[Path, ...]:
        """Gives the files that have a role, in the order of the lock."""
        return tuple(path for artifact, path in self.paths.items() if role in artifact.roles)

    def only(self, role: str) -> Path:
        """Gives the one file that has a role."""
        (path,) = self.of(role)
        return path

    def hashes(self, *roles: str) -> tuple[str, ...]:
        """Gives the hashes of the files that have one of some roles: what they make depends on them."""
        return tuple(artifact.sha256 for artifact in with_roles(tuple(self.paths), roles))


def artifact_folder() -> Path:
    """Gives the folder of the cache that holds artifacts, which may not exist yet."""
    return cache_directory() / "android" / "artifacts"


def fetch_artifacts(roles: Collection[str], *, lock: Path | None = None, report: Report | None = None) -> Artifacts:
    """Gives the locked artifacts of some roles; what is not in the cache comes through Maven in one run.

    Args:
        roles: What they are for.
        lock: The lock file; that of the app's sources if None.
        report: Told before Maven starts.

    Raises:
        BuildToolMissingError: Something is missing, and there is no Maven.
        ArtifactsNotFetchedError: Maven did not bring it.
        DamagedArtifactError: Maven brought something else.
        CacheNotWritableError: The cache cannot be written.
        UnreadableFileError: The lock file cannot be read.
    """
    wanted = with_roles(read_lock(lock or app_sources() / LOCK_NAME), roles)
    folder = artifact_folder()
    missing = tuple(artifact for artifact in wanted if not _is_cached(folder / artifact.file_name, artifact))
    if missing:
        try:
            _fetch(missing, folder, report)
        except OutputNotWritableError as error:
            raise CacheNotWritableError(path=folder, problem=error.message) from error
    return Artifacts(paths={artifact: folder / artifact.file_name for artifact in wanted})


def _is_cached(path: Path, artifact: Artifact) -> bool:
    """Says whether the cache has the file; a damaged one counts as missing, and is replaced."""
    return path.is_file() and path.stat().st_size == artifact.size_bytes and sha256_of_file(path) == artifact.sha256


def _fetch(missing: Sequence[Artifact], folder: Path, report: Report | None) -> None:
    if report is not None:
        megabytes = sum(artifact.size_bytes for artifact in missing) / 1e6
        report(f"fetching {len(missing)} files of the build ({megabytes:.0f} MB, once)")
    with tempfile.TemporaryDirectory() as name:
        brought = Path(name)
        copy_with_maven(missing, brought)
        for artifact in missing:
            found = sha256_of_file(brought / artifact.file_name)
            if found != artifact.sha256:
                raise DamagedArtifactError(artifact=artifact.coordinates, expected=artifact.sha256, found=found)
            _keep(brought / artifact.file_name, folder / artifact.file_name)


def _keep(brought: Path, path: Path) -> None:
    """Moves a file into the cache, where it appears whole."""
    with refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = hidden_sibling(path)
        try:
            shutil.copyfile(brought, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def copy_with_maven(artifacts: Sequence[Artifact], folder: Path) -> None:
    """Has Maven copy artifacts into a folder, unchecked.

    Args:
        artifacts: What to copy; nothing that they depend on comes along.
        folder: An empty folder.

    Raises:
        BuildToolMissingError: There is no Maven.
        ArtifactsNotFetchedError: Maven failed, or brought less.
    """
    maven = shutil.which("mvn")
    if maven is None:
        hint = _MAVEN_HINTS.get(sys.platform, "install Apache Maven and put it on the PATH")
        raise BuildToolMissingError(program="mvn", problem="is not here; it fetches the compiler", hint=hint)
    project = folder / "pom.xml"
    project.write_text(_project(artifacts, folder), encoding="utf-8")
    try:
        run_step("mvn", (maven, "--batch-mode", "--quiet", "--file", project, _COPY_GOAL))
    except BuildStepFailedError as error:
        missing = tuple(artifact.coordinates for artifact in artifacts)
        raise ArtifactsNotFetchedError(missing=missing, problem=_first_error(error.output)) from error
    absent = tuple(artifact.coordinates for artifact in artifacts if not (folder / artifact.file_name).is_file())
    if absent:
        raise ArtifactsNotFetchedError(missing=absent, problem="it ended well without them")


def _project(artifacts: Sequence[Artifact], folder: Path) -> str:
    """Writes a project that does nothing but name the artifacts, each with the file it is copied to."""
    items = "".join(
        f"<artifactItem><groupId>{artifact.group}</groupId><artifactId>{artifact.name}</artifactId>"
        f"<version>{artifact.version}</version><classifier>{artifact.classifier}</classifier><type>{artifact.type}</type>"
        f"<destFileName>{artifact.file_name}</destFileName></artifactItem>"
        for artifact in artifacts
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>dev.mobiledeploy</groupId><artifactId>toolchain</artifactId><version>1</version><packaging>pom</packaging>"
        "<build><plugins><plugin><groupId>org.apache.maven.plugins</groupId>"
        "<artifactId>maven-dependency-plugin</artifactId><configuration>"
        f"<outputDirectory>{escape(str(folder))}</outputDirectory><artifactItems>{items}</artifactItems>"
        "</configuration></plugin></plugins></build></project>\n"
    )


def _first_error(output: str) -> str:
    """Finds what Maven says is wrong, in one line, among the advice around it; the cause stands at its end."""
    plain = _COLOUR.sub("", output)
    errors = re.findall(r"^(?:\[ERROR\]|Error:)\s+(.*\S)", plain, re.MULTILINE)
    told = (errors or plain.split("\n"))[0].removesuffix(" -> [Help 1]")
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST // 2]} ... {told[-_LONGEST // 2 :]}"


def refresh_lock(path: Path) -> tuple[Artifact, ...]:
    """Fetches everything that a lock file names and writes its sizes and hashes anew.

    Args:
        path: The lock file.

    Returns:
        What is locked now.

    Raises:
        BuildToolMissingError: There is no Maven.
        ArtifactsNotFetchedError: Maven did not bring everything.
        UnreadableFileError: The lock file cannot be read.
    """
    comments = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    artifacts = read_lock(path)
    with tempfile.TemporaryDirectory() as folder:
        copy_with_maven(artifacts, Path(folder))
        locked = tuple(_locked(artifact, Path(folder) / artifact.file_name) for artifact in artifacts)
    path.write_text(format_lock(comments, locked), encoding="utf-8")
    return locked


def _locked(artifact: Artifact, path: Path) -> Artifact:
    return replace(artifact, size_bytes=path.stat().st_size, sha256=sha256_of_file(path))


if __name__ == "__main__":
    refresh_lock(app_sources() / LOCK_NAME)
