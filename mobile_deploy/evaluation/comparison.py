"""Two models on the same pictures: where they differ, who is right then, and how far apart their numbers are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from mobile_deploy.evaluation.distances import Distances
from mobile_deploy.evaluation.scoring import Scored
from mobile_deploy.statistics import Difference, Proportion, mcnemar_exact, paired_difference, wilson

Right = Literal["reference", "model", "neither"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A picture to which two models give different answers.

    Attributes:
        place: Place of the picture among those that were scored.
        right: Who is right.
    """

    place: int
    right: Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A model beside its reference, picture by picture.

    Attributes:
        agreement: Share of pictures with the same answer.
        both: Pictures that both got right.
        only_model: Pictures that only the model got right.
        only_reference: Pictures that only the reference got right.
        neither: Pictures that both got wrong.
        p_value: Of McNemar's exact test that both are equally good.
        drop: Top-1 of the reference minus top-1 of the model.
        mean_l1: Mean over pictures of the summed absolute difference of probabilities, over the classes both have; None
            where one of them gives no probabilities.
        logit_sqnr_db: Power of the reference's logits over the power of the difference, centred per picture, over the
            classes both have; infinite for equal logits, None where they cannot be read.
        why_no_sqnr: Why not; empty where there is one.
        flips: Pictures with different answers: those that only the reference got right first, then only the model, then
            neither.
    """

    agreement: Proportion
    both: int
    only_model: int
    only_reference: int
    neither: int
    p_value: float
    drop: Difference
    mean_l1: float | None
    logit_sqnr_db: float | None
    why_no_sqnr: str = ""
    flips: tuple[Flip, ...] = field(repr=False)


def compare(
    model: Scored,
    reference: Scored,
    distances: Distances,
    *,
    pairs: tuple[tuple[int, int], ...],
) -> Comparison:
    """Compares two models that were asked about the same pictures.

    Args:
        model: What the model said.
        reference: What the reference said.
        distances: How far apart their numbers are.
        pairs: Output of the model and of the reference for each class that both have.

    Returns:
        The comparison.
    """
    same_class = dict(pairs)
    agree = np.array(
        [
            same_class.get(mine) == theirs
            for mine, theirs in zip(model.predictions.tolist(), reference.predictions.tolist(), strict=True)
        ]
    )
    right, expected = model.correct, reference.correct
    only_model, only_reference = int((right & ~expected).sum()), int((~right & expected).sum())
    return Comparison(
        agreement=wilson(int(agree.sum()), len(agree)),
        both=int((right & expected).sum()),
        only_model=only_model,
        only_reference=only_reference,
        neither=int((~right & ~expected).sum()),
        p_value=mcnemar_exact(only_reference, only_model),
        drop=paired_difference(only_reference, only_model, len(agree)),
        mean_l1=distances.mean_l1,
        logit_sqnr_db=distances.logit_sqnr_db,
        why_no_sqnr=distances.why_no_sqnr,
        flips=_flips(agree, right, expected),
    )


def _flips(
    agree: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_], expected: npt.NDArray[np.bool_]
) -> tuple[Flip, ...]:
    kinds: dict[Right, npt.NDArray[np.bool_]] = {
        "reference": expected & ~right,
        "model": right & ~expected,
        "neither": ~right & ~expected & ~agree,
    }
    return tuple(Flip(place=int(place), right=who) for who, chosen in kinds.items() for place in np.flatnonzero(chosen))
