"""The generated set: equal seeds give equal files, and it is written whole or not at all."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mobile_deploy.data.datasets import list_dataset
from mobile_deploy.data.demo import DEMO_CLASSES, draw_demo_picture, main, make_demo_pictures
from mobile_deploy.data.demo_shapes import box, common, disc, oval, polygon, ring, stick
from mobile_deploy.data.demo_textures import TEXTURES
from mobile_deploy.errors import BadOptionError, OutputExistsError


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.mode) == ("JPEG", "RGB")
        return np.asarray(picture)


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")}


def test_the_set_has_ten_classes_with_as_many_pictures_each(tmp_path):
    make_demo_pictures(tmp_path / "set", per_class=2, side=32)
    listing = list_dataset(tmp_path / "set")
    names = [words.name for words in listing.classes]
    assert len(DEMO_CLASSES) == 10
    assert names == [name for name in DEMO_CLASSES for _ in range(2)]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_equal_seeds_give_equal_files_and_more_pictures_begin_with_the_same_ones(tmp_path):
    for name, count, seed in (("one", 2, 7), ("again", 2, 7), ("more", 3, 7), ("other", 2, 8)):
        make_demo_pictures(tmp_path / name, per_class=count, side=32, seed=seed)
    one, again, more, other = (files_below(tmp_path / name) for name in ("one", "again", "more", "other"))
    assert one == again
    assert one.items() < more.items()
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one)


@pytest.mark.parametrize("name", DEMO_CLASSES)
def test_pictures_have_the_side_that_was_asked_for_and_differ(name):
    pictures = [decoded(draw_demo_picture(name, index, side=48)) for index in range(4)]
    assert {min(picture.shape[:2]) for picture in pictures} == {48}
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert all(picture.std() > 8 for picture in pictures)


def test_the_colour_of_a_picture_does_not_tell_its_class():
    """The nearest class by mean colour is right about as often as a guess."""
    means = np.array(
        [[decoded(draw_demo_picture(name, i, side=32)).mean(axis=(0, 1)) for i in range(24)] for name in DEMO_CLASSES]
    )
    centers, probes = means[:, :12].mean(axis=1), means[:, 12:].reshape(-1, 3)
    nearest = np.linalg.norm(probes[:, None] - centers, axis=2).argmin(axis=1)
    assert (nearest == np.repeat(np.arange(10), 12)).mean() < 0.3


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError):
        make_demo_pictures(tmp_path, per_class=1, side=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "set").mkdir()
    make_demo_pictures(tmp_path / "set", per_class=1, side=32)
    assert len(files_below(tmp_path / "set")) == 10


def test_an_interruption_leaves_nothing_behind(tmp_path):
    def interrupt(done, total):
        assert total == 20
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo_pictures(tmp_path / "set", per_class=2, side=32, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "values"), [("--per-class", {"per_class": 0}), ("--side", {"side": 8}), ("--seed", {"seed": -1})]
)
def test_numbers_out_of_range_are_refused_by_name(tmp_path, option, values):
    with pytest.raises(BadOptionError) as caught:
        make_demo_pictures(tmp_path / "set", **values)
    assert caught.value.option == option


def test_the_command_says_what_it_wrote_and_why_it_did_not(tmp_path, capsys):
    arguments = [str(tmp_path / "set"), "--per-class", "1", "--side", "32"]
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"10 pictures of 10 classes in {tmp_path / 'set'}\n"
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: output exists")


@pytest.mark.parametrize(
    ("shape", "inside", "edge", "outside"),
    [
        (disc(0.5, 0, 0.5), (0.5, 0), (1, 0), (2, 0)),
        (ring(0, 0, 1, 0.2), (0, 1), (1.1, 0), (0, 0)),
        (oval(0, 0, 2, 1), (0, 0), (2, 0), (0, 1.5)),
        (box(0, 0, 2, 1), (1.9, 0.9), (2, 0), (2.1, 0)),
        (stick(-1, 0, 1, 0, 0.25), (0, 0.2), (1.25, 0), (1.3, 0)),
        (polygon([(0, -1), (1, 1), (-1, 1)]), (0, 0.9), (0, 1), (0.9, -0.9)),
        (common(disc(0, 0, 1), box(0, 1, 1, 1)), (0, 0.5), (0, 0), (0, -0.5)),
    ],
)
def test_a_shape_is_negative_inside_zero_on_its_edge_and_positive_outside(shape, inside, edge, outside):
    x, y = (np.array([[point[axis] for point in (inside, edge, outside)]]) for axis in (0, 1))
    distances = shape(x, y)[0]
    assert distances[0] < 0
    assert distances[1] == pytest.approx(0, abs=1e-6)
    assert distances[2] > 0


def test_a_round_shape_knows_how_far_away_its_edge_is():
    x, y = np.array([[3.0]]), np.array([[4.0]])
    assert disc(0, 0, 1)(x, y)[0, 0] == pytest.approx(4)
    assert box(0, 0, 2, 4)(x, y)[0, 0] == pytest.approx(1)
    assert polygon([(-1, -9), (2, -9), (2, 9), (-1, 9)], round_by=0.5)(x, y)[0, 0] == pytest.approx(0.5)


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_has_both_colours_and_even_edges(name):
    y, x = np.mgrid[:200, :200] / 20.0
    pattern = TEXTURES[name](np.random.default_rng(0), x, y)
    assert 0.1 < (pattern.edge > 0).mean() < 0.9
    assert np.abs(np.diff(pattern.edge, axis=1)).max() < 0.2
    assert np.abs(pattern.tone).max() <= 1
