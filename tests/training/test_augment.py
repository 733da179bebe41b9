"""Distortion of training pictures: what each level may change, and that equal draws change alike."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.pictures import make_picture
from PIL import Image

from mobile_deploy.errors import UnknownNameError
from mobile_deploy.training.augment import LEVELS, distort, draw, level

SIDE, MARGIN = 28, 32
MARGIN_SQUARE = make_picture(3, height=MARGIN, width=MARGIN)


def distorted(name, draws, picture=MARGIN_SQUARE):
    return distort(picture, level=level(name), side=SIDE, draws=np.array(draws, np.float64))


def windows(picture=MARGIN_SQUARE):
    places = range(MARGIN - SIDE + 1)
    return {(x, y): picture[y : y + SIDE, x : x + SIDE] for x in places for y in places}


def test_an_unknown_level_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="unknown augmentation level 'lite'; did you mean light"):
        level("lite")


def test_nothing_is_changed_without_augmentation():
    contract = make_picture(1, height=SIDE, width=SIDE)
    for draws in draw(5, seed=0, epoch=0):
        assert np.array_equal(distorted("none", draws, contract), contract)


def test_light_gives_every_window_and_its_mirror_picture_and_nothing_else():
    known = {
        made.tobytes(): (place, mirrored)
        for place, w in windows().items()
        for mirrored, made in ((0, w), (1, w[:, ::-1]))
    }
    seen = {known[distorted("light", draws).tobytes()] for draws in draw(1500, seed=0, epoch=0)}
    assert seen == set(known.values())


@pytest.mark.parametrize(("name", "smallest"), [("zoom", 0.7), ("standard", 0.35), ("strong", 0.08)])
def test_a_resized_crop_keeps_its_share_of_the_area_and_its_shape(name, smallest, monkeypatch):
    boxes = []
    monkeypatch.setattr(
        Image.Image, "resize", lambda image, size, resample, box: boxes.append(box) or image.crop((0, 0, *size))
    )
    for draws in draw(400, seed=0, epoch=0):
        distorted(name, draws)
    left, top, right, bottom = np.array(boxes).T
    width, height = right - left, bottom - top
    assert min(left.min(), top.min()) >= 0
    assert max(right.max(), bottom.max()) <= MARGIN
    area, aspect = width * height / MARGIN**2, width / height
    # A crop that would be wider than the picture is cut to it.
    assert smallest * 0.86 <= area.min() < smallest + 0.1
    assert 0.8 < area.max() <= 1
    assert 0.7499 < aspect.min() < 0.8
    assert 1.25 < aspect.max() < 1.3334
    assert np.ptp(left / (MARGIN - width + 1e-9)) > 0.9


def test_the_whole_picture_is_resized_with_the_contracts_filter():
    whole = (0, 0, 1, 0.5, 0.9, 0.5, 0.5, 0.5)
    expected = Image.fromarray(MARGIN_SQUARE).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    assert np.array_equal(distorted("zoom", whole), np.asarray(expected))


def colored(brightness, contrast, saturation):
    """The whole picture with colours moved by a share of the level's reach."""
    plain = distorted("zoom", (0, 0, 1, 0.5, 0.9, 0.5, 0.5, 0.5)).astype(float)
    return plain, distorted("strong", (0, 0, 1, 0.5, 0.9, brightness, contrast, saturation)).astype(float)


def test_colours_stay_where_the_draws_are_in_the_middle():
    plain, moved = colored(0.5, 0.5, 0.5)
    assert np.array_equal(moved, plain)


def test_brightness_scales_every_pixel():
    plain, moved = colored(0.25, 0.5, 0.5)
    assert np.abs(moved - plain * 0.8).max() <= 0.51


def test_less_contrast_draws_every_pixel_to_the_mean_grey():
    plain, moved = colored(0.5, 0.25, 0.5)
    mean = (plain @ [0.299, 0.587, 0.114]).mean()
    assert np.abs(moved - (mean + 0.8 * (plain - mean))).max() <= 0.51


def test_less_saturation_draws_every_pixel_to_its_own_grey():
    plain, moved = colored(0.5, 0.5, 0.0)
    grey = (plain @ [0.299, 0.587, 0.114])[..., None]
    assert np.abs(moved - (grey + 0.6 * (plain - grey))).max() <= 0.51


def test_more_contrast_is_cut_at_black_and_white():
    _, moved = colored(1.0, 1.0, 1.0)
    assert (moved.min(), moved.max()) == (0, 255)


@pytest.mark.parametrize("known", LEVELS, ids=lambda known: known.name)
def test_every_level_gives_bytes_of_the_side_and_repeats_itself(known):
    picture = MARGIN_SQUARE if known.crop != "contract" else MARGIN_SQUARE[:SIDE, :SIDE]
    for draws in draw(20, seed=1, epoch=2):
        made, again = (distort(picture, level=known, side=SIDE, draws=draws) for _ in range(2))
        assert (made.shape, made.dtype) == ((SIDE, SIDE, 3), np.uint8)
        assert np.array_equal(made, again)


def test_draws_depend_on_seed_epoch_and_place_alone():
    few, many = draw(5, seed=3, epoch=4), draw(50, seed=3, epoch=4)
    assert np.array_equal(few, many[:5])
    assert len({few.tobytes(), draw(5, seed=4, epoch=3).tobytes(), draw(5, seed=3, epoch=5).tobytes()}) == 3
    assert (few.min() >= 0) & (many.max() < 1)
    assert len(np.unique(many)) == many.size
