"""The pictures to train on as they lie on the disk: their classes, and the split where one is given.

flowers/daisy/1.jpg ...                     a folder for each class; the split is made
flowers/train/daisy/... flowers/val/...     the split is given ("val", "validation" or "valid")
flowers/labels.csv                          filename, class_index, and if it has them wnid and name
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mobile_deploy.data.class_matching import ClassWords, Outputs, plain
from mobile_deploy.data.datasets import LABELS_FILE, Listing, list_dataset
from mobile_deploy.errors import BadDatasetError, EmptyClassError, SingleClassError, StrangeClassError
from mobile_deploy.files import is_folder

TRAIN_FOLDER = "train"
VALIDATION_FOLDERS = ("val", "validation", "valid")

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingListing:
    """Labelled pictures and the classes they are to teach.

    Attributes:
        source: The folder.
        classes: Names in the order of the network's outputs.
        paths: (N) the files: those to train on, then those to validate on where these are given.
        names: (N) what to call each: its path below the folder with forward slashes; where the split is given it
            begins with "train/" or "validation/".
        labels: (N) output index of each.
        validation_start: Where the given validation pictures begin; None where the split is to be made.
        notes: What was concluded, one sentence each.
    """

    source: Path
    classes: tuple[str, ...]
    paths: tuple[Path, ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    validation_start: int | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)


def list_training(
    folder: Path,
    *,
    validation: Path | None = None,
    labels: Sequence[str] | None = None,
    wnids: Sequence[str] = (),
    label_offset: int | None = None,
) -> TrainingListing:
    """Finds the pictures to train on and what their classes are; opens none of them.

    Args:
        folder: Class folders, or a labels.csv and its pictures, or such folders below train/ and val/.
        validation: A second folder of the same make whose pictures are for validation alone.
        labels: The class names of a network that has some; pictures are matched to them as evaluation does it. None to
            take the classes from the data: folder names in sorted order, or the class indices of a labels.csv.
        wnids: WordNet identifiers of `labels`, where they have them.
        label_offset: How much further an output of `labels` lies than the class index, if the user says.

    Returns:
        The files with the output of each.

    Raises:
        UnreadableFileError: A folder is missing.
        BadDatasetError: No pictures, a class the network does not have, or a labels.csv that contradicts itself.
        BadOptionError: The labels do not tell how classes and outputs go together.
        SingleClassError: All pictures are of one class.
        EmptyClassError: A class folder holds no picture.
        StrangeClassError: Validation pictures have a class that no picture to train on has, and no labels say that the
            network knows it.
    """
    train_folder, validation_folder, notes = _sides(folder, validation)
    sides = [_listed(side) for side in (train_folder, validation_folder) if side is not None]
    classes = tuple(labels) if labels is not None else classes_of(sides[0])
    outputs = Outputs(labels=classes, wnids=tuple(wnids))
    # Where the classes come from the first side, its indices are the outputs, whatever the classes are called.
    offsets = (0, None) if labels is None else (label_offset, label_offset)
    if labels is None and len(sides) == 2:
        _refuse_strange_folders(sides[1], classes)
    matched = [side.match(outputs, label_offset=offset) for side, offset in zip(sides, offsets, strict=False)]
    _refuse_single_class(sides[0], train_folder, matched[0].indices, classes)
    if len(sides) == 2:
        strange = [classes[index] for index in sorted(set(matched[1].indices) - set(matched[0].indices))]
        if strange and labels is None:
            raise StrangeClassError(path=sides[1].source, names=strange)
        notes = (*notes, *_about_strangers(strange))
    notes = (
        *notes,
        *_about_absent([classes[index] for index in sorted({*range(len(classes))} - {*matched[0].indices})]),
    )
    prefixes = ("",) if len(sides) == 1 else ("train/", "validation/")
    return TrainingListing(
        source=folder,
        classes=classes,
        paths=tuple(path for side in sides for path in side.paths),
        names=tuple(name for side, prefix in zip(sides, prefixes, strict=True) for name in _names(side, prefix)),
        labels=tuple(index for side in matched for index in side.indices),
        validation_start=len(sides[0].paths) if len(sides) == 2 else None,
        notes=tuple(dict.fromkeys((*notes, *(note for side in matched for note in side.notes)))),
    )


def classes_of(listing: Listing) -> tuple[str, ...]:
    """Gives the classes that labelled pictures bring along.

    Args:
        listing: The pictures.

    Returns:
        The folders' names in sorted order; of a labels.csv the name of each class index, or its wnid, or "class 3".

    Raises:
        BadDatasetError: The class indices of a labels.csv leave a gap, or one of them has two names.
    """
    if not listing.is_table:
        return tuple(sorted({words.name for words in listing.classes}))
    called: dict[int, str] = {}
    for words in listing.classes:
        index, name = words.index or 0, _name_in_table(words)
        if called.setdefault(index, name) != name:
            problem = f"{words.where}: class index {index} is {name!r} here and {called[index]!r} before"
            raise BadDatasetError(path=listing.source, problem=problem, hint="give each class one index and one name")
    missing = next(index for index in range(len(called) + 1) if index not in called)
    if missing < len(called):
        raise BadDatasetError(
            path=listing.source,
            problem=f"its {len(called)} class indices go up to {max(called)}, and none is {missing}",
            hint="number the classes from 0 without a gap, or name all the classes with --labels FILE",
        )
    return tuple(called[index] for index in range(len(called)))


def _name_in_table(words: ClassWords) -> str:
    return words.name or words.wnid or f"class {words.index}"


def _sides(folder: Path, validation: Path | None) -> tuple[Path, Path | None, tuple[str, ...]]:
    """Finds the folder to train on and the one to validate on, if it is given."""
    found = _below(folder)
    given = next((name for name in VALIDATION_FOLDERS if name in found), None)
    if TRAIN_FOLDER not in found or not _holds_classes(folder / TRAIN_FOLDER):
        return folder, validation, ()
    if given is None or validation is not None:
        raise BadDatasetError(
            path=folder,
            problem=f"it holds {_listed_names(found)}, and it is not clear which to validate on",
            hint=f"give the folder {folder / TRAIN_FOLDER} itself, and the other with --validation DIR or not at all",
        )
    others = sorted(found - {TRAIN_FOLDER, given})
    notes = (f"Left out beside train/ and {given}/: {_listed_names(others)}.",) if others else ()
    return folder / TRAIN_FOLDER, folder / given, notes


def _below(folder: Path) -> set[str]:
    """Names the folders in a folder, hidden ones left out."""
    if not is_folder(folder):
        return set()
    return {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}


def _holds_classes(folder: Path) -> bool:
    return bool(_below(folder)) or (folder / LABELS_FILE).is_file()


def _listed(folder: Path) -> Listing:
    listing = list_dataset(folder)
    if not listing.is_table:
        empty = sorted(_below(folder) - {words.name for words in listing.classes})
        if empty:
            raise EmptyClassError(path=folder, names=empty)
    return listing


def _names(listing: Listing, prefix: str) -> tuple[str, ...]:
    root = listing.source.parent if listing.is_table else listing.source
    # A labels.csv may name files anywhere; where they lie is nobody's business.
    return tuple(
        prefix + (path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name)
        for path in listing.paths
    )


def _refuse_single_class(listing: Listing, folder: Path, indices: Sequence[int], classes: Sequence[str]) -> None:
    if len(set(indices)) > 1:
        return
    name, count = classes[indices[0]], len(indices)
    if not listing.is_table and len(_below(folder / name)) > 1:  # an archive unpacked into a folder of its own
        hint = f"if the folders in {folder / name} are the classes, give that one"
        raise SingleClassError(path=folder, name=name, count=count, hint=hint)
    raise SingleClassError(path=folder, name=name, count=count)


def _refuse_strange_folders(listing: Listing, classes: Sequence[str]) -> None:
    """Names folders to validate on that are none to train on; those named by index are matched by it."""
    if listing.is_table:
        return
    known = {plain(name) for name in classes}
    strange = sorted(
        {words.name for words in listing.classes if words.index is None and plain(words.name) not in known}
    )
    if strange:
        raise StrangeClassError(path=listing.source, names=strange)


def _about_strangers(names: Sequence[str]) -> tuple[str, ...]:
    """Says what a network must know from before."""
    if not names:
        return ()
    what = f"class {names[0]!r} is" if len(names) == 1 else f"{len(names)} classes, such as {names[0]!r}, are"
    return (f"{what[0].upper()}{what[1:]} validated on and not trained on.",)


def _about_absent(names: Sequence[str]) -> tuple[str, ...]:
    """Says what a network will hardly learn."""
    if not names:
        return ()
    what = f"class {names[0]!r} has" if len(names) == 1 else f"{len(names):,} classes, such as {names[0]!r}, have"
    return (f"{what[0].upper()}{what[1:]} no picture to train on.",)


def _listed_names(names: Iterable[str]) -> str:
    listed = [f"{name}/" for name in sorted(names)]
    return ", ".join((*listed[:_NAMED], *(("...",) if len(listed) > _NAMED else ())))
