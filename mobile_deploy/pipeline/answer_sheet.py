"""Draws what a model answers to pictures."""

from __future__ import annotations

from pathlib import Path

from mobile_deploy.contract import Fit
from mobile_deploy.data.calibration import spread_choice
from mobile_deploy.data.images import load_picture
from mobile_deploy.pipeline.evaluation_results import AnsweredPicture, EvaluateResult
from mobile_deploy.pipeline.flip_sheet import MOST_SHOWN, sureness
from mobile_deploy.report.contact_sheet import TILE_SIDE, Tile, draw_contact_sheet
from mobile_deploy.report.tables import counted

# Told apart by colour-blind eyes too. Source: Okabe, M. and Ito, K. (2008), Color Universal Design.
_RIGHT, _WRONG = "#009e73", "#d55e00"


def draw_answers(result: EvaluateResult) -> bytes:
    """Draws a contact sheet of pictures, fitted as the model sees them, with its answers.

    Args:
        result: A model on its own.

    Returns:
        A PNG file with at most `MOST_SHOWN` pictures: the wrong answers first, the surest of them in front, then right
        ones from all over the set.

    Raises:
        BadPictureError: A picture has gone since it was scored.
    """
    right = [answer for answer in result.answers if answer.is_right]
    wrong = sorted((a for a in result.answers if not a.is_right), key=lambda a: -(a.score or 0))[:MOST_SHOWN]
    room = MOST_SHOWN - len(wrong)
    shown = [*wrong, *(right[i] for i in (spread_choice(len(right), samples=room, seed=0) if room else ()))]
    more = f"; {len(shown)} are shown, wrong ones first" if len(shown) < result.pictures else ""
    title = f"{result.model.name}: {len(right):,} of {counted(result.pictures, 'picture')} right{more}"
    legend = {_WRONG: f"✗ wrong ({result.pictures - len(right):,})", _RIGHT: f"✓ right ({len(right):,})"}
    fit = result.model.contract.input.fit
    return draw_contact_sheet(title, [_tile(answer, fit) for answer in shown], legend=legend)


def _tile(answer: AnsweredPicture, fit: Fit) -> Tile:
    mark, frame = ("✓", _RIGHT) if answer.is_right else ("✗", _WRONG)
    return Tile(
        picture=load_picture(Path(answer.path), side=TILE_SIDE, fit=fit),
        truth=answer.truth,
        answers=(f"{mark} {answer.answer}{sureness(answer.score)}",),
        frame=frame,
    )
