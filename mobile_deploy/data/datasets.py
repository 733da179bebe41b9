"""Labelled pictures for evaluation: class folders, or one folder with a labels.csv."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.data.images import find_pictures
from mobile_deploy.errors import BadDatasetError

LABELS_FILE = "labels.csv"
_FILE_COLUMN, _CLASS_COLUMN = "filename", "class_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPictures:
    """Picture files and the class of each.

    Attributes:
        paths: The files.
        indices: Output index of each file's class.
    """

    paths: tuple[Path, ...]
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.paths)


def load_dataset(folder: Path, *, labels: Sequence[str], wnids: Sequence[str] = ()) -> LabelledPictures:
    """Finds labelled pictures.

    With a labels.csv (columns filename and class_index; file names relative to the folder or to its images/) that file
    decides. Otherwise each subfolder is a class, named by wnid, by class name (case, spaces and underscores do not
    matter) or by index, tried in this order.

    Args:
        folder: The labels.csv and pictures, or the class folders.
        labels: Class names in output order.
        wnids: WordNet identifiers in the same order, where the classes have them.

    Returns:
        The files in the order of the labels.csv, or sorted by name.

    Raises:
        UnreadableFileError: The folder is missing.
        BadDatasetError: No pictures, an unknown class, an index without a class, or a file that is not there.
    """
    pictures = find_pictures(folder)
    table = folder / LABELS_FILE
    if table.is_file():
        return _from_table(table, class_count=len(labels))
    if not pictures:
        raise BadDatasetError(path=folder, problem="it holds no JPEG, PNG, WebP or BMP pictures")
    return _from_class_folders(folder, pictures, find_class=_class_finder(folder, labels, wnids))


def _from_table(table: Path, *, class_count: int) -> LabelledPictures:
    paths, indices = [], []
    for line, filename, written in _read_rows(table):
        paths.append(_find_file(table, filename, line=line))
        indices.append(_parse_index(table, written, line=line, class_count=class_count))
    if not paths:
        raise BadDatasetError(path=table, problem="it names no pictures")
    return LabelledPictures(paths=tuple(paths), indices=tuple(indices))


def _read_rows(table: Path) -> list[tuple[int, str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {_FILE_COLUMN, _CLASS_COLUMN} - set(reader.fieldnames or ())
            if missing:
                raise BadDatasetError(path=table, problem=f"it lacks the column {' and '.join(sorted(missing))}")
            return [(reader.line_num, row[_FILE_COLUMN] or "", row[_CLASS_COLUMN] or "") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadDatasetError(path=table, problem=f"not a readable UTF-8 table ({error})") from error


def _find_file(table: Path, filename: str, *, line: int) -> Path:
    for path in (table.parent / filename, table.parent / "images" / filename):
        if os.path.isfile(path):  # noqa: PTH113  # a name that no system can hold is merely not there
            return path
    raise BadDatasetError(path=table, problem=f"line {line} names {filename!r}, which is neither here nor in images/")


def _parse_index(table: Path, written: str, *, line: int, class_count: int) -> int:
    index = _as_index(written, class_count)
    if index is None:
        problem = f"line {line} has class index {written!r}; the model has 0 to {class_count - 1}"
        raise BadDatasetError(path=table, problem=problem)
    return index


def _from_class_folders(
    folder: Path, pictures: Sequence[Path], *, find_class: Callable[[str], int]
) -> LabelledPictures:
    relative = [path.relative_to(folder) for path in pictures]
    loose = [path.name for path in relative if len(path.parts) == 1]
    if loose:
        raise BadDatasetError(
            path=folder, problem=f"{len(loose)} pictures lie outside a class folder, such as {loose[0]}"
        )
    names = [path.parts[0] for path in relative]
    index_of = {name: find_class(name) for name in dict.fromkeys(names)}
    return LabelledPictures(paths=tuple(pictures), indices=tuple(index_of[name] for name in names))


def _class_finder(folder: Path, labels: Sequence[str], wnids: Sequence[str]) -> Callable[[str], int]:
    by_wnid = {wnid: index for index, wnid in enumerate(wnids)}
    by_name = {_plain(label): index for index, label in enumerate(labels)}
    name_counts = Counter(map(_plain, labels))

    def find(name: str) -> int:
        if name in by_wnid:
            return by_wnid[name]
        if name_counts[_plain(name)] > 1:
            raise BadDatasetError(
                path=folder, problem=f"folder {name!r} is the name of several classes; name it by index"
            )
        index = by_name.get(_plain(name), _as_index(name, len(labels)))
        if index is None:
            problem = f"folder {name!r} is no wnid, no class name and no index from 0 to {len(labels) - 1}"
            raise BadDatasetError(path=folder, problem=problem)
        return index

    return find


def _plain(name: str) -> str:
    return name.strip().casefold().replace("_", " ")


def _as_index(written: str, class_count: int) -> int | None:
    digits = written.strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    index = int(digits)
    return index if index < class_count else None
