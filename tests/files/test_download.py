"""Downloads against a web server on this machine that misbehaves on request."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fakes.file_server import closed_port_url

from mobile_deploy.errors import (
    DownloadInterruptedError,
    DownloadRefusedError,
    HashMismatchError,
    NoConnectionError,
    OutputNotWritableError,
)
from mobile_deploy.files import connection
from mobile_deploy.files.download import download

DATA = random.Random(1).randbytes(200_000)
OTHER = random.Random(2).randbytes(200_000)
MD5 = hashlib.md5(DATA).hexdigest()
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(file_server, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    file_server.files["/a.h5"] = DATA
    return file_server


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "cache" / "a.h5"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fetch(server, target: Path, **options) -> None:
    download(f"{server.url}/a.h5", target, read_timeout_s=5.0, **options)


def interrupt_after(server, target: Path, *, arrived_bytes: int, **options) -> None:
    server.cut_after_bytes = arrived_bytes
    with pytest.raises(DownloadInterruptedError) as caught:
        fetch(server, target, **options)
    assert caught.value.arrived_bytes == arrived_bytes
    server.cut_after_bytes = None


def test_a_file_arrives_whole_and_alone(server, target):
    seen: list[tuple[int, int]] = []
    fetch(server, target, md5=MD5.upper(), sha256=SHA256, size=len(DATA), progress=lambda *now: seen.append(now))
    assert target.read_bytes() == DATA
    assert names(target.parent) == ["a.h5"]
    assert seen[-1] == (len(DATA), len(DATA))
    assert [arrived for arrived, _ in seen] == sorted(arrived for arrived, _ in seen)
    assert server.ranges_asked == [None]


def test_a_server_that_does_not_say_the_length_is_enough(server, target):
    server.announce_length = False
    seen: list[tuple[int, int]] = []
    fetch(server, target, progress=lambda *now: seen.append(now))
    assert target.read_bytes() == DATA
    assert seen == []


def test_an_interrupted_download_goes_on_where_it_stopped(server, target):
    interrupt_after(server, target, arrived_bytes=70_000)
    assert not target.exists()
    assert names(target.parent) == ["a.h5.part"]
    fetch(server, target, md5=MD5)
    assert target.read_bytes() == DATA
    assert names(target.parent) == ["a.h5"]
    assert server.requests == [("/a.h5", None, None), ("/a.h5", "bytes=70000-", '"one"')]


def test_two_interruptions_in_a_row_add_up(server, target):
    interrupt_after(server, target, arrived_bytes=70_000)
    server.cut_after_bytes = 30_000
    with pytest.raises(DownloadInterruptedError, match="after 100000 of 200000 bytes"):
        fetch(server, target)
    server.cut_after_bytes = None
    fetch(server, target)
    assert target.read_bytes() == DATA
    assert server.ranges_asked == [None, "bytes=70000-", "bytes=100000-"]


def test_last_modified_serves_where_there_is_no_strong_etag(server, target):
    server.etag, server.last_modified = 'W/"weak"', "Tue, 01 Jul 2025 10:00:00 GMT"
    interrupt_after(server, target, arrived_bytes=70_000)
    fetch(server, target)
    assert target.read_bytes() == DATA
    assert server.requests[-1] == ("/a.h5", "bytes=70000-", server.last_modified)


def test_a_file_that_changed_meanwhile_starts_over(server, target):
    interrupt_after(server, target, arrived_bytes=70_000)
    server.files["/a.h5"], server.etag = OTHER, '"two"'
    fetch(server, target)
    assert target.read_bytes() == OTHER


def test_a_server_without_ranges_starts_over(server, target):
    interrupt_after(server, target, arrived_bytes=70_000)
    server.ranges = False
    fetch(server, target, md5=MD5)
    assert target.read_bytes() == DATA


def test_a_server_that_answers_another_range_is_asked_again_from_the_start(server, target):
    interrupt_after(server, target, arrived_bytes=70_000)
    server.range_offset_bytes = 10
    fetch(server, target)
    assert target.read_bytes() == DATA
    assert server.ranges_asked == [None, "bytes=70000-", None]


def test_without_stamp_and_hash_nothing_is_pieced_together(server, target):
    server.etag = ""
    interrupt_after(server, target, arrived_bytes=70_000)
    fetch(server, target)
    assert target.read_bytes() == DATA
    assert server.ranges_asked == [None, None]


def test_without_stamp_a_hash_makes_it_safe_to_go_on(server, target):
    server.etag = ""
    interrupt_after(server, target, arrived_bytes=70_000, md5=MD5)
    fetch(server, target, md5=MD5)
    assert target.read_bytes() == DATA
    assert server.ranges_asked == [None, "bytes=70000-"]


def leave_part(target: Path, data: bytes, *, stamp: str = '"one"', name: str = "a.h5.part") -> Path:
    folder = target.parent / name
    folder.mkdir(parents=True)
    (folder / "data").write_bytes(data)
    (folder / "version").write_text(stamp)
    return folder


def test_a_part_that_is_already_complete_is_accepted(server, target):
    leave_part(target, DATA)
    fetch(server, target, md5=MD5)
    assert target.read_bytes() == DATA
    assert server.ranges_asked == [f"bytes={len(DATA)}-"]


def test_a_part_that_is_too_long_starts_over(server, target):
    leave_part(target, DATA + b"more")
    fetch(server, target, md5=MD5)
    assert target.read_bytes() == DATA
    assert server.ranges_asked == [f"bytes={len(DATA) + 4}-", None]


def test_the_part_of_a_killed_process_is_taken_over_after_a_silence(server, target):
    folder = leave_part(target, DATA[:50_000], name="a.h5.0123456789ab.part")
    old = time.time() - 60
    os.utime(folder / "data", (old, old))
    fetch(server, target)
    assert target.read_bytes() == DATA
    assert names(target.parent) == ["a.h5"]
    assert server.ranges_asked == ["bytes=50000-"]


def test_the_part_of_a_living_process_is_left_alone(server, target):
    leave_part(target, DATA[:50_000], name="a.h5.0123456789ab.part")
    fetch(server, target)
    assert target.read_bytes() == DATA
    assert names(target.parent) == ["a.h5", "a.h5.0123456789ab.part"]
    assert server.ranges_asked == [None]


@pytest.mark.parametrize(
    ("wanted", "kind"), [({"md5": "0" * 32}, "MD5"), ({"sha256": "0" * 64}, "SHA-256"), ({"size": 5}, "length")]
)
def test_a_wrong_hash_removes_what_arrived(server, target, wanted, kind):
    with pytest.raises(HashMismatchError, match=kind) as caught:
        fetch(server, target, **wanted)
    assert caught.value.exit_code == 3
    assert caught.value.expected == str(next(iter(wanted.values())))
    assert caught.value.actual in (MD5, SHA256, str(len(DATA)))
    assert names(target.parent) == []


def test_a_wrong_hash_keeps_the_older_file(server, target):
    target.parent.mkdir()
    target.write_bytes(b"older")
    with pytest.raises(HashMismatchError):
        fetch(server, target, md5="0" * 32)
    assert target.read_bytes() == b"older"


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_a_refusal_shows_the_status_and_keeps_the_part(server, target, status):
    interrupt_after(server, target, arrived_bytes=70_000)
    server.status = status
    with pytest.raises(DownloadRefusedError, match=str(status)) as caught:
        fetch(server, target)
    assert caught.value.exit_code == 3
    server.status = 200
    fetch(server, target)
    assert server.ranges_asked[-1] == "bytes=70000-"


@pytest.mark.parametrize("url", ["no address", "http://[::1", "ftp//x/a.h5"])
def test_what_is_no_address_is_refused(target, url):
    with pytest.raises(DownloadRefusedError, match="not a web address"):
        download(url, target)


def test_a_closed_port_is_no_connection(target, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(NoConnectionError) as caught:
        download(f"{closed_port_url()}/a.h5", target)
    assert caught.value.exit_code == 3
    assert not target.exists()


def test_an_unknown_name_is_no_connection(target, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NoConnectionError, match="Name or service not known"):
        download("http://weights.invalid/a.h5", target)


def test_a_name_look_up_that_hangs_ends_at_the_deadline(target, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    released = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        released.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with pytest.raises(NoConnectionError, match=r"within 0\.3 s"):
        download("http://weights.invalid/a.h5", target, connect_timeout_s=0.3)
    assert time.monotonic() - started < 2
    released.set()


def test_a_proxy_of_the_environment_is_used(server, target, monkeypatch):
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.url)
    server.files["http://weights.invalid/a.h5"] = DATA
    download("http://weights.invalid/a.h5", target)
    assert target.read_bytes() == DATA


def test_a_silent_server_is_an_interruption_not_a_missing_connection(server, target):
    server.silence_s = 2.0
    with pytest.raises(DownloadInterruptedError):
        download(f"{server.url}/a.h5", target, read_timeout_s=0.2)


def test_a_server_that_falls_silent_midway_keeps_what_arrived(server, target):
    server.files["/a.h5"] = DATA[:4096]
    server.pause_s = 0.15
    with pytest.raises(DownloadInterruptedError) as caught:
        download(f"{server.url}/a.h5", target, read_timeout_s=0.05)
    server.pause_s = 0.0
    fetch(server, target)
    assert target.read_bytes() == DATA[:4096]
    arrived = caught.value.arrived_bytes
    assert server.ranges_asked[-1] == (f"bytes={arrived}-" if arrived else None)


def test_what_does_not_speak_http_is_an_interruption(target, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DownloadInterruptedError):
            download(f"http://127.0.0.1:{listener.getsockname()[1]}/a.h5", target)
        thread.join()


def test_an_untrusted_certificate_is_a_refusal_not_a_missing_connection(target, monkeypatch):
    def fail(*_: object) -> None:
        raise ssl.SSLCertVerificationError("self-signed certificate")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(connection, "_within", fail)
    with pytest.raises(DownloadRefusedError, match="untrusted certificate"):
        download("https://weights.invalid/a.h5", target)


def test_a_full_disk_is_not_taken_for_a_broken_network(server, target, monkeypatch):
    class FullFile:
        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    real_open = Path.open

    def open_or_full(path: Path, mode: str = "r", *args, **options):
        return FullFile() if mode == "ab" else real_open(path, mode, *args, **options)

    monkeypatch.setattr(Path, "open", open_or_full)
    with pytest.raises(OutputNotWritableError, match=r"a\.h5: the disk is full"):
        fetch(server, target)
    assert not target.exists()


def test_downloads_at_once_give_one_whole_file(server, target):
    server.pause_s = 0.0005
    failures: list[BaseException] = []

    def run() -> None:
        try:
            fetch(server, target, md5=MD5)
        except (OutputNotWritableError, DownloadInterruptedError, HashMismatchError) as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert target.read_bytes() == DATA
    assert names(target.parent) == ["a.h5"]


DOWNLOADER = """
import sys
from pathlib import Path
from mobile_deploy.files.download import download

def progress(arrived, total):
    if arrived > 5000:
        print("half way", flush=True)

download(sys.argv[1], Path(sys.argv[2]), progress=progress)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_control_c_keeps_the_part_for_the_next_try(server, target):
    server.pause_s = 0.02
    process = subprocess.Popen(
        [sys.executable, "-c", DOWNLOADER, f"{server.url}/a.h5", str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().strip() == b"half way"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert names(target.parent) == ["a.h5.part"]
    arrived = (target.parent / "a.h5.part" / "data").stat().st_size
    server.pause_s = 0.0
    fetch(server, target)
    assert target.read_bytes() == DATA
    assert arrived > 5000
    assert server.ranges_asked == [None, f"bytes={arrived}-"]
