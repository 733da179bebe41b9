"""A phone without a phone: the app's own screens on the JVM, with Android's code and this machine's TensorFlow Lite."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.android.app_code import BUILD_ROLES, AppCode, CompiledClasses, compile_classes
from mobile_deploy.android.artifacts import Artifacts, fetch_artifacts
from mobile_deploy.android.compiling import joined
from mobile_deploy.android.failures import BuildStepFailedError
from mobile_deploy.android.jvm import JVM_ROLES, Jvm
from mobile_deploy.android.manifest import APPLICATION_ID
from mobile_deploy.android.packaging import read_zip, write_zip
from mobile_deploy.android.programs import run_step
from mobile_deploy.android.sources import app_sources
from mobile_deploy.android.toolchain import Toolchain

SCREEN_ROLES = ("screens", "phone")
"""What of the lock the screens take besides: Robolectric, and Android 14 as it runs on the JVM."""

_HEAP = "-Xmx2g"
_PASSED = re.compile(r"^OK \((\d+) tests?\)", re.MULTILINE)
_FAILED = re.compile(r"^Tests run: (\d+),  Failures: (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRun:
    """How the tests of the screens ended.

    Attributes:
        tests: How many there were.
        failures: How many failed.
        output: What JUnit printed.
    """

    tests: int
    failures: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screens:
    """The app, compiled for the JVM.

    Attributes:
        jvm: The plain Kotlin modules.
        app: The module app with its resources.
        artifacts: The locked files of `SCREEN_ROLES`.
        framework: Android's classes to compile against.
        work: A folder of its own.
    """

    jvm: Jvm
    app: CompiledClasses
    artifacts: Artifacts
    framework: Path
    work: Path

    def run(
        self, assets: Mapping[str, bytes], properties: Mapping[str, Path], *, only: Sequence[str] = ()
    ) -> ScreenRun:
        """Runs the tests of the screens.

        Args:
            assets: The app's assets.
            properties: System properties that the tests read.
            only: Names of the classes to run; all if empty.

        Raises:
            BuildStepFailedError: They do not compile, or JUnit does not start.
        """
        options = {**properties, "robolectric.offline": "true", "robolectric.dependency.dir": self._phone()}
        given = [f"-D{name}={value}" for name, value in options.items()]
        command = (self.jvm.java.program("java"), _HEAP, *given, "-cp", joined(self._classpath(assets)))
        try:
            output = run_step("testing the screens", (*command, "org.junit.runner.JUnitCore", *_classes(only)))
        except BuildStepFailedError as error:
            if _FAILED.search(error.output) is None:
                raise
            output = error.output
        return _result(output)

    def _classpath(self, assets: Mapping[str, bytes]) -> tuple[Path, ...]:
        robolectric = (*self.artifacts.of("screens"), self.framework)
        standins = self.jvm.module("standins", _kotlin("standins", "main"), (self.framework, *self._kotlin_library()))
        app = (*self.app.classes, *self.jvm.host(), *self.app.runtime)
        tests = self.jvm.module("screens", _kotlin("app", "test"), (*_jars(app), *robolectric, self._numbers()))
        return (tests, self._settings(assets), standins, *app, *robolectric)

    def _kotlin_library(self) -> tuple[Path, ...]:
        return self.jvm.artifacts.of("library")

    def _numbers(self) -> Path:
        """Gives the resources' numbers as a jar: a module's class path holds files."""
        folder = self.app.classes[1]
        jar = self.work / "numbers.jar"
        files = sorted(path for path in folder.rglob("*.class"))
        jar.write_bytes(write_zip({path.relative_to(folder).as_posix(): path.read_bytes() for path in files}))
        return jar

    def _phone(self) -> Path:
        """Gives a folder with Android under the name that Robolectric looks for."""
        folder = self.work / "phone"
        folder.mkdir(exist_ok=True)
        android = self.artifacts.only("phone")
        link = folder / android.name.removeprefix("org.robolectric.")
        if not link.is_symlink():
            link.symlink_to(android)
        return folder

    def _settings(self, assets: Mapping[str, bytes]) -> Path:
        """Gives a class path entry that tells Robolectric where the app's resources lie, assets stored as in an APK."""
        apk, unpacked, told = self.work / "app.apk", self.work / "assets", self.work / "settings"
        named = {f"assets/{name}": data for name, data in assets.items()}
        apk.write_bytes(write_zip({**read_zip(self.app.resources.read_bytes()), **named}))
        lines = {
            "android_merged_manifest": self.app.manifest,
            "android_merged_assets": unpacked,
            "android_resource_apk": apk,
            "android_custom_package": APPLICATION_ID,
        }
        unpacked.mkdir(exist_ok=True)
        path = told / "com" / "android" / "tools" / "test_config.properties"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
        return told


def make_screens(jvm: Jvm, toolchain: Toolchain, work: Path) -> Screens:
    """Compiles the app for the JVM.

    Args:
        jvm: The plain Kotlin modules.
        toolchain: Compiles the resources.
        work: An empty folder.

    Raises:
        EnvironmentMissingError: A locked file is missing.
        BuildStepFailedError: A step failed.
    """
    artifacts = fetch_artifacts({*SCREEN_ROLES, *JVM_ROLES, *BUILD_ROLES})
    code = AppCode(sources=app_sources(), toolchain=toolchain, artifacts=artifacts, report=jvm.report)
    compiled = work / "compiled"
    compiled.mkdir()
    app = compile_classes(code, jvm.core()[0], compiled)
    return Screens(jvm=jvm, app=app, artifacts=artifacts, framework=toolchain.framework, work=work)


def _kotlin(module: str, part: str) -> Path:
    return app_sources() / module / "src" / part / "kotlin"


def _jars(paths: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(path for path in paths if path.is_file())


def _classes(only: Sequence[str]) -> tuple[str, ...]:
    folder = _kotlin("app", "test") / "dev" / "mobiledeploy" / "demo"
    found = sorted(path.stem for path in folder.glob("*Test.kt") if path.stem != "ScreenTest")
    return tuple(f"dev.mobiledeploy.demo.{name}" for name in (only or found))


def _result(output: str) -> ScreenRun:
    passed, failed = _PASSED.search(output), _FAILED.search(output)
    if failed is not None:
        return ScreenRun(tests=int(failed[1]), failures=int(failed[2]), output=output)
    return ScreenRun(tests=int(passed[1]) if passed else 0, failures=0, output=output)
