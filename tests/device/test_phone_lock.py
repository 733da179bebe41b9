"""One process at a time measures on a phone, and a killed one keeps nobody out."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from mobile_deploy.device.failures import PhoneBusyError
from mobile_deploy.device.lock import phone_lock
from mobile_deploy.errors import CacheNotWritableError

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "../../x $(touch hacked)\n'\ud800"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def holder(serial: str):
    """Another process that holds the lock."""
    code = (
        "import sys; from mobile_deploy.device.lock import phone_lock\n"
        "with phone_lock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, serial], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_phone_that_another_process_measures_on_is_busy():
    with holder("R58M"):
        with pytest.raises(PhoneBusyError, match="'R58M'") as caught, phone_lock("R58M"):
            pass
        assert caught.value.exit_code == 3
        with phone_lock("another"):
            pass


def test_a_phone_is_locked_by_its_key_and_named_as_adb_calls_it():
    with (
        phone_lock("38211FDJH0012", serial="38211FDJH0012"),
        pytest.raises(PhoneBusyError, match=r"phone '192\.168\.1\.5:5555'"),
        phone_lock("38211FDJH0012", serial="192.168.1.5:5555"),
    ):
        pass


def test_a_killed_process_keeps_nobody_out():
    with holder("R58M") as process:
        process.kill()
        process.wait()
        with phone_lock("R58M"):
            pass


def test_a_phone_is_busy_for_another_thread_too_and_free_afterwards():
    with phone_lock("R58M"), pytest.raises(PhoneBusyError), phone_lock("R58M"):
        pass
    with phone_lock("R58M"):
        pass


def test_an_error_gives_the_phone_free():
    with pytest.raises(ZeroDivisionError), phone_lock("R58M"):
        raise ZeroDivisionError
    with phone_lock("R58M"):
        pass


def test_a_serial_is_no_path(cache, tmp_path):
    with phone_lock(HOSTILE):
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.parent for path in files] == [cache / "phones"]
    assert files[0].stem.isalnum()


def test_a_cache_that_cannot_be_written_is_named(cache):
    cache.write_text("a file in the way")
    with pytest.raises(CacheNotWritableError, match="a file is in the way"), phone_lock("R58M"):
        pass
