"""One phone over USB and over the network is one phone: one lock, one memory of its settings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fakes.network_file import float_network
from fakes.phone.benchmark_tool import FakeTool

from mobile_deploy.device.failures import PhoneBusyError, PhoneLostError
from mobile_deploy.device.kept_settings import keep_settings
from mobile_deploy.device.lock import phone_lock
from mobile_deploy.pipeline.benchmark import benchmark

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")

OWN = "38211FDJH0012"


@pytest.fixture
def phone(fake_phone, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("tiny.tflite").write_bytes(float_network())
    FakeTool().write(Path("tool"))
    made = fake_phone()
    made.set_property("ro.serialno", OWN)
    return made


def measure(phone):
    return benchmark([Path("tiny.tflite")], tool=Path("tool"), quick=True, clock=phone.clock)


def test_a_phone_that_is_measured_under_another_name_is_busy(phone):
    with phone_lock(OWN, serial="USB"), pytest.raises(PhoneBusyError, match=phone.serial):
        measure(phone)


def test_settings_that_were_kept_under_another_name_are_put_back(phone):
    with phone_lock(OWN):
        keep_settings(OWN, ["settings put global stay_on_while_plugged_in 3", "input keyevent 223"])
    phone.set_service("power", "mWakefulness=Awake")  # as the lost run left it
    measure(phone)
    assert phone.setting("stay_on_while_plugged_in") == "3"
    assert phone.wakefulness() == "Asleep"


def test_settings_that_are_lost_with_the_phone_are_kept_under_its_own_number(phone, tmp_path):
    phone.knobs.vanish_in_shell = "result-1.pb"
    with pytest.raises(PhoneLostError):
        measure(phone)
    with phone_lock(OWN):
        (lock,) = (tmp_path / "cache/phones").glob("*.lock")
    assert "settings delete global stay_on_while_plugged_in" in lock.with_suffix(".settings").read_text()
