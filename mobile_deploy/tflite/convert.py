"""Lowers a Keras model to one float .tflite; every other precision is made from that file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mobile_deploy.errors import ToolFailedError
from mobile_deploy.tflite.graph import load_model
from mobile_deploy.tflite.write import serialize


class ConversionError(ToolFailedError):
    """The converter could not lower the model to builtin operators.

    Attributes:
        ops: TensorFlow operators without a builtin counterpart, if the converter named them.
    """

    def __init__(self, *, reason: str, ops: tuple[str, ...] = ()) -> None:
        self.ops = ops
        named = f"no TFLite builtin for {', '.join(ops)}" if ops else reason
        super().__init__(
            f"the model cannot be converted: {named}",
            hint="replace the layers that use these operations by built-in ones",
        )


def convert_to_float(call: Callable[[Any], Any], *, side: int) -> bytes:
    """Traces a model and converts it to a float .tflite of builtin operators; the converter freezes the variables.

    The object graph is never saved as a SavedModel, which is most of the time `from_keras_model` takes; the signature
    that this loses is written by `write.serialize`.

    Args:
        call: From a float32 (1, side, side, 3) tensor to one float32 output tensor, in inference mode.
        side: Input height and width in pixels.

    Returns:
        The .tflite: batch 1, signature "serving_default", input "image", one output "output".

    Raises:
        ConversionError: An operation has no TFLite builtin.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    traced = tf.function(call, autograph=False).get_concrete_function(
        tf.TensorSpec((1, side, side, 3), tf.float32, name="image")
    )
    # The variables live as long as `call` does; the object to track would only be needed for a SavedModel.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], trackable_obj=tf.Module())
    converter.experimental_lower_to_saved_model = False
    try:
        data = converter.convert()
    except ConverterError as error:
        text = str(error)
        ops = tuple(sorted(set(re.findall(r"'tf\.(\w+)' op is neither", text))))
        raise ConversionError(reason=text.strip().splitlines()[0][:300], ops=ops) from error
    return serialize(load_model(data, source="the converted model"))
