"""The modules of plain Kotlin, each compiled once for given sources: core, host and their tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobile_deploy.android.artifacts import Artifacts, Report
from mobile_deploy.android.compiling import KOTLIN_OPTIONS, compile_kotlin
from mobile_deploy.android.java import Java
from mobile_deploy.android.kept_results import kept_result
from mobile_deploy.android.sources import fingerprint, source_files
from mobile_deploy.errors import UnreadableFileError


def kotlin_files(folder: Path) -> tuple[Path, ...]:
    """Lists the Kotlin sources below a folder.

    Raises:
        UnreadableFileError: There are none.
    """
    found = source_files(folder, ".kt")
    if not found:
        raise UnreadableFileError(path=folder, problem="it holds no Kotlin source")
    return found


def module_jar(
    java: Java, artifacts: Artifacts, name: str, *, folder: Path, classpath: Sequence[Path], report: Report
) -> Path:
    """Compiles one module, or takes it from the cache.

    Args:
        java: The JDK.
        artifacts: The locked "kotlinc".
        name: Name of the module.
        folder: Its sources.
        classpath: Jars that it is compiled against.
        report: Told when it is compiled.

    Returns:
        A jar in the cache.

    Raises:
        BuildStepFailedError: It does not compile.
        UnreadableFileError: There are no sources.
    """
    sources = kotlin_files(folder)
    named = [(path.relative_to(folder).as_posix(), path) for path in sources]
    against = [(path.name, path) for path in classpath]
    key = fingerprint((*named, *against), name, *KOTLIN_OPTIONS, *artifacts.hashes("kotlinc"))

    def make(work: Path) -> Path:
        report(f"compiling {name}")
        jar = work / "classes.jar"
        compile_kotlin(java, artifacts, name, sources=sources, classpath=classpath, output=jar)
        return jar

    return kept_result(f"{name}.jar", key, make)
