"""Bodies as signed distances, and the ray marcher that sees them.

Distances are in metres or so, y points up, the eye looks along +z.
Source: Hart, "Sphere tracing: a geometric method for the antialiased ray tracing of implicit surfaces", 1996.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from generator.camera import Scene
from generator.fields import Field
from generator.materials import Material

Distance = Callable[[Field], Field]

_STEPS = 56
_SHADOW_STEPS = 18
_FAR = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One thing in the scene.

    Attributes:
        distance: Signed distance of (3, N) points.
        material: What it is made of.
    """

    distance: Distance
    material: Material


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A sun and the sky around it.

    Attributes:
        towards_sun: Unit vector.
        sun: RGB of the sunlight.
        sky: RGB of the light from above.
        ground: RGB of the light from below.
    """

    towards_sun: Field
    sun: Field
    sky: Field
    ground: Field


def sphere(center: Sequence[float], radius: float) -> Distance:
    """A ball."""
    return lambda p: _length(_from(p, center)) - np.float32(radius)


def ellipsoid(center: Sequence[float], radii: Sequence[float]) -> Distance:
    """A ball stretched along the axes; the distance is a bound, good enough to march."""
    size = np.array(radii, np.float32)[:, None]

    def distance(p: Field) -> Field:
        scaled = _from(p, center) / size
        length = _length(scaled)
        return length * (length - 1) / np.maximum(_length(scaled / size), 1e-6)

    return distance


def capsule(start: Sequence[float], end: Sequence[float], radius: float, end_radius: float | None = None) -> Distance:
    """A limb: a segment with round ends, thinner at one end where wanted."""
    along = np.array(end, np.float32) - np.array(start, np.float32)
    unit = along / (along @ along)
    taper = np.float32((radius if end_radius is None else end_radius) - radius)

    def distance(p: Field) -> Field:
        offset = _from(p, start)
        share = np.clip(unit @ offset, 0, 1)
        return _length(offset - along[:, None] * share) - (np.float32(radius) + taper * share)

    return distance


def box(center: Sequence[float], half: Sequence[float], *, turn: float = 0.0, rounding: float = 0.02) -> Distance:
    """A box turned about the vertical by `turn` radians, its edges rounded."""
    size = np.array(half, np.float32)[:, None] - np.float32(rounding)
    back = turned_about_y(turn)

    def distance(p: Field) -> Field:
        outside = np.abs(back @ _from(p, center)) - size
        corner = _length(np.maximum(outside, 0))
        return corner + np.minimum(outside.max(axis=0), 0) - np.float32(rounding)

    return distance


def lathe(center: Sequence[float], profile: Sequence[tuple[float, float]]) -> Distance:
    """A turned body (bottle, vase, cup): radius over height, linear between the given (height, radius) pairs."""
    heights, radii = (np.array(values, np.float32) for values in zip(*profile, strict=True))

    def distance(p: Field) -> Field:
        x, y, z = _from(p, center)
        sideways = np.sqrt(x * x + z * z) - np.interp(y, heights, radii).astype(np.float32)
        upright = np.maximum(heights[0] - y, y - heights[-1])
        # Steep profiles make this a bad bound; half a step is safe.
        return np.float32(0.5) * np.maximum(sideways, upright)

    return distance


def torus(center: Sequence[float], radius: float, thickness: float, *, upright: bool = True) -> Distance:
    """A ring, standing or lying."""

    def distance(p: Field) -> Field:
        x, y, z = _from(p, center)
        if not upright:
            y, z = z, y
        outward = np.sqrt(x * x + y * y) - np.float32(radius)
        return np.sqrt(outward * outward + z * z) - np.float32(thickness)

    return distance


def plane(height: float) -> Distance:
    """The ground at a height."""
    return lambda p: p[1] - np.float32(height)


def wall(away: float) -> Distance:
    """A wall facing the eye, `away` from the middle."""
    return lambda p: np.float32(away) - p[2]


def turned_about_y(angle: float) -> Field:
    """Gives the 3 x 3 rotation about the vertical."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]], np.float32)


def within(center: Sequence[float], radius: float, distance: Distance) -> Distance:
    """Spares the work on a body far from the points, given a ball that holds it."""
    reach = sphere(center, radius)

    def bounded(p: Field) -> Field:
        total = reach(p)
        near = np.flatnonzero(total < 0.2)
        total[near] = distance(p[:, near])
        return total

    return bounded


def blend(parts: Sequence[Distance], softness: float) -> Distance:
    """Melts parts into one body, as muscles and skin do.

    Source: Quilez, "Smooth minimum", polynomial form.
    """

    def distance(p: Field) -> Field:
        total = parts[0](p)
        for part in parts[1:]:
            other = part(p)
            overlap = np.maximum(softness - np.abs(total - other), 0) / softness
            total = np.minimum(total, other) - overlap * overlap * np.float32(softness / 4)
        return total

    return distance


def _from(p: Field, center: Sequence[float]) -> Field:
    return p - np.array(center, np.float32)[:, None]


def _length(vectors: Field) -> Field:
    x, y, z = vectors
    return np.sqrt(x * x + y * y + z * z)


def render(
    bodies: Sequence[Body],
    light: Light,
    *,
    shape: tuple[int, int],
    eye: Sequence[float],
    look_down: float,
    zoom: float,
    background: Field,
    orbit: float = 0.0,
) -> Scene:
    """Sees the bodies from the eye.

    Args:
        bodies: What is there.
        light: What lights it.
        shape: Height and width in pixels.
        eye: Position of the lens.
        look_down: Tilt of the lens in radians.
        zoom: Focal length in picture heights.
        background: (H, W, 3) linear light where no body is.
        orbit: Radians by which eye and view go round the vertical through the middle.
    """
    around = turned_about_y(orbit)
    origin = around @ np.array(eye, np.float32)[:, None]
    rays = around @ _rays(shape, look_down, zoom)
    travelled, hit = _march(bodies, origin, rays)
    points = origin + travelled[hit] * rays[:, hit]
    out = background.reshape(-1, 3).astype(np.float32).copy()
    out[hit] = _shade(bodies, light, points, rays[:, hit])
    depth = np.where(hit, travelled, _FAR).reshape(shape)
    return Scene(light=out.reshape(*shape, 3), depth=depth.astype(np.float32))


def _rays(shape: tuple[int, int], look_down: float, zoom: float) -> Field:
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    right, up = (x - width / 2) / height, (height / 2 - y) / height
    cosine, sine = np.cos(look_down), np.sin(look_down)
    rays = np.stack([right, up * cosine - zoom * sine, up * sine + zoom * cosine]).reshape(3, -1)
    return (rays / _length(rays)).astype(np.float32)


def _nearest(bodies: Sequence[Body], points: Field) -> Field:
    distance = bodies[0].distance(points)
    for body in bodies[1:]:
        distance = np.minimum(distance, body.distance(points))
    return distance


def _march(bodies: Sequence[Body], origin: Field, rays: Field) -> tuple[Field, np.ndarray]:
    travelled, hit = np.zeros(rays.shape[1], np.float32), np.zeros(rays.shape[1], bool)
    active = np.arange(rays.shape[1])
    for _ in range(_STEPS):
        step = _nearest(bodies, origin + travelled[active] * rays[:, active])
        travelled[active] += step
        arrived = step < 0.001 * travelled[active] + 0.0005
        hit[active[arrived]] = True
        active = active[~arrived & (travelled[active] < _FAR)]
    hit[active] = True
    return travelled, hit & (travelled < _FAR)


def _shade(bodies: Sequence[Body], light: Light, points: Field, rays: Field) -> Field:
    normals = _normals(bodies, points)
    color, gloss = _surface(bodies, points)
    sunlit = _sunlight(bodies, points, normals, light.towards_sun)
    upward = ((0.5 + 0.5 * normals[1]) * _openness(bodies, points, normals))[:, None]
    ambient = upward * light.sky + (1 - upward) * light.ground * 0.6
    along = (rays * normals).sum(axis=0)
    mirrored = rays - 2 * along * normals
    glint = np.maximum(light.towards_sun @ mirrored, 0) ** 60 * sunlit * 4
    reflected = np.where(mirrored[1, :, None] > 0, light.sky, light.ground)
    edge = (1 - np.abs(along)) ** 4
    shine = gloss[:, None] * (glint[:, None] * light.sun + (0.08 + 0.6 * edge[:, None]) * reflected)
    return np.maximum(color * (sunlit[:, None] * light.sun + ambient) + shine, 0)


def _normals(bodies: Sequence[Body], points: Field) -> Field:
    step = np.float32(0.004)
    # Four corners of a tetrahedron give the gradient with the fewest samples.
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)[..., None]
    gradient = sum(corner * _nearest(bodies, points + step * corner) for corner in corners)
    return (gradient / np.maximum(_length(gradient), 1e-9)).astype(np.float32)


def _surface(bodies: Sequence[Body], points: Field) -> tuple[Field, Field]:
    owner = np.argmin(np.stack([body.distance(points) for body in bodies]), axis=0)
    color, gloss = np.zeros((points.shape[1], 3), np.float32), np.zeros(points.shape[1], np.float32)
    for number in np.unique(owner):
        mine, material = owner == number, bodies[number].material
        color[mine], gloss[mine] = material.color(np.ascontiguousarray(points[:, mine].T)), material.gloss
    return color, gloss


def _sunlight(bodies: Sequence[Body], points: Field, normals: Field, towards_sun: Field) -> Field:
    lit = np.maximum(towards_sun @ normals, 0)
    facing = np.flatnonzero(lit)
    start = points[:, facing] + np.float32(0.01) * normals[:, facing]
    travelled, reach = np.full(len(facing), 0.02, np.float32), np.ones(len(facing), np.float32)
    for _ in range(_SHADOW_STEPS):
        distance = _nearest(bodies, start + travelled * towards_sun[:, None])
        reach = np.minimum(reach, np.clip(10 * distance / travelled, 0, 1))
        travelled += np.clip(distance, 0.03, 0.5)
    lit[facing] *= reach
    return lit


def _openness(bodies: Sequence[Body], points: Field, normals: Field) -> Field:
    closed = np.zeros(points.shape[1], np.float32)
    for step in (0.05, 0.15, 0.35):
        closed += (step - _nearest(bodies, points + np.float32(step) * normals)) / step
    return np.clip(1 - closed / 3.5, 0, 1)
