"""The 1000 ImageNet classes in the order of the networks' outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

IMAGENET_CLASS_COUNT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNetClass:
    """One class of the ImageNet challenge.

    Attributes:
        wnid: WordNet number of its synset, such as "n01440764".
        name: First word of the synset; two pairs of classes share theirs.
    """

    wnid: str
    name: str


# The lines of imagenet_classes.txt are facts: the synsets of the ImageNet challenge of 2012
# (https://image-net.org/challenges/LSVRC/2012) in the order of their numbers, each with its name in the class index
# of keras.applications, spaces for underscores.
@cache
def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """Gives the classes that weights trained on ImageNet answer with.

    Returns:
        1000 classes; place i is output i.

    >>> imagenet_classes()[285].name
    'Egyptian cat'
    """
    text = resources.files(__package__).joinpath("imagenet_classes.txt").read_text(encoding="utf-8")
    return tuple(_parse(line) for line in text.splitlines())


def wnids_of(labels: Sequence[str]) -> tuple[str, ...]:
    """Gives the WordNet identifiers of class names in output order.

    Args:
        labels: Names in output order; synonyms may follow a comma, as in "tench, Tinca tinca".

    Returns:
        One for each name; "" for a background class before ImageNet's; none where the names are others.
    """
    known = imagenet_classes()
    wnids, names = tuple(c.wnid for c in known), tuple(c.name for c in known)
    before = len(labels) - IMAGENET_CLASS_COUNT
    first_words = tuple(label.partition(",")[0] for label in labels[max(before, 0) :])
    return ("",) * before + wnids if before in (0, 1) and first_words == names else ()


def _parse(line: str) -> ImageNetClass:
    wnid, _, name = line.partition(" ")
    return ImageNetClass(wnid=wnid, name=name)
