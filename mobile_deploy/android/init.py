"""Writes the sample app's sources into a folder, for Android Studio."""

from __future__ import annotations

from pathlib import Path

from mobile_deploy.android.placed_files import NewFile, Placement, place_files
from mobile_deploy.android.sources import app_sources, source_files
from mobile_deploy.errors import OutputExistsError, OutputNotWritableError
from mobile_deploy.files import check_writable, is_folder

APP_PART = "app"
"""What the record calls the app's own sources."""

# What Gradle takes; the tests and what this toolkit builds the app with stay behind.
_FOLDERS = ("core/src/main", "app/src/main", "gradle")
_FILES = (
    *("settings.gradle.kts", "build.gradle.kts", "gradle.properties", "core/build.gradle.kts", "app/build.gradle.kts"),
    *("app/proguard-rules.pro", "README.md", ".gitignore"),
)


def init_app(folder: Path, *, overwrite: bool = False) -> Placement:
    """Writes the app's sources and its Gradle files, all or none.

    Args:
        folder: The folder to write into, which is made if it is missing.
        overwrite: Whether it may hold something. Files that were written here before and are unchanged are brought up
            to date; files of others are never replaced.

    Returns:
        What was written.

    Raises:
        ForeignFileError: A file is in the way that is not ours.
        OutputExistsError: The folder holds something and `overwrite` is false.
        OutputNotWritableError: The system refused.
        UnreadableFileError: The installation lacks the sources.
    """
    if folder.exists() and not is_folder(folder):
        raise OutputNotWritableError(path=folder, reason="a file is in the way")
    if not overwrite and folder.exists() and any(folder.iterdir()):
        raise OutputExistsError(path=folder)
    check_writable(folder)
    files = {path: NewFile(content=content, part=APP_PART) for path, content in gradle_project().items()}
    return place_files(folder, files)


def gradle_project() -> dict[str, bytes]:
    """Gives the app's sources with their Gradle files: content by POSIX path.

    Raises:
        UnreadableFileError: The installation lacks them.
    """
    root = app_sources()
    found = [path for folder in _FOLDERS for path in source_files(root / folder)]
    found += [path for name in _FILES if (path := root / name).is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}
