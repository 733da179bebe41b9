"""The app's assets: the files of the bundles as they are, an index in their order, and pictures without loss."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from fakes.pictures import write_pictures
from PIL import Image

from mobile_deploy.android.assets import asset_files, sample_files, shipped_samples
from mobile_deploy.bundle import BundleChangedError
from mobile_deploy.data.images import decode_picture
from mobile_deploy.errors import BadOptionError, UnreadableFileError


def test_bundles_lie_under_their_names_and_the_index_keeps_their_order(tiny_bundles):
    int8, float32 = tiny_bundles["int8"], tiny_bundles["float32"]
    assets = asset_files([int8, float32], {"boat.png": b"png"})
    index = json.loads(assets["models/index.json"])
    assert index == {"schema_version": 1, "models": [int8.name, float32.name]}
    for bundle in (int8, float32):
        files = {path.name for path in bundle.directory.iterdir()}
        assert {"golden_inputs.bin", "golden_outputs.bin", "labels.txt"} <= files
        for name in files:
            assert assets[f"models/{bundle.name}/{name}"] == (bundle.directory / name).read_bytes()
    assert assets["samples/boat.png"] == b"png"
    assert len(assets) == 1 + 2 * 5 + 1


def test_a_bundle_without_golden_vectors_is_taken_without_them(tiny_bundles, tmp_path):
    from dataclasses import replace

    folder = tmp_path / tiny_bundles["int8"].name
    folder.mkdir()
    for path in tiny_bundles["int8"].directory.iterdir():
        if not path.name.startswith("golden"):
            (folder / path.name).write_bytes(path.read_bytes())
    assets = asset_files([replace(tiny_bundles["int8"], directory=folder)], {})
    assert len(assets) == 4


def test_no_bundle_and_two_of_one_name_are_refused(tiny_bundles):
    with pytest.raises(BadOptionError, match="at least one"):
        asset_files([], {})
    with pytest.raises(BadOptionError, match=tiny_bundles["int8"].name):
        asset_files([tiny_bundles["int8"]] * 2, {})


def test_a_model_that_changed_since_it_was_loaded_is_refused(tiny_bundles, tmp_path):
    from dataclasses import replace

    folder = tmp_path / tiny_bundles["int8"].name
    folder.mkdir()
    for path in tiny_bundles["int8"].directory.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    bundle = replace(tiny_bundles["int8"], directory=folder)
    bundle.tflite.write_bytes(bundle.tflite.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleChangedError):
        asset_files([bundle], {})
    bundle.tflite.unlink()
    with pytest.raises(UnreadableFileError, match=r"\.tflite"):
        asset_files([bundle], {})


def test_the_samples_that_ship_are_small_rgb_pngs_and_the_same_every_time():
    samples = shipped_samples()
    assert len(samples) == 6 and samples == shipped_samples()
    for name, data in samples.items():
        with Image.open(BytesIO(data)) as picture:
            assert (picture.format, picture.mode, name.rpartition(".")[2]) == ("PNG", "RGB", "png")
            assert max(picture.size) <= 400 and min(picture.size) >= 96


def test_a_picture_that_is_small_enough_keeps_every_pixel(tmp_path):
    (path,) = write_pictures(tmp_path, 1)
    (data,) = sample_files([path]).values()
    assert np.array_equal(np.asarray(Image.open(BytesIO(data))), decode_picture(path))
