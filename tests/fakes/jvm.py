"""Fixtures: the JDK with the app's plain Kotlin, and Android apps that were really built."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from fakes.tiny_app import write_tiny_app
from fakes.tiny_bundles import make_tiny_bundles

from mobile_deploy.android.app_code import BUILD_ROLES
from mobile_deploy.android.artifacts import Artifacts, fetch_artifacts
from mobile_deploy.android.build import BuiltApp, build_app
from mobile_deploy.android.java import find_java
from mobile_deploy.android.jvm import Jvm, find_jvm
from mobile_deploy.android.toolchain import Toolchain, check_programs, find_toolchain
from mobile_deploy.bundle import Bundle, load_bundle
from mobile_deploy.errors import EnvironmentMissingError


def lacking(error: EnvironmentMissingError) -> NoReturn:
    """Skips a test that needs what is not here, or fails it where REQUIRE_ANDROID asks for it."""
    if os.environ.get("REQUIRE_ANDROID"):
        pytest.fail(f"{error.message}, and REQUIRE_ANDROID asks for it")
    pytest.skip(f"{error.message}; on Debian: make android")


@pytest.fixture(scope="session")
def jvm() -> Jvm:
    """The app's plain Kotlin, compiled on demand."""
    try:
        return find_jvm()
    except EnvironmentMissingError as error:
        lacking(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTools:
    """What builds an app on this machine."""

    toolchain: Toolchain
    artifacts: Artifacts


@pytest.fixture(scope="session")
def app_tools() -> Iterator[AppTools]:
    """The programs and artifacts of a build; keys that it makes go into a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
            patch.delenv(name, raising=False)
        try:
            java = find_java()
            check_programs()
            artifacts = fetch_artifacts(BUILD_ROLES)
            yield AppTools(toolchain=find_toolchain(java, artifacts), artifacts=artifacts)
        except EnvironmentMissingError as error:
            lacking(error)


@pytest.fixture(scope="session")
def tiny_bundles(tmp_path_factory) -> dict[str, Bundle]:
    """Bundles of a network of four operators, by recipe."""
    made = make_tiny_bundles(tmp_path_factory.mktemp("bundles"), quant=("int8", "float32"))
    return {recipe: load_bundle(folder) for recipe, folder in made.items()}


@dataclass(kw_only=True)
class AppMaker:
    """Builds small apps.

    Attributes:
        sources: A small app's sources, in a folder whose name has a blank and an umlaut.
        steps: What the builds told, in order.
    """

    sources: Path
    steps: list[str] = field(default_factory=list)

    def build(self, bundles: list[Bundle], output: Path, **settings: object) -> BuiltApp:
        """Builds the small app."""
        return build_app(bundles, output, sources=self.sources, report=self.steps.append, **settings)


@pytest.fixture(scope="session")
def app_maker(app_tools, tmp_path_factory) -> Iterator[AppMaker]:
    """Builds small apps, signed with a key that is made for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_USER_HOME", str(tmp_path_factory.mktemp("own key")))
        yield AppMaker(sources=write_tiny_app(tmp_path_factory.mktemp("sources") / "kleine Äpp"))


@pytest.fixture(scope="session")
def tiny_apk(app_maker, tiny_bundles, tmp_path_factory) -> BuiltApp:
    """A small app with one bundle, in a folder whose name has a blank and an umlaut."""
    return app_maker.build([tiny_bundles["int8"]], tmp_path_factory.mktemp("apk") / "gebaute Äpp" / "app.apk")
