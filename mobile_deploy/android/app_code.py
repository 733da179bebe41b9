"""The app without its models: code and resources, compiled once for given sources and tools, and kept.

core, app: Kotlin -> class files -> what is used of them and of the libraries -> Android's bytecode
manifest, resources -> their binary forms and the numbers that the code knows them by
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.android.artifacts import Artifacts, Report
from mobile_deploy.android.compiling import KOTLIN_OPTIONS, compile_java, compile_kotlin
from mobile_deploy.android.guard import check_api
from mobile_deploy.android.kept_results import kept_result
from mobile_deploy.android.manifest import MIN_SDK, app_version, complete_manifest
from mobile_deploy.android.modules import kotlin_files, module_jar
from mobile_deploy.android.packaging import read_zip, write_zip
from mobile_deploy.android.programs import run_step
from mobile_deploy.android.shrinking import shrink
from mobile_deploy.android.sources import fingerprint, source_files
from mobile_deploy.android.toolchain import Toolchain

BUILD_ROLES = ("kotlinc", "library", "runtime", "framework", "guard", "signature", "shrinker", "dexer")
"""What of the lock a build takes."""

# Raised when the steps change, so that what older ones made is not used.
_STEPS = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCode:
    """What the app's code is compiled from and with.

    Attributes:
        sources: The folder android_demo.
        toolchain: The programs.
        artifacts: The locked files that a build takes.
        report: Told each step.
    """

    sources: Path
    toolchain: Toolchain
    artifacts: Artifacts
    report: Report

    @property
    def main(self) -> Path:
        """The main sources of the module app."""
        return self.sources / "app" / "src" / "main"

    @property
    def libraries(self) -> tuple[Path, ...]:
        """The jars that core is compiled against, and that go into the app."""
        return self.artifacts.of("library")


def compile_app(code: AppCode) -> Path:
    """Compiles the app's code and resources, or takes them from the cache.

    Args:
        code: What is compiled.

    Returns:
        A zip in the cache with classes.dex, the manifest and the resources.

    Raises:
        BuildStepFailedError: A step failed.
        ForbiddenApiError: The app calls what its oldest Android does not offer.
        UnreadableFileError: Sources are missing.
    """
    core = module_jar(
        code.toolchain.java,
        code.artifacts,
        "core",
        folder=code.sources / "core" / "src" / "main" / "kotlin",
        classpath=code.libraries,
        report=code.report,
    )
    return kept_result("app.zip", _key(code, core), lambda work: _compile(code, core, work))


def _key(code: AppCode, core: Path) -> str:
    app = code.sources / "app"
    extra = (app / "proguard-rules.pro", app / "newer-api.txt", code.sources / "toolchain" / "ApiGuard.java")
    files = (*source_files(code.main), *(path for path in extra if path.is_file()))
    named = [(path.relative_to(code.sources).as_posix(), path) for path in files]
    tools = (run_step("aapt2", (code.toolchain.aapt2, "version"), joined=True), code.toolchain.kind)
    version = app_version()
    facts = (_STEPS, *KOTLIN_OPTIONS, *tools, version.name, *code.artifacts.hashes(*BUILD_ROLES))
    return fingerprint([("core.jar", core), ("framework", code.toolchain.framework), *named], *facts)


def _compile(code: AppCode, core: Path, work: Path) -> Path:
    compiled = compile_classes(code, core, work)
    code.report("shrinking, checking the API, making Android's bytecode")
    shrunk = work / "shrunk.jar"
    shrink(
        code.toolchain.java,
        code.artifacts,
        inputs=(*compiled.classes, core, *code.libraries, *compiled.runtime),
        libraries=(code.toolchain.framework, *code.toolchain.core_libraries),
        rules=(code.sources / "app" / "proguard-rules.pro", *compiled.rules),
        output=shrunk,
    )
    check_api(code.toolchain.java, code.artifacts, jar=shrunk, sources=code.sources)
    dexed = work / "dex.zip"
    run_step("making Android's bytecode", code.toolchain.dex(shrunk, dexed, MIN_SDK))
    bytecode = {name: data for name, data in read_zip(dexed.read_bytes()).items() if name.endswith(".dex")}
    made = work / "made.zip"
    made.write_bytes(write_zip({**read_zip(compiled.resources.read_bytes()), **bytecode}))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledClasses:
    """The app as Java's bytecode, before anything is dropped.

    Attributes:
        classes: A jar and a folder: the module app, and the numbers that it knows its resources by.
        runtime: Jars of the runtime.
        manifest: The completed manifest as text.
        resources: A zip with manifest and resources in their binary forms.
        rules: Files that say which classes manifest, layouts and runtime name.
    """

    classes: tuple[Path, Path]
    runtime: tuple[Path, ...]
    manifest: Path
    resources: Path
    rules: tuple[Path, ...]


def compile_classes(code: AppCode, core: Path, work: Path) -> CompiledClasses:
    """Compiles the module app and its resources; nothing of it is kept.

    Args:
        code: What is compiled.
        core: The jar of the module core.
        work: An empty folder for all that is made.

    Raises:
        BuildStepFailedError: A step failed.
        UnreadableFileError: Sources are missing.
    """
    runtime = _unpack_runtime(code.artifacts, work)
    code.report("compiling the resources")
    linked = _link_resources(code, runtime, work)
    code.report("compiling app")
    return CompiledClasses(
        classes=_compile_kotlin(code, core, runtime, linked, work),
        runtime=runtime.jars,
        manifest=linked.manifest,
        resources=linked.resources,
        rules=(linked.rules, *runtime.rules),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runtime:
    """What the runtime's archives bring: classes, rules of what must be kept, manifests."""

    jars: tuple[Path, ...]
    rules: tuple[Path, ...]
    manifests: tuple[bytes, ...]


def _unpack_runtime(artifacts: Artifacts, work: Path) -> _Runtime:
    jars: list[Path] = []
    rules: list[Path] = []
    manifests: list[bytes] = []
    for archive in artifacts.of("runtime"):
        with zipfile.ZipFile(archive) as opened:
            names = set(opened.namelist())
            for name, found in (("classes.jar", jars), ("proguard.txt", rules)):
                if name in names:
                    path = work / f"{archive.stem}-{name}"
                    path.write_bytes(opened.read(name))
                    found.append(path)
            manifests.append(opened.read("AndroidManifest.xml"))
    return _Runtime(jars=tuple(jars), rules=tuple(rules), manifests=tuple(manifests))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Linked:
    """The linked resources, and what they tell the compilers: constants, and classes that manifest and layouts name."""

    manifest: Path
    resources: Path
    java: tuple[Path, ...]
    rules: Path


def _link_resources(code: AppCode, runtime: _Runtime, work: Path) -> _Linked:
    manifest, compiled, linked = (work / name for name in ("AndroidManifest.xml", "resources.zip", "linked.zip"))
    source = (code.main / "AndroidManifest.xml").read_bytes()
    manifest.write_bytes(complete_manifest(source, runtime.manifests, app_version()))
    aapt2 = code.toolchain.aapt2
    hint = f"look at {code.main / 'res'}"
    run_step("compiling the resources", (aapt2, "compile", "--dir", code.main / "res", "-o", compiled), hint=hint)
    constants, rules = work / "generated", work / "resources.pro"
    options = ("-I", code.toolchain.framework, "--manifest", manifest, "--java", constants, "--proguard", rules)
    # The Android 10 edition refuses elements that are newer than it; it writes them all the same.
    lenient = ("--warn-manifest-validation",)
    run_step("linking the resources", (aapt2, "link", *options, *lenient, "-o", linked, compiled), hint=hint)
    return _Linked(manifest=manifest, resources=linked, java=source_files(constants, ".java"), rules=rules)


def _compile_kotlin(code: AppCode, core: Path, runtime: _Runtime, linked: _Linked, work: Path) -> tuple[Path, Path]:
    java, numbers, jar = code.toolchain.java, work / "numbers", work / "app.jar"
    compile_java(java, "the resources' numbers", sources=linked.java, output=numbers)
    sources = kotlin_files(code.main / "kotlin")
    classpath = (numbers, core, *code.libraries, *runtime.jars, code.toolchain.framework)
    compile_kotlin(java, code.artifacts, "app", sources=sources, classpath=classpath, output=jar)
    return jar, numbers
