"""Animals and people put together from limbs, each a list of bodies standing on y = 0 around x = z = 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from generator.fields import Field
from generator.materials import any_coat, any_color, any_material, fur_color, furry, plain
from generator.solids import Body, Distance, blend, box, capsule, ellipsoid, sphere

Creature = Callable[[np.random.Generator], list[Body]]

_BLACK = np.array([0.01, 0.01, 0.012], np.float32)


def any_creature(rng: np.random.Generator) -> list[Body]:
    """Draws an animal or a person."""
    makers: tuple[Creature, ...] = (four_legged, four_legged, four_legged, portrait, bird, fish, snake, insect, person)
    return makers[rng.integers(len(makers))](rng)


def four_legged(rng: np.random.Generator) -> list[Body]:
    """A dog, cat, sheep, cow or so, seen from the side."""
    long, high, fat = rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.6), rng.uniform(0.16, 0.28)
    head = np.array([long + 0.12, high + rng.uniform(0.05, 0.4), -rng.uniform(0, 0.15)])
    face = head + np.array([rng.uniform(0.08, 0.22), -0.05, -0.08])
    size = rng.uniform(0.11, 0.18)
    parts: list[Distance] = [
        ellipsoid((0, high, 0), (long, fat, fat * 0.9)),
        capsule((long * 0.7, high + 0.03, 0), head.tolist(), fat * 0.6, size * 0.8),
        sphere(head.tolist(), size),
        capsule(head.tolist(), face.tolist(), size * 0.7, size * 0.45),
        capsule((-long, high + 0.05, 0), (-long - 0.2, high + rng.uniform(-0.2, 0.3), 0), 0.05, 0.02),
    ]
    for x in (-long * 0.75, long * 0.75):
        for z in (-fat * 0.55, fat * 0.55):
            knee = x + rng.uniform(-0.1, 0.1)
            parts.append(capsule((x, high - 0.05, z), (knee, high * 0.45, z), fat * 0.45, 0.055))
            parts.append(capsule((knee, high * 0.45, z), (x + rng.uniform(-0.06, 0.06), 0.03, z), 0.055, 0.045))
    for z in (-0.6, 0.6):
        ear = head + np.array([-0.02, size * 0.9, z * size])
        parts.append(ellipsoid(ear.tolist(), (0.03, rng.uniform(0.05, 0.12), 0.05)))
    coat = Body(distance=blend(parts, 0.08), material=any_coat(rng))
    return [coat, *_face(head + np.array([size * 0.55, size * 0.35, 0]), face, size)]


def portrait(rng: np.random.Generator) -> list[Body]:
    """A head and shoulders facing the eye: dog, cat, ape, bear, owl."""
    wide, tall = rng.uniform(0.22, 0.36), rng.uniform(0.24, 0.36)
    snout = rng.uniform(0.08, 0.3)
    middle = np.array([0, 0.75, 0])
    nose = middle + np.array([0, -tall * 0.35, -wide - snout * 0.7])
    parts: list[Distance] = [
        ellipsoid(middle.tolist(), (wide, tall, wide)),
        capsule((0, 0.55, 0.05), (0, -0.2, 0.2), wide * 0.9, wide * 1.7),
        capsule((middle + np.array([0, -tall * 0.3, -wide * 0.6])).tolist(), nose.tolist(), wide * 0.5, wide * 0.3),
    ]
    high, out = rng.uniform(0.1, 0.3), rng.uniform(0.7, 1.1)
    for side in (-1, 1):
        root = middle + np.array([side * wide * out * 0.8, tall * 0.7, 0])
        tip = root + np.array([side * rng.uniform(0, 0.15), high * rng.choice([1, -1]), 0])
        parts.append(capsule(root.tolist(), tip.tolist(), rng.uniform(0.07, 0.12), 0.03))
    coat = Body(distance=blend(parts, 0.1), material=any_coat(rng))
    return [coat, *_face(middle + np.array([0, tall * 0.15, -wide * 0.85]), nose, wide, across=0)]


def _face(eyes: np.ndarray, nose: np.ndarray, size: float, *, across: int = 2) -> list[Body]:
    bodies = [Body(distance=ellipsoid(nose.tolist(), (size * 0.25,) * 3), material=plain(_BLACK, gloss=0.6))]
    for side in (-1, 1):
        shift = np.zeros(3)
        shift[across] = side * size * (0.45 if across == 0 else 0.6)
        bodies.append(Body(distance=sphere((eyes + shift).tolist(), size * 0.17), material=plain(_BLACK, gloss=1.0)))
    return bodies


def bird(rng: np.random.Generator) -> list[Body]:
    """A bird standing in profile."""
    coat, wing = any_coat(rng), any_coat(rng)
    upright, leg = rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.5)
    chest = np.array([0.1, leg + 0.3, 0])
    neck = rng.uniform(0.15, 0.5)
    head = chest + np.array([0.15, neck, 0])
    horn = plain(any_color(rng), gloss=0.3)
    beak = head + np.array([rng.uniform(0.15, 0.35), rng.uniform(-0.1, 0.02), 0])
    trunk = [
        ellipsoid((0, leg + 0.25, 0), (0.35, 0.2, 0.18)),
        capsule(chest.tolist(), head.tolist(), 0.13, 0.08),
        sphere(head.tolist(), 0.11),
        capsule((-0.25, leg + 0.22, 0), (-0.7, leg + 0.22 - upright, 0), 0.09, 0.03),
    ]
    bodies = [
        Body(distance=blend(trunk, 0.1), material=coat),
        Body(distance=ellipsoid((-0.08, leg + 0.28, -0.15), (0.33, 0.12, 0.06)), material=wing),
        Body(distance=capsule(head.tolist(), beak.tolist(), 0.05, 0.008), material=horn),
        Body(distance=sphere((head + np.array([0.04, 0.03, -0.09])).tolist(), 0.022), material=plain(_BLACK, gloss=1)),
    ]
    for x in (-0.03, 0.08):
        bodies.append(Body(distance=capsule((x, leg + 0.1, 0), (x + 0.02, 0, 0), 0.02, 0.015), material=horn))
    return bodies


def fish(rng: np.random.Generator) -> list[Body]:
    """A fish, lying or swimming."""
    high = rng.uniform(0.12, 0.3)
    skin, fins = any_coat(rng), plain(any_color(rng), gloss=0.4)
    trunk = [ellipsoid((0, 0.35, 0), (0.6, high, 0.12)), capsule((-0.4, 0.35, 0), (-0.65, 0.35, 0), 0.1, 0.05)]
    return [
        Body(distance=blend(trunk, 0.1), material=skin),
        Body(distance=ellipsoid((-0.78, 0.36, 0), (0.12, high * 1.1, 0.02)), material=fins),
        Body(distance=ellipsoid((0.0, 0.35 + high, 0), (0.3, 0.1, 0.02)), material=fins),
        Body(distance=ellipsoid((0.1, 0.3, -0.12), (0.1, 0.05, 0.02)), material=fins),
        Body(distance=sphere((0.45, 0.4, -0.08), 0.04), material=plain(_BLACK, gloss=1.0)),
    ]


def snake(rng: np.random.Generator) -> list[Body]:
    """A snake or worm winding over the ground."""
    turns, sweep = rng.uniform(1.0, 2.2), rng.uniform(0.12, 0.3)
    along = np.linspace(-0.9, 0.9, 16)
    points = np.stack([along, np.full(16, 0.07), sweep * np.sin(along * np.pi * turns)], axis=1)
    radii = 0.08 * np.sin(np.linspace(0.25, 2.7, 16)) + 0.01
    links = [
        capsule(points[n].tolist(), points[n + 1].tolist(), float(radii[n]), float(radii[n + 1])) for n in range(15)
    ]
    return [Body(distance=blend(links, 0.03), material=any_coat(rng))]


def insect(rng: np.random.Generator) -> list[Body]:
    """A beetle, ant or spider from close by."""
    shell = plain(any_color(rng), gloss=rng.uniform(0.2, 1))
    trunk = [
        ellipsoid((-0.3, 0.25, 0), (rng.uniform(0.2, 0.4), 0.17, rng.uniform(0.15, 0.28))),
        ellipsoid((0.12, 0.24, 0), (0.17, 0.12, 0.14)),
        sphere((0.38, 0.23, 0), 0.11),
    ]
    legs = []
    for x in np.linspace(-0.25, 0.3, 3 + int(rng.integers(2))):
        for side in (-1, 1):
            knee = (x * 1.6, 0.35, side * 0.4)
            legs.append(capsule((x, 0.22, side * 0.1), knee, 0.03, 0.022))
            legs.append(capsule(knee, (x * 2, 0.0, side * 0.62), 0.022, 0.012))
    horns = [capsule((0.45, 0.27, side * 0.04), (0.75, 0.45, side * 0.2), 0.014, 0.008) for side in (-1, 1)]
    return [
        Body(distance=blend(trunk, 0.04), material=shell),
        Body(distance=blend(legs + horns, 0.01), material=plain(any_color(rng) * 0.3, gloss=0.4)),
    ]


def person(rng: np.random.Generator) -> list[Body]:
    """A person, whole."""
    tall = float(rng.choice([1.0, 0.75]))
    skin = plain((np.array([0.55, 0.3, 0.2]) * rng.uniform(0.25, 1.3)).astype(np.float32), gloss=0.1)
    sleeves, arms = _arms(rng, tall)
    trunk = [
        capsule((0, tall, 0), (0, tall * 0.5, 0), 0.2, 0.17),
        capsule((-0.22, tall + 0.05, 0), (0.22, tall + 0.05, 0), 0.09),
    ]
    legs = [capsule((x, tall * 0.5, 0), (x * 1.4, 0, 0), 0.11, 0.06) for x in (-0.09, 0.09)]
    face = np.array([0, tall + 0.32, 0])
    return [
        Body(distance=blend(trunk + sleeves, 0.06), material=any_material(rng)),
        Body(distance=blend(legs, 0.03), material=any_material(rng, vivid=0.3)),
        Body(distance=blend(arms + _head(face), 0.03), material=skin),
        *_hair_and_features(face, fur_color(rng), rng),
    ]


def _arms(rng: np.random.Generator, tall: float) -> tuple[list[Distance], list[Distance]]:
    sleeves, arms = [], []
    for side, lift in zip((-1, 1), rng.uniform(-0.2, 0.5, 2), strict=True):
        elbow = (side * 0.35, tall - 0.3, -lift * 0.4)
        sleeves.append(capsule((side * 0.27, tall + 0.02, 0), elbow, 0.07, 0.06))
        arms.append(capsule(elbow, (side * 0.2, tall - 0.3 + lift * 0.6, -0.35), 0.05, 0.04))
    return sleeves, arms


def _beside(point: np.ndarray, x: float, y: float, z: float) -> list[float]:
    return [float(value) for value in point + np.array([x, y, z])]


def _head(face: np.ndarray) -> list[Distance]:
    return [
        capsule(_beside(face, 0, -0.22, 0), _beside(face, 0, -0.1, 0), 0.06),
        ellipsoid(face.tolist(), (0.11, 0.15, 0.12)),
        ellipsoid(_beside(face, 0, -0.01, -0.12), (0.02, 0.035, 0.025)),
    ]


def _hair_and_features(face: np.ndarray, hair: Field, rng: np.random.Generator) -> list[Body]:
    cap = ellipsoid(_beside(face, 0, 0.05, 0.035), (0.125, 0.14, 0.125))
    mouth = box(_beside(face, 0, -0.08, -0.105), (0.035, 0.008, 0.012), rounding=0.005)
    eyes = [sphere(_beside(face, side * 0.042, 0.02, -0.105), 0.016) for side in (-1, 1)]
    return [
        Body(distance=cap, material=furry(rng, hair, hair)),
        Body(distance=mouth, material=plain(np.array([0.3, 0.06, 0.05], np.float32))),
        *(Body(distance=eye, material=plain(_BLACK, gloss=1.0)) for eye in eyes),
    ]
