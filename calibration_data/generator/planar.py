"""Scenes painted back to front: foliage, fallen leaves, landscapes, pebbles, flowers, facades, signs."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from generator.camera import Scene, blur
from generator.fields import Field, cells, coordinates, fractal, smear
from generator.materials import any_color

Shape = tuple[int, int]

_GREEN = np.array([0.10, 0.20, 0.03])


def clouds(rng: np.random.Generator, shape: Shape) -> Field:
    """A sky, clear to overcast, as (H, W, 3) linear light."""
    _, y = coordinates(shape)
    zenith = np.array([0.15, 0.3, 0.65]) * rng.uniform(0.5, 1.3)
    horizon = np.array([[0.7, 0.8, 0.9], [0.9, 0.6, 0.35], [0.75, 0.75, 0.75]])[rng.integers(3)]
    sky = zenith + (horizon - zenith) * np.clip(y * rng.uniform(0.8, 1.6), 0, 1)[..., None]
    field = fractal(rng, shape, slope=1.5) + rng.normal(-0.3, 0.8)
    cover = 1 / (1 + np.exp(-3 * field))[..., None]
    shade = (0.85 + 0.12 * fractal(rng, shape, slope=1.4))[..., None]
    return np.maximum(sky + (shade - sky) * cover, 0).astype(np.float32)


def foliage(rng: np.random.Generator, shape: Shape) -> Scene:
    """Leaves over leaves, dark inside and bright outside."""
    color = _GREEN * rng.uniform(0.5, 1.6, 3) if rng.uniform() < 0.7 else any_color(rng)
    length = rng.uniform(0.03, 0.15)
    image = Image.new("RGB", (shape[1], shape[0]), _pixel(color * 0.1))
    draw = ImageDraw.Draw(image)
    count = int(min(2500, 3.0 / length**2))
    lean = rng.uniform(0, 2 * np.pi)
    for step in range(count):
        share = step / count
        angle = lean + rng.normal(0, 1.2)
        shade = (0.1 + 0.9 * share) * np.exp(rng.normal(0, 0.35))
        tint = color * shade * np.exp(rng.normal(0, 0.12, 3))
        _draw_leaf(draw, rng, shape, length=length * np.exp(rng.normal(0, 0.3)), angle=angle, color=tint)
    light = _linear(image) * np.exp(0.25 * fractal(rng, shape, slope=0.9))[..., None]
    return Scene(light=light.astype(np.float32), depth=np.full(shape, 3, np.float32))


def dead_leaves(rng: np.random.Generator, shape: Shape) -> Scene:
    """Textured shapes of all sizes hiding one another: the simplest model of a photograph.

    Source: Lee, Mumford and Huang, "Occlusion models for natural images", 2001: radii fall as 1 / r^3.
    """
    height, width = shape
    light, depth = np.full((*shape, 3), 0.2, np.float32), np.full(shape, 4, np.float32)
    x, y = coordinates(shape)
    palette = np.stack([any_color(rng) for _ in range(7)])
    for number in range(160):
        radius = 0.03 / np.sqrt(rng.uniform(0.004, 1))
        cx, cy, angle = rng.uniform(0, width / height), rng.uniform(0, 1), rng.uniform(0, np.pi)
        u = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / radius
        v = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) / (radius * rng.uniform(0.4, 1))
        power = rng.choice([1.5, 2, 6])
        inside = np.abs(u) ** power + np.abs(v) ** power < 1
        shade = np.exp(0.4 * u * rng.normal() + 0.3 * v * rng.normal())
        light[inside] = (palette[rng.integers(7)] * shade[..., None])[inside]
        depth[inside] = 4 - 2 * number / 160
    grain = np.exp(0.35 * fractal(rng, shape, slope=0.8))[..., None]
    return Scene(light=(light * grain).astype(np.float32), depth=depth)


def pebbles(rng: np.random.Generator, shape: Shape) -> Scene:
    """Stones, fruit, scales or cobbles side by side, each lit like a ball."""
    border, owner = cells(rng, shape, count=int(rng.choice([15, 40, 120])))
    height = np.sqrt(np.clip(border / (np.quantile(border, 0.97) + 1e-6), 0, 1))
    slope_y, slope_x = np.gradient(blur(height[..., None], 2)[..., 0] * shape[0] * 0.04)
    sun = rng.uniform(-1, 1, 2)
    lit = np.clip(0.6 + sun[0] * slope_x + sun[1] * slope_y, 0.02, 2) * height
    palette = np.stack([any_color(rng, vivid=rng.choice([0.2, 0.8])) for _ in range(3)])
    tint = palette[rng.integers(0, 3, owner.max() + 1)] * np.exp(rng.normal(0, 0.3, (owner.max() + 1, 1)))
    grain = np.exp(rng.uniform(0.1, 0.4) * fractal(rng, shape, slope=0.9))
    return Scene(light=(tint[owner] * (lit * grain)[..., None]).astype(np.float32), depth=np.full(shape, 2, np.float32))


def landscape(rng: np.random.Generator, shape: Shape) -> Scene:
    """Sky, ridges that fade with distance, and a meadow, field or water before them."""
    _, y = coordinates(shape)
    light, depth = clouds(rng, shape), np.full(shape, 40, np.float32)
    horizon, haze = rng.uniform(0.3, 0.6), light.mean(axis=(0, 1))
    for layer in range(int(rng.integers(1, 5))):
        near = (layer + 1) / 5
        ridge = horizon - 0.25 * (1 - near) * rng.uniform(0.2, 1) + rng.uniform(0.02, 0.12) * _profile(rng, shape[1])
        below = y > ridge
        texture = np.exp(0.5 * fractal(rng, shape, slope=0.8))[..., None]
        color = _GREEN * rng.uniform(0.3, 1.5, 3) * texture
        light = np.where(below[..., None], haze + (color - haze) * near**0.7, light)
        depth[below] = 30 * (1 - near) + 4
    return _with_foreground(rng, light.astype(np.float32), depth, horizon)


def _with_foreground(rng: np.random.Generator, light: Field, depth: Field, horizon: float) -> Scene:
    _, y = coordinates(depth.shape)
    edge = rng.uniform(horizon + 0.08, horizon + 0.3)
    below = y > edge
    front = _water(rng, light, edge) if rng.uniform() < 0.35 else _meadow(rng, depth.shape, edge)
    light = np.where(below[..., None], front, light)
    depth = np.where(below, 1 + 3 * (1 - y), depth)
    return Scene(light=light.astype(np.float32), depth=depth.astype(np.float32))


def _water(rng: np.random.Generator, light: Field, edge: float) -> Field:
    shape = light.shape[:2]
    _, y = coordinates(shape)
    ripple = shape[0] * 0.02 * fractal(rng, shape, slope=1.0) * (1 + 4 * np.maximum(y - edge, 0))
    rows = np.clip(((2 * edge - y) * shape[0] + ripple).astype(int), 0, shape[0] - 1)
    return light[rows, np.arange(shape[1])] * np.array([0.5, 0.6, 0.65])


def _meadow(rng: np.random.Generator, shape: Shape, edge: float) -> Field:
    _, y = coordinates(shape)
    color = _GREEN * rng.uniform(0.4, 2, 3) if rng.uniform() < 0.7 else any_color(rng)
    noise, lean = rng.standard_normal(shape).astype(np.float32), 0.3 * fractal(rng, shape)
    blades = smear(noise, lean, np.ones(shape, np.float32), length=12)
    patches = fractal(rng, shape, slope=1.4)
    return color * np.exp(0.5 * blades * np.clip(y - edge + 0.3, 0, 1) + 0.3 * patches)[..., None]


def flower(rng: np.random.Generator, shape: Shape) -> Scene:
    """Blossoms before soft foliage."""
    light = blur(foliage(rng, shape).light, shape[0] * rng.uniform(0.02, 0.08))
    depth = np.full(shape, 12, np.float32)
    petal, heart = any_color(rng, vivid=0.9) * 2, any_color(rng, vivid=0.9)
    for _ in range(int(rng.choice([1, 1, 2, 5]))):
        _paint_blossom(rng, light, depth, petal=petal, heart=heart)
    return Scene(light=np.maximum(light, 0), depth=depth)


def _paint_blossom(rng: np.random.Generator, light: Field, depth: Field, *, petal: Field, heart: Field) -> None:
    shape = depth.shape
    x, y = coordinates(shape)
    x, y = x - rng.normal(shape[1] / shape[0] / 2, 0.2), y - rng.normal(0.5, 0.15)
    size, petals = rng.uniform(0.15, 0.42), int(rng.integers(5, 18))
    radius, angle = np.hypot(x, y * rng.uniform(1, 1.6)), np.arctan2(y, x)
    for turn in (0.0, np.pi / 2):
        lobe = np.abs(np.cos(petals * angle / 2 + turn)) ** rng.uniform(0.3, 0.9)
        inside = radius < size * (0.35 + 0.65 * lobe) * (1 if turn else 0.9)
        shade = (0.25 + 0.75 * lobe) * (0.4 + 0.6 * radius / size) * np.exp(0.15 * fractal(rng, shape))
        light[inside] = (petal * shade[..., None])[inside]
        depth[inside] = 2
    core = radius < size * 0.22
    light[core] = (heart * np.exp(0.6 * fractal(rng, shape, slope=0.4))[..., None])[core]


def facade(rng: np.random.Generator, shape: Shape) -> Scene:
    """A grid of like things: windows, shelves, keys, tiles, books, fences."""
    height, width = shape
    ground = any_color(rng, vivid=0.3)
    image = Image.new("RGB", (width, height), _pixel(ground))
    draw = ImageDraw.Draw(image)
    rows, columns = int(rng.integers(3, 9)), int(rng.integers(3, 12))
    palette = [any_color(rng, vivid=0.5) for _ in range(int(rng.integers(1, 5)))]
    pitch = np.array([width / columns, height / rows])
    half = pitch * rng.uniform(0.4, 0.95, 2) / 2
    for row, column in np.ndindex(rows, columns):
        middle = (np.array([column, row]) + 0.5) * pitch
        cell = (*(middle - half), *(middle + half))
        color = palette[rng.integers(len(palette))] * np.exp(rng.normal(0, 0.3))
        draw.rectangle(cell, fill=_pixel(color), outline=_pixel(ground * 0.3), width=2)
        if rng.uniform() < 0.6:
            _draw_glyph(draw, rng, cell, _pixel(ground * rng.choice([0.2, 2.0])))
    shade = np.exp(0.3 * fractal(rng, shape, slope=1.4) + 0.1 * fractal(rng, shape, slope=0.5))[..., None]
    light = _linear(_tilted(rng, image)) * shade
    return Scene(light=light.astype(np.float32), depth=np.full(shape, 5, np.float32))


def sign(rng: np.random.Generator, shape: Shape) -> Scene:
    """Lines of letter-like marks on a board, a page or a packet before a background."""
    height, width = shape
    light = clouds(rng, shape) if rng.uniform() < 0.3 else foliage(rng, shape).light
    picture = Image.fromarray(np.round(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8))
    scale = rng.uniform(0.45, 0.9)
    board = _board(rng, shape).resize((int(width * scale), int(height * scale)))
    angle = rng.normal(0, 6)
    turned = board.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    mask = Image.new("L", board.size, 255).rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    picture.paste(turned, ((width - turned.width) // 2, (height - turned.height) // 2), mask)
    shade = np.exp(0.2 * fractal(rng, shape, slope=1.5))[..., None]
    return Scene(light=(_linear(picture) * shade).astype(np.float32), depth=np.full(shape, 4, np.float32))


def _board(rng: np.random.Generator, shape: Shape) -> Image.Image:
    height, width = shape
    board = Image.new("RGB", (width, height), _pixel(any_color(rng, vivid=0.7)))
    draw = ImageDraw.Draw(board)
    ink = _pixel(any_color(rng, vivid=0.6) * rng.choice([0.1, 1.0]))
    lines = int(rng.choice([1, 2, 4, 9]))
    tall = height / lines
    for line in range(lines):
        letters = int(rng.integers(4, 8) * (1 + lines / 4))
        wide = width / letters
        for column in range(letters):
            if rng.uniform() < 0.85:
                cell = (column * wide, (line + 0.1) * tall, (column + 1) * wide, (line + 1) * tall)
                _draw_glyph(draw, rng, cell, ink)
    draw.rectangle((2, 2, width - 3, height - 3), outline=ink, width=int(rng.integers(1, 9)))
    return board


def _profile(rng: np.random.Generator, width: int) -> Field:
    return fractal(rng, (4, width), slope=1.5)[0]


def _draw_leaf(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, shape: Shape, *, length: float, angle: float, color: Field
) -> None:
    middle = rng.uniform((-0.1, -0.1), (shape[1] / shape[0] + 0.1, 1.1))
    along = np.array([np.cos(angle), np.sin(angle)]) * length
    across = np.array([-along[1], along[0]]) * rng.uniform(0.1, 0.45)
    for half, shade in ((across, 1.0), (-across, rng.uniform(0.5, 0.9))):
        outline = (middle - along, middle - along * 0.3 + half, middle + along * 0.4 + half * 0.8, middle + along)
        draw.polygon([tuple(point * shape[0]) for point in outline], fill=_pixel(color * shade))


def _draw_glyph(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    cell: tuple[float, float, float, float],
    ink: tuple[int, int, int],
) -> None:
    left, top, right, bottom = cell
    wide, tall = right - left, bottom - top
    thickness = max(1, int(wide * rng.uniform(0.06, 0.2)))
    if rng.uniform() < 0.3:
        ring = (left + 0.2 * wide, top + 0.2 * tall, right - 0.2 * wide, bottom - 0.2 * tall)
        draw.ellipse(ring, outline=ink, width=thickness)
        return
    corners = rng.integers(0, 3, (int(rng.integers(3, 6)), 2)) / 2
    strokes = [(left + (0.2 + 0.6 * x) * wide, top + (0.15 + 0.7 * y) * tall) for x, y in corners]
    draw.line(strokes, fill=ink, width=thickness, joint="curve")


def _tilted(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Sees a flat picture from aside, by a random projective map."""
    a, b, c, d = rng.uniform(0.5, 0.8), rng.normal(0, 0.06), rng.normal(0, 0.06), rng.uniform(0.5, 0.8)
    width, height = image.size
    tilt_x, tilt_y = rng.normal(0, 0.12, 2) / image.size
    map_back = (a, b, width * (1 - a - b) / 2, c, d, height * (1 - c - d) / 2, tilt_x, tilt_y)
    return image.transform(image.size, Image.Transform.PERSPECTIVE, map_back, Image.Resampling.BICUBIC)


def _pixel(color: Field) -> tuple[int, int, int]:
    red, green, blue = np.round(255 * np.clip(color, 0, 1) ** (1 / 2.2)).astype(int)
    return int(red), int(green), int(blue)


def _linear(image: Image.Image) -> Field:
    return (np.asarray(image, np.float32) / 255) ** np.float32(2.2)
