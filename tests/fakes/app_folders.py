"""Folders of apps that bundles are added to, and bundles with contracts of all kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mobile_deploy.bundle import Bundle, compose_bundle, load_bundle, write_bundles
from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract, Quantization

MANIFEST = '<manifest xmlns:android="http://schemas.android.com/apk/res/android"/>\n'


def other_app(folder: Path, *, namespace: str | None = "com.example.flowers", sources: str = "kotlin") -> Path:
    """Makes a module of an app that knows nothing of us; gives its folder."""
    (folder / "src/main" / sources).mkdir(parents=True)
    (folder / "src/main/AndroidManifest.xml").write_text(MANIFEST)
    line = "" if namespace is None else f'    namespace = "{namespace}"\n'
    (folder / "build.gradle.kts").write_text(f"android {{\n{line}}}\n")
    return folder


def contract(**changes: Any) -> ModelContract:
    """A contract of an int8 file with three classes; names with two underscores change its input or output."""
    inner: dict[str, dict[str, Any]] = {
        "input": {
            "side": 96,
            "dtype": "uint8",
            "low": -1.0,
            "high": 1.0,
            "fit": Fit(kind="center-crop", fraction=0.875),
            "quantization": Quantization(scale=0.007843137718737125, zero_point=127),
        },
        "output": {
            "dtype": "uint8",
            "meaning": "softmax",
            "size": 3,
            "quantization": Quantization(scale=0.00390625, zero_point=0),
        },
    }
    whole: dict[str, Any] = {"labels": ("Apfel", "Bär", "雪"), "minimum_runtime": "2.14"}
    for name, value in changes.items():
        part, _, key = name.partition("__")
        (inner[part] if key else whole)[key or name] = value
    return ModelContract(input=InputContract(**inner["input"]), output=OutputContract(**inner["output"]), **whole)


def write_bundle(
    parent: Path, name: str, *, recipe: str = "int8", tflite: bytes = b"TFL3 not run here", **facts: Any
) -> Bundle:
    """Writes a bundle whose .tflite nobody runs; facts may hold a contract, extra files and what model.json says."""
    kept = {"audit": {"verdict": "clean"}, "weights": {"kind": "imagenet", "new_head": False}}
    made_contract, files = facts.pop("contract", contract()), facts.pop("files", {})
    draft = compose_bundle(
        parent, name, tflite=tflite, recipe=recipe, contract=made_contract, facts={**kept, **facts}, files=files
    )
    write_bundles([draft], overwrite=True)
    return load_bundle(parent / name)


def tree(folder: Path) -> dict[str, bytes]:
    """Gives all files below a folder: content by path."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
