"""Model configurations: rewritten for inference in float32, and asked what comes out."""

from __future__ import annotations

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
