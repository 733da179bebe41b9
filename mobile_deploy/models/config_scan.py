"""What a Keras model's configuration says, read as plain JSON before any of it is built.

A model file is somebody else's data, yet some of its entries are code: a Lambda layer holds marshalled Python, and
Keras 2 looks up any TensorFlow symbol, and any importable module, that a file names. So only names on the lists below
pass.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from mobile_deploy.errors import CustomLayerError, LambdaLayerError, UnsafeLayerError

_LAMBDAS = frozenset({"Lambda", "__lambda__"})

# They run code or read files from outside the model, or hold a raw TensorFlow node (Keras of TensorFlow 2.0 to 2.3).
_OUTSIDERS = frozenset(
    {"ClassMethod", "FlaxLayer", "InstanceMethod", "InstanceProperty", "JaxLayer", "TensorFlowOpLayer", "TFSMLayer"}
    | {"TorchModuleWrapper"}
)

_MODELS = frozenset({"Functional", "Model", "Sequential"})

# Keras 2 keeps each TensorFlow function called on a symbolic tensor as one of these layers, by the function's name.
_FUNCTION_LAYERS = frozenset({"TFOpLambda", "SlicingOpLambda"})
_PURE_NAMESPACES = ("__operators__.", "image.", "keras.activations.", "linalg.", "math.", "nn.")
# fmt: off
_PURE_FUNCTIONS = frozenset({
    "broadcast_to", "cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "gather", "identity",
    "ones_like", "pad", "repeat", "reshape", "reverse", "shape", "slice", "split", "squeeze", "stack", "stop_gradient",
    "strided_slice", "tile", "transpose", "unstack", "where", "zeros_like",
})
# fmt: on

# A file may name any function of any module that can be imported, and call it with arguments of its own. What Keras
# itself writes are classes of these modules, functions of a few, and values such as a symbolic tensor or a slice.
_VALUE = re.compile(r"__(bytes|ellipsis|keras_tensor|numpy|slice|tensor|tuple)__|TensorShape")
_CLASS = re.compile(r"[A-Z]\w*|[A-Z]\w*>\w+")
_PACKAGES = (
    "activations|applications|constraints|dtype_policies|engine|initializers|layers|mixed_precision|models|ops"
    "|quantizers|random|regularizers"
)
_CLASS_MODULE = re.compile(rf"(tf_)?keras(\.(src\.)?({_PACKAGES})(\.\w+)*)?|tensorflow\.python\.ops\.init_ops_v2")
_FUNCTION_MODULE = re.compile(r"builtins|(tf_)?keras\.(activations|initializers|ops)")


def refuse_unsafe_layers(config: Mapping[str, Any], *, source: object) -> None:
    """Refuses a configuration that holds or names code.

    Args:
        config: The model's configuration, parsed from JSON.
        source: File named in errors.

    Raises:
        LambdaLayerError: A Lambda layer or a Python lambda.
        UnsafeLayerError: A layer that runs code from outside the model, or a TensorFlow function not on the list.
        CustomLayerError: A class that is not Keras's own.
    """
    for node, layer in _objects(config, "model"):
        name = str(node["class_name"])
        if name in _LAMBDAS:
            raise LambdaLayerError(path=source, layer=layer)
        if name in _OUTSIDERS:
            raise UnsafeLayerError(path=source, layer=layer, holds=f"a {name}")
        if name in _FUNCTION_LAYERS and not _is_pure(_function(node)):
            raise UnsafeLayerError(path=source, layer=layer, holds=f"the TensorFlow function {_function(node)}")
        if not _is_from_keras(node):
            raise CustomLayerError(path=source, layer=layer, class_name=_full_name(node))


def refuse_unknown_layers(config: Mapping[str, Any], *, known: Container[str], source: object) -> None:
    """Refuses a layer whose class the installed Keras does not have; HDF5 files name classes without their module.

    Args:
        config: The model's configuration, parsed from JSON.
        known: Names of the layer classes there are.
        source: File named in errors.

    Raises:
        CustomLayerError: A layer of another class.
    """
    for node, layer in _objects(config, "model"):
        is_layer = "module" not in node and isinstance(node.get("config"), dict) and "trainable" in node["config"]
        name = node["class_name"]
        if is_layer and name not in known and name not in _FUNCTION_LAYERS | _MODELS:
            raise CustomLayerError(path=source, layer=layer, class_name=name)


def _objects(value: object, layer: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every node with a class name, each with the name of the layer that it is or is part of."""
    if isinstance(value, dict):
        layer = _name(value) or layer
        if "class_name" in value:
            yield value, layer
        for item in value.values():
            yield from _objects(item, layer)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item, layer)


def _name(node: Mapping[str, Any]) -> str | None:
    inner = node.get("config")
    name = node.get("name") or (inner.get("name") if isinstance(inner, dict) and "class_name" in node else None)
    return name if isinstance(name, str) else None


def _function(node: Mapping[str, Any]) -> str:
    inner = node.get("config")
    return str(inner.get("function")) if isinstance(inner, dict) else "?"


def _is_pure(function: str) -> bool:
    function = function.removeprefix("compat.v1.")
    return function in _PURE_FUNCTIONS or function.startswith(_PURE_NAMESPACES)


def _is_from_keras(node: Mapping[str, Any]) -> bool:
    name, module = str(node["class_name"]), node.get("module")
    if name == "function":
        return bool(_FUNCTION_MODULE.fullmatch(str(module)) and str(node.get("config")).isidentifier())
    if "module" not in node:
        return bool(_VALUE.fullmatch(name) or _CLASS.fullmatch(name))
    return bool(_CLASS.fullmatch(name) and _CLASS_MODULE.fullmatch(str(module)))


def _full_name(node: Mapping[str, Any]) -> str:
    name = node["config"] if node["class_name"] == "function" else node["class_name"]
    return f"{node['module']}.{name}" if node.get("module") else str(node.get("registered_name") or name)
