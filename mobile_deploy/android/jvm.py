"""The app's plain Kotlin on this machine: compiled, tested by JUnit, and run beside the Python code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.android.artifacts import Artifacts, Report, fetch_artifacts
from mobile_deploy.android.compiling import joined
from mobile_deploy.android.failures import BuildStepFailedError
from mobile_deploy.android.java import Java, find_java
from mobile_deploy.android.modules import module_jar
from mobile_deploy.android.programs import run_step
from mobile_deploy.android.sources import app_sources

JVM_ROLES = ("kotlinc", "library", "host", "test")
"""What of the lock the JVM takes; "host" holds the runtime for Linux on x86-64."""

_SUCCESSFUL = re.compile(r"^\[\s*(\d+) tests successful", re.MULTILINE)
_FAILED = re.compile(r"^\[\s*(\d+) (?:tests|containers) failed", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class JunitResult:
    """How a run of JUnit ended.

    Attributes:
        successful: Tests that passed.
        failed: Tests that did not, and classes and factories of tests that failed themselves.
        output: What JUnit printed.
    """

    successful: int
    failed: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Jvm:
    """The modules of plain Kotlin, compiled on demand and kept in the cache.

    Attributes:
        java: The JDK.
        artifacts: The locked files of `JVM_ROLES`.
        sources: The folder android_demo.
        report: Told each step that takes time.
    """

    java: Java
    artifacts: Artifacts
    sources: Path
    report: Report

    def core(self) -> tuple[Path, ...]:
        """Gives the class path with the module core."""
        libraries = self.artifacts.of("library")
        return (self.module("core", self._main("core"), libraries), *libraries)

    def host(self) -> tuple[Path, ...]:
        """Gives the class path with the modules core and host, and the runtime of this machine."""
        against = (*self.core(), *self.artifacts.of("host"))
        return (self.module("host", self._main("host"), against), *against)

    def tests(self, module: str) -> tuple[Path, ...]:
        """Gives the class path with the tests of a module: theirs comes first."""
        against = (*(self.host() if module == "host" else self.core()), *self.artifacts.of("test"))
        return (self.module(f"{module}-tests", self.sources / module / "src" / "test" / "kotlin", against), *against)

    def module(self, name: str, folder: Path, classpath: Sequence[Path]) -> Path:
        """Compiles the Kotlin sources below a folder into a jar, or takes it from the cache.

        Args:
            name: Name of the module.
            folder: Its sources.
            classpath: Jars that it is compiled against.

        Raises:
            BuildStepFailedError: It does not compile.
            UnreadableFileError: There are no sources.
        """
        return module_jar(self.java, self.artifacts, name, folder=folder, classpath=classpath, report=self.report)

    def _main(self, module: str) -> Path:
        return self.sources / module / "src" / "main" / "kotlin"

    def run_main(self, main_class: str, arguments: Sequence[str | Path], *, classpath: Sequence[Path]) -> str:
        """Runs a program.

        Args:
            main_class: Its class, such as "dev.mobiledeploy.host.MainKt".
            arguments: Its arguments.
            classpath: Jars.

        Returns:
            What it printed on standard output.

        Raises:
            BuildStepFailedError: It did not end well.
        """
        command = (self.java.program("java"), "-cp", joined(classpath), main_class, *arguments)
        return run_step(f"running {main_class}", command)

    def run_junit(
        self, module: str, *, properties: Mapping[str, str | os.PathLike[str]] | None = None, only: str = ""
    ) -> JunitResult:
        """Runs the tests of a module.

        Args:
            module: "core" or "host".
            properties: System properties that the tests read, such as where golden vectors lie.
            only: Regular expression for the full names of the classes to run; all if empty.

        Raises:
            BuildStepFailedError: They do not compile, JUnit does not start, or finds no test.
        """
        classpath = self.tests(module)
        given = [f"-D{name}={os.fspath(value)}" for name, value in (properties or {}).items()]
        chosen = ("--include-classname", only) if only else ()
        options = (
            "--scan-classpath",
            classpath[0],
            "--details=tree",
            "--disable-ansi-colors",
            "--disable-banner",
            "--fail-if-no-tests",
        )
        console = ("org.junit.platform.console.ConsoleLauncher", "execute", *options, *chosen)
        command = (self.java.program("java"), *given, "-cp", joined(classpath), *console)
        try:
            output = run_step(f"testing {module}", command)
        except BuildStepFailedError as error:
            # JUnit ends badly when tests fail, and has told all the same; it also does when there is none to run.
            if _count(_FAILED, error.output) == 0:
                raise
            output = error.output
        return JunitResult(successful=_count(_SUCCESSFUL, output), failed=_count(_FAILED, output), output=output)


def _count(pattern: re.Pattern[str], output: str) -> int:
    return sum(map(int, pattern.findall(output)))


def find_jvm(*, sources: Path | None = None, report: Report | None = None) -> Jvm:
    """Finds the JDK, the compiler and the libraries.

    Args:
        sources: The folder with the app's sources; those that ship if None.
        report: Told each step that takes time.

    Raises:
        BuildToolMissingError: There is no JDK, or no Maven for what is missing.
        ArtifactsNotFetchedError: Maven did not bring the compiler.
    """
    report = report or (lambda step: None)
    java = find_java()
    artifacts = fetch_artifacts(JVM_ROLES, report=report)
    return Jvm(java=java, artifacts=artifacts, sources=sources or app_sources(), report=report)
