"""A file that is fetched once is accepted once, and known by its hash from then on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mobile_deploy.errors import CachedFileChangedError, DownloadRefusedError, HashMismatchError, UnreadableFileError
from mobile_deploy.files.first_use import FirstUse, fetch_once

CONTENT = b"x" * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def url(file_server, monkeypatch) -> str:
    monkeypatch.setenv("no_proxy", "*")
    file_server.files["/a"] = CONTENT
    return f"{file_server.url}/a"


def anything(path: Path) -> None:
    """Accepts any file."""


def test_it_is_downloaded_and_accepted_once(url, file_server, tmp_path):
    asked: list[bytes] = []
    path = tmp_path / "new" / "a"
    for _ in range(2):
        first_use = fetch_once(url, path, accept=lambda file: asked.append(file.read_bytes()))
        assert first_use == FirstUse(url=url, sha256=SHA256, size=5000, pinned=False)
    assert asked == [CONTENT]
    assert len(file_server.requests) == 1
    record = {"url": url, "sha256": SHA256, "size": 5000, "pinned": False}
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == record


def test_a_file_that_lay_there_before_is_accepted_too(url, file_server, tmp_path):
    (tmp_path / "a").write_bytes(b"mine")
    assert fetch_once(url, tmp_path / "a", accept=anything).size == 4
    assert file_server.requests == []


def test_what_is_not_accepted_is_removed_and_the_reason_stays(url, tmp_path):
    def refuse(path: Path) -> None:
        raise DownloadRefusedError(url=url, answer=f"{path.name} is not it")

    with pytest.raises(DownloadRefusedError, match="a is not it"):
        fetch_once(url, tmp_path / "a", accept=refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_published_hash_pins_it(url, tmp_path):
    assert fetch_once(url, tmp_path / "a", accept=anything, md5=hashlib.md5(CONTENT).hexdigest()).pinned
    with pytest.raises(HashMismatchError):
        fetch_once(url, tmp_path / "b", accept=anything, md5="0" * 32)


def test_a_changed_file_names_both_hashes_and_what_to_delete(url, tmp_path):
    path = tmp_path / "a"
    fetch_once(url, path, accept=anything)
    path.write_bytes(b"other")
    with pytest.raises(CachedFileChangedError, match=SHA256) as caught:
        fetch_once(url, path, accept=anything)
    assert hashlib.sha256(b"other").hexdigest() in caught.value.message
    assert str(path) in caught.value.hint
    assert (caught.value.path, caught.value.record) == (path, tmp_path / "a.json")


@pytest.mark.parametrize("damage", ["{", "[]", '{"sha256": 1}'])
def test_a_damaged_record_is_named(url, tmp_path, damage):
    fetch_once(url, tmp_path / "a", accept=anything)
    (tmp_path / "a.json").write_text(damage)
    with pytest.raises(UnreadableFileError, match="not the record of a download"):
        fetch_once(url, tmp_path / "a", accept=anything)
