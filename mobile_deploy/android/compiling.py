"""Kotlin and Java sources to class files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mobile_deploy.android.artifacts import Artifacts
from mobile_deploy.android.java import Java
from mobile_deploy.android.programs import run_step

KOTLIN_OPTIONS = (
    "-no-stdlib",
    "-no-reflect",
    # What dx reads: no bytecode that only newer Java has.
    "-jvm-target",
    "1.8",
    # Java's own classes as Android 8 has them: later ones return other types, so that calls would not be found.
    "-Xjdk-release=1.8",
    "-Xlambdas=class",
    "-Xsam-conversions=class",
    "-Xstring-concat=inline",
    "-Werror",
)
_COMPILER_MAIN = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
_HEAP = "-Xmx1500m"


def joined(paths: Sequence[Path]) -> str:
    """Writes a class path."""
    return os.pathsep.join(map(str, paths))


def compile_kotlin(
    java: Java, artifacts: Artifacts, name: str, *, sources: Sequence[Path], classpath: Sequence[Path], output: Path
) -> None:
    """Compiles Kotlin; a warning is an error.

    Args:
        java: The JDK.
        artifacts: The locked "kotlinc".
        name: Name of the module.
        sources: Kotlin files.
        classpath: What they are compiled against.
        output: The .jar to write; it is the same for the same sources.

    Raises:
        BuildStepFailedError: They do not compile.
    """
    compiler = (java.program("java"), _HEAP, "-cp", joined(artifacts.of("kotlinc")), _COMPILER_MAIN)
    options = (*KOTLIN_OPTIONS, "-module-name", name, "-cp", joined(classpath), "-d", output)
    run_step(f"compiling {name}", (*compiler, *options, *sources))


def compile_java(java: Java, name: str, *, sources: Sequence[Path], output: Path) -> None:
    """Compiles Java sources that refer to nothing but Java's own classes.

    Args:
        java: The JDK.
        name: What they are, for messages.
        sources: Java files.
        output: A folder for the class files.

    Raises:
        BuildStepFailedError: They do not compile.
    """
    options = ("--release", "8", "-Xlint:-options", "-g:none", "-encoding", "UTF-8", "-d", output)
    run_step(f"compiling {name}", (java.program("javac"), *options, *sources))
