"""The lock file: what it says of every artifact, and that the one that ships is complete."""

from __future__ import annotations

import pytest
from fakes.screens import SCREEN_ROLES

from mobile_deploy.android.app_code import BUILD_ROLES
from mobile_deploy.android.jvm import JVM_ROLES
from mobile_deploy.android.lock import format_lock, read_lock, with_roles
from mobile_deploy.android.sources import LOCK_NAME, app_sources
from mobile_deploy.errors import UnreadableFileError

SHA256 = "ab" * 32


def written(folder, *lines: str):
    path = folder / "toolchain.lock"
    path.write_text("\n".join(("# a comment", "", *lines)) + "\n", encoding="utf-8")
    return path


def test_a_line_says_what_an_artifact_is_and_what_it_is_for(tmp_path):
    (artifact,) = read_lock(written(tmp_path, f"host,test  org.some:thing:1.5-rc1:linux-x86_64@jar 12 {SHA256}"))
    assert artifact.coordinates == "org.some:thing:1.5-rc1:linux-x86_64@jar"
    assert artifact.file_name == "org.some.thing-1.5-rc1-linux-x86_64.jar"
    assert (artifact.size_bytes, artifact.sha256, artifact.roles) == (12, SHA256, ("host", "test"))


def test_artifacts_of_one_name_and_different_groups_have_different_files(tmp_path):
    lines = [f"runtime {group}:lite:2.0@aar 1 {SHA256}" for group in ("org.one", "org.two")]
    assert len({artifact.file_name for artifact in read_lock(written(tmp_path, *lines))}) == 2


def test_roles_choose_in_the_order_of_the_file(tmp_path):
    lines = [f"{role} g:{role.replace(',', '')}:1@jar 1 {SHA256}" for role in ("b", "a,c", "c", "a")]
    chosen = with_roles(read_lock(written(tmp_path, *lines)), ("c", "b"))
    assert [artifact.name for artifact in chosen] == ["b", "ac", "c"]


@pytest.mark.parametrize(
    "line",
    [
        f"role g:n:1@jar 12 {SHA256} more",
        f"role g:n:1 12 {SHA256}",
        f"role g:n:1@jar twelve {SHA256}",
        f"role g:n@jar 12 {SHA256}",
        "role g:n:1@jar 12",
        f"role g:../n:1@jar 12 {SHA256}",
        "role g:n:1@jar 12 abc",
    ],
)
def test_a_line_that_says_something_else_is_refused_by_its_number(tmp_path, line):
    with pytest.raises(UnreadableFileError, match="line 3"):
        read_lock(written(tmp_path, line))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"toolchain\.lock"):
        read_lock(tmp_path / "toolchain.lock")


def test_what_is_written_is_read_as_it_was(tmp_path):
    path = app_sources() / LOCK_NAME
    text = path.read_text(encoding="utf-8")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert format_lock(comments, read_lock(path)) == text


def test_everything_that_ships_in_the_lock_has_a_hash_a_size_and_a_use():
    artifacts = read_lock(app_sources() / LOCK_NAME)
    assert [artifact.coordinates for artifact in artifacts if not (artifact.sha256 and artifact.size_bytes)] == []
    assert {role for artifact in artifacts for role in artifact.roles} == {*BUILD_ROLES, *JVM_ROLES, *SCREEN_ROLES}
    assert len({artifact.file_name for artifact in artifacts}) == len(artifacts)


def test_nobody_who_builds_an_app_fetches_what_only_the_tests_of_its_screens_need():
    artifacts = read_lock(app_sources() / LOCK_NAME)
    fetched = with_roles(artifacts, (*BUILD_ROLES, *JVM_ROLES))
    assert sum(artifact.size_bytes for artifact in artifacts) > sum(artifact.size_bytes for artifact in fetched) + 300e6
    assert not any("instrumented" in artifact.name or "nativeruntime" in artifact.name for artifact in fetched)
