"""Scenes in three dimensions: animals out of doors, things on a table or on white, rooms and streets."""

from __future__ import annotations

import numpy as np

from generator.camera import Scene, blur
from generator.creatures import any_creature
from generator.fields import Field, fractal, smear, warp
from generator.materials import Material, any_color, any_ground, any_material, mottled, plain, tiled, wooden, woven
from generator.planar import clouds, foliage
from generator.solids import Body, Light, box, capsule, ellipsoid, lathe, plane, render, sphere, torus, wall, within

Shape = tuple[int, int]


def animal(rng: np.random.Generator, shape: Shape) -> Scene:
    """An animal or a person out of doors, before blurred foliage, sky or ground."""
    bodies = any_creature(rng)
    ground = Body(distance=plane(0), material=any_ground(rng))
    scene = render(
        [*_bounded(bodies), ground],
        _daylight(rng),
        shape=shape,
        eye=(rng.normal(0, 0.1), rng.uniform(0.5, 1.1), -rng.uniform(1.9, 3.2)),
        look_down=rng.uniform(0.05, 0.22),
        zoom=rng.uniform(1.4, 2.4),
        background=_backdrop(rng, shape),
        orbit=_side_view(rng),
    )
    return _with_hair(rng, scene)


def still_life(rng: np.random.Generator, shape: Shape) -> Scene:
    """Bottles, boxes, cups, fruit on a table before a wall."""
    table = wooden(rng) if rng.uniform() < 0.5 else any_material(rng, vivid=0.3)
    behind = mottled(rng, any_color(rng, vivid=0.3), any_color(rng, vivid=0.3), scale=2)
    bodies = [thing for _ in range(rng.integers(4, 9)) for thing in _any_thing(rng, spread=0.6)]
    bodies += [Body(distance=plane(0), material=table), Body(distance=wall(rng.uniform(1.0, 4)), material=behind)]
    return render(
        bodies,
        _lamplight(rng),
        shape=shape,
        eye=(rng.normal(0, 0.1), rng.uniform(0.6, 1.4), -rng.uniform(1.8, 2.6)),
        look_down=rng.uniform(0.15, 0.45),
        zoom=rng.uniform(1.2, 2.0),
        background=np.zeros((*shape, 3), np.float32),
    )


def product(rng: np.random.Generator, shape: Shape) -> Scene:
    """One thing on white, as in a catalogue."""
    bodies = _any_thing(rng, spread=0.05) if rng.uniform() < 0.7 else any_creature(rng)
    white = np.full(3, 0.95, np.float32)
    bodies.append(Body(distance=plane(0), material=plain(white, gloss=0.0)))
    light = Light(
        towards_sun=_unit(rng.uniform(-0.6, 0.6), 1.2, -0.6),
        sun=np.full(3, 0.75, np.float32),
        sky=np.full(3, 0.6, np.float32),
        ground=np.full(3, 0.6, np.float32),
    )
    scene = render(
        bodies,
        light,
        shape=shape,
        eye=(0, rng.uniform(0.5, 1.3), -rng.uniform(1.6, 2.4)),
        look_down=rng.uniform(0.1, 0.35),
        zoom=rng.uniform(1.1, 1.6),
        background=np.ones((*shape, 3), np.float32),
    )
    return Scene(light=scene.light, depth=scene.depth, keep_white=True)


def room(rng: np.random.Generator, shape: Shape) -> Scene:
    """A room with furniture, or a yard between walls."""
    floor = tiled(rng, any_color(rng, vivid=0.2), any_color(rng, vivid=0.3), size=rng.uniform(0.2, 0.6))
    bodies = [
        Body(distance=plane(0), material=floor if rng.uniform() < 0.5 else wooden(rng)),
        Body(distance=wall(3.2), material=_any_wall(rng)),
        Body(distance=lambda p: p[0] + np.float32(2.6), material=_any_wall(rng)),
    ]
    for _ in range(rng.integers(4, 9)):
        bodies += _any_furniture(rng)
    return render(
        bodies,
        _lamplight(rng),
        shape=shape,
        eye=(rng.uniform(-0.3, 0.8), rng.uniform(0.8, 1.6), -2.6),
        look_down=rng.uniform(0.0, 0.2),
        zoom=rng.uniform(0.8, 1.2),
        background=clouds(rng, shape),
    )


def street(rng: np.random.Generator, shape: Shape) -> Scene:
    """Houses, vehicles and posts on a plain under the sky."""
    bodies = [Body(distance=plane(0), material=any_ground(rng))]
    for _ in range(rng.integers(2, 5)):
        bodies.append(_house(rng))
    for _ in range(rng.integers(1, 3)):
        bodies += _vehicle(rng)
    for x in rng.uniform(-3, 3, 2):
        bodies.append(Body(distance=capsule((x, 0, 2), (x, 3, 2), 0.05), material=plain(any_color(rng))))
    return render(
        bodies,
        _daylight(rng),
        shape=shape,
        eye=(rng.uniform(-0.5, 0.5), rng.uniform(0.6, 1.8), -3.5),
        look_down=rng.uniform(-0.08, 0.1),
        zoom=rng.uniform(0.9, 1.4),
        background=clouds(rng, shape),
    )


def _unit(x: float, y: float, z: float) -> Field:
    vector = np.array([x, y, z], np.float32)
    return vector / np.linalg.norm(vector)


def _daylight(rng: np.random.Generator) -> Light:
    strength = rng.choice([0.15, 1.0, 1.6])
    return Light(
        towards_sun=_unit(rng.uniform(-1, 1), rng.uniform(0.4, 1.5), rng.uniform(-1.2, 0.4)),
        sun=np.array([1.0, 0.9, 0.75], np.float32) * np.float32(strength),
        sky=np.array([0.45, 0.55, 0.7], np.float32),
        ground=np.array([0.2, 0.18, 0.14], np.float32),
    )


def _lamplight(rng: np.random.Generator) -> Light:
    warmth = rng.uniform(0.5, 1)
    return Light(
        towards_sun=_unit(rng.uniform(-1, 1), rng.uniform(0.5, 1.5), -rng.uniform(0.3, 1.2)),
        sun=np.array([1.0, 0.6 + 0.4 * warmth, 0.3 + 0.6 * warmth], np.float32),
        sky=np.array([0.5, 0.45, 0.4], np.float32) * np.float32(rng.uniform(0.4, 1)),
        ground=np.array([0.25, 0.2, 0.16], np.float32),
    )


def _backdrop(rng: np.random.Generator, shape: Shape) -> Field:
    kind = rng.integers(4)
    if kind == 0:
        return clouds(rng, shape)
    if kind == 1:
        field = np.exp(0.7 * fractal(rng, shape, slope=1.3))[..., None] * any_color(rng, vivid=0.4)
        return blur(field.astype(np.float32), shape[0] * rng.uniform(0, 0.03))
    return blur(foliage(rng, shape).light, shape[0] * rng.uniform(0.005, 0.05))


def _side_view(rng: np.random.Generator) -> float:
    return float(rng.choice([0, np.pi]) + rng.normal(0, 0.4) if rng.uniform() < 0.8 else rng.uniform(0, 2 * np.pi))


def _bounded(bodies: list[Body]) -> list[Body]:
    return [Body(distance=within((0, 0.5, 0), 1.3, body.distance), material=body.material) for body in bodies]


def _with_hair(rng: np.random.Generator, scene: Scene) -> Scene:
    """Frays the picture along strands: fur on bodies, grass on the ground."""
    shape = scene.depth.shape
    angle = np.pi / 2 + 0.7 * fractal(rng, shape, slope=1.6)
    dx, dy = np.cos(angle), np.sin(angle)
    strands = smear(rng.standard_normal(shape).astype(np.float32), dx, dy, length=14)
    reach = shape[0] * rng.choice([0.0, 0.006, 0.014])
    frayed = warp(scene.light, reach * strands * dx, reach * strands * dy)
    lit = frayed * np.exp(rng.uniform(0, 0.3) * strands)[..., None]
    near = (scene.depth < 8)[..., None]
    return Scene(light=np.where(near, lit, scene.light).astype(np.float32), depth=scene.depth)


def _any_thing(rng: np.random.Generator, *, spread: float) -> list[Body]:
    x, z = rng.uniform(-spread, spread), rng.uniform(-spread, spread)
    size = rng.uniform(0.15, 0.32)
    if rng.uniform() < 0.15:
        return _gadget(rng, x, z, size)
    half, radii = size * rng.uniform(0.5, 1.3, 3), size * rng.uniform(0.6, 1.4, 3)
    forms = (
        sphere((x, size, z), size),
        box((x, half[1], z), half, turn=rng.uniform(0, 3)),
        lathe((x, 0, z), _profile(rng, size)),
        lathe((x, 0, z), _profile(rng, size)),
        torus((x, size, z), size * 0.8, size * 0.25),
        ellipsoid((x, size * 0.7, z), radii),
    )
    return [Body(distance=forms[rng.integers(len(forms))], material=any_material(rng, vivid=0.8))]


def _profile(rng: np.random.Generator, size: float) -> list[tuple[float, float]]:
    height = size * rng.uniform(1.5, 4)
    radii = size * rng.uniform(0.25, 0.9, 5) * np.array([1, 1, 1, 0.7, 0.5])
    return [(height * share, float(radius)) for share, radius in zip((0, 0.25, 0.5, 0.75, 1), radii, strict=True)]


def _gadget(rng: np.random.Generator, x: float, z: float, size: float) -> list[Body]:
    """A case with a dark screen, knobs and a lead: radio, telephone, oven, camera."""
    half = size * rng.uniform(0.7, 1.5, 3)
    front = z - half[2]
    dark = plain(np.array([0.02, 0.02, 0.03], np.float32), gloss=1.0)
    screen = box((x - half[0] * 0.2, half[1] * 1.1, front), (half[0] * 0.6, half[1] * 0.5, 0.02))
    bodies = [
        Body(distance=box((x, half[1], z), half), material=any_material(rng)),
        Body(distance=screen, material=dark),
    ]
    knob = plain(any_color(rng, vivid=0.9), gloss=0.5)
    for share in (0.5, 1.0, 1.5):
        bodies.append(Body(distance=sphere((x + half[0] * 0.7, half[1] * share, front), half[0] * 0.1), material=knob))
    lead = torus((x + half[0] * 1.2, 0.02, z), half[0] * 0.6, 0.02, upright=False)
    return [*bodies, Body(distance=lead, material=dark)]


def _any_wall(rng: np.random.Generator) -> Material:
    color, other = any_color(rng, vivid=0.25), any_color(rng, vivid=0.25)
    kind = rng.integers(3)
    if kind == 0:
        return plain(color, gloss=0.05)
    return tiled(rng, color, other, size=rng.uniform(0.12, 0.5)) if kind == 1 else mottled(rng, color, color * 0.6)


def _any_furniture(rng: np.random.Generator) -> list[Body]:
    x, z = rng.uniform(-2, 2), rng.uniform(-0.6, 2.6)
    material = any_material(rng, vivid=0.5)
    kind = rng.integers(4)
    if kind == 0:
        half = rng.uniform(0.25, 0.6, 3)
        return [Body(distance=box((x, half[1], z), half), material=material)]
    if kind == 1:
        return _table(x, z, material)
    if kind == 2:
        return _armchair(x, z, woven(rng, any_color(rng), any_color(rng)))
    return [Body(distance=lathe((x, 0, z), _profile(rng, 0.35)), material=material)]


def _table(x: float, z: float, material: Material) -> list[Body]:
    feet = [(x + dx, z + dz) for dx in (-0.35, 0.35) for dz in (-0.25, 0.25)]
    legs = [Body(distance=capsule((a, 0, b), (a, 0.6, b), 0.04), material=material) for a, b in feet]
    return [Body(distance=box((x, 0.62, z), (0.45, 0.04, 0.35)), material=material), *legs]


def _armchair(x: float, z: float, material: Material) -> list[Body]:
    return [
        Body(distance=box((x, 0.25, z), (0.5, 0.22, 0.35), rounding=0.1), material=material),
        Body(distance=box((x, 0.6, z + 0.3), (0.5, 0.4, 0.12), rounding=0.1), material=material),
    ]


def _house(rng: np.random.Generator) -> Body:
    half = np.array([rng.uniform(0.6, 1.6), rng.uniform(0.6, 2.5), rng.uniform(0.6, 1.2)])
    place = (rng.uniform(-3, 3), half[1], rng.uniform(2, 7))
    material = tiled(rng, any_color(rng, vivid=0.3), any_color(rng, vivid=0.2), size=rng.uniform(0.15, 0.6))
    return Body(distance=box(place, half, turn=rng.uniform(-0.5, 0.5)), material=material)


def _vehicle(rng: np.random.Generator) -> list[Body]:
    x, z, long = rng.uniform(-1.2, 1.2), rng.uniform(-0.8, 1.5), rng.uniform(0.5, 1.0)
    paint = plain(any_color(rng, vivid=0.9), gloss=0.8)
    glass = plain(np.array([0.03, 0.04, 0.05], np.float32), gloss=1)
    rubber, chrome = plain(np.full(3, 0.02, np.float32), gloss=0.1), plain(np.full(3, 0.5, np.float32), gloss=1)
    middle = x - long * 0.1
    bodies = [
        Body(distance=box((x, 0.36, z), (long, 0.18, 0.35), rounding=0.1), material=paint),
        Body(distance=box((middle, 0.62, z), (long * 0.55, 0.2, 0.3), rounding=0.1), material=glass),
        Body(distance=box((middle, 0.82, z), (long * 0.5, 0.04, 0.3), rounding=0.03), material=paint),
    ]
    for hub in (x - long * 0.6, x + long * 0.6):
        bodies.append(Body(distance=torus((hub, 0.2, z - 0.34), 0.13, 0.065), material=rubber))
        bodies.append(Body(distance=sphere((hub, 0.2, z - 0.32), 0.08), material=chrome))
    return bodies
