"""The published benchmark_model is downloaded once for each kind of phone, and nothing else is taken for it."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest
from fakes.file_server import FileServer, closed_port_url

from mobile_deploy.device.facts import facts_from
from mobile_deploy.device.releases import ToolNotFetchedError, ToolNotPublishedError, fetch_tool
from mobile_deploy.errors import CachedFileChangedError, CacheNotWritableError

ARM = "/2.2.0/android_arm64/benchmark_model"


def program(machine: int, *, order: str = "<", size: int = 200_000) -> bytes:
    """The header of an ELF program, and something for the rest."""
    data = 1 if order == "<" else 2
    return b"\x7fELF" + bytes((2, data, 1)) + bytes(9) + struct.pack(f"{order}HH", 3, machine) + bytes(size)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache" / "tools" / "2.2.0" / "android_arm64"


@pytest.fixture
def server(file_server, monkeypatch, cache) -> FileServer:
    monkeypatch.setenv("MOBILE_DEPLOY_TOOLS_URL", file_server.url + "/")
    file_server.files[ARM] = program(183)
    return file_server


def test_it_is_downloaded_once_and_its_hash_is_kept(server, cache):
    progress: list[tuple[int, int]] = []
    first = fetch_tool("arm64-v8a", progress=lambda *now: progress.append(now))
    assert first == fetch_tool("arm64-v8a")
    assert len(server.requests) == 1
    content = server.files[ARM]
    assert progress[-1] == (len(content), len(content))
    assert first.path == cache / "benchmark_model"
    assert first.path.read_bytes() == content
    sha256 = hashlib.sha256(content).hexdigest()
    assert first.to_json() == {"sha256": sha256, "url": server.url + ARM, "version": "2.2.0"}
    assert json.loads((cache / "benchmark_model.json").read_text())["sha256"] == sha256


@pytest.mark.parametrize(
    ("abi", "android", "folder", "machine"),
    [
        ("arm64-v8a", True, "android_arm64", 183),
        ("x86_64", True, "android_x86_64", 62),
        ("x86_64", False, "linux_x86_64", 62),
        ("aarch64", False, "linux_arm64", 183),
    ],
)
def test_each_kind_of_phone_has_its_own(server, abi, android, folder, machine):
    server.files[f"/2.1.0/{folder}/benchmark_model"] = program(machine)
    tool = fetch_tool(abi, android=android, version="2.1.0")
    assert tool.url == f"{server.url}/2.1.0/{folder}/benchmark_model"


@pytest.mark.parametrize(
    ("answers", "folder", "machine"),
    [
        ({"machine": "Linux\naarch64"}, "linux_arm64", 183),
        ({"machine": "Linux\nx86_64"}, "linux_x86_64", 62),
        ({"machine": "Linux\naarch64", "sdk": "34"}, "android_arm64", 183),
    ],
)
def test_what_a_phone_says_of_itself_leads_to_its_program(server, answers, folder, machine):
    server.files[f"/2.2.0/{folder}/benchmark_model"] = program(machine)
    facts = facts_from("X", answers)
    tool = fetch_tool(facts.abis[0], android=facts.sdk is not None)
    assert tool.url == f"{server.url}/2.2.0/{folder}/benchmark_model"


def test_a_mirror_can_be_named_in_the_call_too(server, monkeypatch):
    monkeypatch.setenv("MOBILE_DEPLOY_TOOLS_URL", closed_port_url())
    assert fetch_tool("arm64-v8a", base_url=server.url).url == server.url + ARM


@pytest.mark.parametrize(("abi", "android"), [("armeabi-v7a", True), ("x86", True), ("riscv64", False), ("", True)])
def test_a_phone_for_which_nothing_is_published_is_named_with_the_ways_out(server, abi, android):
    with pytest.raises(ToolNotPublishedError) as caught:
        fetch_tool(abi, android=android)
    assert f"for the ABI {abi!r}, only for " in caught.value.message
    assert "--tool FILE" in caught.value.hint
    assert "--host" in caught.value.hint
    assert (caught.value.exit_code, server.requests) == (3, [])


def test_the_cache_is_enough_without_a_connection(server, monkeypatch):
    online = fetch_tool("arm64-v8a")
    monkeypatch.setenv("MOBILE_DEPLOY_TOOLS_URL", closed_port_url())
    assert fetch_tool("arm64-v8a") == online


def test_without_cache_and_connection_the_ways_out_are_named(cache):
    with pytest.raises(ToolNotFetchedError, match="cannot reach") as caught:
        fetch_tool("arm64-v8a", base_url=closed_port_url())
    assert caught.value.exit_code == 3
    for word in ("check the network", "--tool FILE", "--host"):
        assert word in caught.value.hint


def test_a_version_that_is_not_published_is_named(server, cache):
    with pytest.raises(ToolNotFetchedError, match="404 Not Found") as caught:
        fetch_tool("arm64-v8a", version="9.9.9")
    assert caught.value.url == f"{server.url}/9.9.9/android_arm64/benchmark_model"
    assert "--tool FILE" in caught.value.hint


def test_an_interrupted_download_goes_on_where_it_stopped(server, cache):
    server.cut_after_bytes = 100_000
    with pytest.raises(ToolNotFetchedError, match="interrupted after 100000") as caught:
        fetch_tool("arm64-v8a")
    assert "run the same command again" in caught.value.hint
    assert not (cache / "benchmark_model").exists()
    server.cut_after_bytes = None
    assert fetch_tool("arm64-v8a").sha256 == hashlib.sha256(server.files[ARM]).hexdigest()
    assert server.ranges_asked == [None, "bytes=100000-"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>please log in</html>", "it is no ELF program"),
        (b"", "it is no ELF program"),
        (program(183)[:19], "it is no ELF program"),
        (program(62), "it is for the processor 62, not 183"),
        (program(183)[:4] + b"\x02\x02" + program(183)[6:], "it is for the processor 46848, not 183"),
    ],
)
def test_what_is_no_program_for_the_phone_is_refused_and_not_kept(server, cache, content, problem):
    server.files[ARM] = content
    with pytest.raises(ToolNotFetchedError) as caught:
        fetch_tool("arm64-v8a")
    assert f"something else came from {server.url}{ARM} instead ({problem})" in caught.value.message
    assert list(cache.iterdir()) == []
    server.files[ARM] = program(183, order=">")
    assert fetch_tool("arm64-v8a").path.exists()


def test_a_file_that_changed_in_the_cache_or_at_the_publisher_is_an_error_until_it_is_accepted(server, cache):
    tool = fetch_tool("arm64-v8a")
    tool.path.write_bytes(program(183, size=10))
    with pytest.raises(CachedFileChangedError, match="has changed since its first use"):
        fetch_tool("arm64-v8a")
    tool.path.unlink()
    server.files[ARM] = program(183, size=11)
    with pytest.raises(CachedFileChangedError) as caught:
        fetch_tool("arm64-v8a")
    for file in (caught.value.path, caught.value.record):
        assert str(file) in caught.value.hint
        Path(file).unlink()
    assert fetch_tool("arm64-v8a").sha256 != tool.sha256


def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheNotWritableError) as caught:
        fetch_tool("arm64-v8a")
    assert "MOBILE_DEPLOY_CACHE" in caught.value.hint
