"""Bundles of a network of four operators, made in a moment, in a folder whose name has a blank and an umlaut."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fakes.pictures import make_picture
from fakes.tflite_file import TfliteFile

from mobile_deploy.pipeline.quantize import quantize

SIDE = 8
LABELS = ("Apfel", "Bär, braun", "雪")
FOLDER = "zwei Bündel"


def tiny_network(*, classes: int = len(LABELS), channels: int = 4, seed: int = 3) -> bytes:
    """A convolution, a mean, a dense layer and a softmax: (1, 8, 8, 3) to (1, classes)."""
    draw = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return draw.normal(size=shape).astype(np.float32)

    file = TfliteFile()
    image, conv = file.tensor((1, SIDE, SIDE, 3), name="image"), file.tensor((1, SIDE, SIDE, channels), name="conv")
    mean, dense, out = (
        file.tensor((1, n), name=name) for n, name in ((channels, "mean"), (classes, "dense"), (classes, "out"))
    )
    file.op("CONV_2D", [image, file.constant(weights(channels, 3, 3, 3)), file.constant(weights(channels))], conv)
    file.op("MEAN", [conv, file.constant(np.array([1, 2], np.int32))], mean)
    file.op(
        "FULLY_CONNECTED", [mean, file.constant(5 * weights(classes, channels)), file.constant(weights(classes))], dense
    )
    file.op("SOFTMAX", [dense], out)
    return file.ends([image], [out]).to_bytes()


def make_tiny_bundles(folder: Path, *, quant: tuple[str, ...], channels: int = 4, **settings: Any) -> dict[str, Path]:
    """Writes the float file, its labels and bundles with golden vectors; gives the bundles' folders by recipe."""
    folder = folder / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "kleines Netz.tflite").write_bytes(tiny_network(channels=channels))
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in LABELS), encoding="utf-8")
    made = quantize(
        folder / "kleines Netz.tflite",
        quant=quant,
        labels=folder / "labels.txt",
        fit="stretch",
        input_range=(-1.0, 1.0),
        calibration=[make_picture(seed) for seed in range(12)],
        output=folder / "gebaut",
        golden=True,
        overwrite=True,
        **settings,
    )
    return {bundle.recipe: bundle.directory for bundle in made.bundles}


def edit_manifest(directory: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Rewrites model.json by a function that changes the object in place."""
    path = directory / "model.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def tflite_of(directory: Path) -> Path:
    """The .tflite in a bundle."""
    (path,) = directory.glob("*.tflite")
    return path


def sha256(path: Path) -> str:
    """Its hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rehash(directory: Path) -> None:
    """Records hashes and sizes of the files as they are now, as one who tampers would."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["tflite"].update(sha256=sha256(tflite_of(directory)), size_bytes=tflite_of(directory).stat().st_size)
        manifest["labels"].update(sha256=sha256(directory / "labels.txt"))
        for name, key in (("golden_inputs.bin", "input"), ("golden_outputs.bin", "output")):
            if "golden" in manifest and (directory / name).exists():
                manifest["golden"][key].update(sha256=sha256(directory / name))

    edit_manifest(directory, change)
