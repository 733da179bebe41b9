"""Where a network's weights come from, and filling a model with them.

`resolve_weights` finds the file and checks it against the network without TensorFlow, so that a wrong one is named
before anything slow begins; `load_weights` fills a model of either Keras flavour.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from mobile_deploy.errors import (
    DownloadRefusedError,
    HashMismatchError,
    InputDataError,
    NoConnectionError,
    UnpublishedWeightsError,
)
from mobile_deploy.files import cache_directory, sha256_of_file
from mobile_deploy.files.download import Progress
from mobile_deploy.files.first_use import fetch_once
from mobile_deploy.files.hashes import md5_of_file
from mobile_deploy.models.demo_weights import DEMO, demo_weights_file
from mobile_deploy.models.published import PUBLISHED_URL, PublishedWeights, published_weights
from mobile_deploy.models.weight_files import read_arrays, read_structure
from mobile_deploy.models.weight_matching import match_layers
from mobile_deploy.variants.registry import ModelSpec, get_variant

MIRROR_VARIABLE = "MOBILE_DEPLOY_WEIGHTS_URL"

WeightsKind = Literal["imagenet", "demo", "file", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsOrigin:
    """Which weights a network has, for the record and for loading.

    Attributes:
        kind: "imagenet" (published by Keras), "demo" (shipped), "file" (given by the user) or "none" (untrained).
        name: Name of the file, without folders; empty for "none".
        sha256: Of the file, in hexadecimal digits; empty for "none".
        url: Where it was downloaded; empty for the others.
        pinned: Whether a hash that the publisher gives vouches for the file.
        note: What people should know, in a sentence; empty when there is nothing to say.
        path: The file on this machine, which is no part of the record; None for "none".
    """

    kind: WeightsKind
    name: str = ""
    sha256: str = ""
    url: str = ""
    pinned: bool = False
    note: str
    path: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Gives the record as JSON values; it holds nothing of this machine."""
        return {
            "kind": self.kind,
            "name": self.name,
            "sha256": self.sha256,
            "url": self.url,
            "pinned": self.pinned,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWeights:
    """What `load_weights` did.

    Attributes:
        new_head: Whether layers after the feature map kept their initial, untrained values.
        layers_loaded: Number of layers filled.
        note: What people should know, in a sentence; empty when there is nothing to say.
    """

    new_head: bool
    layers_loaded: int
    note: str


def resolve_weights(
    choice: str | Path, spec: ModelSpec, *, progress: Progress | None = None, base_url: str | None = None
) -> WeightsOrigin:
    """Finds the weights for a network and checks that they fit it.

    Args:
        choice: "imagenet" for the published file; "auto" for the same, but untrained when it is not in the cache and
            there is no connection; "demo" for the file that ships; "none" for untrained; anything else is a path.
        spec: The network.
        progress: Told the bytes of a download that are there, and those in all.
        base_url: A mirror of the published files; None for the environment variable MOBILE_DEPLOY_WEIGHTS_URL, or where
            that is unset for the publisher.

    Returns:
        Where the weights are.

    Raises:
        UnpublishedWeightsError: "auto" or "imagenet", and nothing is published for this variant and alpha.
        NoConnectionError: "imagenet", not in the cache, and the server cannot be reached.
        DownloadRefusedError: The server does not give the file, or something else instead.
        DownloadInterruptedError: The download broke off.
        HashMismatchError: The download is not what Keras publishes a hash of.
        CachedFileChangedError: The file is not the one that was used first.
        CacheNotWritableError: The cache cannot be written.
        UnreadableFileError: The given file holds no Keras weights.
        WeightsMismatchError: The given file belongs to another network.
        BadOptionError: "demo", and the network is not the one that these are for.
    """
    if choice == "none":
        return WeightsOrigin(kind="none", note="Untrained, as asked for.")
    if choice == DEMO:
        return _shipped_file(spec)
    if choice not in ("auto", "imagenet"):
        return _given_file(Path(choice), spec)
    published = published_weights(spec)
    if published is None:
        raise UnpublishedWeightsError(
            variant=spec.variant,
            width_multiplier=spec.width_multiplier,
            published=get_variant(spec.variant).published_alphas,
        )
    base_url = base_url or os.environ.get(MIRROR_VARIABLE) or PUBLISHED_URL
    try:
        return _published_file(published, spec, url=f"{base_url.rstrip('/')}/{published.path}", progress=progress)
    except NoConnectionError as error:
        if choice == "imagenet":
            raise
        host = urlsplit(error.url).hostname
        return WeightsOrigin(
            kind="none", note=f"Untrained: {published.file_name} is not in the cache, and {host} cannot be reached."
        )


def load_weights(model: Any, origin: WeightsOrigin, spec: ModelSpec) -> LoadedWeights:  # noqa: ANN401  # no types
    """Fills a model with the weights that `resolve_weights` found.

    Args:
        model: A Keras 3 or tf_keras model built from `spec`.
        origin: Where the weights are.
        spec: The network.

    Returns:
        What was filled.

    Raises:
        UnreadableFileError: The file is damaged or gone.
        WeightsMismatchError: The file belongs to another network.
    """
    if origin.path is None:
        return LoadedWeights(new_head=spec.include_top, layers_loaded=0, note="")
    match = match_layers(read_structure(origin.path), spec)
    arrays = read_arrays(origin.path, [saved for _, saved in match.found])
    layers = {layer.name: layer for layer in model.layers}
    for (name, _), values in zip(match.found, arrays, strict=True):
        layers[name].set_weights(values)
    note = f"The head is new and untrained: {', '.join(match.new)}." if match.new else ""
    return LoadedWeights(new_head=bool(match.new), layers_loaded=len(match.found), note=note)


def _given_file(path: Path, spec: ModelSpec) -> WeightsOrigin:
    match_layers(read_structure(path), spec)
    return WeightsOrigin(kind="file", name=path.name, sha256=sha256_of_file(path), note="", path=path)


def _shipped_file(spec: ModelSpec) -> WeightsOrigin:
    path = demo_weights_file(spec)
    return WeightsOrigin(
        kind="demo",
        name=path.name,
        sha256=sha256_of_file(path),
        note="Weights of the demo, trained on generated pictures: they know nothing else.",
        path=path,
    )


def _published_file(
    published: PublishedWeights, spec: ModelSpec, *, url: str, progress: Progress | None
) -> WeightsOrigin:
    path = cache_directory() / "weights" / published.file_name

    def accept(file: Path) -> None:
        _accept(file, published, spec, url=url)

    first_use = fetch_once(url, path, accept=accept, md5=published.md5, progress=progress)
    return WeightsOrigin(
        kind="imagenet",
        name=published.file_name,
        sha256=first_use.sha256,
        url=first_use.url,
        pinned=published.md5 is not None,
        note=""
        if published.md5
        else f"{published.file_name} is not pinned: Keras publishes no hash, so its sha256 was recorded at first use.",
        path=path,
    )


def _accept(path: Path, published: PublishedWeights, spec: ModelSpec, *, url: str) -> None:
    """Checks a file in the cache that was never used."""
    if published.md5 is not None and (actual := md5_of_file(path)) != published.md5:
        raise HashMismatchError(source=path, kind="MD5", expected=published.md5, actual=actual)
    try:
        match_layers(read_structure(path), spec)
    except InputDataError as error:
        # Such as the log-in page of a network, which answers every address with 200.
        raise DownloadRefusedError(url=url, answer=f"something else came instead ({error.message})") from error
