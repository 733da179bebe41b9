"""The networks of `keras.applications` with their ImageNet weights, as models that answer pictures."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import urllib.error
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import IMAGENET_FIT, InputContract, ModelContract, OutputContract
from mobile_deploy.errors import DownloadRefusedError, MobileDeployError, NoConnectionError
from mobile_deploy.evaluation.scoring import PictureAnswerer
from mobile_deploy.models.published import PUBLISHED_URL
from mobile_deploy.variants.imagenet import imagenet_classes, wnids_of

# Input side in pixels by name. Source: keras/src/applications, Keras 3.15, the default sizes of each module.
APPLICATIONS: Mapping[str, int] = {
    **dict.fromkeys(("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"), 224),
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), 224),
    **{"EfficientNetB0": 224, "EfficientNetB1": 240, "EfficientNetB2": 260, "EfficientNetB3": 300},
    **{"EfficientNetB4": 380, "EfficientNetB5": 456, "EfficientNetB6": 528, "EfficientNetB7": 600},
    **{"EfficientNetV2B0": 224, "EfficientNetV2B1": 240, "EfficientNetV2B2": 260, "EfficientNetV2B3": 300},
    **{"EfficientNetV2S": 384, "EfficientNetV2M": 480, "EfficientNetV2L": 480},
    **{"InceptionResNetV2": 299, "InceptionV3": 299, "Xception": 299},
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small"), 224),
    **{"NASNetMobile": 224, "NASNetLarge": 331},
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2"), 224),
    **dict.fromkeys(("VGG16", "VGG19"), 224),
}

_SILENCE_S = 30.0
_ADDRESS = re.compile(r"https?://\S+?(?=:? |$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One network of `keras.applications`; its weights are downloaded by Keras when it is opened.

    Attributes:
        name: As in `keras.applications`.
        contract: How it is fed and read; its pixels go through its own `preprocess_input`.
    """

    name: str
    contract: ModelContract
    data: None = None

    @property
    def wnids(self) -> tuple[str, ...]:
        """ImageNet's WordNet identifiers in output order."""
        return wnids_of(self.contract.labels)

    @property
    def source(self) -> str:
        """What stands for the network in errors and hashes; Keras pins the weights of a version."""
        return f"keras.applications.{self.name} of Keras {version('keras')}"

    def open(self, *, threads: int = 1) -> AbstractContextManager[PictureAnswerer]:
        """Builds it, downloads its weights unless Keras has them, and loads them.

        Args:
            threads: Not used: TensorFlow takes what it takes.

        Returns:
            A context manager whose value answers pictures by `run`.

        Raises:
            NoConnectionError: The weights are to be downloaded, and the server cannot be reached.
            DownloadRefusedError: The server gives something else.
        """
        from mobile_deploy.models.answering import KerasRunner

        side = self.contract.input.side
        model, preprocess = _load(self.name, side=side)

        def encode(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            return np.asarray(preprocess(pictures.astype(np.float32)), np.float32)

        return KerasRunner(lambda image: model(image, training=False), encode=encode, side=side)


def describe_application(name: str) -> Application:
    """Describes a network; imports neither Keras nor TensorFlow.

    Args:
        name: One of `APPLICATIONS`.

    Returns:
        The network, not yet built.

    Raises:
        KeyError: There is none of that name.
    """
    labels = tuple(known.name for known in imagenet_classes())
    side = APPLICATIONS[name]
    return Application(
        name=name,
        contract=ModelContract(
            input=InputContract(side=side, dtype="float32", low=0.0, high=255.0, fit=IMAGENET_FIT),
            output=OutputContract(dtype="float32", meaning="softmax", size=len(labels)),
            labels=labels,
            minimum_runtime="unknown",
        ),
    )


def _load(name: str, *, side: int) -> tuple[Any, Any]:
    """Gives the network with its weights, and its preprocess_input."""
    from mobile_deploy.models.flavours import import_keras

    maker = getattr(import_keras("keras3").applications, name)
    preprocess = sys.modules[maker.__module__].preprocess_input
    try:
        with _silence_bounded(), contextlib.redirect_stdout(sys.stderr):  # Keras reports downloads on stdout
            return maker(weights="imagenet", input_shape=(side, side, 3)), preprocess
    except Exception as error:
        # Keras raises a bare Exception for a failed download, so that only what it was raised from tells what it is.
        failure = _download_failure(error)
        if failure is None:
            raise
        raise failure from error


def _download_failure(error: Exception) -> MobileDeployError | None:
    """Names what went wrong with a download; None for anything else."""
    found = _ADDRESS.search(str(error))
    url = found[0] if found else PUBLISHED_URL
    cause = error.__context__ if isinstance(error.__context__, urllib.error.URLError) else error
    match cause:
        case urllib.error.HTTPError():
            return DownloadRefusedError(url=url, answer=f"{cause.code} {cause.reason}")
        case urllib.error.URLError():
            return NoConnectionError(url=url, reason=str(cause.reason))
        case TimeoutError() | ConnectionError():
            return NoConnectionError(url=url, reason=str(cause) or "no answer")
        case ValueError():
            return DownloadRefusedError(url=url, answer=f"something else came instead ({cause})")
        case _:
            return None


@contextlib.contextmanager
def _silence_bounded() -> Iterator[None]:
    """Lets no connection wait for ever; Keras gives its downloads no deadline."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
