"""The Gradle files, which no test here runs: they say the same as the manifest and as our own build."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ET

from mobile_deploy.android.admission import BUILT_RUNTIME, LITERT_VERSION
from mobile_deploy.android.manifest import APPLICATION_ID, MIN_SDK, TARGET_SDK, app_version
from mobile_deploy.android.sources import app_sources

ROOT = app_sources()
VERSIONS = tomllib.loads((ROOT / "gradle/libs.versions.toml").read_text(encoding="utf-8"))
APP = (ROOT / "app/build.gradle.kts").read_text(encoding="utf-8")


def test_levels_and_version_are_those_of_our_build():
    versions = VERSIONS["versions"]
    assert (versions["minSdk"], versions["targetSdk"]) == (str(MIN_SDK), str(TARGET_SDK))
    assert (versions["versionCode"], versions["versionName"]) == (str(app_version().code), app_version().name)
    for name in ("minSdk", "targetSdk", "versionCode", "versionName", "compileSdk"):
        assert f"{name} = libs.versions.{name}.get()" in APP


def test_the_namespace_is_our_package_and_the_manifest_leaves_both_to_the_builds():
    assert f'namespace = "{APPLICATION_ID}"' in APP and f'applicationId = "{APPLICATION_ID}"' in APP
    manifest = ET.parse(ROOT / "app/src/main/AndroidManifest.xml").getroot()
    assert manifest.get("package") is None
    assert manifest.find("uses-sdk") is None
    packages = {path.read_text(encoding="utf-8").partition("package ")[2].split()[0] for path in kotlin_of("app")}
    assert packages and all(f"{name}.".startswith(f"{APPLICATION_ID}.") for name in packages)


def kotlin_of(module: str):
    return (ROOT / module / "src/main/kotlin").rglob("*.kt")


LOCKED = dict(re.findall(r"([\w.-]+:[\w.-]+):(\d[\w.]*)", (ROOT / "toolchain.lock").read_text(encoding="utf-8")))


def test_the_compiler_and_the_json_library_are_those_that_our_build_is_tested_with():
    assert VERSIONS["versions"]["kotlin"] == LOCKED["org.jetbrains.kotlin:kotlin-stdlib"]
    assert VERSIONS["versions"]["serialization"] == LOCKED["org.jetbrains.kotlinx:kotlinx-serialization-json-jvm"]
    assert VERSIONS["versions"]["litert"] == LITERT_VERSION


def test_bundles_are_held_against_the_runtime_that_our_build_ships():
    assert LOCKED["org.tensorflow:tensorflow-lite"].startswith(f"{BUILT_RUNTIME}.")


def test_models_are_not_compressed_and_both_modules_belong_to_the_project():
    assert 'noCompress += "tflite"' in APP
    assert 'include(":core", ":app")' in (ROOT / "settings.gradle.kts").read_text(encoding="utf-8")


def test_every_name_of_the_catalogue_is_used_and_every_used_one_is_there():
    builds = "".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.gradle.kts"))
    used = set(re.findall(r"\(libs\.(?!plugins\b)([\w.]+)\)", builds))
    assert used == {name.replace("-", ".") for name in VERSIONS["libraries"]}
    plugins = set(re.findall(r"alias\(libs\.plugins\.([\w.]+)\)", builds))
    assert plugins == {name.replace("-", ".") for name in VERSIONS["plugins"]}
    assert {entry["version"]["ref"] for kind in ("libraries", "plugins") for entry in VERSIONS[kind].values()} <= set(
        VERSIONS["versions"]
    )
