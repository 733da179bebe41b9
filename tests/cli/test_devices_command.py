"""`mobile-deploy devices`: what it prints and how it ends."""

from __future__ import annotations

import json
import sys

import pytest

from mobile_deploy.cli import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)


def test_phones_are_a_table_with_remedies_below(fake_phone, capsys):
    ready, waiting = fake_phone(), fake_phone(unauthorized=True)
    assert main(["devices"]) == 0
    printed = capsys.readouterr()
    header, _, *rest = printed.out.splitlines()
    assert header.split()[0] == "serial" and header.split()[-1] == "state"
    rows = {line.split()[0]: line for line in rest}
    assert rows[ready.serial].endswith(" ready")
    assert rows[waiting.serial].endswith(" unauthorized") or f"{waiting.serial}:" in printed.out
    assert f"{waiting.serial}: unlock the phone and accept the USB debugging prompt" in printed.out
    assert printed.err == ""


def test_programs_get_json(fake_phone, capsys):
    phone = fake_phone()
    phone.battery(12)
    assert main(["devices", "--json"]) == 0
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["command"], envelope["status"], envelope["errors"]) == ("devices", "ok", [])
    (device,) = envelope["data"]["devices"]
    assert (device["serial"], device["state"]) == (phone.serial, "not ready")
    assert device["remedies"] == ["battery at 12 %, needed are 30 %: charge it"]
    assert device["facts"]["clusters"][0] == {"cores": [8], "max_khz": 2_914_000}
    assert device["condition"]["battery_percent"] == 12


def test_no_phone_ends_with_3_and_the_next_step(own_adb, capsys):
    assert main(["devices"]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[0] == "error: no phone is connected"
    assert "USB debugging" in printed.err.splitlines()[1]
    assert main(["devices", "--json"]) == 3
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["status"], envelope["exit_code"], envelope["data"]["devices"]) == ("error", 3, [])
    assert envelope["errors"][0]["type"] == "NoPhoneError"


def test_no_adb_ends_with_3_and_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert main(["devices"]) == 3
    printed = capsys.readouterr()
    assert printed.err.startswith("error: there is no adb")
    assert "hint: " in printed.err and "install" in printed.err


def test_it_takes_no_names(capsys):
    assert main(["devices", "R5"]) == 2
    assert "unexpected extra argument" in capsys.readouterr().err
