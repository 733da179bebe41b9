"""The pictures that ship are those of the manifest, those of the script, and look like photographs to a network."""

import hashlib
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from mobile_deploy.data.calibration import builtin_calibration_dir
from mobile_deploy.data.images import find_pictures


@pytest.fixture(scope="module")
def folder():
    return builtin_calibration_dir()


@pytest.fixture(scope="module")
def pictures(folder):
    return [np.asarray(Image.open(path).convert("RGB"), np.float64) for path in find_pictures(folder)]


def test_every_picture_is_in_the_manifest_with_its_hash(folder):
    lines = (folder / "MANIFEST.sha256").read_text().splitlines()
    promised = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in find_pictures(folder)
    }
    assert found == promised


def test_there_are_enough_and_they_are_small(folder):
    sizes = [path.stat().st_size for path in find_pictures(folder)]
    assert len(sizes) >= 64
    assert sum(sizes) < 2_500_000


def test_they_have_varied_shapes_with_a_shorter_side_of_256(pictures):
    assert {min(picture.shape[:2]) for picture in pictures} == {256}
    assert len({picture.shape for picture in pictures}) >= 5


def test_the_script_makes_the_same_pictures(folder):
    names = ["facade_00", "flower_00", "foliage_01", "landscape_02", "pebbles_00", "sign_00", "still_life_00"]
    command = [sys.executable, str(folder / "make_images.py"), "--check", *names]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(result.stdout.splitlines()) == len(names)


def test_the_script_refuses_an_unknown_picture(folder):
    command = [sys.executable, str(folder / "make_images.py"), "--check", "unheard_of"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_their_power_falls_like_that_of_photographs(pictures):
    # Photographs: power ~ 1 / f^s with s near 2, single ones from 1 to 3 (Field 1987; Tolhurst, Tadmor and Chao 1992).
    slopes = [spectral_slope(picture.mean(axis=2)[:256, :256]) for picture in pictures]
    assert 1.8 < np.mean(slopes) < 3.0
    assert np.std(slopes) > 0.2


def test_their_gradients_have_heavy_tails(pictures):
    # A Gaussian has kurtosis 3; log-gradients of photographs lie far above (Huang and Mumford 1999).
    kurtosis = []
    for picture in pictures:
        steps = np.diff(np.log(picture.mean(axis=2) + 1), axis=1)
        kurtosis.append(((steps - steps.mean()) ** 4).mean() / steps.var() ** 2)
    assert np.median(kurtosis) > 8


def test_they_are_dark_and_bright_flat_and_contrasty_grey_and_colorful(pictures):
    means, contrasts = [picture.mean() for picture in pictures], [picture.std() for picture in pictures]
    colors = [np.ptp(picture, axis=2).mean() for picture in pictures]
    assert min(means) < 60
    assert max(means) > 200
    assert min(contrasts) < 30
    assert max(contrasts) > 75
    assert min(colors) < 10
    assert max(colors) > 100


def spectral_slope(grey):
    window = np.hanning(256)[:, None] * np.hanning(256)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    edges = np.geomspace(4 / 256, 0.35, 12)
    rings = [power[(frequency >= low) & (frequency < high)].mean() for low, high in pairwise(edges)]
    return -np.polyfit(np.log(np.sqrt(edges[:-1] * edges[1:])), np.log(rings), 1)[0]
