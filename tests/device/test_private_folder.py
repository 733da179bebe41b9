"""Files reach a phone whole, programs run there bound and are killed there, and nothing stays behind."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mobile_deploy.device.adb import find_adb
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.failures import PhoneFullError, PhoneLostError, PhoneRefusedError, RunTimedOutError
from mobile_deploy.device.private_folder import DamagedTransferError, PrivateFolder, private_folder
from mobile_deploy.errors import UnreadableFileError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake phone is a Unix machine")

DIALECTS = ({}, {"shell_v2": False}, {"linux": True})
CONTENT = bytes(range(256)) * 1024
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))


def connect(phone) -> Connection:
    return Connection(adb=find_adb(), serial=phone.serial)


def run(folder: PrivateFolder, script: str, *, timeout_s: float = 20.0, cores: tuple[int, ...] = ()):
    return folder.run(("sh", "-c", script), timeout_s=timeout_s, what="a test", cores=cores)


def lives_on(phone, words: str) -> bool:
    return any(words in command for _, command in phone.processes())


def wait_until(happens, timeout_s: float = 15.0) -> None:
    end = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_files_come_and_go_whole_and_nothing_stays(fake_phone, tmp_path, dialect):
    phone = fake_phone(**dialect)
    file = tmp_path / "a '$(touch hacked)' ü.tflite"
    file.write_bytes(CONTENT)
    with private_folder(connect(phone)) as folder:
        assert folder.path.startswith(f"{phone.base}/mobile-deploy-")
        assert folder.push(file, "model-0.tflite") == f"{folder.path}/model-0.tflite"
        assert folder.push(b"abc", "small") == f"{folder.path}/small"
        assert phone.here(f"{folder.path}/model-0.tflite").read_bytes() == CONTENT
        assert (folder.pull("model-0.tflite"), folder.pull("small"), folder.pull("absent")) == (CONTENT, b"abc", None)
        assert [name for name in phone.leftovers() if name.endswith(".part")] == []
        assert phone.here(folder.path).stat().st_mode & 0o777 == 0o700
    assert phone.leftovers() == ()
    assert not list(phone.root.rglob("hacked"))


def test_the_users_file_name_never_reaches_the_phone(fake_phone, tmp_path):
    phone = fake_phone()
    file = tmp_path / "secret '$(reboot)'"
    file.write_bytes(CONTENT)
    with private_folder(connect(phone)) as folder:
        folder.push(file, "model-0.tflite")
    assert not any("secret" in script for script in phone.shell_log)


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a b", "-a", "a;b", "a\nb", "$a"])
def test_names_on_the_phone_are_plain(name):
    folder = PrivateFolder(connection=Connection(adb=find_adb(), serial="X"), path="/data/local/tmp/x")
    with pytest.raises(ValueError, match="no name"):
        folder.push(b"", name)


@pytest.mark.parametrize(
    "missing", [(), ("sha256sum",), ("sha256sum", "toybox"), ("sha256sum", "toybox", "md5sum")], ids=str
)
def test_a_damaged_file_is_found_by_whatever_the_phone_can_compute(fake_phone, missing):
    phone = fake_phone(missing=missing)
    with private_folder(connect(phone)) as folder:
        folder.push(CONTENT, "whole", executable=True)
        assert phone.here(f"{folder.path}/whole").stat().st_mode & 0o777 == 0o700
        damage(phone, missing)
        with pytest.raises(DamagedTransferError, match="bad arrived damaged") as caught:
            folder.push(CONTENT, "bad")
        assert caught.value.exit_code == 4
        assert not phone.here(f"{folder.path}/bad").exists()
    assert phone.leftovers() == ()


def damage(phone, missing: tuple[str, ...]) -> None:
    """Lets files arrive wrong; a phone that can only count bytes sees it where some are missing."""
    if "md5sum" in missing:
        phone.write_program("wc", "#!/bin/sh\necho 7\n")
    else:
        phone.knobs.corrupt_push = True


def test_a_full_phone_is_told_and_left_clean(fake_phone):
    phone = fake_phone()
    with pytest.raises(PhoneFullError, match="No space left") as caught, private_folder(connect(phone)) as folder:
        phone.knobs.disk_full_after_bytes = 1000
        folder.push(CONTENT, "model-0.tflite")
    assert caught.value.exit_code == 3
    assert phone.leftovers() == ()


def test_a_phone_that_vanishes_in_a_push_is_lost(fake_phone):
    phone = fake_phone(vanish_after_push_bytes=70_000)
    with (
        pytest.raises(PhoneLostError, match=r"was lost while pushing model-0\.tflite"),
        private_folder(connect(phone)) as folder,
    ):
        folder.push(CONTENT, "model-0.tflite")


def test_a_push_has_a_deadline(fake_phone, monkeypatch):
    monkeypatch.setattr("mobile_deploy.device.private_folder._transfer_s", lambda size_bytes: 0.3)
    phone = fake_phone()
    with private_folder(connect(phone)) as folder:
        phone.knobs.write_delay_s = 1.0
        with pytest.raises(PhoneLostError, match=r"no answer within 0\.3 s"):
            folder.push(CONTENT, "model-0.tflite")
        phone.knobs.write_delay_s = 0.0
    assert phone.leftovers() == ()


def test_a_file_that_cannot_be_read_here_is_named(fake_phone, tmp_path):
    with private_folder(connect(fake_phone())) as folder, pytest.raises(UnreadableFileError, match="absent"):
        folder.push(tmp_path / "absent", "model-0.tflite")


def test_a_file_that_is_too_large_is_not_pulled(fake_phone, monkeypatch):
    monkeypatch.setattr("mobile_deploy.device.private_folder._LARGEST_PULL_BYTES", 2)
    with private_folder(connect(fake_phone())) as folder:
        folder.push(b"abc", "a")
        with pytest.raises(PhoneRefusedError, match="3 bytes, at most 2"):
            folder.pull("a")


def test_a_phone_that_lets_nobody_write_refuses(fake_phone):
    phone = fake_phone()
    phone.write_program("mkdir", "#!/bin/sh\necho mkdir: Permission denied >&2\nexit 1\n")
    with (
        pytest.raises(PhoneRefusedError, match="Permission denied"),
        private_folder(connect(phone)),
    ):
        pass


def test_folders_of_killed_runs_are_removed_with_what_runs_in_them_and_nothing_else_is(fake_phone):
    phone = fake_phone()
    with private_folder(connect(phone)) as folder:
        stale = folder.path[:-8] + "0123abcd"
    foreign = ("mobile-deploy-0123456789-0123abcd", "other", f"{Path(stale).name[:-9]}x")
    base = phone.here(phone.base)
    for name in (Path(stale).name, *foreign):
        (base / name).mkdir()
    (base / Path(stale).name / "model.tflite").write_bytes(b"x")
    loose = [start_in(phone, base / name) for name in (Path(stale).name, "other")]
    with private_folder(connect(phone)):
        assert not (base / Path(stale).name).exists()
        wait_until(lambda: loose[0].poll() is not None)
    assert loose[1].poll() is None
    assert phone.leftovers() == tuple(sorted(foreign))
    loose[1].kill()
    loose[1].wait()


def start_in(phone, folder: Path) -> subprocess.Popen:
    return subprocess.Popen(["sleep", "30"], cwd=folder, env={**os.environ, "PHONE_STATE": str(phone.state)})


def test_the_folder_is_removed_after_an_error_which_stays_the_error(fake_phone):
    phone = fake_phone()
    with pytest.raises(ZeroDivisionError), private_folder(connect(phone)) as folder:
        folder.push(b"abc", "a")
        raise ZeroDivisionError
    assert phone.leftovers() == ()


def test_an_error_is_not_hidden_by_a_phone_that_cannot_be_cleaned(fake_phone, monkeypatch):
    phone = fake_phone()
    with pytest.raises(ZeroDivisionError), private_folder(connect(phone)):
        phone.vanish()
        raise ZeroDivisionError


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_programs_code_and_output_are_its_own(fake_phone, dialect):
    phone = fake_phone(**dialect)
    with private_folder(connect(phone)) as folder:
        done = run(folder, "echo out; echo err >&2; pwd; exit 9")
        assert (done.code, done.output) == (9, f"out\nerr\n{folder.path}\n")


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_arguments_reach_a_program_as_they_are(fake_phone, dialect):
    hostile = "a b'\"$(touch hacked)`id`;\n*\\"
    phone = fake_phone(**dialect)
    with private_folder(connect(phone)) as folder:
        folder.push(b'#!/bin/sh\nprintf "%s|" "$@"\n', "tool", executable=True)
        done = folder.run(("./tool", hostile, "", "-x"), timeout_s=20, what="a test")
    assert done.output == f"{hostile}||-x|"
    assert not list(phone.root.rglob("hacked"))


def test_a_program_is_bound_to_cores_and_the_phone_says_so(fake_phone):
    with private_folder(connect(fake_phone())) as folder:
        assert run(folder, ":", cores=(4, 5, 8)).cores == (4, 5, 8)
        assert run(folder, ":").cores == tuple(range(9))


def test_a_core_that_is_asleep_is_not_among_those_that_the_phone_gives(fake_phone):
    phone = fake_phone()
    phone.cores(offline=(5, 8))
    with private_folder(connect(phone)) as folder:
        assert run(folder, ":", cores=(4, 5)).cores == (4,)
        assert run(folder, "echo ran", cores=(5, 8)).output == "ran\n"


def test_without_taskset_a_program_runs_unbound(fake_phone):
    with private_folder(connect(fake_phone(missing=("taskset",)))) as folder:
        done = run(folder, "echo ran", cores=(4,))
    assert (done.code, done.output, done.cores) == (0, "ran\n", tuple(range(9)))


def test_a_linux_box_binds_by_its_own_taskset(fake_phone):
    with private_folder(connect(fake_phone(linux=True))) as folder:
        first = run(folder, ":").cores[0]
        assert run(folder, ":", cores=(first,)).cores == (first,)


def test_a_program_that_cannot_start_says_so(fake_phone):
    with private_folder(connect(fake_phone())) as folder:
        done = folder.run(("./absent",), timeout_s=20, what="a test")
    assert done.code == 127
    assert "not found" in done.output


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_program_that_takes_too_long_is_killed_with_its_children(fake_phone, dialect):
    phone = fake_phone(**dialect)
    with private_folder(connect(phone)) as folder:
        with pytest.raises(RunTimedOutError, match=r"a test: it did not end within 1 s") as caught:
            run(folder, "trap '' HUP TERM; echo so far; sleep 41 & sleep 42; sleep 43", timeout_s=1.0)
        assert caught.value.log == "so far\n"
        wait_until(lambda: not lives_on(phone, "sleep 4"))
        assert run(folder, "echo next").output == "next\n"
    assert phone.leftovers() == ()


def test_a_phone_that_is_silent_after_the_deadline_too_is_lost(fake_phone, monkeypatch):
    monkeypatch.setattr("mobile_deploy.device.private_folder._CLEANING_S", 0.5)
    phone = fake_phone()
    with pytest.raises(PhoneLostError, match="killing the program"), private_folder(connect(phone)) as folder:
        phone.knobs.hang_in_shell = "e"
        run(folder, "echo never", timeout_s=0.5)


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_ctrl_c_kills_the_program_on_the_phone_and_leaves_nothing(fake_phone, own_adb, tmp_path, dialect):
    phone = fake_phone(**dialect)
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from mobile_deploy.device.adb import find_adb\n"
        "from mobile_deploy.device.connection import Connection\n"
        "from mobile_deploy.device.private_folder import private_folder\n"
        f"with private_folder(Connection(adb=find_adb(), serial={phone.serial!r})) as folder:\n"
        "    folder.push(b'x', 'model-0.tflite')\n"
        "    folder.run(('sh', '-c', \"trap '' HUP; sleep 44; sleep 45\"), timeout_s=60, what='a test')\n"
    )
    environment = {**own_adb.environment, "MOBILE_DEPLOY_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as process:
        wait_until(lambda: lives_on(phone, "sleep 44"))
        os.killpg(process.pid, signal.SIGINT)
        assert "KeyboardInterrupt" in process.communicate(timeout=30)[1]
    wait_until(lambda: not lives_on(phone, "sleep 4"))
    assert phone.leftovers() == ()


def test_ctrl_c_kills_the_program_at_once_and_not_only_with_the_folder(fake_phone):
    phone = fake_phone()

    def interrupt() -> None:
        wait_until(lambda: lives_on(phone, "sleep 47"))
        os.kill(os.getpid(), signal.SIGINT)

    with private_folder(connect(phone)) as folder:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            run(folder, "trap '' HUP; sleep 47; sleep 48", timeout_s=60)
        wait_until(lambda: not lives_on(phone, "sleep 4"))


def test_a_phone_that_vanishes_in_a_run_is_lost_and_cleaned_the_next_time(fake_phone, own_adb):
    phone = fake_phone(vanish_in_shell="exec $bind")
    with pytest.raises(PhoneLostError, match="was lost while running a test"), private_folder(connect(phone)) as folder:
        run(folder, "(trap '' HUP; exec sleep 46) >/dev/null 2>&1 & echo out")
    assert phone.leftovers() != ()
    assert lives_on(phone, "sleep 46")
    phone.knobs.vanish_in_shell = ""
    phone.start()
    own_adb.run("disconnect", phone.serial)
    own_adb.connect(phone)
    with private_folder(connect(phone)):
        wait_until(lambda: not lives_on(phone, "sleep 46"))
    assert phone.leftovers() == ()


def test_two_phones_are_used_at_once(fake_phone):
    phones = (fake_phone(), fake_phone())
    said: dict[str, bytes | None] = {}

    def work(phone) -> None:
        with private_folder(connect(phone)) as folder:
            folder.push(phone.serial.encode(), "a")
            said[phone.serial] = folder.pull("a")

    threads = [threading.Thread(target=work, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {phone.serial: phone.serial.encode() for phone in phones}


def test_every_script_keeps_within_what_old_phones_take(fake_phone):
    phone = fake_phone()
    with private_folder(connect(phone)) as folder:
        folder.push(CONTENT, "model-0.tflite")
        folder.run(("./tool", *(f"--flag{n}=/data/local/tmp/x" for n in range(60))), timeout_s=20, what="t", cores=(4,))
    assert max(len(script.encode()) for script in phone.shell_log) < 3900
    assert all(shlex.split(script.splitlines()[-1]) for script in phone.shell_log)
