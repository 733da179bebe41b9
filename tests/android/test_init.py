"""`app init`: the sources that Android Studio opens, all of them or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.app_folders import tree

from mobile_deploy.android.init import gradle_project, init_app
from mobile_deploy.android.placed_files import RECORD_NAME, ForeignFileError
from mobile_deploy.android.sources import app_sources
from mobile_deploy.errors import OutputExistsError, OutputNotWritableError


def test_the_folder_holds_what_gradle_names_and_nothing_of_the_toolkits_own(tmp_path):
    made = init_app(tmp_path / "meine Äpp")
    found = tree(tmp_path / "meine Äpp")
    assert set(found) == {*made.written, RECORD_NAME}
    for name in ("settings.gradle.kts", "gradle/libs.versions.toml", "core/build.gradle.kts", "app/build.gradle.kts"):
        assert found[name] == (app_sources() / name).read_bytes()
    kotlin = [path for path in found if path.endswith(".kt")]
    assert all(path.startswith(("core/src/main/kotlin/", "app/src/main/kotlin/")) for path in kotlin)
    assert len(kotlin) == sum(1 for room in ("core", "app") for _ in (app_sources() / room / "src/main").rglob("*.kt"))
    assert not any("test" in Path(path).parts or path.endswith(".lock") for path in found)


def test_a_folder_that_holds_something_is_refused_without_overwrite(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError):
        init_app(tmp_path)
    assert set(tree(tmp_path)) == {"notes.txt"}
    init_app(tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    init_app(tmp_path / "empty")


def test_overwrite_brings_back_what_is_missing_and_stops_at_what_was_changed(tmp_path):
    init_app(tmp_path)
    (tmp_path / "settings.gradle.kts").unlink()
    init_app(tmp_path, overwrite=True)
    assert set(tree(tmp_path)) == {*gradle_project(), RECORD_NAME}
    (tmp_path / "build.gradle.kts").write_text("// mine\n")
    with pytest.raises(ForeignFileError, match="was changed since mobile-deploy wrote it"):
        init_app(tmp_path, overwrite=True)
    assert (tmp_path / "build.gradle.kts").read_text() == "// mine\n"


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "app").write_text("x")
    with pytest.raises(OutputNotWritableError, match="a file is in the way"):
        init_app(tmp_path / "app")
