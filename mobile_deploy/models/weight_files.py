"""Keras weight files as they lie on the disk: which layers they hold, of which shapes, and the arrays.

| file                      | how layers are kept                          | order              |
|---------------------------|----------------------------------------------|--------------------|
| `.h5` of weights (legacy) | by layer name                                | that of the model  |
| `.h5` of a whole model    | the same, in the group `model_weights`       | that of the model  |
| `.weights.h5`             | by class and number, such as `conv2d_3`      | within each class  |
| `.keras`                  | a zip with the same in `model.weights.h5`    | within each class  |

The last two note the layer names too when a recent Keras 3 wrote them.
Nothing is built from a configuration, and neither TensorFlow nor Keras is imported. The content decides, not the name.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import reason_in_words
from mobile_deploy.models.config_scan import refuse_unsafe_layers
from mobile_deploy.models.model_files import DAMAGE, MAX_WEIGHTS_BYTES, read_model_file

_HINT = "--weights takes auto, imagenet, demo, none, or the path of a .h5, .weights.h5 or .keras file"

_ZIP_MAGIC = b"PK\x03\x04"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIPPED_WEIGHTS = "model.weights.h5"

# The second is that of Keras 2.12 and 2.13. Source: H5IOStore of keras/src/saving/saving_lib.py, Keras 3.15.
_LAYER_GROUPS = ("layers", "_layer_checkpoint_dependencies")
_NUMBERED = re.compile(r"(\w+?)(?:_(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLayer:
    """A layer with weights in a file.

    Attributes:
        name: Name of the layer in the model that was saved; empty when the file does not say.
        keras_class: Its class as in `depthwise_conv2d`; empty when the file does not say.
        shapes: Shape of each array, in Keras's order.
        paths: Where each array lies in the file.
    """

    name: str
    keras_class: str
    shapes: tuple[tuple[int, ...], ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedWeights:
    """What a weight file holds.

    Attributes:
        path: The file.
        layers: Its layers with weights.
        in_model_order: Whether `layers` are in the order of the model, or only within each class.
    """

    path: Path
    layers: tuple[SavedLayer, ...]
    in_model_order: bool


def read_structure(path: Path) -> SavedWeights:
    """Reads which layers a weight file holds, without their arrays.

    Args:
        path: A `.h5`, `.weights.h5` or `.keras` file.

    Returns:
        Its layers.

    Raises:
        UnreadableFileError: Missing, damaged, or no weights of Keras.
        LambdaLayerError: It is a whole model with a Python lambda in it, which weights alone would lose.
        UnsafeLayerError: The same for other code.
    """
    with _opened(path) as file:
        saved = _structure(path, file)
        holds_model = "model_config" in file.attrs or _magic(path).startswith(_ZIP_MAGIC)
    if holds_model:
        refuse_unsafe_layers(read_model_file(path).config, source=path)
    return saved


def read_arrays(path: Path, layers: Iterable[SavedLayer]) -> tuple[tuple[np.ndarray[Any, Any], ...], ...]:
    """Reads the arrays of layers.

    Args:
        path: The file that `layers` come from.
        layers: Which to read.

    Returns:
        For each layer its arrays, in the shapes it says.

    Raises:
        UnreadableFileError: The file is damaged or gone.
    """
    with _opened(path) as file:
        return tuple(tuple(file[place][()] for place in layer.paths) for layer in layers)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens the HDF5 part of a file and turns what damage makes the readers raise into words."""
    try:
        magic = _magic(path)
        if magic == _HDF5_MAGIC:
            with h5py.File(path, "r") as weights:
                yield weights
        elif magic.startswith(_ZIP_MAGIC):
            with h5py.File(io.BytesIO(_unzipped_weights(path)), "r") as weights:
                yield weights
        else:
            raise UnreadableFileError(
                path=path,
                problem=f"it holds no Keras weights; it begins with {magic!r}" if magic else "it is empty",
                hint=_HINT,
            )
    except DAMAGE as error:
        raise _damaged(path) from error
    except OSError as error:
        # h5py reports damage as an OSError without a number.
        if error.errno is None:
            raise _damaged(path) from error
        raise UnreadableFileError(path=path, problem=reason_in_words(error), hint=_HINT) from error


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def _damaged(path: Path) -> UnreadableFileError:
    return UnreadableFileError(path=path, problem="it is cut short or damaged", hint="copy or download it again")


def _unzipped_weights(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        if _ZIPPED_WEIGHTS not in archive.namelist():
            raise UnreadableFileError(path=path, problem=f"it is a zip archive without {_ZIPPED_WEIGHTS}", hint=_HINT)
        size_bytes = archive.getinfo(_ZIPPED_WEIGHTS).file_size
        if size_bytes > MAX_WEIGHTS_BYTES:
            raise UnreadableFileError(path=path, problem=f"its weights claim {size_bytes} bytes; that is no MobileNet")
        return archive.read(_ZIPPED_WEIGHTS)


def _structure(path: Path, file: Any) -> SavedWeights:  # noqa: ANN401  # h5py has no types
    legacy = file.get("model_weights", file)
    if "layer_names" in legacy.attrs or "layer_names0" in legacy.attrs:
        return SavedWeights(path=path, layers=tuple(_legacy_layers(legacy)), in_model_order=True)
    for name in _LAYER_GROUPS:
        if name in file:
            return SavedWeights(path=path, layers=tuple(_numbered_layers(file[name])), in_model_order=False)
    raise UnreadableFileError(path=path, problem="it is an HDF5 file but holds no Keras layers", hint=_HINT)


def _legacy_layers(group: Any) -> Iterator[SavedLayer]:  # noqa: ANN401  # h5py has no types
    for name in _names(group, "layer_names"):
        layer = group[name]
        arrays = [layer[weight] for weight in _names(layer, "weight_names")]
        if arrays:
            yield _saved_layer(arrays, name=name, keras_class="")


def _numbered_layers(group: Any) -> Iterator[SavedLayer]:  # noqa: ANN401  # h5py has no types
    def place(key: str) -> tuple[str, int]:
        match = _NUMBERED.fullmatch(key)
        return (key, 0) if match is None else (match[1], int(match[2] or 0))

    for key in sorted(group, key=place):
        variables = group.get(f"{key}/vars")
        if variables is not None and len(variables):
            arrays = [variables[number] for number in sorted(variables, key=int)]
            yield _saved_layer(arrays, name=_text(variables.attrs.get("name", "")), keras_class=place(key)[0])


def _saved_layer(arrays: list[Any], *, name: str, keras_class: str) -> SavedLayer:
    for array in arrays:
        # An array may be declared to lie in any file of this machine, whose bytes would then be shipped as weights.
        if not isinstance(array, h5py.Dataset) or array.external or array.is_virtual:
            raise ValueError(f"{name}: not a plain array")
    return SavedLayer(
        name=name,
        keras_class=keras_class,
        shapes=tuple(tuple(array.shape) for array in arrays),
        paths=tuple(array.name for array in arrays),
    )


def _names(group: Any, attribute: str) -> tuple[str, ...]:  # noqa: ANN401  # h5py has no types
    """Reads a list of names; one too long for an HDF5 attribute lies in `<attribute>0`, `<attribute>1` and so on."""
    if attribute in group.attrs:
        return tuple(_text(name) for name in group.attrs[attribute])
    names: list[str] = []
    number = 0
    while f"{attribute}{number}" in group.attrs:
        names += (_text(name) for name in group.attrs[f"{attribute}{number}"])
        number += 1
    return tuple(names)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
