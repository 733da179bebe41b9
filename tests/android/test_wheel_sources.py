"""The wheel carries the app's sources, all of them, and nothing that a build leaves beside them."""

from __future__ import annotations

import tomllib
from pathlib import Path, PurePosixPath

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ASSETS = "mobile_deploy/assets/"

# What only this repository's own tests use.
_NOT_SHIPPED = {"standins"}
# What Android Studio and Gradle leave there.
_LEFT_BEHIND = {"build", ".gradle", ".idea", ".kotlin", "local.properties"}


def included() -> dict[str, str]:
    """What the wheel takes of the app: place in the wheel by place in the repository."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    taken = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    return {source: target for source, target in taken.items() if source.startswith("android_demo/")}


def sources() -> list[PurePosixPath]:
    files = (path.relative_to(REPOSITORY) for path in (REPOSITORY / "android_demo").rglob("*") if path.is_file())
    return [PurePosixPath(path.as_posix()) for path in files if not set(path.parts) & (_NOT_SHIPPED | _LEFT_BEHIND)]


def test_everything_that_is_named_is_there_and_goes_to_its_place():
    assert [source for source in included() if not (REPOSITORY / source).exists()] == []
    assert [source for source, target in included().items() if target != ASSETS + source] == []


def test_every_source_of_the_app_is_in_the_wheel():
    named = included()
    lacking = [path for path in sources() if not {str(path), *map(str, path.parents)} & set(named)]
    assert lacking == []


def test_no_folder_is_taken_in_which_a_build_leaves_something():
    assert {"android_demo", "android_demo/app", "android_demo/core", "android_demo/host"} & set(included()) == set()
