"""Camera frames as Android's YUV_420_888: their memory in every layout that cameras use, and their colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.data.images import Picture

Planes = tuple[Picture, Picture, Picture]

LAYOUTS = ("tight", "padded", "NV12", "NV21", "sparse")


def yuv_to_rgb(planes: Planes) -> Picture:
    """Converts full-range BT.601 in integers, each chroma sample held for a block of 2 x 2 pixels.

    Args:
        planes: (H, W) uint8 luma; two times ((H + 1) // 2, (W + 1) // 2) uint8 chroma, blueness then redness.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = planes[0].shape
    y = planes[0].astype(np.int64) * 65536 + 32768
    u, v = (np.kron(plane.astype(np.int64) - 128, np.ones((2, 2), np.int64))[:height, :width] for plane in planes[1:])
    channels = y + 91881 * v, y - 22554 * u - 46802 * v, y + 116130 * u
    return np.stack([np.clip(channel // 65536, 0, 255) for channel in channels], axis=-1).astype(np.uint8)


def noise_planes(width: int, height: int, *, seed: int) -> Planes:
    """Makes planes of any values, chroma of half the size with odd sizes rounded up."""
    draw, half = np.random.default_rng(seed), ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (draw.integers(0, 256, shape, dtype=np.uint8) for shape in ((height, width), half, half))
    return y, u, v


def lay_out(layout: str, planes: Planes) -> tuple[dict[str, Any], bytes]:
    """Puts planes into memory as cameras do; what lies between the samples is noise.

    Args:
        layout: One of `LAYOUTS`.
        planes: As `yuv_to_rgb` takes them.

    Returns:
        Where each plane lies, as the index of the golden pictures says it, and the memory.
    """
    (height, width), (half_height, half_width) = planes[0].shape, planes[1].shape
    strides = _strides(layout, width, half_width)
    chroma_at, chroma_size = height * strides[0], half_height * strides[2]
    second_at = chroma_at + (1 if layout.startswith("NV") else chroma_size)
    u_at, v_at = (second_at, chroma_at) if layout == "NV21" else (chroma_at, second_at)
    memory = np.random.default_rng(7).integers(0, 256, second_at + chroma_size, dtype=np.uint8)
    source = {"kind": "yuv", "width": width, "height": height}
    for key, plane, at, stride in zip("yuv", planes, (0, u_at, v_at), (strides[:2], *[strides[2:]] * 2), strict=True):
        source[key] = _lay_plane(memory, plane, at, *stride)
    return source, memory.tobytes()


def _strides(layout: str, width: int, half_width: int) -> tuple[int, int, int, int]:
    """Gives the row stride and pixel stride of luma, then those of chroma."""
    return {
        "tight": (width, 1, half_width, 1),
        "padded": (width + 13, 1, half_width + 5, 1),
        "NV12": (width + 3, 1, 2 * half_width + 7, 2),
        "NV21": (width + 1, 1, 2 * half_width, 2),
        "sparse": (2 * width + 1, 2, 3 * half_width + 4, 3),
    }[layout]


def _lay_plane(
    memory: npt.NDArray[np.uint8], plane: Picture, offset: int, row_stride: int, pixel_stride: int
) -> dict[str, int]:
    rows, columns = np.indices(plane.shape)
    places = rows * row_stride + columns * pixel_stride
    memory[offset + places] = plane
    return {"offset": offset, "length": int(places.max()) + 1, "row_stride": row_stride, "pixel_stride": pixel_stride}
