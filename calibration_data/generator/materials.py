"""What bodies are made of: colours in space."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from generator.fields import Field, SolidNoise

# fmt: off
_COATS = np.array([
    [0.02, 0.02, 0.02], [0.20, 0.19, 0.18], [0.16, 0.08, 0.03],  # black, grey, brown
    [0.45, 0.20, 0.06], [0.60, 0.45, 0.28], [0.85, 0.82, 0.78],  # ginger, cream, white
])
_GROUNDS = np.array([
    [0.08, 0.16, 0.03], [0.12, 0.20, 0.04], [0.20, 0.13, 0.07],  # grass, young grass, soil
    [0.50, 0.38, 0.22], [0.20, 0.20, 0.20], [0.75, 0.78, 0.85],  # sand, stone, snow
])
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What light meets on a surface.

    Attributes:
        color: Linear RGB reflectance of (N, 3) points.
        gloss: Strength of the mirror-like part, 0 to 1.
    """

    color: Callable[[Field], Field]
    gloss: float


def any_color(rng: np.random.Generator, *, vivid: float = 0.6) -> Field:
    """Draws a linear RGB reflectance; `vivid` is the typical saturation."""
    hue = float(rng.choice([rng.uniform(0, 1), rng.normal(0.09, 0.04), rng.normal(0.3, 0.05), rng.normal(0.6, 0.04)]))
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, float(np.clip(rng.normal(vivid, 0.25), 0, 1)), 1.0)
    value = np.exp(rng.uniform(np.log(0.03), np.log(0.9)))
    return (np.array([red, green, blue]) ** 2.2 * value).astype(np.float32)


def fur_color(rng: np.random.Generator) -> Field:
    """Draws a coat, skin or feather colour: black, grey, brown, ginger, cream, white."""
    return (_COATS[rng.integers(len(_COATS))] * rng.uniform(0.7, 1.3, 3)).astype(np.float32)


def plain(color: Field, *, gloss: float = 0.3) -> Material:
    """One colour."""
    return Material(color=lambda p: np.broadcast_to(color, p.shape), gloss=gloss)


def mottled(rng: np.random.Generator, color: Field, other: Field, *, scale: float = 6, gloss: float = 0.0) -> Material:
    """Two colours mixed by noise at two scales: stone, soil, hide, rust."""
    noise, fine = SolidNoise(rng), SolidNoise(rng, slope=0.6)

    def paint(p: Field) -> Field:
        mix = 1 / (1 + np.exp(-2.5 * noise(p * scale)))
        grain = np.exp(0.35 * fine(p * scale * 7))
        return (color + (other - color) * mix[:, None]) * grain[:, None]

    return Material(color=paint, gloss=gloss)


def furry(rng: np.random.Generator, color: Field, other: Field, *, gloss: float = 0.02) -> Material:
    """Strands along the body with patches of a second colour."""
    noise, strands = SolidNoise(rng), SolidNoise(rng, slope=0.5)
    along = np.array([rng.uniform(4, 8), rng.uniform(14, 26), rng.uniform(14, 26)], np.float32)

    def paint(p: Field) -> Field:
        bent = p + 0.08 * noise(p * 3)[:, None]
        mix = 1 / (1 + np.exp(-6 * noise(p * 4)))
        return (color + (other - color) * mix[:, None]) * np.exp(0.55 * strands(bent * along * 3))[:, None]

    return Material(color=paint, gloss=gloss)


def striped(rng: np.random.Generator, color: Field, other: Field, *, gloss: float = 0.05) -> Material:
    """Wavering stripes: zebra, tiger, awning, shirt."""
    noise, wobble = SolidNoise(rng), rng.uniform(0, 0.25)
    across = rng.normal(0, 1, 3).astype(np.float32)
    across *= rng.uniform(14, 40) / np.linalg.norm(across)

    def paint(p: Field) -> Field:
        wave = np.sin((p + wobble * noise(p * 2)[:, None]) @ across)
        return color + (other - color) * (1 / (1 + np.exp(-8 * wave)))[:, None]

    return Material(color=paint, gloss=gloss)


def spotted(rng: np.random.Generator, color: Field, other: Field, *, gloss: float = 0.05) -> Material:
    """Spots of one size on a ground."""
    noise, scale, level = SolidNoise(rng, slope=2.5), rng.uniform(30, 60), rng.uniform(0.3, 1)

    def paint(p: Field) -> Field:
        return color + (other - color) * (1 / (1 + np.exp(-12 * (noise(p * scale) - level))))[:, None]

    return Material(color=paint, gloss=gloss)


def wooden(rng: np.random.Generator, *, gloss: float = 0.15) -> Material:
    """Year rings cut lengthwise, and pores."""
    noise, pores = SolidNoise(rng), SolidNoise(rng, slope=0.4)
    color = (np.array([0.35, 0.17, 0.07]) * rng.uniform(0.3, 1.8)).astype(np.float32)
    rings, stretch = rng.uniform(15, 40), np.array([1.0, 10.0, 10.0], np.float32)[rng.permutation(3)]

    def paint(p: Field) -> Field:
        wave = np.sin(rings * (p @ np.array([0.15, 1.0, 0.7], np.float32)) + 2.5 * noise(p * stretch * 0.5))
        return color * np.exp(0.35 * wave + 0.25 * pores(p * stretch * 5))[:, None]

    return Material(color=paint, gloss=gloss)


def tiled(rng: np.random.Generator, color: Field, other: Field, *, size: float = 0.35, gloss: float = 0.3) -> Material:
    """Tiles, bricks or a chequered cloth, each tile a little different, with joints."""
    noise, contrast, checked = SolidNoise(rng), rng.uniform(0.05, 0.4), rng.uniform() < 0.4

    def paint(p: Field) -> Field:
        row = np.floor(p / size + 1e-3)
        part = p / size + 1e-3 - row
        shade = np.exp(contrast * noise(row * 7.3) + 0.1 * noise(p * 12))[:, None]
        odd = (row.sum(axis=1) % 2)[:, None] if checked else np.zeros((len(p), 1))
        wide = (p.max(axis=0, initial=0) - p.min(axis=0, initial=0)) > 0.5
        # Joints along the two axes in which the surface is widest show; along the third the surface is flat.
        joint = ((part < 0.04) & wide).any(axis=1)[:, None]
        return np.where(joint, color * 0.35, color + (other - color) * odd) * shade

    return Material(color=paint, gloss=gloss)


def woven(rng: np.random.Generator, color: Field, other: Field) -> Material:
    """Warp and weft, with a stripe pattern and folds in the shade."""
    noise, count = SolidNoise(rng), rng.uniform(90, 160)
    band = rng.uniform(5, 25)

    def paint(p: Field) -> Field:
        thread = np.sin(count * p[:, 0]) * np.sin(count * (p[:, 1] + p[:, 2]))
        stripes = np.sin(band * p[:, 0]) * np.sin(band * (p[:, 1] + p[:, 2])) > 0.1
        mix = np.where(stripes[:, None], other, color)
        return mix * np.exp(0.2 * thread + 0.3 * noise(p * 5))[:, None]

    return Material(color=paint, gloss=0.0)


def any_material(rng: np.random.Generator, *, vivid: float = 0.6) -> Material:
    """Draws a material for a man-made thing."""
    color, other = any_color(rng, vivid=vivid), any_color(rng, vivid=vivid)
    makers: tuple[Callable[[], Material], ...] = (
        lambda: plain(color, gloss=rng.uniform(0, 1)),
        lambda: plain(color, gloss=rng.uniform(0.5, 1)),
        lambda: mottled(rng, color, other, gloss=rng.uniform(0, 0.5)),
        lambda: striped(rng, color, other, gloss=rng.uniform(0, 0.5)),
        lambda: wooden(rng),
        lambda: tiled(rng, color, other, size=rng.uniform(0.1, 0.4)),
        lambda: woven(rng, color, other),
        lambda: spotted(rng, color, other),
    )
    return makers[rng.integers(len(makers))]()


def any_coat(rng: np.random.Generator) -> Material:
    """Draws a material for an animal."""
    color, other = fur_color(rng), fur_color(rng)
    makers: tuple[Callable[[], Material], ...] = (
        lambda: furry(rng, color, other),
        lambda: furry(rng, color, color * 0.8),
        lambda: furry(rng, color, other),
        lambda: striped(rng, color, other),
        lambda: spotted(rng, color, other),
        lambda: mottled(rng, color, other, gloss=0.15),
    )
    return makers[rng.integers(len(makers))]()


def any_ground(rng: np.random.Generator) -> Material:
    """Draws a ground out of doors: grass, soil, sand, stone, snow."""
    color = (_GROUNDS[rng.integers(len(_GROUNDS))] * rng.uniform(0.6, 1.3)).astype(np.float32)
    return mottled(rng, color, (color * rng.uniform(0.4, 1.4, 3)).astype(np.float32), scale=rng.uniform(2, 8))
