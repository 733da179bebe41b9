"""Labelled pictures for evaluation: class folders, or one folder with a labels.csv."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mobile_deploy.data.class_matching import ClassWords, Outputs, match_folders, match_numbered
from mobile_deploy.data.images import find_pictures
from mobile_deploy.errors import BadDatasetError

LABELS_FILE = "labels.csv"
_FILE_COLUMN, _CLASS_COLUMN = "filename", "class_index"
_WNID_COLUMN, _NAME_COLUMN = "wnid", "name"
_TABLE_HINT = "begin it with the line filename,class_index and write one picture a line, parted by commas"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPictures:
    """Picture files and the class of each.

    Attributes:
        paths: The files.
        indices: Output index of each file's class.
        notes: What was concluded when classes and outputs were matched, one sentence each.
    """

    paths: tuple[Path, ...]
    indices: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Labelled pictures as they lie on the disk, before any model is asked what it calls their classes.

    Attributes:
        source: The labels.csv or the folder.
        is_table: Whether it is a labels.csv.
        paths: The files, in the order of the labels.csv, or sorted by name.
        classes: How the class of each is named.
    """

    source: Path
    is_table: bool
    paths: tuple[Path, ...] = field(repr=False)
    classes: tuple[ClassWords, ...] = field(repr=False)

    def match(self, outputs: Outputs, *, label_offset: int | None = None) -> LabelledPictures:
        """Finds the output of each picture's class.

        Args:
            outputs: How the model names its outputs.
            label_offset: How much further a model's output lies than the class index, if the user says.

        Returns:
            The files with their outputs.

        Raises:
            BadDatasetError: An unknown or ambiguous class, or an index without a class.
            BadOptionError: The offset must be said.
        """
        match = match_numbered if self.is_table else match_folders
        found = match(self.classes, outputs, offset=label_offset, source=self.source)
        return LabelledPictures(paths=self.paths, indices=found.indices, notes=found.notes)


def load_dataset(
    folder: Path, *, labels: Sequence[str], wnids: Sequence[str] = (), label_offset: int | None = None
) -> LabelledPictures:
    """Finds labelled pictures and the model's output for each.

    Args:
        folder: The labels.csv and pictures, or the class folders.
        labels: Class names in output order.
        wnids: WordNet identifiers in the same order, where the classes have them.
        label_offset: How much further a model's output lies than the class index, if the user says.

    Returns:
        The files in the order of the labels.csv, or sorted by name.

    Raises:
        UnreadableFileError: The folder is missing.
        BadDatasetError: No pictures, an unknown class, an index without a class, or a file that is not there.
        BadOptionError: The offset must be said.
    """
    outputs = Outputs(labels=tuple(labels), wnids=tuple(wnids))
    return list_dataset(folder).match(outputs, label_offset=label_offset)


def list_dataset(folder: Path) -> Listing:
    """Finds labelled pictures.

    With a labels.csv (columns filename and class_index, and if it has them wnid and name; file names relative to the
    folder or to its images/) that file decides. Otherwise each subfolder is a class.

    Args:
        folder: The labels.csv and pictures, or the class folders.

    Returns:
        The files with the words for their classes.

    Raises:
        UnreadableFileError: The folder is missing.
        BadDatasetError: No pictures, a class index that is no number, or a file that is not there.
    """
    pictures = find_pictures(folder)
    table = folder / LABELS_FILE
    if table.is_file():
        return _from_table(table)
    if not pictures:
        raise BadDatasetError(path=folder, problem="it holds no JPEG, PNG, WebP or BMP pictures")
    return _from_class_folders(folder, pictures)


def _from_table(table: Path) -> Listing:
    rows = _read_rows(table)
    if not rows:
        raise BadDatasetError(path=table, problem="it names no pictures")
    paths = tuple(_find_file(table, row[_FILE_COLUMN] or "", line=line) for line, row in rows)
    classes = tuple(_class_of(table, row, line=line) for line, row in rows)
    _refuse_repetition(table, paths, [line for line, _ in rows])
    return Listing(source=table, is_table=True, paths=paths, classes=classes)


def _read_rows(table: Path) -> list[tuple[int, dict[str, str | None]]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {_FILE_COLUMN, _CLASS_COLUMN} - set(reader.fieldnames or ())
            if missing:
                found = ", ".join(repr(name) for name in reader.fieldnames or ()) or "nothing"
                problem = f"it lacks the column {' and '.join(sorted(missing))}; its first line has {found}"
                raise BadDatasetError(path=table, problem=problem, hint=_TABLE_HINT)
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadDatasetError(path=table, problem=f"not a readable UTF-8 table ({error})") from error


def _find_file(table: Path, filename: str, *, line: int) -> Path:
    for path in (table.parent / filename, table.parent / "images" / filename):
        if os.path.isfile(path):  # noqa: PTH113  # a name that no system can hold is merely not there
            return path
    raise BadDatasetError(path=table, problem=f"line {line} names {filename!r}, which is neither here nor in images/")


def _refuse_repetition(table: Path, paths: Sequence[Path], lines: Sequence[int]) -> None:
    """Insists on different pictures: intervals and tests count each as new evidence."""
    first: dict[Path, int] = {}
    for path, line in zip(paths, lines, strict=True):
        if path in first:
            problem = f"line {line} names {path.name!r} again, after line {first[path]}"
            raise BadDatasetError(path=table, problem=problem, hint="name each picture once, with its one class")
        first[path] = line


def _class_of(table: Path, row: dict[str, str | None], *, line: int) -> ClassWords:
    written = row[_CLASS_COLUMN] or ""
    index = _as_index(written)
    if index is None:
        raise BadDatasetError(path=table, problem=f"line {line} has class index {written!r}, which is no number from 0")
    return ClassWords(
        where=f"line {line}",
        index=index,
        wnid=(row.get(_WNID_COLUMN) or "").strip(),
        name=(row.get(_NAME_COLUMN) or "").strip(),
    )


def _from_class_folders(folder: Path, pictures: tuple[Path, ...]) -> Listing:
    relative = [path.relative_to(folder) for path in pictures]
    loose = [path.name for path in relative if len(path.parts) == 1]
    if loose:
        raise BadDatasetError(
            path=folder,
            problem=f"{len(loose)} of {len(relative)} pictures lie outside a class folder, such as {loose[0]}",
        )
    names = (path.parts[0] for path in relative)
    classes = (ClassWords(where=f"folder {name!r}", index=_as_index(name), wnid=name, name=name) for name in names)
    return Listing(source=folder, is_table=False, paths=pictures, classes=tuple(classes))


def _as_index(written: str) -> int | None:
    digits = written.strip()
    # Longer numbers are no class of any model, and Python refuses to read the longest.
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits.lstrip("0")) < 10 else None
