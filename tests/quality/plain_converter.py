"""What the plain tools make of a published network: the file that others are held against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Alpha and weight file of each network.
NETWORKS = {"v2": (1.0, "mobilenet_v2_1.0_224_imagenet.h5"), "v1": (0.25, "mobilenet_v1_0.25_224_imagenet.h5")}


def plain_int8(keras, network: str, weights: Path, calibration: np.ndarray) -> bytes:
    """What keras.applications and TFLiteConverter give."""
    import tensorflow as tf

    alpha = NETWORKS[network][0]
    build = keras.applications.MobileNetV2 if network == "v2" else keras.applications.MobileNet
    converter = tf.lite.TFLiteConverter.from_keras_model(build(alpha=alpha, weights=str(weights)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([p[None].astype(np.float32) / 127.5 - 1] for p in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()
