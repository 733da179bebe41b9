"""Finding the JDK and the programs: what is chosen, why, and what a missing one is called."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from mobile_deploy.android.artifacts import Artifacts
from mobile_deploy.android.failures import BuildToolMissingError
from mobile_deploy.android.java import Java, find_java
from mobile_deploy.android.lock import Artifact
from mobile_deploy.android.toolchain import check_programs, find_program, find_toolchain

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake programs are scripts")


def program(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def make_jdk(home: Path, version: str, *, lacking: tuple[str, ...] = ()) -> Path:
    program(home / "bin" / "java", f"echo '    java.home = {home}\n    java.specification.version = {version}' >&2")
    for name in ("bin/javac", "bin/keytool", "jmods/java.base.jmod", "jmods/java.logging.jmod"):
        if name not in lacking:
            program(home / name)
    return home


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    for name in ("JAVA_HOME", "ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    # The fake programs need nothing but the shell and its own commands.
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.mark.parametrize("version", ["17", "21"])
def test_a_jdk_is_found_by_java_home(monkeypatch, tmp_path, version):
    home = make_jdk(tmp_path / "mein JDK ü", version)
    monkeypatch.setenv("JAVA_HOME", str(home))
    java = find_java()
    assert (java.home, java.version) == (home, int(version))
    assert java.program("javac").is_file() and all(path.is_file() for path in java.core_modules)


def test_java_home_comes_before_the_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(make_jdk(tmp_path / "old", "11") / "bin"))
    monkeypatch.setenv("JAVA_HOME", str(make_jdk(tmp_path / "new", "17")))
    assert find_java().home == tmp_path / "new"


def test_the_home_is_the_one_that_java_tells_and_not_the_place_of_a_link(monkeypatch, tmp_path):
    home = make_jdk(tmp_path / "jdk", "17")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_java().home == home


@pytest.mark.parametrize(
    ("version", "lacking", "told"),
    [
        ("11", (), "of version 11, needed is 17"),
        ("1.8", (), "of version 8, needed is 17"),
        ("17", ("bin/javac",), "lacks javac"),
        ("17", ("jmods/java.base.jmod",), r"lacks java\.base\.jmod"),
    ],
)
def test_a_java_that_cannot_build_is_refused_with_the_reason(monkeypatch, tmp_path, version, lacking, told):
    monkeypatch.setenv("JAVA_HOME", str(make_jdk(tmp_path / "jdk", version, lacking=lacking)))
    with pytest.raises(BuildToolMissingError, match=told) as caught:
        find_java()
    assert "JAVA_HOME" in caught.value.hint


def test_no_java_and_a_wrong_java_home_are_told_apart(monkeypatch, tmp_path):
    with pytest.raises(BuildToolMissingError, match="java is not here"):
        find_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(BuildToolMissingError, match="JAVA_HOME"):
        find_java()


def test_a_java_that_breaks_down_is_refused_in_its_own_words(monkeypatch, tmp_path):
    program(tmp_path / "bin" / "java", "echo 'libjli.so: cannot open' >&2; exit 127")
    with pytest.raises(BuildToolMissingError, match=r"libjli\.so"):
        find_java()


def artifacts() -> Artifacts:
    def artifact(role: str) -> Artifact:
        fields = {"group": "g", "version": "1", "classifier": "", "type": "jar", "size_bytes": 1, "sha256": "0"}
        return Artifact(name=role, roles=(role,), **fields)

    return Artifacts(paths={artifact(role): Path(f"/{role}.jar") for role in ("framework", "dexer")})


JAVA = Java(home=Path("/jdk"), version=17)


def make_sdk(folder: Path, *, lacking: tuple[str, ...] = (), platforms: tuple[str, ...] = ("android-35",)) -> Path:
    for version in ("34.0.0", "35.0.1", "9.0.0", "36.0.0-rc1"):
        for name in ("aapt2", "apksigner", "d8"):
            if name not in lacking:
                program(folder / "build-tools" / version / name)
    for platform in platforms:
        program(folder / "platforms" / platform / "android.jar")
    return folder


def test_the_newest_parts_of_an_sdk_are_taken_by_number_and_previews_are_not(monkeypatch, tmp_path):
    platforms = ("android-34", "android-9", "android-35", "android-36-ext18", "android-Baklava")
    monkeypatch.setenv("ANDROID_HOME", str(make_sdk(tmp_path / "Sdk", platforms=platforms)))
    found = find_toolchain(JAVA, artifacts())
    tools = tmp_path / "Sdk" / "build-tools" / "35.0.1"
    assert (found.kind, found.core_libraries) == ("sdk", ())
    assert found.framework == tmp_path / "Sdk" / "platforms" / "android-35" / "android.jar"
    assert (found.aapt2, found.apksigner) == (str(tools / "aapt2"), str(tools / "apksigner"))
    command = [os.fspath(word) for word in found.dex(Path("in.jar"), Path("out.zip"), 26)]
    assert (command[0], command[-1]) == (str(tools / "d8"), "in.jar")
    assert command[command.index("--min-api") + 1] == "26" and command[command.index("--output") + 1] == "out.zip"


def debian(folder: Path) -> None:
    for name in ("aapt2", "apksigner"):
        program(folder / "bin" / name)


def test_without_an_sdk_the_programs_of_the_path_and_the_locked_jars_are_taken(tmp_path):
    debian(tmp_path)
    found = find_toolchain(JAVA, artifacts())
    assert (found.kind, found.framework, found.core_libraries) == ("debian", Path("/framework.jar"), JAVA.core_modules)
    assert found.aapt2 == str(tmp_path / "bin" / "aapt2")
    command = [os.fspath(word) for word in found.dex(Path("in.jar"), Path("out.zip"), 26)]
    assert command[0] == "/jdk/bin/java" and "/dexer.jar" in command
    assert {"--min-sdk-version=26", "--output=out.zip", "in.jar"} <= set(command)
    assert "ANDROID_HOME" in found.reason


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"lacking": ("d8",)}, "lacks d8"),
        ({"platforms": ()}, r"lacks android\.jar"),
        ({"platforms": ("android-33",)}, r"lacks android\.jar"),
    ],
)
def test_an_sdk_that_lacks_a_part_is_not_used_and_the_reason_is_kept(monkeypatch, tmp_path, settings, told):
    debian(tmp_path)
    monkeypatch.setenv("ANDROID_SDK_ROOT", str(make_sdk(tmp_path / "Sdk", **settings)))
    found = find_toolchain(JAVA, artifacts())
    assert found.kind == "debian"
    assert told.replace("\\", "") in found.reason and "ANDROID_SDK_ROOT" in found.reason


def test_a_single_program_is_taken_from_the_sdk_before_the_path(monkeypatch, tmp_path):
    debian(tmp_path)
    assert find_program("apksigner", "verifies") == str(tmp_path / "bin" / "apksigner")
    sdk = make_sdk(tmp_path / "Sdk", lacking=("aapt2",))
    monkeypatch.setenv("ANDROID_HOME", str(sdk))
    assert find_program("apksigner", "verifies") == str(sdk / "build-tools" / "35.0.1" / "apksigner")
    assert find_program("aapt2", "reads") == str(tmp_path / "bin" / "aapt2")


def test_a_missing_program_is_named_with_what_it_is_for_and_how_to_get_it(tmp_path, monkeypatch):
    program(tmp_path / "bin" / "aapt2")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(BuildToolMissingError, match="apksigner is not here; it signs the app") as caught:
        check_programs()
    assert "apt-get install" in caught.value.hint and "ANDROID_HOME" in caught.value.hint
