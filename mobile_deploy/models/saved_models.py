"""SavedModel folders: TensorFlow graphs without Keras, which may run code when they are loaded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import sha256_of_bytes, sha256_of_file
from mobile_deploy.models.structure import Shape

_DEFAULT_SIGNATURE = "serving_default"

# TensorFlow's operations that draw random numbers, such as StatelessRandomUniformV2 and RandomStandardNormal.
_CHANCE = re.compile("(Stateless|Stateful)?(Random|TruncatedNormal)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One callable function of a SavedModel.

    Attributes:
        call: From a float32 (1, height, width, 3) tensor to the output as float32; it keeps the model alive.
        input_shapes: Shape of each input, with the batch.
        output_shapes: Shape of each output, with the batch.
    """

    call: Callable[[Any], Any] = field(repr=False)
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]


def load_signature(path: Path) -> Signature:
    """Loads the function "serving_default" of a SavedModel, or its only one; this may run code.

    Args:
        path: The folder.

    Returns:
        The function.

    Raises:
        UnreadableFileError: Damaged, without a usable signature, with inputs that are not float32, or with answers
            that chance decides.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except (tf.errors.OpError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise UnreadableFileError(path=path, problem=f"TensorFlow cannot load it: {str(error)[:300]}") from error
    name = _signature_name(tuple(loaded.signatures), path)
    function = loaded.signatures[name]
    inputs = function.structured_input_signature[1]
    for spec in inputs.values():
        if spec.dtype != tf.float32:
            raise UnreadableFileError(path=path, problem=f"its input is {spec.dtype.name}; float32 is needed")
    _refuse_chance(function, name, path)

    def call(image: Any) -> Any:  # noqa: ANN401  # TensorFlow has no types
        # Called through the loaded object: the function alone does not keep the variables alive.
        (output,) = loaded.signatures[name](**dict.fromkeys(inputs, image)).values()
        return tf.cast(output, tf.float32)

    return Signature(
        call=call,
        input_shapes=tuple(_dimensions(spec) for spec in inputs.values()),
        output_shapes=tuple(_dimensions(spec) for spec in function.structured_outputs.values()),
    )


def _refuse_chance(function: Any, name: str, path: Path) -> None:  # noqa: ANN401
    """Refuses live augmentation: Keras's `model.export` leaves it on in both flavours."""
    if any(_CHANCE.match(operation) for operation in _operations(function)):
        raise UnreadableFileError(
            path=path,
            problem=f"its function {name!r} changes pictures at random: augmentation layers were exported with it",
            hint="give the file that model.save('model.keras') writes instead; there augmentation is left out",
        )


def _operations(function: Any) -> set[str]:  # noqa: ANN401
    """Names the kinds of operations of a function and of all that it calls."""
    graph = function.graph.as_graph_def()
    called = {inner.signature.name: inner.node_def for inner in graph.library.function}
    pending, kinds = list(graph.node), set()
    while pending:
        node = pending.pop()
        kinds.add(node.op)
        for value in node.attr.values():
            for inner in (value.func, *value.list.func):
                pending.extend(called.pop(inner.name, ()))
    return kinds


def sha256_of_folder(path: Path) -> str:
    """Computes one SHA-256 over the names and contents of all files of a folder, in 64 lowercase hexadecimal digits.

    Args:
        path: The folder.
    """
    digest = hashlib.sha256()
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    for name in sorted(files):
        digest.update(f"{sha256_of_bytes(name.encode())}{sha256_of_file(files[name])}".encode())
    return digest.hexdigest()


def _signature_name(names: tuple[str, ...], path: Path) -> str:
    if _DEFAULT_SIGNATURE in names:
        return _DEFAULT_SIGNATURE
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise UnreadableFileError(
            path=path, problem=f"no signature {_DEFAULT_SIGNATURE!r} and not exactly one other: {found}"
        )
    return names[0]


def _dimensions(spec: Any) -> Shape:  # noqa: ANN401
    return () if spec.shape.rank is None else tuple(spec.shape)
