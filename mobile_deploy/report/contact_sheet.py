"""A contact sheet: pictures with what is true of them and what was answered, as one PNG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

TILE_SIDE = 176  # pixels

_COLUMNS = 6
_FRAME = 5
_GAP = 14
_TEXT_SIZE, _TITLE_SIZE = 13, 18
_LINE = 17
_LONGEST = 300  # letters of one paragraph; names are shorter
_INK, _PAPER = "#1a1a1a", "#ffffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One picture of the sheet.

    Attributes:
        picture: (TILE_SIDE, TILE_SIDE, 3) uint8 RGB.
        truth: Its true class; written in bold.
        answers: What was answered, one paragraph each.
        frame: Colour of its frame, "#rrggbb".
    """

    picture: npt.NDArray[np.uint8]
    truth: str
    answers: tuple[str, ...]
    frame: str


def draw_contact_sheet(title: str, tiles: Sequence[Tile], *, legend: Mapping[str, str]) -> bytes:
    """Draws pictures in rows under a title; long names break into as many lines as they need.

    Args:
        title: The heading.
        tiles: The pictures, row by row.
        legend: What the colours of the frames mean, by colour.

    Returns:
        A PNG file.
    """
    width = _GAP + _COLUMNS * (TILE_SIDE + _GAP)
    heading = _wrapped(title, _font(_TITLE_SIZE, bold=True), width - 2 * _GAP)
    top = _GAP + len(heading) * (_TITLE_SIZE + 6) + len(legend) * (_LINE + 4) + _GAP
    rows = [[_Caption.of(tile) for tile in tiles[i : i + _COLUMNS]] for i in range(0, len(tiles), _COLUMNS)]
    heights = [TILE_SIDE + max(caption.height for caption in row) + _GAP for row in rows]
    sheet = Image.new("RGB", (width, top + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _draw_heading(draw, heading, legend)
    for row, height in zip(rows, heights, strict=True):
        for column, caption in enumerate(row):
            caption.draw(sheet, draw, left=_GAP + column * (TILE_SIDE + _GAP), top=top)
        top += height
    target = BytesIO()
    sheet.save(target, format="PNG", optimize=True)
    return target.getvalue()


def _draw_heading(draw: ImageDraw.ImageDraw, heading: Sequence[str], legend: Mapping[str, str]) -> None:
    y = _GAP
    for line in heading:
        draw.text((_GAP, y), line, font=_font(_TITLE_SIZE, bold=True), fill=_INK)
        y += _TITLE_SIZE + 6
    for color, meaning in legend.items():
        draw.rectangle((_GAP, y + 2, _GAP + _TEXT_SIZE, y + 2 + _TEXT_SIZE), fill=color)
        draw.text((_GAP + _TEXT_SIZE + 8, y), meaning, font=_font(_TEXT_SIZE), fill=_INK)
        y += _LINE + 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caption:
    tile: Tile
    lines: tuple[tuple[str, bool], ...]

    @classmethod
    def of(cls, tile: Tile) -> _Caption:
        """Breaks a tile's words into lines; bold or not."""
        paragraphs = ((tile.truth, True), *((answer, False) for answer in tile.answers))
        lines = ((line, bold) for text, bold in paragraphs for line in _wrapped(text, _font(_TEXT_SIZE, bold=bold)))
        return cls(tile=tile, lines=tuple(lines))

    @property
    def height(self) -> int:
        return 6 + _LINE * len(self.lines)

    def draw(self, sheet: Image.Image, draw: ImageDraw.ImageDraw, *, left: int, top: int) -> None:
        sheet.paste(Image.fromarray(self.tile.picture), (left, top))
        box = (left, top, left + TILE_SIDE - 1, top + TILE_SIDE - 1)
        draw.rectangle(box, outline=self.tile.frame, width=_FRAME)
        for number, (line, bold) in enumerate(self.lines):
            place = (left, top + TILE_SIDE + 6 + number * _LINE)
            draw.text(place, line, font=_font(_TEXT_SIZE, bold=bold), fill=_INK)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int = TILE_SIDE) -> list[str]:
    """Breaks text between words, and a word that is too long for a line inside."""
    lines = [""]
    for word in re.findall(r"\S+\s*", " ".join(text[:_LONGEST].split())):
        if font.getlength((lines[-1] + word).rstrip()) <= width:
            lines[-1] += word
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if font.getlength(lines[-1] + letter.rstrip()) > width:
                lines.append("")
            lines[-1] += letter
    return [line.rstrip() for line in lines]


@cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Loads the font that comes with Matplotlib; Pillow's own has no letter beyond ASCII."""
    from matplotlib import get_data_path

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / name), size)
