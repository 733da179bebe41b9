"""Programs that are run, results that are kept, sources that are found and fingerprinted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mobile_deploy.android import kept_results
from mobile_deploy.android.failures import BuildStepFailedError
from mobile_deploy.android.kept_results import kept_result
from mobile_deploy.android.programs import run_step
from mobile_deploy.android.sources import app_sources, fingerprint, source_files


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_step_gives_what_its_program_prints():
    code = "import sys; print('über'); sys.stderr.write('aside ')"
    assert run_step("telling", python(code)).strip() == "über"
    assert run_step("telling", python(code), joined=True).split() == ["aside", "über"]


def test_a_step_that_fails_is_told_with_its_first_words():
    code = "import sys; print('first\\n' + 'more\\n' * 99); sys.exit(2)"
    with pytest.raises(BuildStepFailedError, match="compiling x failed: first\nmore") as caught:
        run_step("compiling x", python(code), hint="look")
    assert caught.value.message.count("more") < 20 and caught.value.output.count("more") == 99
    assert caught.value.hint == "look"


def test_a_silent_failure_and_a_missing_program_are_told():
    with pytest.raises(BuildStepFailedError, match="exit code 3"):
        run_step("x", python("raise SystemExit(3)"))
    with pytest.raises(BuildStepFailedError, match="gone"):
        run_step("x", ["/gone/program"])


def test_programs_read_file_names_as_utf8_whatever_the_users_language_is(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    said = run_step("x", python("import os; print(os.environ['LC_ALL'])"))
    assert said.strip() == ("C.UTF-8" if os.name == "posix" else "C")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
def test_an_interruption_ends_the_program_too(tmp_path):
    known = str(tmp_path / "pid")
    child = f"import os, pathlib, time; pathlib.Path({known!r}).write_text(str(os.getpid())); time.sleep(60)"
    code = f"from mobile_deploy.android.programs import run_step; run_step('x', [{sys.executable!r}, '-c', {child!r}])"
    process = subprocess.Popen(python(code), stderr=subprocess.DEVNULL)
    pid = int(wait_for(tmp_path / "pid"))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text()


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path))
    return tmp_path / "android" / "compiled"


def make(content: bytes):
    def write(work: Path) -> Path:
        (work / "made").write_bytes(content)
        return work / "made"

    return write


def refuse(work: Path) -> Path:
    raise AssertionError


def test_a_result_is_made_once_for_a_key(cache):
    path = kept_result("core.jar", "k1", make(b"1"))
    assert kept_result("core.jar", "k1", refuse) == path
    assert path.read_bytes() == b"1" and path.suffix == ".jar"
    assert kept_result("core.jar", "k2", make(b"2")).read_bytes() == b"2"
    assert path.read_bytes() == b"1"


def test_a_result_that_was_not_finished_is_not_kept(cache):
    def interrupted(work: Path) -> Path:
        (work / "part").write_bytes(b"1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_result("core.jar", "k", interrupted)
    assert kept_result("core.jar", "k", make(b"whole")).read_bytes() == b"whole"
    assert len(list(cache.iterdir())) == 1


def test_only_the_results_that_were_used_last_are_kept(cache, monkeypatch):
    monkeypatch.setattr(kept_results, "_KEPT", 2)
    other = kept_result("app.zip", "k", make(b"0"))
    paths = [kept_result("core.jar", f"k{number}", make(b"1")) for number in range(2)]
    os.utime(paths[0], (8, 8))
    os.utime(paths[1], (9, 9))
    kept_result("core.jar", "k0", refuse)  # used again, so it is newer now
    newest = kept_result("core.jar", "k2", make(b"1"))
    assert (paths[0].exists(), paths[1].exists(), newest.exists(), other.exists()) == (True, False, True, True)


def test_a_fingerprint_depends_on_names_contents_and_facts_and_on_nothing_else(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    known = fingerprint([("a", tmp_path / "a")], "fact")
    os.utime(tmp_path / "a", (1, 1))
    assert fingerprint([("a", tmp_path / "a")], "fact") == known
    others = {
        fingerprint([("b", tmp_path / "a")], "fact"),
        fingerprint([("a", tmp_path / "b")], "fact"),
        fingerprint([("a", tmp_path / "a")], "other"),
        fingerprint([("a", tmp_path / "a")], "fac", "t"),
        fingerprint([("a", tmp_path / "a"), ("a", tmp_path / "a")], "fact"),
    }
    assert known not in others and len(others) == 5


def test_sources_are_listed_in_order_and_editors_files_are_not(tmp_path):
    for name in ("b/Z.kt", "b/.Z.kt.swp", "a.kt", "c.txt", "B.kt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in source_files(tmp_path, ".kt")]
    assert names == ["B.kt", "a.kt", "b/Z.kt"]
    assert len(source_files(tmp_path)) == 4
    assert source_files(tmp_path / "gone") == ()


def test_the_apps_sources_are_found_with_all_that_a_build_takes():
    names = ("toolchain.lock", "toolchain/ApiGuard.java", "app/src/main/AndroidManifest.xml", "core/src/main/kotlin")
    assert [name for name in names if not (app_sources() / name).exists()] == []
