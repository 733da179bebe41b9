import json
from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
from android.camera_frames import LAYOUTS, lay_out, noise_planes, yuv_to_rgb
from android.golden_pictures import write_golden_pictures

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.data.images import fit_picture
from mobile_deploy.tflite.runner import encode_pictures

# What turns a stored array upright, for each EXIF orientation: t exchanges rows and columns, then x and y reverse.
UPRIGHT = {1: "", 2: "x", 3: "xy", 4: "y", 5: "t", 6: "tx", 7: "txy", 8: "ty"}
EXIF_OF_DEGREES = {0: 1, 90: 6, 180: 3, 270: 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    write_golden_pictures(folder)
    return folder


@pytest.fixture(scope="module")
def cases(folder):
    return json.loads((folder / "index.json").read_text())["cases"]


def stored_rgba(source, memory):
    height, width = source["height"], source["width"]
    if source["kind"] == "argb":
        return np.frombuffer(memory, np.uint8).reshape(height, width, 4)[..., [2, 1, 0, 3]].astype(int)
    half = (height + 1) // 2, (width + 1) // 2
    sizes = {"y": (height, width), "u": half, "v": half}
    rgb = yuv_to_rgb(tuple(stored_plane(source[key], memory, size) for key, size in sizes.items()))
    return np.dstack([rgb, np.full((height, width), 255)]).astype(int)


def stored_plane(plane, memory, size):
    memory = np.frombuffer(memory, np.uint8)[plane["offset"] :][: plane["length"]]
    return np.lib.stride_tricks.as_strided(memory, size, (plane["row_stride"], plane["pixel_stride"]))


def turned(picture, turn):
    for step in UPRIGHT.get(turn, ""):
        picture = {"t": picture.swapaxes(0, 1), "x": picture[:, ::-1], "y": picture[::-1]}[step]
    return picture


def over_white(rgba):
    color, alpha = rgba[..., :3], rgba[..., 3:]
    return np.floor((color * alpha + 255 * (255 - alpha)) / 255 + 0.5).astype(np.uint8)


def contract_of(case):
    fed = case["input"]
    (low, high), fit = fed["range"], Fit(**fed["fit"])
    return InputContract(side=fed["side"], dtype=fed["dtype"], low=low, high=high, fit=fit)


def test_the_folder_alone_gives_what_it_expects(folder, cases):
    for case in cases:
        rgba = stored_rgba(case["source"], (folder / case["source"]["file"]).read_bytes())
        turn = case["turn"] if "turn" in case else EXIF_OF_DEGREES[case["clockwise_degrees"]]
        upright, contract = over_white(np.ascontiguousarray(turned(rgba, turn))), contract_of(case)
        square = fit_picture(upright, side=contract.side, fit=contract.fit)
        expected = (folder / case["expected"]).read_bytes()
        assert encode_pictures(square[None], contract).tobytes() == expected, case["name"]


def test_every_turn_fit_type_and_layout_is_among_them(cases):
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names) >= 60
    assert {case.get("turn") for case in cases} >= set(UPRIGHT)
    frames = [case for case in cases if "clockwise_degrees" in case]
    assert Counter((case["name"].split()[0], case["clockwise_degrees"]) for case in frames).keys() >= {
        (layout, degrees) for layout in LAYOUTS for degrees in EXIF_OF_DEGREES
    }
    fed = [case["input"] for case in cases]
    assert {(one["dtype"], tuple(one["range"])) for one in fed} >= {
        *(("float32", range_) for range_ in ((-1, 1), (0, 1), (0, 255))),
        *((dtype, (-1, 1)) for dtype in ("uint8", "int8")),
    }
    assert {one["fit"]["kind"] for one in fed} == {"stretch", "center-crop", "letterbox"}
    assert len({one["fit"]["fraction"] for one in fed}) > 4


def test_the_same_bytes_are_made_again(folder, tmp_path):
    write_golden_pictures(tmp_path)

    def digests(root):
        return {path.name: sha256(path.read_bytes()).hexdigest() for path in root.iterdir()}

    assert digests(tmp_path) == digests(folder)


def test_frames_have_the_colors_of_jpeg():
    y, u, v = noise_planes(200, 100, seed=3)
    u, v = (np.repeat(np.repeat(plane.astype(float) - 128, 2, axis=0), 2, axis=1) for plane in (u, v))
    jfif = np.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=-1)
    difference = np.abs(np.floor(jfif.clip(0, 255) + 0.5) - yuv_to_rgb(noise_planes(200, 100, seed=3)))
    assert difference.max() <= 1
    assert difference.mean() < 1e-3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_planes_end_with_their_last_sample(layout):
    planes = noise_planes(7, 5, seed=1)
    source, memory = lay_out(layout, planes)
    for key, plane in zip("yuv", planes, strict=True):
        assert (stored_plane(source[key], memory, plane.shape) == plane).all()
        (rows, columns), row, pixel = plane.shape, source[key]["row_stride"], source[key]["pixel_stride"]
        assert source[key]["length"] == (rows - 1) * row + (columns - 1) * pixel + 1
