import io
import os
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from mobile_deploy.contract import Fit
from mobile_deploy.data.images import (
    MAX_PIXELS,
    check_held,
    decode_picture,
    find_pictures,
    fit_picture,
    load_picture,
)
from mobile_deploy.errors import BadOptionError, BadPictureError, UnreadableFileError

STRETCH, LETTERBOX = Fit(kind="stretch"), Fit(kind="letterbox")


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def save(path, array, mode=None, **options):
    Image.fromarray(array, mode).save(path, **options) if mode else Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp"])
def test_lossless_formats_decode_to_the_same_pixels(tmp_path, suffix):
    picture = noise(20, 31)
    path = save(tmp_path / f"p.{suffix}", picture, **({"lossless": True} if suffix == "webp" else {}))
    assert (decode_picture(path) == picture).all()


def test_the_content_decides_not_the_suffix(tmp_path):
    picture = noise(9, 9)
    path = save(tmp_path / "really_a_png.jpg", picture, format="PNG")
    assert (decode_picture(path) == picture).all()


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = noise(8, 8, 1)[..., 0]
    decoded = decode_picture(save(tmp_path / "grey.png", grey))
    assert (decoded == grey[..., None]).all()
    assert decoded.shape == (8, 8, 3)


def test_sixteen_bit_grey_keeps_its_high_byte(tmp_path):
    deep = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    decoded = decode_picture(save(tmp_path / "deep.png", deep))
    assert decoded[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_rows_are_resized_before_columns_in_pictures_of_any_shape():
    # The rows' means are 0, 1, 0, 0 after rounding, whose weighted mean rounds to 0; columns first would give 1.
    tall = np.zeros((4, 2, 3), np.uint8)
    tall[1, 0] = 2
    assert fit_picture(tall, side=1, fit=STRETCH).tolist() == [[[0, 0, 0]]]


def test_transparency_is_laid_over_white(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 255, 128]]], np.uint8)
    decoded = decode_picture(save(tmp_path / "alpha.png", pixels))
    # 100 * 128 + 255 * 127 = 45185; / 255 = 177.2
    assert decoded[0].tolist() == [[10, 20, 30], [255, 255, 255], [127, 177, 255]]


def test_grey_with_alpha_is_laid_over_white(tmp_path):
    pixels = np.array([[[40, 255], [40, 0]]], np.uint8)
    decoded = decode_picture(save(tmp_path / "la.png", pixels))
    assert decoded[0].tolist() == [[40, 40, 40], [255, 255, 255]]


def test_palette_with_a_transparent_entry(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "p.png", transparency=1)
    assert decode_picture(tmp_path / "p.png")[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]


def test_one_bit_picture(tmp_path):
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "bit.png")
    assert decode_picture(tmp_path / "bit.png")[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_cmyk_jpeg_keeps_its_colors(tmp_path):
    cmyk = np.zeros((16, 16, 4), np.uint8)
    cmyk[..., 1:3] = 255  # full magenta and yellow is red
    Image.fromarray(cmyk, "CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    assert np.abs(decode_picture(tmp_path / "cmyk.jpg").astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_gives_the_upright_picture(tmp_path, orientation):
    upright = noise(5, 7)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "turned.png", np.ascontiguousarray(stored), exif=exif)
    assert (decode_picture(path) == upright).all()


def test_a_turned_jpeg_is_turned_before_it_is_fitted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.zeros((40, 80, 3), np.uint8)
    stored[:, :40] = 255
    path = save(tmp_path / "turned.jpg", stored, exif=exif, quality=95)
    fitted = load_picture(path, side=8, fit=STRETCH)
    assert fitted[:3].min() > 240
    assert fitted[5:].max() < 15


def test_a_damaged_exif_block_does_not_spoil_the_picture(tmp_path):
    picture = noise(5, 7)
    path = save(tmp_path / "p.png", picture, exif=b"Exif\x00\x00garbage that is no TIFF")
    assert (decode_picture(path) == picture).all()


def test_center_crop_equals_a_reference_written_by_hand():
    picture = noise(60, 101)
    # floor(60 * 0.875 + 0.5) = 53; left (101 - 53) // 2 = 24; top (60 - 53) // 2 = 3
    square = Image.fromarray(np.ascontiguousarray(picture[3:56, 24:77]))
    expected = np.asarray(square.resize((32, 32), Image.Resampling.BILINEAR))
    assert (fit_picture(picture, side=32, fit=Fit(kind="center-crop", fraction=0.875)) == expected).all()


def test_center_crop_at_its_own_size_copies_pixels():
    picture = noise(9, 14)
    assert (fit_picture(picture, side=9, fit=Fit(kind="center-crop")) == picture[:, 2:11]).all()


def test_shrinking_by_two_is_the_antialiased_triangle():
    row = np.zeros((1, 8), np.uint8)
    row[0, 4] = 255
    picture = np.repeat(row[..., None], 3, axis=2)
    # Support is 2 source pixels each side; weights of output 1 are 1/8, 3/8, 3/8, 1/8 over pixels 1 to 4.
    shrunk = fit_picture(np.repeat(picture, 8, axis=0), side=4, fit=STRETCH)[0, :, 0]
    assert shrunk.tolist() == [0, 32, 96, 0]


@pytest.mark.parametrize(
    ("height", "width", "side", "rows", "columns"),
    [(300, 400, 225, (28, 197), (0, 225)), (400, 301, 224, (0, 224), (27, 196)), (1, 999, 8, (3, 4), (0, 8))],
)
def test_letterbox_pads_by_the_documented_amounts(height, width, side, rows, columns):
    fitted = fit_picture(np.full((height, width, 3), 200, np.uint8), side=side, fit=LETTERBOX)
    filled = np.zeros((side, side), bool)
    filled[slice(*rows), slice(*columns)] = True
    assert ((fitted == 200).all(axis=2) == filled).all()
    assert (fitted[~filled] == 0).all()


def test_loading_is_the_same_on_many_threads(tmp_path):
    path = save(tmp_path / "p.jpg", noise(200, 300))
    expected, results = load_picture(path, side=64, fit=STRETCH), []
    threads = [
        threading.Thread(target=lambda: results.append(load_picture(path, side=64, fit=STRETCH))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all((result == expected).all() for result in results)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def forged_png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (MAX_PIXELS // 8000 + 1, 8000)])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, width, height):
    path = tmp_path / "bomb.png"
    path.write_bytes(forged_png(width, height))
    with pytest.raises(BadPictureError, match="80,000,000 pixels") as caught:
        decode_picture(path)
    assert str(path) in caught.value.message
    assert caught.value.exit_code == 5


def test_the_bomb_limit_does_not_depend_on_pillows_global(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = tmp_path / "bomb.png"
    path.write_bytes(forged_png(50_000, 50_000))
    with pytest.raises(BadPictureError, match="50000 x 50000"):
        decode_picture(path)


@pytest.mark.parametrize(("suffix", "share"), [("jpg", 0.5), ("png", 0.5), ("webp", 0.5), ("bmp", 0.5), ("png", 0.02)])
def test_a_file_cut_short_is_refused(tmp_path, suffix, share):
    buffer = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(buffer, {"jpg": "JPEG"}.get(suffix, suffix.upper()))
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
    with pytest.raises(BadPictureError, match=r"damaged|not a JPEG"):
        decode_picture(path)


@pytest.mark.parametrize("content", [b"this is text", b"", b"\xff\xd8\xff"])
def test_a_text_file_named_jpg_is_no_picture(tmp_path, content):
    path = tmp_path / "note.jpg"
    path.write_bytes(content)
    with pytest.raises(BadPictureError, match="not a JPEG, PNG, WebP or BMP picture"):
        decode_picture(path)


def test_gif_is_refused(tmp_path):
    with pytest.raises(BadPictureError, match="not a JPEG"):
        decode_picture(save(tmp_path / "p.gif", noise(4, 4)))


def test_a_missing_file_is_named_and_not_to_be_saved_again(tmp_path):
    with pytest.raises(BadPictureError, match="no such file") as caught:
        decode_picture(tmp_path / "absent.jpg")
    assert caught.value.hint == ""


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(BadPictureError, match="it is not a file"):
        decode_picture(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(BadPictureError, match="it is not a file"):
        decode_picture(tmp_path / "pipe.jpg")


def test_pictures_are_found_sorted_without_hidden_ones(tmp_path):
    for name in ("b/ü mlaut.PNG", "a.jpeg", "b/a.webp", ".hidden.jpg", ".cache/x.jpg", "c.txt", "b/z.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert found == ["a.jpeg", "b/a.webp", "b/z.bmp", "b/ü mlaut.PNG"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match="no such folder"):
        find_pictures(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(UnreadableFileError, match="not a folder"):
        find_pictures(tmp_path / "file")


@pytest.mark.parametrize(("count", "side"), [(128, 625), (128, 224), (50, 1000), (10, 2236), (10_000, 224), (1, 4096)])
def test_pictures_that_fit_into_memory_are_held(count, side):
    check_held(count, side=side, option="--samples")


@pytest.mark.parametrize(
    ("count", "side", "megabytes", "hint"),
    [
        (128, 626, "150 MB", "pass --samples 127"),
        (51, 1000, "153 MB", "pass --samples 50"),
        (1000, 700, "1,470 MB", "pass --samples 102"),
        (10, 4096, "503 MB", "take a model with a smaller input"),
    ],
)
def test_more_pictures_than_fit_into_memory_are_refused_with_how_many_do(count, side, megabytes, hint):
    with pytest.raises(BadOptionError, match=f"{count} pictures of {side} px take {megabytes}") as caught:
        check_held(count, side=side, option="--samples")
    assert caught.value.hint == hint
