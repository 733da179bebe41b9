"""Building an app: it is signed and sound, the same twice, fast the second time, and whole or not there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fakes.tiny_app import ACTIVITY, write_tiny_app

from mobile_deploy.android.apk_file import open_apk
from mobile_deploy.android.artifacts import artifact_folder
from mobile_deploy.android.build import build_app
from mobile_deploy.android.check import check_apk
from mobile_deploy.android.failures import BuildStepFailedError, ForbiddenApiError
from mobile_deploy.errors import OutputExistsError

pytestmark = pytest.mark.android


def of_the_runtime(report):
    """What is to be told of every demo build, and nothing else."""
    return [found.name for found in report.warnings] == ["signature", "native libraries"]


def test_a_built_app_is_sound_and_holds_the_bundle_as_it_is(tiny_apk, tiny_bundles):
    report = check_apk(tiny_apk.path)
    assert report.failures == () and of_the_runtime(report)
    assert report.models == {tiny_bundles["int8"].name: tiny_bundles["int8"].sha256}
    assert (report.application, report.min_sdk, report.target_sdk) == ("dev.mobiledeploy.demo", 26, 35)
    assert report.abis == ("arm64-v8a", "armeabi-v7a", "x86_64")
    assert (report.sha256, report.size_bytes) == (tiny_apk.sha256, tiny_apk.size_bytes)


def test_what_is_told_of_it_is_what_it_is(tiny_apk, tiny_bundles):
    assert (tiny_apk.toolchain, tiny_apk.models) == ("debian", (tiny_bundles["int8"].name,))
    assert tiny_apk.keystore.parent == Path(os.environ["ANDROID_USER_HOME"])
    assert [path.name for path in tiny_apk.path.parent.iterdir()] == ["app.apk"]


def test_androids_own_programs_find_it_right(tiny_apk):
    for command in (["apksigner", "verify", "--min-sdk-version", "26"], ["zipalign", "-c", "-p", "4"]):
        assert shutil.which(command[0]), f"{command[0]} is not installed; on Debian: make android"
        done = subprocess.run([*command, tiny_apk.path], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_the_runtimes_native_libraries_and_what_they_declare_are_in_it(tiny_apk, app_tools):
    apk = open_apk(tiny_apk.path)
    assert {entry.name for entry in apk.matching("lib/arm64-v8a/", ".so")} == {
        "lib/arm64-v8a/libtensorflowlite_jni.so",
        "lib/arm64-v8a/libtensorflowlite_gpu_jni.so",
    }
    aapt2 = app_tools.toolchain.aapt2
    said = subprocess.run(
        [aapt2, "dump", "xmltree", "--file", "AndroidManifest.xml", tiny_apk.path], capture_output=True, check=True
    )
    # Without it Android keeps the phone's OpenCL from the GPU delegate.
    assert b"uses-native-library" in said.stdout and b'"libOpenCL.so"' in said.stdout


def test_another_bundle_takes_seconds_since_nothing_is_compiled(app_maker, tiny_apk, tiny_bundles, tmp_path):
    app_maker.steps.clear()
    both = app_maker.build([tiny_bundles["float32"], tiny_bundles["int8"]], tmp_path / "b.apk")
    assert app_maker.steps == ["packing and signing"]
    assert both.models == (tiny_bundles["float32"].name, tiny_bundles["int8"].name)
    assert both.unsigned_sha256 != tiny_apk.unsigned_sha256


def test_a_build_from_nothing_gives_the_same_bytes(app_maker, tiny_apk, tiny_bundles, tmp_path, monkeypatch):
    artifacts = artifact_folder()
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "neuer Cäche"))
    artifact_folder().parent.mkdir(parents=True)
    artifact_folder().symlink_to(artifacts)
    # Another place and another language must not matter either.
    elsewhere = shutil.copytree(app_maker.sources, tmp_path / "anderswo")
    monkeypatch.setenv("LC_ALL", "C")
    steps: list[str] = []
    again = build_app([tiny_bundles["int8"]], tmp_path / "a.apk", sources=elsewhere, report=steps.append)
    assert "compiling app" in steps
    assert again.unsigned_sha256 == tiny_apk.unsigned_sha256


def test_an_app_that_is_there_is_only_replaced_when_it_may_be(app_maker, tiny_bundles, tmp_path):
    output = tmp_path / "a.apk"
    output.write_bytes(b"old")
    with pytest.raises(OutputExistsError):
        app_maker.build([tiny_bundles["int8"]], output)
    assert output.read_bytes() == b"old"
    app_maker.build([tiny_bundles["int8"]], output, overwrite=True)
    assert check_apk(output).failures == ()


@pytest.mark.parametrize("moment", ["compiling app", "packing and signing"])
def test_an_interruption_leaves_no_part_of_an_app(app_maker, tiny_apk, tiny_bundles, tmp_path, moment, monkeypatch):
    sources, temporary = app_maker.sources, tmp_path / "temporary"
    if moment == "compiling app":
        sources = write_tiny_app(tmp_path / "sources", activity=f"{ACTIVITY}// {os.urandom(8).hex()}\n")
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def interrupt(step: str) -> None:
        if step == moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_app([tiny_bundles["int8"]], tmp_path / "out" / "a.apk", sources=sources, report=interrupt)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
    assert list(temporary.iterdir()) == []
    cache = artifact_folder().parent / "compiled"
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == []


def test_code_that_does_not_compile_is_told_in_the_compilers_words(app_maker, tiny_bundles, tmp_path):
    sources = write_tiny_app(tmp_path / "s", activity=ACTIVITY.replace("setContentView(view)", "setContentVeiw(view)"))
    with pytest.raises(BuildStepFailedError, match="unresolved reference 'setContentVeiw'") as caught:
        build_app([tiny_bundles["int8"]], tmp_path / "a.apk", sources=sources)
    assert caught.value.step == "compiling app"
    assert not (tmp_path / "a.apk").exists()


def test_an_app_that_calls_hidden_api_is_not_built(app_maker, tiny_bundles, tmp_path):
    hidden = 'android.os.SystemProperties.get("ro.product.model")'
    sources = write_tiny_app(tmp_path / "s", activity=ACTIVITY.replace("it.message", hidden))
    with pytest.raises(ForbiddenApiError, match=r"SystemProperties\.get.*TinyActivity, line \d+"):
        build_app([tiny_bundles["int8"]], tmp_path / "a.apk", sources=sources)
    assert not (tmp_path / "a.apk").exists()


def test_an_sdk_builds_the_same_app_with_its_own_programs(
    app_maker, app_tools, tiny_apk, tiny_bundles, tmp_path, monkeypatch
):
    """D8 is not to be had here: a script that takes its options and calls dx stands in for it."""
    sdk, tools = tmp_path / "Sdk", tmp_path / "Sdk" / "build-tools" / "35.0.0"
    tools.mkdir(parents=True)
    (sdk / "platforms" / "android-35").mkdir(parents=True)
    (sdk / "platforms" / "android-35" / "android.jar").symlink_to(complete_framework(app_tools, tmp_path))
    for name, program in (("aapt2", app_tools.toolchain.aapt2), ("apksigner", app_tools.toolchain.apksigner)):
        (tools / name).symlink_to(program)
    d8 = tools / "d8"
    dexer = app_tools.artifacts.only("dexer")
    d8.write_text(
        f"#!{sys.executable}\nimport subprocess, sys\na = sys.argv\n"
        "option = lambda name: a[a.index(name) + 1]\n"
        "assert '--release' in a and option('--lib').endswith('android.jar')\n"
        f"sys.exit(subprocess.call(['java', '-cp', {str(dexer)!r}, 'com.android.dx.command.Main', '--dex', "
        "f'--min-sdk-version={option(\"--min-api\")}', f'--output={option(\"--output\")}', a[-1]]))\n"
    )
    d8.chmod(d8.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("ANDROID_HOME", str(sdk))
    app_maker.steps.clear()
    built = app_maker.build([tiny_bundles["int8"]], tmp_path / "a.apk")
    assert (built.toolchain, "compiling app" in app_maker.steps) == ("sdk", True)
    report = check_apk(built.path)
    assert report.failures == () and of_the_runtime(report)


def complete_framework(app_tools, folder: Path) -> Path:
    """An android.jar as an SDK has it: with Java's own classes, which the framework of the other chain lacks."""
    complete = folder / "complete.jar"
    shutil.copyfile(app_tools.toolchain.framework, complete)
    with zipfile.ZipFile(complete, "a") as target:
        known = set(target.namelist())
        for path in app_tools.toolchain.core_libraries:
            with zipfile.ZipFile(path) as module:
                found = {name.removeprefix("classes/"): name for name in module.namelist()}
                for own, name in found.items():
                    if name.startswith("classes/java/") and own.endswith(".class") and own not in known:
                        target.writestr(own, module.read(name))
    return complete
