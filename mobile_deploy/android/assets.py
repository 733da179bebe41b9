"""What of a bundle and of the sample pictures lies in the app's assets, and how it is found there.

models/index.json          names in the order they are shown, the first opens with the app
models/<name>/...          the files of the bundle
samples/<picture>.png      pictures without loss, so that phone and Python decode the same bytes
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from mobile_deploy.bundle import LABELS_NAME, MANIFEST_NAME, Bundle, BundleChangedError
from mobile_deploy.data.images import decode_picture
from mobile_deploy.data.samples import sample_pictures
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.files import reason_in_words, sha256_of_bytes

INDEX_NAME = "models/index.json"
INDEX_VERSION = 1
LONGEST_SIDE = 400
"""Of a sample picture, in pixels: enough to recognize it, and small in the APK."""

_GOLDEN_NAMES = ("golden_inputs.bin", "golden_outputs.bin")
_SHIPPED_SAMPLES = 6


def asset_files(bundles: Sequence[Bundle], samples: Mapping[str, bytes]) -> dict[str, bytes]:
    """Gives the assets of an app: content by path below the assets folder.

    Args:
        bundles: At least one, each with a name of its own.
        samples: Sample pictures as PNG, by file name.

    Raises:
        BadOptionError: There is no bundle, or two have one name.
        BundleChangedError: A bundle is not the one that was loaded.
        UnreadableFileError: A file of a bundle cannot be read.
    """
    names = [bundle.name for bundle in bundles]
    _check_names(names)
    index = {"schema_version": INDEX_VERSION, "models": names}
    assets = {INDEX_NAME: (json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode()}
    for bundle in bundles:
        assets |= {f"models/{bundle.name}/{name}": data for name, data in bundle_files(bundle).items()}
    return assets | {f"samples/{name}": data for name, data in samples.items()}


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise BadOptionError(option="BUNDLE", problem="an app needs at least one")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadOptionError(option="BUNDLE", problem=f"two bundles are named {twice[0]}", hint="name each once")


def bundle_files(bundle: Bundle) -> dict[str, bytes]:
    """Reads the files of a bundle that an app takes: content by name.

    Args:
        bundle: The bundle; its golden vectors come along if it has them.

    Raises:
        BundleChangedError: The .tflite is not the one that was loaded.
        UnreadableFileError: A file cannot be read.
    """
    golden = (name for name in _GOLDEN_NAMES if (bundle.directory / name).is_file())
    paths = [bundle.tflite, *(bundle.directory / name for name in (MANIFEST_NAME, LABELS_NAME, *golden))]
    files = {path.name: _read(path) for path in paths}
    found = sha256_of_bytes(files[bundle.tflite.name])
    if found != bundle.sha256:
        raise BundleChangedError(path=bundle.tflite, expected=bundle.sha256, found=found)
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error


def shipped_samples() -> dict[str, bytes]:
    """Gives the sample pictures of the app, taken from the calibration pictures that ship: PNG by file name."""
    return sample_files(sample_pictures(None, count=_SHIPPED_SAMPLES))


def sample_files(pictures: Sequence[Path]) -> dict[str, bytes]:
    """Makes sample pictures for an app.

    Args:
        pictures: Picture files.

    Returns:
        RGB PNG, upright, their longest side at most 400 pixels, by file name.

    Raises:
        BadPictureError: One is no picture or is damaged.
    """
    return {f"{path.stem}.png": _png(path) for path in pictures}


def _png(path: Path) -> bytes:
    picture = Image.fromarray(decode_picture(path))
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR)
    target = BytesIO()
    picture.save(target, "PNG", optimize=True)
    return target.getvalue()
