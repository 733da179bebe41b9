"""Model configurations: rewritten for inference in float32, and asked what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OTHER_FLOATS = frozenset({"mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"})

# Where Keras 3 keeps the classes behind operators on symbolic tensors, as its .keras files spell it.
_OPERATION_MODULE = "keras.src.ops.numpy"


def for_inference(config: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Rewrites a configuration so that it computes in float32, takes float32 pictures and never trains.

    Every dtype policy becomes float32 (mixed policies keep their weights in float32 anyway), and a layer that was
    called with `training=True`, such as dropout or augmentation, is called with False.

    >>> for_inference({"dtype": {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}})
    {'dtype': {'class_name': 'DTypePolicy', 'config': {'name': 'float32'}}}
    """
    if isinstance(config, list):
        return [for_inference(item) for item in config]
    if isinstance(config, str):
        return "float32" if config in _OTHER_FLOATS else config
    if not isinstance(config, dict):
        return config
    rewritten = {key: for_inference(value) for key, value in config.items()}
    if rewritten.get("training") is True:
        rewritten["training"] = False
    if rewritten.get("class_name") == "InputLayer":
        rewritten["config"] = {**rewritten["config"], "dtype": "float32"}
    return rewritten


def with_operation_modules(config: Any) -> Any:  # noqa: ANN401
    """Adds the module of operators such as `x / 127.5`, which Keras 3 leaves out of HDF5 and then cannot find.

    Args:
        config: The configuration out of an HDF5 file of Keras 3.

    >>> layer = {"class_name": "Subtract", "config": {"name": "subtract"}, "inbound_nodes": []}
    >>> with_operation_modules(layer)["module"]
    'keras.src.ops.numpy'
    """
    if isinstance(config, list):
        return [with_operation_modules(item) for item in config]
    if not isinstance(config, dict):
        return config
    rewritten = {key: with_operation_modules(value) for key, value in config.items()}
    # A layer has more settings than its name; Add and Subtract exist as layers too.
    is_operation = "inbound_nodes" in config and set(config.get("config") or ()) == {"name"}
    if is_operation and "module" not in config:
        rewritten |= {"module": _OPERATION_MODULE, "registered_name": config["class_name"]}
    return rewritten


def output_activation(config: Mapping[str, Any]) -> str | None:
    """Names the activation of the layer that gives the model's output.

    Args:
        config: The configuration of a model or of one layer.

    Returns:
        Such as "softmax", "sigmoid" or "linear"; None for a layer that has none, such as pooling.

    >>> output_activation({"class_name": "Dense", "config": {"activation": "softmax"}})
    'softmax'
    """
    inner = config.get("config")
    if not isinstance(inner, dict):
        return None
    if isinstance(inner.get("layers"), list):
        last = _last_layer(inner)
        return output_activation(last) if last else None
    if config.get("class_name") in ("Softmax", "Sigmoid"):
        return str(config["class_name"]).lower()
    if config.get("class_name") == "TFOpLambda":
        return str(inner.get("function")).rpartition(".")[2]
    activation = inner.get("activation")
    if isinstance(activation, dict):
        activation = activation.get("config")
    return activation if isinstance(activation, str) else None


def _last_layer(model: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The layer behind the first output: named in `output_layers`, or the last one of a Sequential."""
    named = model.get("output_layers")
    while isinstance(named, list) and named:
        named = named[0]
    layers = [layer for layer in model["layers"] if isinstance(layer, dict)]
    if named is None:
        return layers[-1] if layers else None
    return next((layer for layer in layers if layer.get("name") == named), None)
