"""Draws the pictures that two models answer differently."""

from __future__ import annotations

from pathlib import Path

from mobile_deploy.data.images import load_picture
from mobile_deploy.pipeline.evaluation_results import EvaluateResult, FlippedPicture
from mobile_deploy.report.contact_sheet import TILE_SIDE, Tile, draw_contact_sheet
from mobile_deploy.report.tables import counted

MOST_SHOWN = 60
_SHORT = 10  # letters

# Told apart by colour-blind eyes too. Source: Okabe, M. and Ito, K. (2008), Color Universal Design.
_COLORS = {"reference": "#d55e00", "model": "#009e73", "neither": "#999999"}


def draw_flips(result: EvaluateResult) -> bytes:
    """Draws a contact sheet of flipped pictures, fitted as the model sees them, with both answers.

    Args:
        result: A comparison.

    Returns:
        A PNG file with at most `MOST_SHOWN` pictures, those that only the reference got right first.

    Raises:
        BadPictureError: A picture has gone since it was scored.
    """
    mine, theirs = _short_names(result)
    count, shown = len(result.flips), result.flips[:MOST_SHOWN]
    more = f"; {MOST_SHOWN} are shown" if count > MOST_SHOWN else ""
    named = zip((mine, theirs), result.names, strict=True)
    names = " against ".join(name if short == name else f"{name} ({short})" for short, name in named)
    title = f"{names}: different answers to {count:,} of {counted(result.pictures, 'picture')}{more}"
    meanings = {"reference": f"only {theirs} is right", "model": f"only {mine} is right", "neither": "both are wrong"}
    legend = {
        _COLORS[who]: f"{meaning} ({sum(flip.right == who for flip in result.flips):,})"
        for who, meaning in meanings.items()
    }
    return draw_contact_sheet(title, [_tile(flip, result) for flip in shown], legend=legend)


def _tile(flip: FlippedPicture, result: EvaluateResult) -> Tile:
    mine, theirs = _short_names(result)
    return Tile(
        picture=load_picture(Path(flip.path), side=TILE_SIDE, fit=result.model.contract.input.fit),
        truth=flip.truth,
        answers=(
            f"{mine}: {flip.model}{sureness(flip.model_score)}",
            f"{theirs}: {flip.reference}{sureness(flip.reference_score)}",
        ),
        frame=_COLORS[flip.right],
    )


def _short_names(result: EvaluateResult) -> tuple[str, ...]:
    """Gives names that leave room for the answers."""
    return result.names if max(map(len, result.names)) <= _SHORT else ("A", "B")


def sureness(score: float | None) -> str:
    """Writes a probability behind an answer.

    >>> sureness(0.987), sureness(None)
    (' 0.99', '')
    """
    return "" if score is None else f" {score:.2f}"
