"""The contact sheet as an image: its tiles, frames and words."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mobile_deploy.report.contact_sheet import TILE_SIDE, Tile, _font, _wrapped, draw_contact_sheet

RED, GREEN = "#d55e00", "#009e73"


def tile(value: int = 120, *, truth="cat", answers=("int8: cat 0.90", "float32: dog 0.80"), frame=RED) -> Tile:
    return Tile(picture=np.full((TILE_SIDE, TILE_SIDE, 3), value, np.uint8), truth=truth, answers=answers, frame=frame)


def drawn(tiles, *, title="a against b", legend=None) -> np.ndarray:
    data = draw_contact_sheet(title, tiles, legend=legend if legend is not None else {RED: "only b is right"})
    with Image.open(BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


def test_every_picture_is_on_the_sheet_in_its_frame():
    sheet = drawn([tile(value, frame=GREEN) for value in range(100, 108)])
    inner = (TILE_SIDE - 10) ** 2
    for value in range(100, 108):
        assert (sheet == value).all(axis=2).sum() >= inner
    frames = (sheet == rgb(GREEN)).all(axis=2).sum()
    assert frames == 8 * (TILE_SIDE**2 - inner)


def test_seven_pictures_take_two_rows():
    one_row, two_rows = drawn([tile()] * 6), drawn([tile()] * 7)
    assert two_rows.shape[1] == one_row.shape[1]
    assert two_rows.shape[0] > one_row.shape[0] + TILE_SIDE


def test_a_long_name_makes_the_row_higher_and_nothing_is_cut():
    short, long = drawn([tile()]), drawn([tile(truth="a " * 60)])
    assert long.shape[0] > short.shape[0]
    # The lowest line of text is followed by paper.
    assert (long[-8:] == 255).all()


def test_words_stay_within_their_tile():
    sheet = drawn([tile(truth="W" * 80, answers=("int8: " + "m" * 90,))], legend={})
    right_of_tile = sheet[:, 14 + TILE_SIDE + 1 :]
    below_heading = right_of_tile[60:]
    assert (below_heading == 255).all()


@pytest.mark.parametrize("text", ["short", "red-breasted merganser " * 4, "x" * 200, "", "two  blanks\nand a line"])
def test_wrapping_keeps_every_letter_and_fits_the_width(text):
    font = _font(13)
    lines = _wrapped(text, font)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(font.getlength(line) <= TILE_SIDE for line in lines)


def test_letters_beyond_ascii_are_drawn_as_themselves():
    """A font without them draws the same box for each."""
    boxes = [_font(13).getmask(letter).getbbox() for letter in "äßéøŁžΩЖ→"]
    images = {bytes(_font(13).getmask(letter)) for letter in "äßéøŁžΩЖ→"}
    assert all(boxes)
    assert len(images) == len("äßéøŁžΩЖ→")
    assert bytes(_font(13).getmask("ä")) != bytes(_font(13).getmask("a"))


def test_a_name_without_end_does_not_make_the_sheet_endless():
    assert drawn([tile(truth="x" * 100_000)]).shape[0] < 2000


def test_without_pictures_there_is_only_the_heading():
    assert drawn([]).shape[0] < TILE_SIDE
