"""Model files as they lie on the disk: what kind a file is, which Keras wrote it, and its configuration.

Nothing is built here and neither TensorFlow nor Keras is imported. The file's content decides, not its name.
"""

from __future__ import annotations

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import reason_in_words
from mobile_deploy.models.flavours import KerasFlavour

Container = Literal["zip", "hdf5"]

_ZIP_MAGIC = b"PK\x03\x04"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_SUFFIXES: dict[Container, str] = {"zip": ".keras", "hdf5": ".h5"}
_WEIGHT_MEMBERS = ("model.weights.h5", "model.weights.npz")

# A compressed file may claim any size. The configuration of the largest Keras application has 1 MB, its weights 1.4 GB.
MAX_CONFIG_BYTES = 64 * 2**20
MAX_WEIGHTS_BYTES = 4 * 2**30

# What zipfile and h5py raise on damaged content, apart from what the system refuses.
DAMAGE = (EOFError, KeyError, NotImplementedError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A Keras model file whose configuration has been read.

    Attributes:
        path: The file.
        container: "zip" (.keras) or "hdf5" (.h5).
        flavour: Which Keras wrote it and must load it.
        config: The model's configuration.
    """

    path: Path
    container: Container
    flavour: KerasFlavour
    config: Mapping[str, Any] = field(repr=False)


def read_model_file(path: Path) -> ModelFile:
    """Reads the configuration of a `.keras` or `.h5` file and finds out which Keras wrote it.

    Args:
        path: The file.

    Returns:
        The file's kind and content, weights aside.

    Raises:
        UnreadableFileError: Missing, damaged, not a Keras model, or one without its configuration.
    """
    with _damage_named(path):
        with path.open("rb") as file:
            magic = file.read(8)
        if magic == _HDF5_MAGIC:
            return _read_hdf5(path)
        if magic.startswith(_ZIP_MAGIC):
            return _read_zip(path)
    raise UnreadableFileError(
        path=path,
        problem=f"it is neither a .keras nor an .h5 model; it begins with {magic!r}" if magic else "it is empty",
        hint="give a file that model.save() wrote",
    )


def looks_like_keras(path: Path) -> bool:
    """Tells a Keras model file, by its name or its first bytes, from every other kind; a damaged one is one too.

    Raises:
        UnreadableFileError: The file is not there or may not be read.
    """
    if path.suffix.lower() in (*_SUFFIXES.values(), ".hdf5"):
        return True
    with _damage_named(path), path.open("rb") as file:
        return file.read(len(_HDF5_MAGIC)).startswith((_ZIP_MAGIC, _HDF5_MAGIC))


def write_copy(file: ModelFile, config: Mapping[str, Any], folder: Path) -> Path:
    """Writes a model file with the same weights and another configuration.

    What Keras then loads is the configuration that was looked through, and no optimizer state.

    Args:
        file: The original.
        config: The configuration of the copy.
        folder: Where the copy goes.

    Returns:
        The copy.

    Raises:
        UnreadableFileError: The weights are missing or damaged.
    """
    copy = folder / f"model{_SUFFIXES[file.container]}"
    with _damage_named(file.path):
        if file.container == "zip":
            _copy_zip(file.path, copy, config)
        else:
            _copy_hdf5(file.path, copy, config)
    return copy


def _read_zip(path: Path) -> ModelFile:
    with zipfile.ZipFile(path) as archive:
        if not {"config.json", "metadata.json"} <= set(archive.namelist()):
            raise UnreadableFileError(
                path=path, problem="it is a zip archive but not a Keras model: no config.json inside"
            )
        config = _parse(_read_member(path, archive, "config.json"), path)
        metadata = _parse(_read_member(path, archive, "metadata.json"), path)
    return ModelFile(path=path, container="zip", flavour=_flavour(metadata.get("keras_version"), path), config=config)


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    size_bytes = archive.getinfo(name).file_size
    if size_bytes > MAX_CONFIG_BYTES:
        raise UnreadableFileError(
            path=path, problem=f"its {name} claims {size_bytes} bytes; at most {MAX_CONFIG_BYTES} are read"
        )
    return archive.read(name)


def _read_hdf5(path: Path) -> ModelFile:
    import h5py

    with h5py.File(path, "r") as file:
        config, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
    if config is None:
        raise UnreadableFileError(
            path=path,
            problem="it holds weights only, no model",
            hint="pass it as --weights FILE with --variant, or save the whole model with model.save('model.keras')",
        )
    flavour = _flavour(_text(version), path)
    return ModelFile(path=path, container="hdf5", flavour=flavour, config=_parse(_text(config), path))


def _copy_zip(source: Path, copy: Path, config: Mapping[str, Any]) -> None:
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(copy, "w") as target:
        weights = next((archive.getinfo(name) for name in _WEIGHT_MEMBERS if name in archive.namelist()), None)
        if weights is None:
            raise UnreadableFileError(path=source, problem="it holds no weights: no model.weights.h5 inside")
        if weights.file_size > MAX_WEIGHTS_BYTES:
            raise UnreadableFileError(
                path=source, problem=f"its weights claim {weights.file_size} bytes; that is no MobileNet"
            )
        target.writestr("metadata.json", archive.read("metadata.json"))
        target.writestr("config.json", json.dumps(config))
        with archive.open(weights) as reader, target.open(weights.filename, "w", force_zip64=True) as writer:
            shutil.copyfileobj(reader, writer)


def _copy_hdf5(source: Path, copy: Path, config: Mapping[str, Any]) -> None:
    import h5py

    with h5py.File(source, "r") as original, h5py.File(copy, "w") as target:
        target.attrs["keras_version"] = original.attrs["keras_version"]
        target.attrs["backend"] = "tensorflow"
        # As bytes, like Keras: a string attribute of HDF5 is limited to 64 KB otherwise.
        target.attrs["model_config"] = json.dumps(config).encode()
        original.copy("model_weights", target)


def _flavour(version: object, path: Path) -> KerasFlavour:
    major = str(version).partition(".")[0]
    if major == "3":
        return "keras3"
    if major == "2":
        return "keras2"
    raise UnreadableFileError(path=path, problem=f"it was written by Keras {version}; 2 and 3 can be read")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _parse(text: str | bytes, path: Path) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise UnreadableFileError(path=path, problem="its configuration is not a JSON object")
    return value


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turns what a damaged file makes the readers raise into one error in words."""
    try:
        yield
    except DAMAGE as error:
        raise _damaged(path) from error
    except OSError as error:
        # h5py reports damage as an OSError without a number.
        raise (
            _damaged(path) if error.errno is None else UnreadableFileError(path=path, problem=reason_in_words(error))
        ) from error


def _damaged(path: Path) -> UnreadableFileError:
    return UnreadableFileError(path=path, problem="it is cut short or damaged", hint="copy or download it again")
