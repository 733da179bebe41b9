"""Feeding the same pictures to models that take different squares."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.pictures import write_pictures

import mobile_deploy.data.feed as feed_module
from mobile_deploy.contract import Fit
from mobile_deploy.data.feed import PictureFeed, Square
from mobile_deploy.data.images import load_picture

SMALL = Square(side=16, fit=Fit(kind="stretch"))
LARGE = Square(side=24, fit=Fit(kind="center-crop", fraction=0.5))


@pytest.fixture
def paths(tmp_path):
    """More than one batch; the third cannot be decoded."""
    written = write_pictures(tmp_path, 40)
    written[2].write_bytes(b"no picture")
    return written


@pytest.fixture
def decoded(monkeypatch):
    """What is decoded, in any order."""
    seen, decode = [], feed_module.decode_picture

    def watched(path):
        seen.append(path)
        return decode(path)

    monkeypatch.setattr(feed_module, "decode_picture", watched)
    return seen


def test_every_square_is_what_loading_the_picture_alone_gives(paths):
    seen = []
    for batch in PictureFeed(paths).batches([SMALL, LARGE, SMALL]):
        assert list(batch.pictures) == [SMALL, LARGE]
        for square, pictures in batch.pictures.items():
            for position, picture in zip(batch.positions, pictures, strict=True):
                assert np.array_equal(picture, load_picture(paths[position], side=square.side, fit=square.fit))
        seen += batch.positions.tolist()
    assert seen == [0, 1, *range(3, 40)]


def test_a_picture_that_cannot_be_decoded_is_left_out_and_told(paths):
    feed = PictureFeed(paths)
    assert [(batch.read, len(batch.positions)) for batch in feed.batches([SMALL])] == [(32, 31), (8, 8)]
    assert [(file.name, file.reason) for file in feed.skipped] == [
        (str(paths[2]), "not a JPEG, PNG, WebP or BMP picture")
    ]


def test_each_picture_is_decoded_once_for_all_squares(paths, decoded):
    list(PictureFeed(paths).batches([SMALL, LARGE]))
    assert sorted(decoded) == paths


def test_squares_that_are_kept_are_not_decoded_again(paths, decoded):
    feed = PictureFeed(paths, kept_bytes=2**20)
    first = [batch.pictures[SMALL] for batch in feed.batches([SMALL])]
    decoded.clear()
    again = [batch.pictures[SMALL] for batch in feed.batches([SMALL])]
    assert decoded == []
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    list(feed.batches([SMALL, LARGE]))
    assert len(decoded) == 39


def test_what_does_not_fit_into_memory_is_decoded_again(paths, decoded):
    feed = PictureFeed(paths, kept_bytes=10 * 16 * 16 * 3)
    list(feed.batches([SMALL]))
    decoded.clear()
    list(feed.batches([SMALL]))
    assert len(decoded) == 29


def test_large_squares_are_held_few_at_a_time(tmp_path):
    feed = PictureFeed(write_pictures(tmp_path / "many", 12))
    large, small = (Square(side=side, fit=Fit(kind="stretch")) for side in (1500, 32))
    assert [batch.read for batch in feed.batches([small])] == [12]
    assert [batch.read for batch in feed.batches([small, large])] == [9, 3]
