"""The user's own model: loads a file without running code from it, and hands over something that can be traced.

Nothing in the graph is rewritten here. Traced with `training=False`, nested models, augmentation and dropout leave no
operator behind; preprocessing at the model's beginning stays and is folded on the float .tflite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from mobile_deploy.errors import UnreadableFileError, UntrustedModelError
from mobile_deploy.files import is_folder, sha256_of_bytes, sha256_of_file
from mobile_deploy.models.config_scan import refuse_unknown_layers, refuse_unsafe_layers
from mobile_deploy.models.flavours import flavour_of, import_keras
from mobile_deploy.models.inference_config import for_inference, with_operation_modules
from mobile_deploy.models.model_files import ModelFile, read_model_file, write_copy
from mobile_deploy.models.saved_models import load_signature, sha256_of_folder
from mobile_deploy.models.structure import Shape, check_output, input_side

Flavour = Literal["keras3", "keras2", "savedmodel"]

# What building a model from a configuration or loading its weights can raise when the file does not fit this Keras.
_LOAD_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedModel:
    """A model that is ready to be traced.

    Attributes:
        call: From a float32 (1, side, side, 3) tensor to the one float32 (1, N) output, in inference mode; works inside
            a `tf.function`. It keeps the model alive.
        side: Input height and width in pixels.
        flavour: What loaded it.
        name: The file's name without suffix, in letters, digits, dot, underscore and hyphen.
        sha256: Digest of the file; of all names and contents for a folder; of all weights for a model in memory.
    """

    call: Callable[[Any], Any] = field(repr=False)
    side: int
    flavour: Flavour
    name: str
    sha256: str


def adopt_model(source: Path | object, *, side: int | None = None, trust: bool = False) -> AdoptedModel:
    """Takes over a model of the user's own.

    Args:
        source: A `.keras` or `.h5` file, a SavedModel folder, or a Keras 3 or tf_keras model in memory.
        side: Input height and width in pixels, for a model that leaves them open.
        trust: Whether a SavedModel may be loaded, which can run code.

    Returns:
        The model, checked to have one square RGB input and one row of values as output.

    Raises:
        UnreadableFileError: Missing, damaged, not a model, or one with other inputs or outputs.
        LambdaLayerError: The file holds a Python lambda.
        UnsafeLayerError: The file holds another layer that could run code.
        CustomLayerError: The file names a class that is not Keras's own.
        UntrustedModelError: A SavedModel without `trust`.
        BadOptionError: `side` is missing or contradicts the model.
        KerasBackendError: Keras 3 runs on another backend than TensorFlow.
    """
    if not isinstance(source, Path):
        return _adopt_live_model(source, side=side)
    if is_folder(source):
        return _adopt_saved_model(source, side=side, trust=trust)
    return _adopt_file(source, side=side)


def name_of_file(path: Path) -> str:
    """Gives the name that a model adopted from a file or folder has, such as "my-model" for "my model.keras"."""
    return _plain_name(path.name if is_folder(path) else path.stem)


def _adopt_file(path: Path, *, side: int | None) -> AdoptedModel:
    file = read_model_file(path)
    refuse_unsafe_layers(file.config, source=path)
    keras = import_keras(file.flavour)
    refuse_unknown_layers(file.config, known=dir(keras.layers), source=path)
    model = _load(keras, file)
    return AdoptedModel(
        call=_call(model),
        side=_checked_side(model, side=side, source=path),
        flavour=file.flavour,
        name=name_of_file(path),
        sha256=sha256_of_file(path),
    )


def _load(keras: Any, file: ModelFile) -> Any:  # noqa: ANN401  # Keras has no types
    config = for_inference(file.config)
    if (file.flavour, file.container) == ("keras3", "hdf5"):
        config = with_operation_modules(config)
    # Keras 2 ignores safe mode for HDF5; what it would refuse has been refused already.
    with TemporaryDirectory(prefix="mobile-deploy-") as folder:
        copy = write_copy(file, config, Path(folder))
        try:
            return keras.models.load_model(str(copy), compile=False, safe_mode=True)
        except _LOAD_ERRORS as error:
            raise _not_loadable(file.path, error) from error


def _adopt_live_model(model: Any, *, side: int | None) -> AdoptedModel:  # noqa: ANN401
    flavour = flavour_of(model)
    keras = import_keras(flavour)
    config = _serialized(keras, model)
    model = _inference_twin(keras, model, config)
    return AdoptedModel(
        call=_call(model),
        side=_checked_side(model, side=side, source=f"the model {model.name!r}"),
        flavour=flavour,
        name=_plain_name(model.name),
        sha256=sha256_of_bytes(b"".join(weight.tobytes() for weight in model.get_weights())),
    )


def _serialized(keras: Any, model: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Gives the configuration of a model in memory; empty for a class that has none."""
    try:
        config: Mapping[str, Any] = keras.saving.serialize_keras_object(model)
    except NotImplementedError:
        return {}
    return config


def _inference_twin(keras: Any, model: Any, config: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Gives the model itself, or its float32 twin when it computes in another type."""
    wanted = for_inference(config)
    if wanted == config:
        return model
    try:
        twin = keras.saving.deserialize_keras_object({**wanted, "compile_config": None}, safe_mode=False)
        twin.set_weights(model.get_weights())
    except _LOAD_ERRORS as error:
        raise _not_loadable(f"the model {model.name!r}", error) from error
    return twin


def _adopt_saved_model(path: Path, *, side: int | None, trust: bool) -> AdoptedModel:
    if not (path / "saved_model.pb").is_file():
        raise UnreadableFileError(path=path, problem="the folder is no SavedModel: it has no saved_model.pb")
    if not trust:
        raise UntrustedModelError(path=path)
    signature = load_signature(path)
    check_output(signature.output_shapes, source=path)
    return AdoptedModel(
        call=signature.call,
        side=input_side(signature.input_shapes, side=side, source=path),
        flavour="savedmodel",
        name=name_of_file(path),
        sha256=sha256_of_folder(path),
    )


def _checked_side(model: Any, *, side: int | None, source: object) -> int:  # noqa: ANN401
    check_output(_shapes(getattr(model, "outputs", None)), source=source)
    return input_side(_shapes(getattr(model, "inputs", None)), side=side, source=source)


def _shapes(tensors: Any) -> list[Shape]:  # noqa: ANN401
    """Gives the shapes of symbolic tensors; a model that was never built has none."""
    return [tuple(tensor.shape) for tensor in tensors or ()]


def _call(model: Any) -> Callable[[Any], Any]:  # noqa: ANN401
    import tensorflow as tf

    def call(image: Any) -> Any:  # noqa: ANN401
        (output,) = tf.nest.flatten(model(image, training=False))
        return tf.cast(output, tf.float32)

    return call


def _plain_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "model"


def _not_loadable(source: object, error: Exception) -> UnreadableFileError:
    reason = " ".join(str(error).split("\n\n")[0].split())[:_REASON_CHARACTERS]
    return UnreadableFileError(
        path=source,
        problem=f"Keras cannot build it: {reason}",
        hint="load it where it was made and save it again with model.save('model.keras')",
    )
