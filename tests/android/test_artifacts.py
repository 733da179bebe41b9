"""Fetching artifacts: one run of Maven for all that are missing, none when nothing is; what is kept was checked."""

from __future__ import annotations

import hashlib
import stat
import sys
from pathlib import Path

import pytest

from mobile_deploy.android.artifacts import artifact_folder, fetch_artifacts, refresh_lock
from mobile_deploy.android.failures import ArtifactsNotFetchedError, BuildToolMissingError, DamagedArtifactError
from mobile_deploy.android.lock import read_lock
from mobile_deploy.errors import CacheNotWritableError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake Maven is a script")

CONTENTS = {"one": b"first", "two": b"second one", "drei": b"third"}

# Copies what a repository beside it holds, as the plugin does; writes down that it ran.
MAVEN = """\
#!{python}
import pathlib, re, sys
here = pathlib.Path(__file__).parent
project = pathlib.Path(sys.argv[sys.argv.index("--file") + 1])
text = project.read_text(encoding="utf-8")
with (here / "runs").open("a") as runs:
    runs.write(str(text.count("<artifactItem>")) + "\\n")
if (here / "offline").exists():
    print("[INFO] Scanning\\n" + (here / "offline").read_text())
    sys.exit(1)
folder = pathlib.Path(re.search("<outputDirectory>(.*?)</", text)[1].replace("&amp;", "&"))
item = "<artifactItem>.*?<artifactId>(\\\\w+)</artifactId><version>.*?<destFileName>(.*?)</"
for name, target in re.findall(item, text):
    if (here / "repository" / name).exists():
        (folder / target).write_bytes((here / "repository" / name).read_bytes())
"""


class FakeMaven:
    """A Maven on the PATH whose repository is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "repository"
        self.repository.mkdir(parents=True)
        for name, content in CONTENTS.items():
            (self.repository / name).write_bytes(content)
        program = folder / "mvn"
        program.write_text(MAVEN.format(python=sys.executable), encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    @property
    def runs(self) -> list[int]:
        """How many artifacts each run was asked for."""
        path = self.folder / "runs"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def maven(tmp_path, monkeypatch) -> FakeMaven:
    fake = FakeMaven(tmp_path / "Mävens Haus & Hof")
    monkeypatch.setenv("PATH", str(fake.folder))
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "der Cäche"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return fake


@pytest.fixture
def lock(tmp_path) -> Path:
    lines = [
        f"all,{name} g:{name}:1@jar {len(content)} {hashlib.sha256(content).hexdigest()}"
        for name, content in CONTENTS.items()
    ]
    path = tmp_path / "toolchain.lock"
    path.write_text("# kept\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_all_that_are_missing_come_in_one_run_and_none_when_none_is(maven, lock):
    said: list[str] = []
    artifacts = fetch_artifacts(("all",), lock=lock, report=said.append)
    assert [path.read_bytes() for path in artifacts.of("all")] == list(CONTENTS.values())
    assert (maven.runs, len(said)) == ([3], 1)
    assert fetch_artifacts(("all",), lock=lock, report=said.append).only("two").read_bytes() == b"second one"
    assert (maven.runs, len(said)) == ([3], 1)


def test_only_what_a_role_needs_is_fetched(maven, lock):
    fetch_artifacts(("one",), lock=lock)
    fetch_artifacts(("all",), lock=lock)
    assert maven.runs == [1, 2]


def test_without_maven_the_cache_is_enough(maven, lock, monkeypatch, tmp_path):
    fetch_artifacts(("all",), lock=lock)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(fetch_artifacts(("all",), lock=lock).of("all")) == 3


def test_without_maven_and_cache_the_message_says_how_to_get_it(maven, lock, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildToolMissingError, match="mvn") as caught:
        fetch_artifacts(("all",), lock=lock)
    assert "install" in caught.value.hint


def test_a_file_that_is_not_the_locked_one_is_refused_and_not_kept(maven, lock):
    (maven.repository / "two").write_bytes(b"second oNe")
    with pytest.raises(DamagedArtifactError, match="g:two:1@jar"):
        fetch_artifacts(("all",), lock=lock)
    assert not (artifact_folder() / "g.two-1.jar").exists()


@pytest.mark.parametrize("damage", [b"secon", b"second onX", b""])
def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(maven, lock, damage):
    path = fetch_artifacts(("all",), lock=lock).only("two")
    path.write_bytes(damage)
    assert fetch_artifacts(("all",), lock=lock).only("two").read_bytes() == b"second one"
    assert maven.runs == [3, 1]


def test_without_a_network_mavens_own_words_are_told(maven, lock):
    refused = "[ERROR] Could not transfer artifact g:one: Connection refused\n[ERROR] To see more, ...\n"
    (maven.folder / "offline").write_text(refused)
    with pytest.raises(ArtifactsNotFetchedError, match="Connection refused") as caught:
        fetch_artifacts(("all",), lock=lock)
    assert "proxy" in caught.value.hint
    assert list(artifact_folder().glob("*")) == []


def test_the_cause_is_told_though_maven_colours_it_and_puts_it_last(maven, lock):
    cause = "(certificate_unknown) PKIX path building failed: unable to find valid certification path"
    long = f"Plugin maven-dependency-plugin could not be resolved: {'Could not transfer artifact: ' * 20}{cause}"
    (maven.folder / "offline").write_text(f"\x1b[0m\x1b[0m[ERROR] {long} -> [Help 1]\n[ERROR] \n[ERROR] use -e\n")
    with pytest.raises(ArtifactsNotFetchedError) as caught:
        fetch_artifacts(("all",), lock=lock)
    assert "Plugin maven-dependency-plugin" in caught.value.message
    assert caught.value.message.endswith(cause)
    assert len(caught.value.message) < 700
    assert "update-ca-certificates" in caught.value.hint


def test_a_maven_that_ends_well_without_a_file_is_caught(maven, lock):
    (maven.repository / "drei").unlink()
    with pytest.raises(ArtifactsNotFetchedError, match="g:drei:1@jar"):
        fetch_artifacts(("all",), lock=lock)


def test_a_cache_that_cannot_be_written_is_named(maven, lock, tmp_path):
    (tmp_path / "der Cäche").write_text("a file in the way")
    with pytest.raises(CacheNotWritableError):
        fetch_artifacts(("all",), lock=lock)


def test_nothing_but_the_artifacts_stays_in_the_cache(maven, lock):
    fetch_artifacts(("all",), lock=lock)
    assert sorted(path.name for path in artifact_folder().iterdir()) == ["g.drei-1.jar", "g.one-1.jar", "g.two-1.jar"]


def test_a_refreshed_lock_holds_what_the_repository_gives_now(maven, lock):
    lock.write_text(lock.read_text().replace("g:one:1@jar 5", "g:one:2@jar -").replace("first", ""), encoding="utf-8")
    (maven.repository / "one").write_bytes(b"a newer first")
    refresh_lock(lock)
    one = read_lock(lock)[0]
    assert (one.version, one.size_bytes, one.sha256) == ("2", 13, hashlib.sha256(b"a newer first").hexdigest())
    assert lock.read_text().startswith("# kept\n")
