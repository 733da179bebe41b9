"""Which output of a model each class of a dataset is, when both name their classes, and in an order of their own.

Where the dataset numbers its classes (a labels.csv), output = class index + offset, and the offset is

- what the user says;
- else the one that all classes share whose name or wnid the model knows: an ambiguous name ("crane" is a bird and a
  machine) is settled by its index then. Where they share none, the orders differ and the names decide alone;
- else 0.

A class folder is named by wnid, by class name or by index, tried in this order; the offset counts for an index alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mobile_deploy.errors import BadDatasetError, BadOptionError
from mobile_deploy.variants.imagenet import IMAGENET_CLASS_COUNT, imagenet_classes

_OFFSET = "--label-offset"
_NAMELESS_IMAGENET = (
    "The model does not name its outputs; they were taken for ImageNet's classes in their usual order{after}."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWords:
    """How a dataset names the class of a picture.

    Attributes:
        where: What to call the place in errors: "line 3" or "folder 'tench'".
        index: Number of the class, or None.
        wnid: What may be a WordNet identifier; may be empty.
        name: What may be a class name; may be empty.
    """

    where: str
    index: int | None
    wnid: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """How a model names its outputs.

    Attributes:
        labels: Class names in output order.
        wnids: WordNet identifiers in the same order, "" for a background class; empty where there are none.
    """

    labels: tuple[str, ...]
    wnids: tuple[str, ...] = ()

    @property
    def is_nameless(self) -> bool:
        """Whether the names are mere numbers."""
        return self.labels == tuple(f"class {i}" for i in range(len(self.labels)))

    @cached_property
    def by_wnid(self) -> dict[str, int]:
        """Output of each WordNet identifier; a nameless model of ImageNet's size has ImageNet's."""
        wnids, before = self.wnids, len(self.labels) - IMAGENET_CLASS_COUNT
        if not wnids and self.is_nameless and before in (0, 1):
            wnids = ("",) * before + tuple(known.wnid for known in imagenet_classes())
        return {wnid: index for index, wnid in enumerate(wnids) if wnid}

    @cached_property
    def by_name(self) -> dict[str, list[int]]:
        """Outputs of each name, in plain letters; behind the first word of ImageNet's names there may be synonyms."""
        found = defaultdict(list)
        for index, label in enumerate(self.labels):
            first_word = label.partition(",")[0] if self.wnids else label
            for name in dict.fromkeys((plain(label), plain(first_word))):
                found[name].append(index)
        return dict(found)

    def named(self, words: ClassWords) -> int | None:
        """Gives the output that bears a class's wnid or, alone, its name; None where there is none."""
        if words.wnid in self.by_wnid:
            return self.by_wnid[words.wnid]
        bearers = self.by_name.get(plain(words.name), [])
        return bearers[0] if len(bearers) == 1 and not self.is_nameless else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What became of the classes of a dataset.

    Attributes:
        indices: Output of each picture's class.
        notes: What was concluded, one sentence each.
    """

    indices: tuple[int, ...]
    notes: tuple[str, ...] = ()


def plain(name: str) -> str:
    """Gives a class name as it is compared.

    >>> plain("Great_White shark")
    'great white shark'
    """
    return name.strip().casefold().replace("_", " ")


def match_numbered(classes: Sequence[ClassWords], outputs: Outputs, *, offset: int | None, source: object) -> Match:
    """Matches classes that have numbers, and perhaps names.

    Args:
        classes: The class of each picture; all have an index.
        outputs: How the model names its outputs.
        offset: Output of class 0 as the user says, or None.
        source: What to name in errors: the labels.csv.

    Returns:
        The output of each picture's class.

    Raises:
        BadDatasetError: A class has no output, or a name is ambiguous and nothing settles it.
        BadOptionError: The offset must be said.
    """
    known = [None if offset is not None else outputs.named(words) for words in classes]
    offsets = {k - (words.index or 0) for k, words in zip(known, classes, strict=True) if k is not None}
    if len(offsets) > 1:
        indices = tuple(_by_name(k, words, outputs, source) for k, words in zip(known, classes, strict=True))
        return Match(indices=indices, notes=("Classes were matched by their names; their indices have another order.",))
    notes = _assumption(outputs) if offsets and outputs.is_nameless else ()
    if offset is None and not offsets:
        _refuse_nameless_background(outputs)
    shift = offset if offset is not None else next(iter(offsets), 0)
    if offset is None and shift != 0:
        _refuse_strangers(classes, outputs, shift)
        notes = (*notes, f"Classes were matched by name or wnid: output = class index {_signed(shift)}.")
    return Match(indices=tuple(_shifted(words, outputs, shift, source) for words in classes), notes=notes)


def match_folders(classes: Sequence[ClassWords], outputs: Outputs, *, offset: int | None, source: object) -> Match:
    """Matches classes whose folders have a wnid, a name or an index for a name.

    Args:
        classes: The class of each picture.
        outputs: How the model names its outputs.
        offset: Output of the folder "0" as the user says, or None for 0.
        source: What to name in errors: the folder.

    Returns:
        The output of each picture's class.

    Raises:
        BadDatasetError: A folder is no class, or its name is ambiguous.
        BadOptionError: The offset must be said.
    """
    found = {words: _of_folder(words, outputs, offset, source) for words in dict.fromkeys(classes)}
    by_wnid = any(words.wnid in outputs.by_wnid for words in found)
    notes = _assumption(outputs) if by_wnid and outputs.is_nameless else ()
    return Match(indices=tuple(found[words] for words in classes), notes=notes)


def align(first: Outputs, second: Outputs, *, offset: int | None) -> tuple[tuple[int, int], ...]:
    """Pairs the outputs of two models that mean the same class.

    Args:
        first: How one model names its outputs.
        second: How the other does.
        offset: How much further an output of the second lies, where one number tells it for all classes, or None.

    Returns:
        Index in the first and in the second, in the first's order; classes that only one has are left out.

    >>> align(Outputs(labels=("cat", "dog")), Outputs(labels=("none", "dog", "cat")), offset=None)
    ((0, 2), (1, 1))
    """
    if offset is not None:
        moved = tuple((i, i + offset) for i in range(len(first.labels)) if 0 <= i + offset < len(second.labels))
        # Pictures of a few classes may agree on a number that holds for these alone; a few names may be worded anew.
        if not _speak_against(moved, first, second):
            return moved
    # Of one name that several outputs bear, the k-th of one model is the k-th of the other.
    places = (zip(bearers, second.by_name.get(name, ()), strict=False) for name, bearers in first.by_name.items())
    return tuple(sorted({pair for pairs in places for pair in pairs}))


def _speak_against(pairs: Sequence[tuple[int, int]], first: Outputs, second: Outputs) -> bool:
    """Says whether more names stand at another place of the second model than at the one they are paired with."""
    if first.is_nameless or second.is_nameless:
        return False
    places = [(second.by_name.get(plain(first.labels[i]), []), j) for i, j in pairs]
    same = sum(j in bearers for bearers, j in places)
    return sum(bool(bearers) and j not in bearers for bearers, j in places) > same


def _by_name(known: int | None, words: ClassWords, outputs: Outputs, source: object) -> int:
    if known is not None:
        return known
    bearers = outputs.by_name.get(plain(words.name), [])
    problem = (
        f"{words.where}: {words.name!r} is the name of outputs {' and '.join(map(str, bearers))}"
        if bearers
        else f"{words.where}: the model has no class {words.name!r}"
    )
    raise BadDatasetError(
        path=source,
        problem=f"{problem}, and the class indices do not tell, since they have another order than the model's outputs",
    )


def _shifted(words: ClassWords, outputs: Outputs, shift: int, source: object) -> int:
    count, index = len(outputs.labels), (words.index or 0) + shift
    if not 0 <= index < count:
        offset = "" if shift == 0 else f" at an offset of {shift:+d}"
        problem = (
            f"{words.where} has class index '{words.index}'; the model has {-shift} to {count - 1 - shift}{offset}"
        )
        raise BadDatasetError(path=source, problem=problem)
    return index


def _of_folder(words: ClassWords, outputs: Outputs, offset: int | None, source: object) -> int:
    bearers, count, shift = outputs.by_name.get(plain(words.name), []), len(outputs.labels), offset or 0
    if words.wnid in outputs.by_wnid:
        return outputs.by_wnid[words.wnid]
    if len(bearers) > 1:
        raise BadDatasetError(path=source, problem=f"{words.where} is the name of several classes; name it by index")
    if bearers:
        return bearers[0]
    if words.index is None or not 0 <= words.index + shift < count:
        problem = f"{words.where} is no wnid, no class name and no index from {-shift} to {count - 1 - shift}"
        raise BadDatasetError(path=source, problem=problem)
    if offset is None:
        _refuse_nameless_background(outputs)
    return words.index + shift


def _signed(shift: int) -> str:
    return f"{'-' if shift < 0 else '+'} {abs(shift)}"


def _assumption(outputs: Outputs) -> tuple[str, ...]:
    has_background = len(outputs.labels) > IMAGENET_CLASS_COUNT
    return (_NAMELESS_IMAGENET.format(after=" behind a background class" if has_background else ""),)


def _refuse_nameless_background(outputs: Outputs) -> None:
    """Insists on an offset where a background class before ImageNet's would turn every answer into a wrong one."""
    if outputs.is_nameless and len(outputs.labels) == IMAGENET_CLASS_COUNT + 1:
        raise BadOptionError(
            option=_OFFSET,
            problem=f"needed: the model does not name its {len(outputs.labels)} outputs, the first of which is usually "
            "a background class",
            hint="pass --label-offset 1 if it is, else --label-offset 0; or --labels FILE with the names",
        )


def _refuse_strangers(classes: Sequence[ClassWords], outputs: Outputs, shift: int) -> None:
    """Lets names move the indices only where the model knows them all."""
    stranger = next((words for words in classes if words.name and plain(words.name) not in outputs.by_name), None)
    if stranger is not None and not outputs.is_nameless:
        raise BadOptionError(
            option=_OFFSET,
            problem=f"needed: by some names output = class index {_signed(shift)}, and the model has none called "
            f"{stranger.name!r} ({stranger.where})",
            hint=f"pass --label-offset {shift}, or 0 if the class indices are the model's outputs",
        )
