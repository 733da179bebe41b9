"""Feeding the training loop: every epoch its own order, every example its own distortion, whoever asks and when."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.pictures import make_picture, write_pictures

from mobile_deploy.contract import Fit
from mobile_deploy.data.feed import Square
from mobile_deploy.data.images import load_picture
from mobile_deploy.data.picture_store import PictureStore
from mobile_deploy.errors import UnknownNameError
from mobile_deploy.training.feed import ArrayPictures, TrainingFeed

SIDE, MARGIN, COUNT = 14, 16, 23
FIT = Fit(kind="center-crop", fraction=0.875)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"), COUNT)


def store(paths, kept_bytes=10**6):
    names = [path.name for path in paths]
    return PictureStore(paths, names=names, square=Square(side=SIDE, fit=FIT), kept_bytes=kept_bytes)


@pytest.fixture
def feed(paths):
    """The label of each example is its position, so that what comes out can be traced."""
    labels = np.arange(COUNT, dtype=np.int32)
    return TrainingFeed(store(paths), labels=labels, weights=labels / 10, teacher=np.eye(COUNT), seed=5)


def taken(batches):
    """All batches in numpy."""
    return [{name: value.numpy() for name, value in batch.items()} for batch in batches]


def joined(batches, name):
    return np.concatenate([batch[name] for batch in batches])


def same(one, other):
    return len(one) == len(other) and all(
        a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
        for a, b in zip(one, other, strict=True)
    )


def test_a_batch_has_what_the_loop_is_promised(feed):
    (first, *_) = batches = taken(feed.batches(0, batch_size=5, augment="strong"))
    assert len(batches) == COUNT // 5
    assert {name: (value.shape, value.dtype.name) for name, value in first.items()} == {
        "image": ((5, SIDE, SIDE, 3), "float32"),
        "label": ((5,), "int32"),
        "weight": ((5,), "float32"),
        "teacher": ((5, COUNT), "float32"),
    }
    image = joined(batches, "image")
    assert np.array_equal(image, np.rint(image))
    assert image.min() >= 0
    assert 1 < image.max() <= 255


def test_the_shapes_are_known_before_anything_runs(feed):
    spec = feed.batches(0, batch_size=5, augment="light").element_spec
    assert spec["image"].shape[1:] == (SIDE, SIDE, 3)


def test_weights_and_teachers_words_stay_with_their_example(feed):
    for batch in taken(feed.batches(1, batch_size=4, augment="none")):
        assert np.allclose(batch["weight"], batch["label"] / 10)
        assert np.array_equal(batch["teacher"].argmax(axis=1), batch["label"])


def test_an_epoch_shows_every_example_once_in_an_order_of_its_own(feed):
    orders = [joined(taken(feed.batches(epoch, batch_size=1, augment="none")), "label") for epoch in range(3)]
    assert all(sorted(order) == list(range(COUNT)) for order in orders)
    assert len({tuple(order) for order in [*orders, np.arange(COUNT)]}) == 4


def test_without_augmentation_an_example_is_the_contracts_picture(feed, paths):
    for batch in taken(feed.batches(0, batch_size=6, augment="none")):
        for image, label in zip(batch["image"], batch["label"], strict=True):
            assert np.array_equal(image, load_picture(paths[label], side=SIDE, fit=FIT))


@pytest.mark.parametrize("augment", ["none", "light", "standard", "strong"])
def test_the_same_epoch_is_the_same_to_the_bit_and_another_is_not(feed, paths, augment):
    fresh = TrainingFeed(
        store(paths, kept_bytes=0),
        labels=np.arange(COUNT),
        weights=np.arange(COUNT) / 10,
        teacher=np.eye(COUNT),
        seed=5,
    )
    one, again = (taken(which.batches(7, batch_size=4, augment=augment)) for which in (feed, fresh))
    assert same(one, again)
    assert not same(one, taken(feed.batches(8, batch_size=4, augment=augment)))


def test_an_example_is_distorted_anew_each_epoch_and_by_each_seed(paths):
    def image_of_example_0(epoch, seed):
        labels = np.arange(COUNT, dtype=np.int32)
        (batch,) = taken(
            TrainingFeed(store(paths), labels=labels, seed=seed).batches(epoch, batch_size=COUNT, augment="standard")
        )
        return batch["image"][batch["label"].tolist().index(0)].tobytes()

    assert len({image_of_example_0(*key) for key in ((0, 0), (1, 0), (0, 1))}) == 3


def test_the_batch_size_changes_neither_order_nor_distortion(feed):
    small, large = (taken(feed.batches(2, batch_size=size, augment="standard")) for size in (2, 11))
    assert np.array_equal(joined(small, "label"), joined(large, "label"))
    assert np.array_equal(joined(small, "image"), joined(large, "image"))


@pytest.mark.parametrize("workers", [2, 3])
def test_the_shares_of_all_workers_are_the_batch_of_one(feed, workers):
    whole = taken(feed.batches(3, batch_size=6, augment="standard"))
    shares = [
        taken(feed.batches(3, batch_size=6, augment="standard", worker=w, workers=workers)) for w in range(workers)
    ]
    assert {len(batch["label"]) for share in shares for batch in share} == {6 // workers}
    together = [{name: joined(parts, name) for name in parts[0]} for parts in zip(*shares, strict=True)]
    assert same(together, whole)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": COUNT + 1},
        {"batch_size": 0},
        {"batch_size": 5, "workers": 2},
        {"batch_size": 4, "workers": 2, "worker": 2},
    ],
)
def test_a_batch_that_cannot_be_is_refused(feed, options):
    with pytest.raises(ValueError, match="examples"):
        feed.batches(0, augment="none", **options)


def test_an_unknown_level_is_refused_before_anything_runs(feed):
    with pytest.raises(UnknownNameError):
        feed.batches(0, batch_size=2, augment="lots")


def test_columns_of_another_length_are_refused(paths):
    with pytest.raises(ValueError, match="3 labels for 23 examples"):
        TrainingFeed(store(paths), labels=np.zeros(3, np.int32))


def test_plain_batches_give_all_examples_in_order_the_last_batch_smaller(feed, paths):
    batches = taken(feed.plain_batches(batch_size=10))
    assert [len(batch["label"]) for batch in batches] == [10, 10, 3]
    assert joined(batches, "label").tolist() == list(range(COUNT))
    expected = [load_picture(path, side=SIDE, fit=FIT) for path in paths]
    assert np.array_equal(joined(batches, "image"), expected)


def test_some_of_the_pictures_can_be_the_examples(paths):
    positions = np.array([20, 3, 11])
    feed = TrainingFeed(store(paths), positions=positions, labels=np.array([7, 8, 9]))
    (batch,) = taken(feed.plain_batches(batch_size=8))
    assert feed.examples == 3
    assert batch["label"].tolist() == [7, 8, 9]
    assert np.array_equal(batch["image"][1], load_picture(paths[3], side=SIDE, fit=FIT))


def test_arrays_without_labels_are_fed_without_and_with_weight_1():
    margin = np.stack([make_picture(i, height=MARGIN, width=MARGIN) for i in range(4)])
    contract = margin[:, 1 : 1 + SIDE, 1 : 1 + SIDE]
    feed = TrainingFeed(ArrayPictures(contract, margin=margin))
    (plain,) = taken(feed.plain_batches(batch_size=9))
    assert np.array_equal(plain["image"], contract)
    assert (sorted(plain), plain["weight"].tolist()) == (["image", "weight"], [1] * 4)
    windows = {
        margin[i, y : y + SIDE, x : x + SIDE][:, ::step].tobytes()
        for i in range(4)
        for x in range(3)
        for y in range(3)
        for step in (1, -1)
    }
    (light,) = taken(feed.batches(0, batch_size=4, augment="light"))
    assert {image.astype(np.uint8).tobytes() for image in light["image"]} <= windows


def test_arrays_without_a_margin_are_mirrored_at_their_place():
    contract = np.stack([make_picture(i, height=SIDE, width=SIDE) for i in range(8)])
    (batch,) = taken(
        TrainingFeed(ArrayPictures(contract), labels=np.arange(8)).batches(0, batch_size=8, augment="light")
    )
    mirrored = [
        np.array_equal(image, contract[i][:, ::-1]) for image, i in zip(batch["image"], batch["label"], strict=True)
    ]
    straight = [np.array_equal(image, contract[i]) for image, i in zip(batch["image"], batch["label"], strict=True)]
    assert np.logical_xor(mirrored, straight).all()
    assert 0 < sum(mirrored) < 8
