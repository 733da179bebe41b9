"""The models of a benchmark: bundles and .tflite files, each with a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mobile_deploy.bundle import Bundle
from mobile_deploy.errors import BadOptionError
from mobile_deploy.files import sha256_of_bytes
from mobile_deploy.pipeline.sources import find_sidecar
from mobile_deploy.tflite.graph import read_file, read_graph


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkModel:
    """A model to be timed.

    Attributes:
        name: Name of the bundle, or of the file without suffix; unique in a benchmark.
        path: The .tflite.
        data: Its bytes.
        sha256: Their hash.
        recipe: Recipe of the bundle; "" for a file on its own.
        bundle: The bundle it lies in; None for a file on its own.
    """

    name: str
    path: Path
    data: bytes = field(repr=False)
    sha256: str
    recipe: str
    bundle: Bundle | None = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Gives what identifies the model, as JSON values."""
        size_bytes = len(self.data)
        return {"name": self.name, "recipe": self.recipe or None, "size_bytes": size_bytes, "sha256": self.sha256}


def open_models(paths: Sequence[Path]) -> tuple[BenchmarkModel, ...]:
    """Reads models, those of bundles checked against their hashes.

    Args:
        paths: Bundles, or .tflite files.

    Returns:
        One for each path; two of one name are named by their paths.

    Raises:
        BadOptionError: There is none, or the same is given twice, perhaps by another path.
        UnreadableFileError: Something is no .tflite.
        BundleChangedError: A file of a bundle changed.
    """
    if not paths:
        raise BadOptionError(option="BUNDLE|FILE", problem="no model is named")
    models = tuple(map(_open, paths))
    _check_distinct(models, paths)
    if len({model.name for model in models}) < len(models):
        models = tuple(replace(model, name=str(path)) for model, path in zip(models, paths, strict=True))
    return models


def _check_distinct(models: Sequence[BenchmarkModel], paths: Sequence[Path]) -> None:
    seen: dict[Path, Path] = {}
    for model, path in zip(models, paths, strict=True):
        first = seen.setdefault(model.path.resolve(), path)
        if first is not path:
            also = "" if str(first) == str(path) else f", as {first} before"
            raise BadOptionError(option="BUNDLE|FILE", problem=f"{path} is given twice{also}")


def baseline(models: Sequence[BenchmarkModel]) -> str:
    """Gives the name of the model that the others are compared with: the first float32 one, else the first."""
    return next((model.name for model in models if model.recipe == "float32"), models[0].name)


def _open(path: Path) -> BenchmarkModel:
    bundle = find_sidecar(path)
    source = path if bundle is None else bundle.tflite
    data = read_file(source)
    read_graph(data, source=source, any_subgraphs=True)
    return BenchmarkModel(
        name=path.stem if bundle is None else bundle.name,
        path=source,
        data=data,
        sha256=sha256_of_bytes(data),
        recipe="" if bundle is None else bundle.recipe,
        bundle=bundle,
    )
