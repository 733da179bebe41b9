"""The ImageNet weight files that Keras publishes, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from mobile_deploy.variants.imagenet import IMAGENET_CLASS_COUNT
from mobile_deploy.variants.registry import ModelSpec, get_variant

# Source: BASE_WEIGHT_PATH of keras/src/applications/mobilenet.py, mobilenet_v2.py and mobilenet_v3.py, Keras 3.15.
PUBLISHED_URL = "https://storage.googleapis.com/tensorflow/keras-applications"

# Source: keras/src/applications/mobilenet.py, Keras 3.15.
_V1_ALPHA_WORDS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}

# Trained at 224 px only. Source: https://github.com/tensorflow/models, research/slim/nets/mobilenet/README.md.
_V2_ALPHAS_OF_ONE_SIDE = (1.3, 1.4)

# MD5 by network: with the top, without it. Keras publishes none for the files of MobileNet and MobileNetV2.
# Source: WEIGHTS_HASHES of keras/src/applications/mobilenet_v3.py, Keras 3.15.
_V3_MD5 = {
    "large_224_0.75_float": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0_float": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0_float": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75_float": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0_float": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0_float": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedWeights:
    """One published weight file.

    Attributes:
        path: Its address below `PUBLISHED_URL` or a mirror of it.
        md5: The MD5 that Keras publishes, in hexadecimal digits; None where it publishes none.
    """

    path: str
    md5: str | None

    @property
    def file_name(self) -> str:
        """Name of the file, without folders."""
        return PurePosixPath(self.path).name


def published_weights(spec: ModelSpec) -> PublishedWeights | None:
    """Finds the published file for a network.

    Args:
        spec: The network. For a side that no weights were trained at it is the file for 224 px; without the head, or
            with other classes than ImageNet's, it is the file without the head.

    Returns:
        The file, or None when nothing is published for this variant and width multiplier.
    """
    variant = get_variant(spec.variant)
    alpha = float(spec.width_multiplier)
    if alpha not in variant.published_alphas:
        return None
    side = spec.side if spec.side in variant.published_sides else 224
    with_top = spec.include_top and spec.classes == IMAGENET_CLASS_COUNT
    match spec.variant:
        case "v1":
            return _v1(alpha, side, with_top=with_top)
        case "v2":
            return _v2(alpha, side, with_top=with_top)
        case name:
            return _v3(name, alpha, with_top=with_top)


def _v1(alpha: float, side: int, *, with_top: bool) -> PublishedWeights:
    top = "" if with_top else "_no_top"
    return PublishedWeights(path=f"mobilenet/mobilenet_{_V1_ALPHA_WORDS[alpha]}_{side}_tf{top}.h5", md5=None)


def _v2(alpha: float, side: int, *, with_top: bool) -> PublishedWeights:
    top = "" if with_top else "_no_top"
    trained_side = 224 if alpha in _V2_ALPHAS_OF_ONE_SIDE else side
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{trained_side}{top}.h5"
    return PublishedWeights(path=f"mobilenet_v2/{name}", md5=None)


def _v3(variant: str, alpha: float, *, with_top: bool) -> PublishedWeights:
    network = f"{variant.removeprefix('v3-').replace('-', '_')}_224_{alpha}_float"
    top = "" if with_top else "_no_top_v2"
    md5 = _V3_MD5[network][0 if with_top else 1]
    return PublishedWeights(path=f"mobilenet_v3/weights_mobilenet_v3_{network}{top}.h5", md5=md5)
