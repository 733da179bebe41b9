"""The app's plain Kotlin on this machine: compiled once, run, and tested with failures told."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from mobile_deploy.android.failures import BuildStepFailedError

pytestmark = pytest.mark.android

MAIN = """\
package demo

fun twice(text: String) = text + text

fun main(arguments: Array<String>) {
    require(arguments.isNotEmpty()) { "say something" }
    println(twice(arguments[0]))
}
"""
TESTS = """\
package demo

import kotlin.test.Test
import kotlin.test.assertEquals
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

class TwiceTest {
    @Test fun `text is written twice`() = assertEquals("abab", twice("ab"))

    @Test fun `the property is there`() = assertEquals("ö", System.getProperty("demo.word"))

    @Test fun `nothing is three`() = assertEquals("aaa", twice("a"))
}

class OtherTest {
    @Test fun `all is well`() = assertEquals("", twice(""))
}

class FactoryTest {
    @TestFactory fun `tests from a list`(): List<DynamicTest> = listOf(DynamicTest.dynamicTest("drawn") {})

    @TestFactory fun `tests that are never made`(): List<DynamicTest> = error("the list is lost")
}
"""


@pytest.fixture(scope="module")
def small(jvm, tmp_path_factory):
    """The same JVM with a core of one function."""
    sources = tmp_path_factory.mktemp("kleine Quällen")
    for name, text in (("core/src/main/kotlin/Main.kt", MAIN), ("core/src/test/kotlin/Test.kt", TESTS)):
        path = sources / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return replace(jvm, sources=sources)


def test_a_program_is_run_with_its_arguments(small):
    assert small.run_main("demo.MainKt", ["zwei Wörter "], classpath=small.core()) == "zwei Wörter zwei Wörter \n"


def test_a_program_that_fails_is_told_in_its_own_words(small):
    with pytest.raises(BuildStepFailedError, match="say something"):
        small.run_main("demo.MainKt", [], classpath=small.core())


def test_tests_are_counted_and_failures_are_told(small):
    result = small.run_junit("core", properties={"demo.word": "ö"})
    assert (result.successful, result.failed) == (4, 2)
    assert "nothing is three" in result.output and "expected: <aaa> but was: <aa>" in result.output


def test_some_classes_can_be_run_alone(small):
    result = small.run_junit("core", only=r".*OtherTest")
    assert (result.successful, result.failed) == (1, 0)


def test_a_factory_that_makes_no_tests_has_failed(small):
    result = small.run_junit("core", only=r".*FactoryTest")
    assert (result.successful, result.failed) == (1, 1)
    assert "the list is lost" in result.output


def test_tests_that_do_not_exist_are_an_error_and_no_success(small):
    with pytest.raises(BuildStepFailedError):
        small.run_junit("core", only=r".*NoSuchTest")


def test_what_is_compiled_is_kept_until_a_source_changes(small):
    steps: list[str] = []
    again = replace(small, report=steps.append)
    first = again.core()[0]
    assert steps == []
    main = small.sources / "core" / "src" / "main" / "kotlin" / "Main.kt"
    # A word that no earlier run has used, for the cache outlives them.
    main.write_text(MAIN.replace("something", uuid4().hex), encoding="utf-8")
    try:
        assert again.core()[0] != first and steps == ["compiling core"]
    finally:
        main.write_text(MAIN, encoding="utf-8")
