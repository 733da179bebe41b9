"""A phone's shell: every end is told from a lost phone, by the real adb and a fake phone."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from fakes.scripted_adb import scripted_adb

from mobile_deploy.device.adb import AdbTimeoutError, find_adb
from mobile_deploy.device.connection import LONGEST_SCRIPT_BYTES, Connection
from mobile_deploy.device.failures import PhoneFullError, PhoneLostError, PhoneRefusedError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")

DIALECTS = ({}, {"shell_v2": False}, {"linux": True}, {"crlf": True})
HOSTILE = "a'b\" $(touch hacked) `touch hacked`;\ttouch hacked\n&"


def connect(phone) -> Connection:
    return Connection(adb=find_adb(), serial=phone.serial)


def ask(connection: Connection, script: str, *, timeout_s: float = 20.0):
    return connection.shell(script, timeout_s=timeout_s, doing="testing")


@pytest.fixture
def stub(tmp_path):
    """Makes a connection to a phone with a hostile serial number, over an adb that is a script."""

    def make(script: str) -> Connection:
        return Connection(adb=scripted_adb(tmp_path / "sdk", script).adb, serial=HOSTILE)

    return make


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_code_and_output_are_the_scripts_in_every_dialect(fake_phone, dialect):
    answer = ask(connect(fake_phone(**dialect)), "echo out; echo err >&2; printf 'no end'; exit 7")
    assert (answer.code, answer.output) == (7, "out\nerr\nno end")


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_empty_lines_at_the_end_are_kept(fake_phone, dialect):
    answer = ask(connect(fake_phone(**dialect)), "echo a; echo; echo")
    assert (answer.code, answer.output) == (0, "a\n\n\n")


def test_a_script_that_reads_finds_nothing_to_read(fake_phone):
    assert ask(connect(fake_phone(shell_v2=False)), "cat; echo done").output == "done\n"


@pytest.mark.parametrize("shell_v2", [True, False])
def test_a_phone_that_vanishes_in_a_script_is_lost(fake_phone, shell_v2):
    phone = fake_phone(shell_v2=shell_v2, vanish_in_shell="echo out", vanish_after_output_bytes=4)
    with pytest.raises(PhoneLostError, match="was lost while testing") as caught:
        ask(connect(phone), "echo out; echo more")
    assert caught.value.exit_code == 4
    assert caught.value.serial == phone.serial


def test_a_phone_that_vanished_before_is_lost_in_words(fake_phone):
    phone = fake_phone()
    phone.vanish()
    with pytest.raises(PhoneLostError):
        ask(connect(phone), "echo out")


def test_a_phone_that_nobody_knows_is_named(own_adb):
    with pytest.raises(PhoneLostError, match="device 'R58M' not found"):
        ask(Connection(adb=find_adb(), serial="R58M"), "echo out")


def test_a_phone_that_is_not_yet_accepted_comes_with_the_remedy(fake_phone):
    phone = fake_phone(unauthorized=True)
    with pytest.raises(PhoneLostError, match="it is unauthorized; unlock the phone and accept"):
        ask(connect(phone), "echo out")


def test_a_phone_that_is_offline_is_told(fake_phone, own_adb):
    phone = fake_phone(offline=True, connect=False)
    # Adb itself waits ten seconds for such a phone to come.
    with subprocess.Popen([own_adb.program, "connect", phone.serial], stdout=subprocess.DEVNULL) as connecting:
        wait_until(lambda: any(listed.serial == phone.serial for listed in find_adb().phones()))
        with pytest.raises(PhoneLostError, match=r"it is (offline|connecting); "):
            ask(connect(phone), "echo out")
        connecting.kill()


def wait_until(happens, timeout_s: float = 15.0) -> None:
    end = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_silent_phone_is_given_up_at_the_deadline(fake_phone):
    phone = fake_phone(hang_in_shell="echo")
    start = time.monotonic()
    with pytest.raises(PhoneLostError, match=r"no answer within 0\.4 s"):
        ask(connect(phone), "echo out", timeout_s=0.4)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_what_a_script_printed_until_the_deadline_is_kept(fake_phone, dialect):
    connection = connect(fake_phone(**dialect))
    with pytest.raises(AdbTimeoutError) as caught:
        connection.shell_until("echo one; echo two; exec sleep 20", timeout_s=1.0, doing="testing")
    assert caught.value.output == "one\ntwo\n"


def test_a_script_that_old_phones_cannot_take_is_a_mistake_of_ours(fake_phone):
    connection = connect(fake_phone(linux=True))
    longest = LONGEST_SCRIPT_BYTES - len("(\n\n) </dev/null 2>&1\nended=$?\necho\necho 0123456789abcdef:$ended.")
    assert ask(connection, f"echo {'a' * (longest - 5)}").output == f"{'a' * (longest - 5)}\n"
    with pytest.raises(ValueError, match="at most"):
        ask(connection, "a" * (longest + 1))


def test_a_serial_that_is_a_script_is_not_run(stub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    connection = stub('sh -c "$2"')
    assert ask(connection, "echo out").output == "out\n"
    with pytest.raises(PhoneLostError) as caught:
        ask(stub("exit 1"), "echo out")
    assert not list(tmp_path.rglob("hacked"))
    assert "\t" not in repr(caught.value.message)


@pytest.mark.parametrize(
    ("complaint", "state", "error", "words"),
    [
        ("error: closed", "echo device", PhoneRefusedError, "refused testing: closed"),
        ("error: protocol fault (couldn't read status): Success", "echo device", PhoneLostError, "it is there again"),
        ("", "echo device", PhoneLostError, "the connection broke off; it is there again"),
        ("error: device offline", "echo offline", PhoneLostError, "it is offline; unplug"),
        ("x", "echo 'error: device unauthorized.' >&2; exit 1", PhoneLostError, "it is unauthorized; unlock"),
        ("x", "echo 'error: device still authorizing' >&2; exit 1", PhoneLostError, "it is authorizing; unlock"),
        (
            "x",
            "echo 'error: insufficient permissions for device' >&2; exit 1",
            PhoneLostError,
            "no permissions; sudo",
        ),
        ("x", "echo \"error: device 'offline' not found\" >&2; exit 1", PhoneLostError, "device 'offline' not found"),
        ("x", "echo 'error: cannot connect to daemon' >&2; exit 1", PhoneLostError, "cannot connect to daemon"),
    ],
)
def test_what_adb_complains_about_becomes_the_right_error(stub, complaint, state, error, words):
    connection = stub(f'if [ "$1" = get-state ]; then {state}; exit; fi; echo "{complaint}" >&2; exit 1')
    with pytest.raises(error, match=words.replace("(", r"\(")):
        ask(connection, "echo out")


def test_a_phone_whose_state_cannot_be_asked_is_lost_all_the_same(stub, monkeypatch):
    monkeypatch.setattr("mobile_deploy.device.connection._STATE_S", 0.2)
    connection = stub('if [ "$1" = get-state ]; then exec sleep 20; fi; exit 1')
    with pytest.raises(PhoneLostError, match="adb get-state did not end"):
        ask(connection, "echo out")


def test_an_end_that_was_cut_short_is_no_end(stub):
    with pytest.raises(PhoneLostError):
        ask(stub('sh -c "$2" | head -c -2'), "exit 12")


def test_an_end_that_another_program_printed_is_no_end(stub):
    with pytest.raises(PhoneLostError):
        ask(stub("echo; echo 0123456789abcdef:0"), "echo out")


def test_a_script_that_failed_for_want_of_space_is_told_apart(stub):
    connection = stub("exit 0")
    full = ask(stub('sh -c "$2"'), "echo 'mkdir: x: No space left on device'; exit 1")
    with pytest.raises(PhoneFullError, match="No space left"):
        connection.check(full, "make a folder")
    refused = ask(stub('sh -c "$2"'), "exit 5")
    with pytest.raises(PhoneRefusedError, match="exit code 5"):
        connection.check(refused, "make a folder")
