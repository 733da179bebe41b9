"""The same job as one `mobile-deploy export --variant v2 --quant int8`, by the plain tools: the peer of the benchmark.

    python benchmarks/plain_keras_tflite.py WEIGHTS|none PICTURES COUNT OUTPUT.tflite

It is what the TensorFlow guides show: keras.applications, TFLiteConverter.from_keras_model, a representative dataset.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

SIDE = 224
CROP = 0.875


def load(path):
    """Center-crops and resizes a picture to (1, 224, 224, 3) float32 in [-1, 1]."""
    picture = Image.open(path).convert("RGB")
    edge = int(min(picture.size) * CROP)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    resized = picture.crop((left, top, left + edge, top + edge)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32)[None] / 127.5 - 1


def main():
    """Builds, converts with calibration, writes."""
    weights, pictures, count, output = sys.argv[1:]
    model = keras.applications.MobileNetV2(weights=None if weights == "none" else weights)
    chosen = sorted(path for path in Path(pictures).rglob("*") if path.suffix in (".jpg", ".png", ".webp"))[
        : int(count)
    ]
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([load(path)] for path in chosen)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    Path(output).write_bytes(converter.convert())


if __name__ == "__main__":
    main()
