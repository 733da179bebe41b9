"""The one place that decodes, fits and resizes pictures.

A file becomes the network's square in four steps, each in integers so that a port can give the same bytes:

1. Decode (JPEG, PNG, WebP, BMP; the content decides, not the suffix) to upright 8-bit RGB: EXIF orientation applied,
   grey and palette expanded, CMYK converted as Pillow does, 16-bit grey shifted right by 8 (as Pillow treats 16-bit
   colour), transparency laid over white: `(color * alpha + 255 * (255 - alpha) + 127) // 255`.
2. Fit. Stretch keeps the whole picture. Center-crop takes the square of `floor(shorter * fraction + 0.5)` pixels, at
   least 1, whose left and top are `(width - square) // 2` and `(height - square) // 2`.
3. Resize with Pillow's 8-bit antialiased bilinear filter, to side x side: first all rows, then all columns. Letterbox
   resizes the longer side to `side` and the shorter to `(2 * shorter * side + longer) // (2 * longer)`, at least 1.
4. Letterbox alone pads with black; left and top get `(side - size) // 2`, right and bottom the rest.
"""

from __future__ import annotations

import math
import stat
import struct
import zlib
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from mobile_deploy.contract import Fit
from mobile_deploy.errors import BadOptionError, BadPictureError, UnreadableFileError
from mobile_deploy.files import is_folder

Picture: TypeAlias = npt.NDArray[np.uint8]

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp"})

# Decoding costs up to 4 bytes a pixel. Above every common camera, below the 89 million at which Pillow itself warns.
MAX_PIXELS = 80_000_000

# What fitted pictures may take in memory: 128 of them up to 625 px, in proportion where more are wished for.
_MOST_BYTES_EACH = 1_171_875
_USUAL_COUNT = 128
_FEWEST_WORTH_IT = 10

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_NOT_A_PICTURE = "not a JPEG, PNG, WebP or BMP picture"

# What Pillow's decoders of these formats raise on damaged bytes.
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error)

# Source: Exif 2.32, tag 0x0112 (Orientation): how the stored picture is turned to stand upright; 1 is upright.
_ORIENTATION_TAG = 0x0112
_UPRIGHT_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def check_held(count: int, *, side: int, option: str) -> None:
    """Refuses to hold more pictures in memory than fit there; it is the model that says how large they are.

    Args:
        count: How many pictures.
        side: Height and width of each in pixels.
        option: The option that says how many, named in the error.

    Raises:
        BadOptionError: They take more than 150 MB, or more in proportion beyond 128 pictures.
    """
    each, most = 3 * side**2, max(count, _USUAL_COUNT) * _MOST_BYTES_EACH
    if count * each > most:
        fitting = _USUAL_COUNT * _MOST_BYTES_EACH // each
        raise BadOptionError(
            option=option,
            problem=f"{count} pictures of {side} px take {count * each / 1e6:,.0f} MB, at most {most / 1e6:.0f} MB fit",
            hint=f"pass {option} {fitting}" if fitting >= _FEWEST_WORTH_IT else "take a model with a smaller input",
        )


def load_picture(path: Path, *, side: int, fit: Fit) -> Picture:
    """Decodes a file and makes it the network's square.

    Args:
        path: A JPEG, PNG, WebP or BMP file.
        side: Height and width of the result in pixels.
        fit: How a picture of any shape becomes a square.

    Returns:
        (side, side, 3) uint8 RGB.

    Raises:
        BadPictureError: The file is missing, no picture, damaged, or has more than `MAX_PIXELS` pixels.
    """
    return fit_picture(decode_picture(path), side=side, fit=fit)


def decode_picture(path: Path) -> Picture:
    """Decodes a file to an upright picture of its own size.

    Args:
        path: A JPEG, PNG, WebP or BMP file.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        BadPictureError: The file is missing, no picture, damaged, or has more than `MAX_PIXELS` pixels.
    """
    try:
        _refuse_non_file(path)
        with path.open("rb") as file, Image.open(file, formats=_FORMATS) as image:
            _refuse_bomb(path, image.size)
            image.load()
            return _to_rgb(_upright(image))
    except UnidentifiedImageError as error:
        raise BadPictureError(path=path, problem=_NOT_A_PICTURE) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadPictureError(path=path, problem=f"more than {MAX_PIXELS:,} pixels") from error
    except _DECODING_ERRORS as error:
        raise _undecodable(path, error) from error


def fit_picture(picture: Picture, *, side: int, fit: Fit) -> Picture:
    """Makes a decoded picture the network's square.

    Args:
        picture: (H, W, 3) uint8 RGB, upright.
        side: Height and width of the result in pixels.
        fit: How a picture of any shape becomes a square.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    image = Image.fromarray(picture)
    match fit.kind:
        case "stretch":
            return _resized(image, (side, side))
        case "center-crop":
            return _resized(image.crop(center_box(*image.size, fraction=fit.fraction)), (side, side))
        case "letterbox":
            return _padded(_resized(image, letterbox_size(*image.size, side=side)), side)


def center_box(width: int, height: int, *, fraction: float) -> tuple[int, int, int, int]:
    """Gives the central square that center-crop keeps.

    Args:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        fraction: Side of the square as a share of the shorter side, in (0, 1].

    Returns:
        Left, top, right, bottom in pixels; right and bottom are exclusive.

    >>> center_box(101, 64, fraction=0.875)
    (22, 4, 78, 60)
    """
    square = max(1, math.floor(min(width, height) * fraction + 0.5))
    left, top = (width - square) // 2, (height - square) // 2
    return left, top, left + square, top + square


def letterbox_size(width: int, height: int, *, side: int) -> tuple[int, int]:
    """Gives the size a whole picture takes inside the square.

    Args:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        side: Of the square in pixels.

    Returns:
        Width and height in pixels; the longer one is `side`.

    >>> letterbox_size(400, 300, side=225)
    (225, 169)
    """
    longer = max(width, height)
    scaled = (max(1, (2 * length * side + longer) // (2 * longer)) for length in (width, height))
    return next(scaled), next(scaled)


def find_files(folder: Path) -> tuple[Path, ...]:
    """Lists every file below a folder, sorted by relative POSIX name; hidden files and folders are left out.

    Raises:
        UnreadableFileError: The folder is missing or a file.
    """
    if not is_folder(folder):
        problem = "it is a file, not a folder" if folder.exists() else "there is no such folder"
        raise UnreadableFileError(path=folder, problem=problem)
    found = (path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder)))
    return tuple(sorted(found, key=lambda path: path.relative_to(folder).as_posix()))


def find_pictures(folder: Path) -> tuple[Path, ...]:
    """Lists the files below a folder that a picture suffix names, sorted by relative POSIX name, hidden ones left out.

    Raises:
        UnreadableFileError: The folder is missing or a file.
    """
    return tuple(path for path in find_files(folder) if path.suffix.lower() in PICTURE_SUFFIXES)


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def _refuse_non_file(path: Path) -> None:
    # Opening a pipe would wait for ever for someone who writes to it.
    if not stat.S_ISREG(path.stat().st_mode):
        raise BadPictureError(path=path, problem="it is not a file", hint="")


def _undecodable(path: Path, error: Exception) -> BadPictureError:
    if isinstance(error, OSError) and error.strerror:
        # Nothing is known against the picture itself.
        return BadPictureError(path=path, problem=error.strerror.lower(), hint="")
    return BadPictureError(path=path, problem=f"damaged ({error})")


def _refuse_bomb(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        problem = f"{width} x {height} is more than {MAX_PIXELS:,} pixels"
        raise BadPictureError(path=path, problem=problem)


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODING_ERRORS:
        # A damaged EXIF block says nothing about how an intact picture stands.
        return image
    method = _UPRIGHT_BY.get(orientation)
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> Picture:
    if image.mode.startswith("I"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        return _over_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def _over_white(picture: Picture) -> Picture:
    color, alpha = picture[..., :3].astype(np.uint32), picture[..., 3:].astype(np.uint32)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _resized(image: Image.Image, size: tuple[int, int]) -> Picture:
    # Each pass rounds, and Pillow 13 does the columns of tall pictures first, older ones never do.
    narrowed = image.resize((size[0], image.height), Image.Resampling.BILINEAR)
    return np.asarray(narrowed.resize(size, Image.Resampling.BILINEAR))


def _padded(picture: Picture, side: int) -> Picture:
    height, width = picture.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + height, left : left + width] = picture
    return square
