import hashlib
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mobile_deploy.contract import IMAGENET_FIT, Fit
from mobile_deploy.data.calibration import builtin_calibration_dir, load_calibration, spread_choice
from mobile_deploy.data.images import load_picture
from mobile_deploy.errors import BadOptionError, CalibrationTooSmallError, UnreadableFileError

FIT = Fit(kind="stretch")


def colored(seed, size=(40, 48)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def fill(folder, count=12, **options):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(colored(index, **options)).save(folder / f"p{index:02d}.png")
    return folder


def load(source, **options):
    return load_calibration(source, side=32, fit=FIT, **options)


def has_warning(manifest, words):
    return any(words in warning for warning in manifest.warnings)


def test_a_folder_gives_its_pictures_in_order_and_their_hashes(tmp_path):
    folder = fill(tmp_path / "my pictures ü")
    calibration = load(folder)
    assert calibration.images.shape == (12, 32, 32, 3)
    assert calibration.images.dtype == np.uint8
    assert (calibration.images[3] == load_picture(folder / "p03.png", side=32, fit=FIT)).all()
    file = calibration.manifest.files[3]
    assert file.name == "p03.png"
    assert file.sha256 == hashlib.sha256((folder / "p03.png").read_bytes()).hexdigest()
    assert calibration.manifest.source == "my pictures ü"


def test_equal_pictures_in_another_place_give_an_equal_manifest(tmp_path):
    first = fill(tmp_path / "one" / "set")
    second = tmp_path / "two" / "set"
    shutil.copytree(first, second)
    one, two = (json.dumps(load(folder, samples=10).manifest.to_json()) for folder in (first, second))
    assert one == two
    assert str(tmp_path) not in one


def test_the_digest_changes_with_a_picture(tmp_path):
    folder = fill(tmp_path / "set")
    digest = load(folder).manifest.digest
    Image.fromarray(colored(99)).save(folder / "p05.png")
    assert load(folder).manifest.digest != digest


def test_the_digest_changes_with_the_fit_even_where_the_pixels_do_not():
    squares = [colored(index, size=(32, 32)) for index in range(12)]
    stretched = load_calibration(squares, side=32, fit=FIT)
    boxed = load_calibration(squares, side=32, fit=Fit(kind="letterbox"))
    assert (stretched.images == boxed.images).all()
    assert stretched.manifest.digest != boxed.manifest.digest


def test_channels_are_measured(tmp_path):
    arrays = [np.full((32, 32, 3), (index, 100, 255 - index), np.uint8) for index in range(10, 20)]
    red, green, blue = load(arrays).manifest.channels
    assert (red.minimum, red.maximum, red.mean) == (10, 19, 14.5)
    assert (green.minimum, green.maximum, green.mean) == (100, 100, 100.0)
    assert (blue.minimum, blue.maximum, blue.mean) == (236, 245, 240.5)


def test_unusable_files_are_named_and_skipped(tmp_path):
    folder = fill(tmp_path / "set")
    (folder / "text.jpg").write_text("no picture")
    (folder / "cut.png").write_bytes((folder / "p00.png").read_bytes()[:500])
    (folder / "film.mp4").touch()
    (folder / "labels.csv").write_text("filename,class_index\n")
    manifest = load(folder).manifest
    reasons = {file.name: file.reason for file in manifest.skipped}
    assert set(reasons) == {"text.jpg", "cut.png", "film.mp4"}
    assert reasons["film.mp4"] == "not a picture by its name"
    assert "not a JPEG" in reasons["text.jpg"]
    assert "damaged" in reasons["cut.png"]
    assert manifest.count == 12


def test_fewer_than_ten_usable_pictures_are_refused(tmp_path):
    folder = fill(tmp_path / "set", count=9)
    (folder / "text.jpg").write_text("no picture")
    with pytest.raises(CalibrationTooSmallError) as caught:
        load(folder)
    assert caught.value.usable == 9
    assert "9 usable, at least 10 needed; 1 skipped: text.jpg (not a JPEG" in caught.value.message
    assert str(folder) in caught.value.message
    assert caught.value.exit_code == 5


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(CalibrationTooSmallError, match="0 usable"):
        load(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="no such folder"):
        load(tmp_path / "absent")


def test_no_arrays_are_refused():
    with pytest.raises(CalibrationTooSmallError, match="in arrays: 0 usable"):
        load([])


@pytest.mark.parametrize(
    "bad", [np.zeros((8, 8, 3), np.float32), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8)]
)
def test_an_array_that_is_no_rgb_picture_is_named(bad):
    with pytest.raises(BadOptionError, match="picture 2 is"):
        load([colored(0), colored(1), bad])


def test_arrays_give_the_same_pixels_as_their_files(tmp_path):
    folder = fill(tmp_path / "set")
    from_arrays = load(colored(index) for index in range(12))
    assert (from_arrays.images == load(folder).images).all()
    assert from_arrays.manifest.source == "arrays"
    assert from_arrays.manifest.files[11].name == "array-00011"


def test_samples_come_from_every_class_of_a_folder_ordered_by_class(tmp_path):
    for label in range(10):
        fill(tmp_path / f"class{label}", count=6)
    names = [file.name for file in load(tmp_path, samples=10).manifest.files]
    assert sorted({name.split("/")[0] for name in names}) == [f"class{label}" for label in range(10)]


def test_the_draw_depends_on_the_seed_alone():
    assert spread_choice(1000, samples=20, seed=1) == spread_choice(1000, samples=20, seed=1)
    assert spread_choice(1000, samples=20, seed=1) != spread_choice(1000, samples=20, seed=2)
    chosen = spread_choice(103, samples=10, seed=5)
    assert len(set(chosen)) == 10
    assert all(n * 103 // 10 <= index < (n + 1) * 103 // 10 for n, index in enumerate(chosen))


def test_too_few_samples_are_refused(tmp_path):
    with pytest.raises(BadOptionError, match="9 is below 10"):
        load(fill(tmp_path / "set"), samples=9)


def test_progress_counts_every_picture(tmp_path):
    steps = []
    load(fill(tmp_path / "set"), progress=lambda done, total: steps.append((done, total)))
    assert steps == [(done, 12) for done in range(1, 13)]


def test_lint_finds_too_few():
    assert has_warning(load([colored(n) for n in range(49)]).manifest, "Only 49 pictures")
    assert load([colored(n) for n in range(50)]).manifest.warnings == ()


def test_samples_are_a_limit_and_not_a_demand():
    assert load([colored(n) for n in range(60)], samples=70).manifest.warnings == ()


def test_lint_finds_duplicates_of_pixels_in_other_files(tmp_path):
    folder = fill(tmp_path / "set")
    Image.fromarray(colored(4)).save(folder / "copy.bmp")
    assert has_warning(load(folder).manifest, "1 pictures repeat another one: p04.png = copy.bmp")


def test_lint_finds_single_colors():
    flat = [np.full((40, 40, 3), (200, 10, 10), np.uint8)]
    assert has_warning(
        load([colored(n) for n in range(12)] + flat).manifest, "1 pictures are a single color: array-00012"
    )


def test_lint_finds_a_set_of_tiny_pictures():
    tiny = [colored(n, size=(31, 90)) for n in range(12)]
    assert has_warning(load(tiny).manifest, "shorter side at most 31")
    assert not has_warning(load([*tiny, colored(99)]).manifest, "smaller than")


def test_lint_finds_a_grey_set():
    grey = [np.repeat(colored(n)[..., :1], 3, axis=2) for n in range(12)]
    assert has_warning(load(grey).manifest, "All pictures are grey")
    assert not has_warning(load([*grey, colored(99)]).manifest, "grey")


def test_the_builtin_set_is_found_and_clean():
    calibration = load_calibration("builtin", side=96, fit=IMAGENET_FIT)
    assert builtin_calibration_dir().name == "calibration_data"
    assert calibration.manifest.source == "builtin"
    assert calibration.manifest.count >= 64
    assert calibration.manifest.skipped == ()
    assert calibration.manifest.warnings == ()
