from __future__ import annotations

import numpy as np
import pytest
from fakes.pictures import write_pictures

from mobile_deploy.contract import Fit
from mobile_deploy.data.images import load_picture
from mobile_deploy.data.samples import load_pictures, sample_pictures
from mobile_deploy.errors import BadOptionError, BadPictureError, UnreadableFileError


def test_pictures_are_spread_over_the_names_and_the_same_every_time(tmp_path):
    paths = write_pictures(tmp_path / "übrige Bilder", 40)
    chosen = sample_pictures(paths[0].parent, count=8)
    assert chosen == sample_pictures(paths[0].parent, count=8)
    assert [paths.index(path) // 5 for path in chosen] == list(range(8))


def test_a_small_folder_gives_all_it_has(tmp_path):
    paths = write_pictures(tmp_path, 3)
    (tmp_path / "notes.txt").write_text("no picture")
    assert sample_pictures(tmp_path, count=8) == tuple(paths)


def test_without_a_folder_they_are_those_that_ship():
    assert len({path.name for path in sample_pictures(None, count=32)}) == 32


def test_no_picture_is_an_error(tmp_path):
    with pytest.raises(UnreadableFileError, match="holds no picture"):
        sample_pictures(tmp_path, count=8)
    with pytest.raises(UnreadableFileError, match="no such folder"):
        sample_pictures(tmp_path / "absent", count=8)


@pytest.mark.parametrize("count", [0, -1])
def test_at_least_one_picture_is_asked_for(count):
    with pytest.raises(BadOptionError, match="--samples"):
        sample_pictures(None, count=count)


def test_they_are_fitted_in_order(tmp_path):
    paths = write_pictures(tmp_path, 2)
    fitted = load_pictures(paths, side=16, fit=Fit(kind="letterbox"))
    assert fitted.shape == (2, 16, 16, 3)
    assert np.array_equal(fitted[1], load_picture(paths[1], side=16, fit=Fit(kind="letterbox")))
    paths[1].write_bytes(b"no picture")
    with pytest.raises(BadPictureError):
        load_pictures(paths, side=16, fit=Fit(kind="stretch"))
