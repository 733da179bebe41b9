"""The camera: from light in a scene to the 8-bit picture a phone or a web page would hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from generator.fields import Field, coordinates

_BLUR_LEVELS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is before the lens.

    Attributes:
        light: (H, W, 3) float32 linear light, 0 upwards, about 1 for white.
        depth: (H, W) float32 distance to the lens, 1 upwards.
        keep_white: Whether the exposure must hold the background at white.
    """

    light: Field
    depth: Field
    keep_white: bool = False


def photograph(rng: np.random.Generator, scene: Scene, *, size: tuple[int, int]) -> Image.Image:
    """Takes the picture: focus, exposure, colour cast, noise, tone and sharpening, each drawn at random.

    Args:
        rng: Source of randomness.
        scene: At any resolution of the same aspect ratio.
        size: Width and height of the picture in pixels.
    """
    light = _focus(rng, scene)
    light = _expose(rng, light, keep_white=scene.keep_white)
    light = light * _vignette(rng, light.shape[:2]) if not scene.keep_white else light
    picture = _develop(rng, light)
    small = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
    noisy = _add_noise(rng, np.asarray(small, np.float32))
    sharpening = int(rng.choice([0, 40, 80, 140]))
    return Image.fromarray(noisy).filter(ImageFilter.UnsharpMask(radius=1.0, percent=sharpening, threshold=2))


def blur(picture: Field, radius: float) -> Field:
    """Blurs with a disc, as a lens out of focus does.

    Args:
        picture: (H, W, C).
        radius: Of the disc in pixels.
    """
    if radius < 0.7:
        return picture
    height, width = picture.shape[:2]
    # Distances from the corner, wrapping around, so that the kernel is centred there.
    y, x = (np.minimum(np.arange(size), size - np.arange(size)) for size in (height, width))
    disc = np.clip(radius + 0.5 - np.hypot(y[:, None], x), 0, 1)
    kernel = np.fft.rfft2(disc / disc.sum())[..., None]
    return np.fft.irfft2(np.fft.rfft2(picture, axes=(0, 1)) * kernel, s=(height, width), axes=(0, 1)).astype(np.float32)


def _focus(rng: np.random.Generator, scene: Scene) -> Field:
    strongest = scene.light.shape[0] * rng.choice([0.0, 0.0, 0.012, 0.03])
    nearness = 1 / np.maximum(scene.depth, 1e-3)
    focus = np.median(nearness[tuple(slice(n // 3, -(n // 3)) for n in nearness.shape)])
    spread = np.abs(nearness - focus).max()
    if strongest < 1 or spread < 1e-3:
        return scene.light
    level = np.round(np.abs(nearness - focus) / spread * (_BLUR_LEVELS - 1))
    out, covered = np.zeros_like(scene.light), np.full((*level.shape, 1), 1e-6, np.float32)
    for step in range(_BLUR_LEVELS):
        mask = (level == step).astype(np.float32)[..., None]
        radius = strongest * step / (_BLUR_LEVELS - 1)
        out += blur(scene.light * mask, radius)
        covered += blur(mask, radius)
    return np.maximum(out / covered, 0)


def _expose(rng: np.random.Generator, light: Field, *, keep_white: bool) -> Field:
    cast = np.exp(rng.normal(0, 0.10, 3) + np.array([0.05, 0.0, -0.07])).astype(np.float32)
    if keep_white:
        return light * np.sqrt(cast / cast.max())
    average = np.exp(np.log(light.mean(axis=2) + 1e-3).mean())
    return light * cast * np.float32(np.exp(rng.normal(np.log(0.17), 0.55)) / average)


def _vignette(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    x, y = coordinates(shape)
    squared = (x - x.mean()) ** 2 + (y - 0.5) ** 2
    return np.exp(-rng.uniform(0, 1.0) * squared).astype(np.float32)[..., None]


def _develop(rng: np.random.Generator, light: Field) -> npt.NDArray[np.uint8]:
    grey = light.mean(axis=2, keepdims=True)
    saturation = rng.choice([0.0, rng.uniform(0.6, 1.5)], p=[0.03, 0.97])
    light = np.clip(grey + saturation * (light - grey), 0, None)
    # A film-like shoulder keeps some shape in the highlights; a part of the pictures clips as cheap cameras do.
    shoulder = rng.choice([0.0, 0.6])
    light = light / (1 + shoulder * np.maximum(light - 0.5, 0))
    tone = np.clip(light, 0, 1) ** (1 / 2.2)
    contrast = rng.uniform(-0.15, 0.6)
    tone = tone + contrast * (tone * tone * (3 - 2 * tone) - tone)
    black = max(0.0, rng.normal(0, 0.03))
    return np.round(255 * (black + (1 - black) * tone)).astype(np.uint8)


def _add_noise(rng: np.random.Generator, picture: Field) -> npt.NDArray[np.uint8]:
    strength = rng.choice([0.5, 2.0, 5.0], p=[0.5, 0.35, 0.15])
    grain = rng.normal(0, strength, (*picture.shape[:2], 1)) + rng.normal(0, strength / 2, picture.shape)
    return np.clip(np.round(picture + grain), 0, 255).astype(np.uint8)
