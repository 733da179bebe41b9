"""Classifies a picture as the sample app does, with none of the toolkit's code: a fake phone runs it by its path."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def answer(folder: Path, picture: Path, threads: int) -> dict[str, Any]:
    """Gives the fields of the app's answer that depend on the picture."""
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    contract, labels = manifest["contract"], (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    tensor = encoded(square(Image.open(picture).convert("RGB"), contract["input"]), contract["input"])
    interpreter = Interpreter(str(folder / manifest["tflite"]["name"]), num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    values = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].astype(np.float32)
    if quantization := contract["output"]["quantization"]:
        values = (values - quantization["zero_point"]) * np.float32(quantization["scale"])
    best = np.argsort(-values, kind="stable")[:5]
    return {
        "input_sha256": hashlib.sha256(tensor.tobytes()).hexdigest(),
        "guesses": [{"index": int(i), "label": labels[i], "score": float(values[i])} for i in best],
        "pre_ms": 2.5,
        "run_ms": 7.25,
        "post_ms": 0.125,
    }


def square(image: Image.Image, contract: dict[str, Any]) -> np.ndarray:
    """Fits a picture by the contract's rule."""
    fit, side = contract["fit"], contract["side"]
    if fit["kind"] == "center-crop":
        size = int(min(image.size) * fit["fraction"] + 0.5)
        left, top = (image.width - size) // 2, (image.height - size) // 2
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


def encoded(pixels: np.ndarray, contract: dict[str, Any]) -> np.ndarray:
    """Makes the input tensor."""
    if contract["dtype"] == "uint8":
        return pixels[None]
    if contract["dtype"] == "int8":
        return (pixels.astype(np.int16) - 128).astype(np.int8)[None]
    low, high = contract["range"]
    return (pixels.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low))[None]


if __name__ == "__main__":
    print(json.dumps(answer(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
