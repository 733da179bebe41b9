"""Runs .tflite files in TensorFlow Lite 2.16.1; its environment has that and not this package.

    python tests/runtime_2_16_client.py FOLDER

For each NAME.tflite with input tensors in NAME.inputs.npy it writes what comes out into NAME.outputs.npy.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Runs all files of the folder."""
    import numpy as np
    import tensorflow as tf

    assert tf.__version__ == "2.16.1", tf.__version__
    for path in sorted(Path(sys.argv[1]).glob("*.tflite")):
        interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
        (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
        outputs = []
        for tensor in np.load(path.with_suffix(".inputs.npy")):
            interpreter.set_tensor(given["index"], tensor[None])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(answer["index"])[0])
        np.save(path.with_suffix(".outputs.npy"), np.stack(outputs))


if __name__ == "__main__":
    main()
