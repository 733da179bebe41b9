"""Weight files in the layouts of Keras, written without Keras."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from mobile_deploy.models.weight_matching import expected_layers
from mobile_deploy.variants.registry import ModelSpec

Arrays = dict[str, list[np.ndarray]]


def random_arrays(spec: ModelSpec) -> Arrays:
    """Arrays by layer name, in the network's order; equal networks have equal ones."""
    arrays: Arrays = {}
    for layer in expected_layers(spec):
        numbers = np.random.default_rng(zlib.crc32(layer.name.encode()))
        arrays[layer.name] = [numbers.uniform(0.5, 1.5, shape).astype(np.float32) for shape in layer.shapes]
    return arrays


def write_legacy(path: Path, arrays: Arrays, *, names: Mapping[str, str] | None = None, chunks: int = 0) -> Path:
    """Writes a Keras 2 weight file.

    Args:
        path: The file.
        arrays: Arrays by layer name.
        names: Other names for some layers.
        chunks: Number of attributes that the list of names is split into; 0 for a single one.
    """
    saved_names = [(names or {}).get(name, name) for name in arrays]
    with h5py.File(path, "w") as file:
        layers = [name.encode() for name in ("input_1", *saved_names)]
        if chunks:
            for number, part in enumerate(np.array_split(np.array(layers), chunks)):
                file.attrs[f"layer_names{number}"] = part
        else:
            file.attrs["layer_names"] = layers
        file.create_group("input_1").attrs["weight_names"] = []
        for name, values in zip(saved_names, arrays.values(), strict=True):
            group = file.require_group(name)
            group.attrs["weight_names"] = [f"{name}/w{number}:0".encode() for number in range(len(values))]
            for number, value in enumerate(values):
                group[f"{name}/w{number}:0"] = value
    return path
