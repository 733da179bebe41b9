"""The scenes of the generated set: an object or a texture among clutter, as a grainy 8-bit picture.

Everything that does not name a class is drawn at random: colours, backdrop, place, size, turn, slant, bend, light,
shadow, things beside and in front, focus, tint and grain.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from mobile_deploy.data.demo_canvas import WHOLE, Canvas, Color, Pose, Shadow, View, cover, turned
from mobile_deploy.data.demo_objects import Maker, Paint, Part
from mobile_deploy.data.demo_shapes import Shape, box, disc, ring, stick
from mobile_deploy.data.demo_textures import Weaver

_ASPECT_RATIOS = (1.0, 1.15, 1.3)
_TURNS = 2 * math.pi

# Source: ITU-R BT.601, luma of red, green and blue.
_LUMA = np.array([0.299, 0.587, 0.114]).reshape(3, 1, 1)
_CONTRAST = 0.3


def photograph_object(rng: np.random.Generator, make: Maker, *, side: int) -> Image.Image:
    """Makes a picture of an object.

    Args:
        rng: Source of all randomness.
        make: Makes the object.
        side: Shorter side of the picture in pixels.

    Returns:
        An RGB picture, upright, lying or square.
    """
    canvas = _canvas(rng, side)
    back, colors = _colors(rng)
    _backdrop(rng, canvas, back)
    _clutter(rng, canvas, int(rng.integers(0, 5)), nearness=0.85)
    canvas.paint(make(rng), canvas.seen(_pose(rng)), colors, shadow=_shadow(rng))
    # What lies in front may hide a part of the object.
    _clutter(rng, canvas, int(rng.choice((0, 0, 0, 1))), nearness=0.95)
    return _exposed(rng, canvas)


def photograph_texture(rng: np.random.Generator, weave: Weaver, *, side: int) -> Image.Image:
    """Makes a picture of a texture; arguments and result are those of `photograph_object`."""
    canvas = _canvas(rng, side)
    back, colors = _colors(rng)
    view = _slanted_plane(rng, canvas)
    pattern = weave(rng, view.x, view.y)
    tone = 1 + rng.uniform(0, 0.15) * pattern.tone
    first, second = (back, colors["main"]) if rng.random() < 0.5 else (colors["main"], back)
    canvas.lay(np.ones_like(canvas.x), first * tone)
    canvas.lay(cover(-pattern.edge, view.pixels), second)
    _clutter(rng, canvas, int(rng.integers(0, 3)), nearness=0.85)
    return _exposed(rng, canvas)


def _canvas(rng: np.random.Generator, side: int) -> Canvas:
    longer = round(side * rng.choice(_ASPECT_RATIOS))
    height, width = (side, longer) if rng.random() < 0.5 else (longer, side)
    return Canvas(height, width, light=rng.uniform(0, _TURNS))


def _colors(rng: np.random.Generator) -> tuple[Color, Mapping[Paint, Color]]:
    """Draws a colour for the backdrop and the paints of an object that stands out from it."""
    back = _any_color(rng)
    main = _color_unlike(rng, back)
    second = _color_unlike(rng, back if rng.random() < 0.5 else main)
    dark, light = main * rng.uniform(0.1, 0.4), 1 - (1 - _any_color(rng)) * rng.uniform(0.1, 0.5)
    return back, {"main": main, "second": second, "dark": dark, "light": light}


def _color_unlike(rng: np.random.Generator, other: Color) -> Color:
    """Draws a colour that even a picture without colours tells from the other one."""
    while True:
        color = _any_color(rng)
        if abs((_LUMA * (color - other)).sum()) > _CONTRAST:
            return color


def _any_color(rng: np.random.Generator) -> Color:
    drawn = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.9), rng.uniform(0.25, 1.0))
    return np.array(drawn).reshape(3, 1, 1)


def _backdrop(rng: np.random.Generator, canvas: Canvas, color: Color) -> None:
    """A wall with a gradient, soft spots of light, and perhaps a floor or faint stripes."""
    along, _ = turned(canvas.x, canvas.y, rng.uniform(0, _TURNS))
    shift = 0.6 * (_any_color(rng) - color)
    canvas.lay(np.ones_like(along), color + np.clip(0.5 + 0.4 * along, 0, 1) * shift)
    for _ in range(int(rng.integers(0, 5))):
        spot = disc(rng.uniform(-1.2, 1.2), rng.uniform(-1.2, 1.2), rng.uniform(0.1, 0.5))(canvas.x, canvas.y)
        canvas.lay(rng.uniform(0.1, 0.45) * cover(spot, rng.uniform(2, 20)), _any_color(rng))
    match rng.choice(("floor", "stripes", "plain", "plain")):
        case "floor":
            floor = rng.uniform(0.1, 0.6) - canvas.y - rng.uniform(-0.2, 0.2) * canvas.x
            canvas.lay(cover(floor, canvas.side / 2), _any_color(rng))
        case "stripes":
            along, _ = turned(canvas.x, canvas.y, rng.uniform(0, _TURNS))
            stripes = cover(np.sin(rng.uniform(8, 30) * along), 2)
            canvas.lay(rng.uniform(0.1, 0.35) * stripes, _any_color(rng))


def _clutter(rng: np.random.Generator, canvas: Canvas, count: int, *, nearness: float) -> None:
    """Lays plain things of any colour around the middle; `nearness` 1 is at the picture's nearer edge."""
    for _ in range(count):
        direction, far = rng.uniform(0, _TURNS), nearness * rng.uniform(0.9, 1.4)
        at = (far * math.cos(direction), far * math.sin(direction))
        pose = Pose(at=at, scale=rng.uniform(0.12, 0.32), turn=rng.uniform(0, _TURNS))
        thing = Part(shape=_any_thing(rng), paint="main", bulge=float(rng.choice((0.0, 0.15))))
        canvas.paint((thing,), canvas.seen(pose), {"main": _any_color(rng)}, shadow=_shadow(rng))


def _any_thing(rng: np.random.Generator) -> Shape:
    match rng.choice(("disc", "box", "ring", "stick")):
        case "disc":
            return disc(0, 0, 0.8)
        case "box":
            return box(0, 0, 0.9, rng.uniform(0.3, 0.9), round_by=0.1)
        case "ring":
            return ring(0, 0, 0.7, rng.uniform(0.15, 0.4))
        case _:
            return stick(-1.2, 0, 1.2, 0, rng.uniform(0.1, 0.3))


def _pose(rng: np.random.Generator) -> Pose:
    """Draws how the object lies: it stays within the middle that a crop to 7/8 of the side keeps, or nearly so."""
    scale = rng.uniform(0.56, 0.86)
    room = max(0.9 - scale, 0.06)
    return Pose(
        at=(rng.uniform(-room, room), rng.uniform(-room, room)),
        scale=scale,
        turn=rng.normal(0, 0.25),
        bend=rng.uniform(-0.12, 0.12),
        stretch=rng.uniform(0.85, 1.18),
        mirror=bool(rng.random() < 0.5),
    )


def _shadow(rng: np.random.Generator) -> Shadow:
    return Shadow(length=rng.uniform(0.02, 0.16), softness=rng.uniform(0.05, 0.3), depth=rng.uniform(0.1, 0.6))


def _slanted_plane(rng: np.random.Generator, canvas: Canvas) -> View:
    """A plane that is turned, slanted away and gently bent."""
    pitch, squeeze, start = rng.uniform(1.9, 3.2), rng.uniform(0.88, 1.14), rng.uniform(0, 8, 2)
    x = canvas.x + rng.uniform(-0.1, 0.1) * canvas.y**2
    y = canvas.y + rng.uniform(-0.1, 0.1) * canvas.x**2
    depth = 1 + rng.uniform(-0.16, 0.16) * x + rng.uniform(-0.16, 0.16) * y
    u, v = turned(x / depth, y / depth, rng.normal(0, 0.2))
    return View(
        window=WHOLE,
        x=u * pitch * squeeze + start[0],
        y=v * pitch / squeeze + start[1],
        pixels=canvas.side / 2 / pitch,
    )


def _exposed(rng: np.random.Generator, canvas: Canvas) -> Image.Image:
    """Develops the picture: light that falls off, tint, focus, grain."""
    fall = rng.uniform(0, 0.3) * (canvas.x * canvas.light[0] + canvas.y * canvas.light[1])
    corners = rng.uniform(0, 0.2) * (canvas.x**2 + canvas.y**2)
    canvas.darken(1 + fall - corners)
    tint = rng.uniform(0.85, 1.15) * rng.uniform(0.88, 1.12, (3, 1, 1))
    radius = max(0.0, rng.uniform(-0.5, 1.0))
    focused = _to_image(canvas.pixels * tint).filter(ImageFilter.BoxBlur(radius))
    grain = rng.normal(0, rng.uniform(0.005, 0.03), canvas.pixels.shape)
    return _to_image(np.moveaxis(np.asarray(focused), 2, 0) / 255 + grain)


def _to_image(pixels: npt.NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.rint(np.clip(np.moveaxis(pixels, 0, 2), 0, 1) * 255).astype(np.uint8))
