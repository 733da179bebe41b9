"""The guard of the public API: hidden and newer calls are found with their places, allowed ones pass."""

from __future__ import annotations

import pytest

from mobile_deploy.android.compiling import compile_kotlin
from mobile_deploy.android.failures import BuildStepFailedError, ForbiddenApiError
from mobile_deploy.android.guard import check_api, forbidden_calls, read_allow_list
from mobile_deploy.android.sources import app_sources

CALLS = """\
package dev.mobiledeploy.demo

import android.os.SystemProperties
import android.view.View
import android.view.Window

fun hidden(): String = SystemProperties.get("ro.product.model")
fun tooNew(window: Window) = window.setDecorFitsSystemWindows(false)
// It gives a ByteBuffer in Java 9 and newer, and a Buffer in Android 8: the call must name the latter.
fun rewound(buffer: java.nio.ByteBuffer) { buffer.rewind() }
fun fine(view: View) { view.tooltipText = "since 26" }
fun own() = hidden()
"""
NEWER = "void android.view.Window.setDecorFitsSystemWindows(boolean)"


def test_lines_of_the_guard_are_told_with_their_places_and_allowed_ones_are_left_out():
    said = (
        "[ERROR] /a b/x.jar:dev/demo/Camera$1.class:12: Undefined reference: void a.B.c(int)\n"
        "[ERROR] C:\\x y\\x.jar:dev/demo/Main.class: Undefined reference: a.D\n"
    )
    assert forbidden_calls(said, allowed=frozenset({"void a.B.c(int)"})) == ("a.D in dev.demo.Main",)
    assert forbidden_calls(said, allowed=frozenset())[0] == "void a.B.c(int) in dev.demo.Camera$1, line 12"


def test_a_line_that_is_not_understood_counts_as_a_finding():
    assert forbidden_calls("Bad class file x\n", allowed=frozenset()) == ("Bad class file x",)


def test_the_allow_list_holds_calls_with_reasons(tmp_path):
    path = tmp_path / "newer-api.txt"
    path.write_text("# what is newer\n\nvoid a.B.c(int)   # 30: behind SDK_INT in Camera.kt\na.D\n", encoding="utf-8")
    assert read_allow_list(path) == {"void a.B.c(int)", "a.D"}
    assert read_allow_list(tmp_path / "gone.txt") == frozenset()


@pytest.fixture(scope="module")
def calling_jar(app_tools, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guard")
    (folder / "Calls.kt").write_text(CALLS, encoding="utf-8")
    classpath = (*app_tools.artifacts.of("library"), app_tools.toolchain.framework)
    sources, output = (folder / "Calls.kt",), folder / "calls.jar"
    compile_kotlin(
        app_tools.toolchain.java, app_tools.artifacts, "calls", sources=sources, classpath=classpath, output=output
    )
    return output


@pytest.mark.android
def test_a_hidden_call_and_one_that_is_too_new_are_refused_though_they_compile(app_tools, calling_jar):
    with pytest.raises(ForbiddenApiError) as caught:
        check_api(app_tools.toolchain.java, app_tools.artifacts, jar=calling_jar, sources=app_sources())
    told = [call for call in caught.value.calls if "kotlin." not in call]
    assert len(told) == 2
    assert any("android.os.SystemProperties.get" in call and call.endswith("CallsKt, line 7") for call in told)
    assert any(call.startswith(NEWER) for call in told)


@pytest.mark.android
def test_a_newer_call_passes_by_the_allow_list_alone(app_tools, calling_jar, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "toolchain").symlink_to(app_sources() / "toolchain")
    (tmp_path / "app" / "newer-api.txt").write_text(f"{NEWER}  # 30\n", encoding="utf-8")
    with pytest.raises(ForbiddenApiError) as caught:
        check_api(app_tools.toolchain.java, app_tools.artifacts, jar=calling_jar, sources=tmp_path)
    assert [call for call in caught.value.calls if "Window" in call] == []


@pytest.mark.android
def test_java_that_is_newer_than_the_oldest_android_does_not_even_compile(app_tools, tmp_path):
    (tmp_path / "New.kt").write_text("fun new(): List<Int> = java.util.List.of(1)\n", encoding="utf-8")
    settings = {"sources": (tmp_path / "New.kt",), "classpath": app_tools.artifacts.of("library")}
    with pytest.raises(BuildStepFailedError, match="unresolved reference 'of'"):
        compile_kotlin(app_tools.toolchain.java, app_tools.artifacts, "x", output=tmp_path / "x.jar", **settings)
