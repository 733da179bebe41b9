"""ProGuard: drops what the app does not use, and rewrites what is too new for dx."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobile_deploy.android.artifacts import Artifacts
from mobile_deploy.android.compiling import joined
from mobile_deploy.android.java import Java
from mobile_deploy.android.programs import run_step

# Names stay as they are, so that a crash log can be read without a map.
_RULES = """\
-target 1.7
-dontobfuscate
-dontoptimize
-dontnote
-dontwarn java.lang.invoke.**
-dontwarn org.checkerframework.**
-dontwarn org.jetbrains.annotations.**
-dontwarn org.intellij.lang.annotations.**
-dontwarn androidx.annotation.**
-keepattributes SourceFile,LineNumberTable,*Annotation*,Signature,InnerClasses,EnclosingMethod
"""
# ProGuard reads a module of the JDK as an archive of archives; the semicolon parts the filters of the two.
_CLASSES = "(!META-INF/**,!**module-info.class,**.class)"
_MODULE = "(!**.jar;!module-info.class)"


def shrink(
    java: Java,
    artifacts: Artifacts,
    *,
    inputs: Sequence[Path],
    libraries: Sequence[Path],
    rules: Sequence[Path],
    output: Path,
) -> None:
    """Makes one jar of what the app uses, in the bytecode of Java 7.

    Args:
        java: The JDK.
        artifacts: The locked "shrinker".
        inputs: Jars and folders of class files that may go into the app.
        libraries: Jars and modules that the phone has.
        rules: Files that say what is kept.
        output: The .jar to write.

    Raises:
        BuildStepFailedError: Something that the app uses is missing, or a rule is wrong.
    """
    lines = [
        *(f"-injars {_quoted(path)}{_CLASSES}" for path in inputs),
        *(f"-libraryjars {_quoted(path)}{_CLASSES if path.suffix != '.jmod' else _MODULE}" for path in libraries),
        *(f"-include {_quoted(path)}" for path in rules),
        f"-outjars {_quoted(output)}",
    ]
    configuration = output.with_suffix(".pro")
    configuration.write_text(_RULES + "\n".join(lines) + "\n", encoding="utf-8")
    program = (java.program("java"), "-cp", joined(artifacts.of("shrinker")), "proguard.ProGuard")
    run_step("shrinking", (*program, f"@{configuration}"))


def _quoted(path: Path) -> str:
    mark = '"' if "'" in str(path) else "'"
    return f"{mark}{path}{mark}"
