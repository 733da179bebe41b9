"""Pictures ready to train on: every file opened once, the bad ones named, parted into two sides, and on record.

listing = list_training(folder)                        which files and classes there are; opens no picture
pictures = load_training(listing, square=square)       decodes, splits, counts
pictures.store.contract_picture(position)              what the network will be given in the field
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mobile_deploy.data.data_card import CardFile, DataCard
from mobile_deploy.data.feed import Square
from mobile_deploy.data.manifest import SkippedFile
from mobile_deploy.data.picture_store import KEPT_BYTES, PictureStore, Progress
from mobile_deploy.data.training_listing import TrainingListing, list_training
from mobile_deploy.data.training_split import Positions, Split, copies, example_weights, split_pictures
from mobile_deploy.errors import BadDatasetError, BadOptionError, TooFewInClassError

__all__ = [
    "VALIDATION_SHARE",
    "TrainingListing",
    "TrainingSet",
    "example_weights",
    "list_training",
    "load_training",
]

VALIDATION_SHARE = 0.2
_LARGEST_SHARE = 0.9
_SHARE_OPTION = "--validation-share"
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Pictures to train and to validate on.

    Attributes:
        classes: Names in the order of the network's outputs.
        store: All pictures of the listing, the unusable ones included.
        labels: (N) int32 output index of the picture at each position of the store.
        train: Positions of the pictures to train on.
        validation: Positions of those to validate on; empty where there are none.
        card: What they are, for the record.
        notes: What the user should know, one sentence each.
    """

    classes: tuple[str, ...]
    store: PictureStore
    labels: npt.NDArray[np.int32]
    train: Positions
    validation: Positions
    card: DataCard
    notes: tuple[str, ...]


def load_training(
    listing: TrainingListing,
    *,
    square: Square,
    share: float = VALIDATION_SHARE,
    seed: int = 0,
    margin: bool = True,
    kept_bytes: int = KEPT_BYTES,
    progress: Progress | None = None,
) -> TrainingSet:
    """Decodes all pictures once and parts them.

    Args:
        listing: The files.
        square: What the network takes.
        share: Of each class to validate on where the split is not given, 0 to 0.9; 0 for none.
        seed: Of the split.
        margin: Whether the pictures to train on will be augmented, so that their margin squares are worth keeping;
            else their contract squares are.
        kept_bytes: Memory to keep squares in; what does not fit is decoded again each time it is asked for.
        progress: Called with the number of pictures done and the number to do, after each one.

    Returns:
        The pictures with their sides.

    Raises:
        BadOptionError: `share` is out of range.
        BadDatasetError: No picture can be decoded.
        TooFewInClassError: A class has no usable picture, or one alone where it must be on both sides.
    """
    if not 0 <= share <= _LARGEST_SHARE:
        raise BadOptionError(option=_SHARE_OPTION, problem=f"{share} is not from 0 to {_LARGEST_SHARE}")
    store = PictureStore(listing.paths, names=listing.names, square=square, kept_bytes=kept_bytes)
    verified = store.verify(keep="margin" if margin else "contract", progress=progress)
    digests = {position: found for position, found in enumerate(verified) if isinstance(found, str)}
    skipped = tuple(found for found in verified if isinstance(found, SkippedFile))
    split = _split(listing, digests, skipped, share=share, seed=seed)
    if margin:
        store.forget("margin", split.validation.tolist())
    card = _card(listing, digests, skipped, split, share=share, seed=seed)
    return TrainingSet(
        classes=listing.classes,
        store=store,
        labels=np.array(listing.labels, np.int32),
        train=split.train,
        validation=split.validation,
        card=card,
        notes=(*listing.notes, *_about_skipped(skipped), *_about_copies(listing, copies(digests), split)),
    )


def _split(
    listing: TrainingListing,
    digests: Mapping[int, str],
    skipped: Sequence[SkippedFile],
    *,
    share: float,
    seed: int,
) -> Split:
    if not digests:
        raise BadDatasetError(
            path=listing.source,
            problem=f"none of its {len(listing)} pictures can be decoded; the first: {_named(skipped[0])}",
        )
    start = listing.validation_start
    if start is None:
        _refuse_too_few(listing, digests, skipped, sides=2 if share else 1)
        return split_pictures(digests, listing.labels, share=share, seed=seed)
    _refuse_too_few(listing, {k: digest for k, digest in digests.items() if k < start}, skipped, sides=1)
    usable = np.array(sorted(digests), np.int64)
    return Split(train=usable[usable < start], validation=usable[usable >= start])


def _refuse_too_few(
    listing: TrainingListing, digests: Mapping[int, str], skipped: Sequence[SkippedFile], *, sides: int
) -> None:
    """Insists on as many different pictures of each class as there are sides to fill."""
    different = {(listing.labels[position], digest) for position, digest in digests.items()}
    counts = Counter(label for label, _ in different)
    trained_on = listing.labels[: listing.validation_start]
    scarce = min(sorted(set(trained_on)), key=lambda label: counts[label])
    if counts[scarce] < sides:
        label_of = dict(zip(listing.names, listing.labels, strict=True))
        raise TooFewInClassError(
            path=listing.source,
            name=listing.classes[scarce],
            usable=counts[scarce],
            needed=sides,
            skipped=[_named(file) for file in skipped if label_of[file.name] == scarce],
        )


def _card(
    listing: TrainingListing,
    digests: Mapping[int, str],
    skipped: tuple[SkippedFile, ...],
    split: Split,
    *,
    share: float,
    seed: int,
) -> DataCard:
    validation = set(split.validation.tolist())
    given = listing.validation_start is not None
    return DataCard(
        source=listing.source.resolve().name,
        classes=listing.classes,
        files=tuple(
            CardFile(
                name=listing.names[position],
                sha256=digest,
                label=listing.labels[position],
                validation=position in validation,
            )
            for position, digest in digests.items()
        ),
        skipped=skipped,
        duplicates=tuple(tuple(listing.names[position] for position in group) for group in copies(digests)),
        split="given" if given else "made" if share else "none",
        share=0.0 if given else share,
        seed=seed,
    )


def _about_skipped(skipped: Sequence[SkippedFile]) -> tuple[str, ...]:
    if not skipped:
        return ()
    pictures = "1 picture" if len(skipped) == 1 else f"{len(skipped)} pictures"
    return (f"{pictures} cannot be decoded and left out: {_first_few([_named(file) for file in skipped])}.",)


def _about_copies(listing: TrainingListing, groups: Sequence[Sequence[int]], split: Split) -> tuple[str, ...]:
    validation = set(split.validation.tolist())
    torn = [group for group in groups if 0 < len(validation & set(group)) < len(group)]
    double = [group for group in groups if len({listing.labels[position] for position in group}) > 1]
    findings = (
        (groups, "Copies of one picture ({}): {}."),
        (torn, "Copies on both sides, so that validation flatters ({}): {}."),
        (double, "Copies under two classes, one of which is wrong ({}): {}."),
    )
    return tuple(
        sentence.format(len(found), _first_few([" = ".join(listing.names[k] for k in group) for group in found]))
        for found, sentence in findings
        if found
    )


def _named(file: SkippedFile) -> str:
    return f"{file.name} ({file.reason})"


def _first_few(texts: Sequence[str]) -> str:
    return "; ".join((*texts[:_NAMED], *(("...",) if len(texts) > _NAMED else ())))
