"""Makes golden pictures: what the network's input must hold for stored pictures and camera frames.

The folder that `write_golden_pictures` writes is read by the Kotlin tests of android_demo/core:

    index.json          {"schema_version": 1, "cases": [...]}; each case has
      name              words
      input             the "input" object of a model.json's contract
      turn              EXIF orientation of a decoded picture, or clockwise_degrees for a camera frame
      source            {kind: "argb", width, height, file}: stored pixels, 32-bit little endian 0xAARRGGBB
                        {kind: "yuv", width, height, file, y, u, v}: planes {offset, length, row_stride, pixel_stride}
      expected          file with the bytes of the input tensor
    *.bin               what source and expected name

Decoded pictures come from encoded files, decoded and fitted by `mobile_deploy.data.images`; frames by the formula of
the app's YuvFrame, written in numpy in `android.camera_frames`. All is made from fixed seeds and from the calibration
images that ship.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any

import numpy as np
from android.camera_frames import LAYOUTS, Planes, lay_out, noise_planes, yuv_to_rgb
from PIL import Image

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract
from mobile_deploy.data.images import Picture, decode_picture, find_pictures, fit_picture
from mobile_deploy.recipes import IoType
from mobile_deploy.tflite.runner import encode_pictures

CALIBRATION_IMAGES = Path(__file__).resolve().parents[2] / "calibration_data" / "images"

_ORIENTATION_TAG = 0x0112
_TURNS = range(1, 9)
_FITS = tuple(
    map(
        Fit.parse, ("stretch", "letterbox", "center-crop", "center-crop:0.875", "center-crop:0.33", "center-crop:0.001")
    )
)
_ENCODINGS: tuple[tuple[IoType, float, float], ...] = (
    ("uint8", -1.0, 1.0),
    ("int8", -1.0, 1.0),
    ("float32", -1.0, 1.0),
    ("uint8", 0.0, 255.0),
    ("float32", 0.0, 1.0),
    ("int8", 0.0, 1.0),
    ("float32", 0.0, 255.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenPicture:
    """One stored picture and what the network's input holds for it.

    Attributes:
        name: Unique words.
        stored: How the picture is stored: the "source" of the index and the bytes of its file.
        turn: The key and value that say how it is turned upright.
        contract: How the network is fed.
        upright: (H, W, 3) uint8 RGB, the decoded picture.
    """

    name: str
    stored: tuple[Mapping[str, Any], bytes]
    turn: tuple[str, int]
    contract: InputContract
    upright: Picture


def write_golden_pictures(folder: Path) -> int:
    """Writes all cases and the index.

    Args:
        folder: Made if missing.

    Returns:
        The number of cases.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = [_write_case(folder, number, case) for number, case in enumerate(golden_pictures())]
    (folder / "index.json").write_text(json.dumps({"schema_version": 1, "cases": cases}, indent=1))
    return len(cases)


def golden_pictures() -> Iterator[GoldenPicture]:
    """Makes the cases one by one: turned, banded, odd, grey and transparent pictures, frames, and drawn ones."""
    contracts = _contracts()
    yield from _turned(contracts)
    yield from _photographs(contracts)
    yield from _shapes(contracts)
    yield from _modes(contracts)
    yield from _frames(contracts)
    yield from _drawn()


def _write_case(folder: Path, number: int, case: GoldenPicture) -> dict[str, Any]:
    source, stored = case.stored
    square = fit_picture(case.upright, side=case.contract.side, fit=case.contract.fit)
    tensor = encode_pictures(square[None], case.contract)
    source_file, expected_file = f"{number:03}.source.bin", f"{number:03}.expected.bin"
    (folder / source_file).write_bytes(stored)
    (folder / expected_file).write_bytes(tensor.astype(tensor.dtype.newbyteorder("<")).tobytes())
    return {
        "name": case.name,
        "input": _input_json(case.contract),
        "source": {**source, "file": source_file},
        case.turn[0]: case.turn[1],
        "expected": expected_file,
    }


def _input_json(contract: InputContract) -> dict[str, Any]:
    output = OutputContract(dtype="float32", meaning="softmax", size=2)
    whole = ModelContract(input=contract, output=output, minimum_runtime="2.0").to_json()
    fed: dict[str, Any] = whole["input"]
    return fed


def _contracts() -> Iterator[InputContract]:
    """Gives every fit with every encoding in turn, the sides changing beside them."""
    for fit, (dtype, low, high), side in zip(
        cycle(_FITS), cycle(_ENCODINGS), cycle((32, 47, 96, 1, 65, 17, 128)), strict=False
    ):
        yield InputContract(side=side, dtype=dtype, low=low, high=high, fit=fit)


def _usual(side: int, fit: str) -> InputContract:
    return InputContract(side=side, dtype="uint8", low=-1, high=1, fit=Fit.parse(fit))


# Pictures -------------------------------------------------------------------------------------------------------------


def _from_file(name: str, encoded: bytes, contract: InputContract) -> GoldenPicture:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(encoded)
        with Image.open(path) as image:
            orientation = image.getexif().get(_ORIENTATION_TAG, 1)
            rgba = np.asarray(image.convert("RGBA")).astype(np.uint32)
        upright = decode_picture(path)
    argb = rgba[..., 3] << 24 | rgba[..., 0] << 16 | rgba[..., 1] << 8 | rgba[..., 2]
    source = {"kind": "argb", "width": argb.shape[1], "height": argb.shape[0]}
    stored = source, argb.astype("<u4").tobytes()
    return GoldenPicture(name=name, stored=stored, turn=("turn", orientation), contract=contract, upright=upright)


def _encoded(image: Image.Image, kind: str = "PNG", *, turn: int | None = None, **options: Any) -> bytes:
    if turn is not None:
        options["exif"] = Image.Exif()
        options["exif"][_ORIENTATION_TAG] = turn
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _noise(width: int, height: int, *channels: int, seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8)


def _turned(contracts: Iterator[InputContract]) -> Iterator[GoldenPicture]:
    # Six fits and eight turns have a common factor, so the turns are the outer loop; 0 and 9 are none that EXIF knows.
    for turn in (*_TURNS, 0, 9):
        for contract in islice(contracts, 3 if turn % 2 else 4):
            image = Image.fromarray(_noise(37, 23, 3, seed=turn))
            yield _from_file(f"PNG turned {turn}, {contract.fit}", _encoded(image, turn=turn), contract)


def _photographs(contracts: Iterator[InputContract]) -> Iterator[GoldenPicture]:
    """Photographs of more pixels than the app keeps upright at once."""
    paths = find_pictures(CALIBRATION_IMAGES)[:: len(_TURNS)]
    for turn, path, fit in zip(_TURNS, paths, cycle(("stretch", "letterbox", "center-crop:0.99")), strict=False):
        with Image.open(path) as image:
            encoded = _encoded(image.resize((701, 633 - turn)), "JPEG", turn=turn, quality=90)
        yield _from_file(f"JPEG {path.stem} turned {turn}, {fit}", encoded, _usual(224, fit))


def _shapes(contracts: Iterator[InputContract]) -> Iterator[GoldenPicture]:
    shapes = ((1, 1), (2, 1), (1, 50), (301, 1), (3, 400), (5, 4), (16, 17), (31, 33), (127, 128), (640, 481))
    for width, height in (*shapes, *((tall, wide) for wide, tall in shapes)):
        contract = next(contracts)
        encoded = _encoded(Image.fromarray(_noise(width, height, 3, seed=width)))
        yield _from_file(f"{width} x {height} to {contract.side}, {contract.fit}", encoded, contract)
    # Pillow 13 would resize the columns of the second first.
    for height in (30, 31):
        name, noise = f"20 x {height} to 10, stretch", Image.fromarray(_noise(20, height, 3, seed=height))
        yield _from_file(name, _encoded(noise), _usual(10, "stretch"))
    yield _from_file("1501 x 1103", _encoded(Image.fromarray(_noise(1501, 1103, 3, seed=8))), _usual(160, "stretch"))
    for fit in _FITS:
        yield _from_file(f"64 x 64, {fit}", _encoded(Image.fromarray(_noise(64, 64, 3, seed=64))), _usual(64, str(fit)))


def _modes(contracts: Iterator[InputContract]) -> Iterator[GoldenPicture]:
    palette = Image.fromarray(_noise(41, 52, 3, seed=1)).quantize(16)
    every_alpha = np.stack([*np.indices((256, 256)), *np.indices((256, 256))[::-1]], axis=-1).astype(np.uint8)
    images = {
        "grey PNG": _encoded(Image.fromarray(_noise(45, 33, seed=2))),
        "grey JPEG": _encoded(Image.fromarray(_noise(45, 33, seed=2)), "JPEG"),
        "grey with alpha": _encoded(Image.fromarray(_noise(45, 33, 2, seed=3), "LA")),
        "palette": _encoded(palette),
        "palette with one color transparent": _encoded(palette, transparency=3),
        "colors with alpha": _encoded(Image.fromarray(_noise(45, 33, 4, seed=4))),
        "colors with alpha, turned": _encoded(Image.fromarray(_noise(45, 33, 4, seed=5)), turn=6),
        "nothing but transparency": _encoded(Image.new("RGBA", (20, 10), (1, 2, 3, 0))),
    }
    for name, encoded in images.items():
        yield _from_file(name, encoded, next(contracts))
    yield _from_file("every color under every alpha", _encoded(Image.fromarray(every_alpha)), _usual(256, "stretch"))


def _drawn(count: int = 30, seed: int = 6) -> Iterator[GoldenPicture]:
    """Sizes, sides, crops and turns that nobody chose."""
    draw = np.random.default_rng(seed)
    for number in range(count):
        width, height, side = (int(length) for length in np.exp(draw.uniform(0, np.log(200), 3)))
        fit = Fit(kind="center-crop", fraction=float(draw.uniform(0.01, 1))) if draw.integers(2) else _FITS[number % 2]
        dtype, low, high = _ENCODINGS[number % len(_ENCODINGS)]
        contract = InputContract(side=side, dtype=dtype, low=low, high=high, fit=fit)
        noise = Image.fromarray(_noise(width, height, 3 + number % 2, seed=number))
        name = f"drawn {number}: {width} x {height} to {side}, {fit}"
        yield _from_file(name, _encoded(noise, turn=int(draw.integers(1, 9))), contract)


# Camera frames --------------------------------------------------------------------------------------------------------


def _frames(contracts: Iterator[InputContract]) -> Iterator[GoldenPicture]:
    sizes = cycle(((33, 27), (48, 64), (1, 1), (7, 2), (65, 31), (2, 7), (640, 481)))
    for degrees, layout in product((0, 90, 180, 270), LAYOUTS):
        (width, height), contract = next(sizes), next(contracts)
        planes = noise_planes(width, height, seed=width + degrees)
        yield _from_frame(f"{layout} {width} x {height}", layout, planes, degrees, contract)
    with Image.open(find_pictures(CALIBRATION_IMAGES)[0]) as image:
        y, u, v = (np.asarray(band) for band in image.resize((640, 480)).convert("YCbCr").split())
    yield _from_frame("photograph NV21", "NV21", (y, u[::2, ::2], v[::2, ::2]), 90, _usual(96, "center-crop:0.875"))


def _from_frame(name: str, layout: str, planes: Planes, degrees: int, contract: InputContract) -> GoldenPicture:
    upright = np.ascontiguousarray(np.rot90(yuv_to_rgb(planes), -degrees // 90))
    return GoldenPicture(
        name=f"{name} turned by {degrees} degrees to {contract.side}, {contract.fit}",
        stored=lay_out(layout, planes),
        turn=("clockwise_degrees", degrees),
        contract=contract,
        upright=upright,
    )
