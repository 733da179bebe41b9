"""Finds the float file that an integer file was made from, or says which command makes it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from mobile_deploy.bundle import MANIFEST_NAME, Bundle, BundleRecord, load_bundle, read_record
from mobile_deploy.errors import BadOptionError, InputDataError
from mobile_deploy.pipeline.sources import find_sidecar
from mobile_deploy.variants.imagenet import imagenet_classes

_FLOAT = "float32"


def find_twin(source: Path, bundle: Bundle | None, given: Path | None) -> Path:
    """Finds the float twin of an integer file.

    Args:
        source: The integer file.
        bundle: The bundle it lies in; None for a file on its own.
        given: A float32 bundle or float .tflite that the user names; None to look beside the bundle.

    Returns:
        Path of the float .tflite.

    Raises:
        BadOptionError: It was not named and is not there.
        UnreadableFileError: What was named cannot be read.
    """
    if given is not None:
        named = find_sidecar(given)
        return given if named is None else named.tflite
    if bundle is None:
        raise BadOptionError(
            option="--float",
            problem=f"needed: {source} is no bundle, so nothing says what it was made from",
            hint="pass the float32 .tflite or bundle that was quantized",
        )
    record = read_record(bundle.directory)
    folder = float_folder_beside(record)
    if folder is not None and (twin := load_bundle(folder)).sha256 == recorded_twin(record):
        return twin.tflite
    raise BadOptionError(
        option="--float",
        problem=f"needed: no bundle beside {bundle.directory} holds the float file it was made from",
        hint=f"make it with: {twin_command(bundle)}",
    )


def recorded_twin(record: BundleRecord) -> str | None:
    """Gives the sha256 of the float .tflite that a bundle was made with; None where model.json names none."""
    match record.manifest.get("float_twin"):
        case {"sha256": str(digest)}:
            return digest
    return None


def float_folder_beside(record: BundleRecord) -> Path | None:
    """Finds the float32 bundle in the same folder: the one that is recorded, whatever it is called now, else by name.

    Args:
        record: What model.json says.

    Returns:
        Its folder, whose .tflite may be another than the recorded one; None where there is none, or this is the float32
        bundle itself.
    """
    if record.recipe == _FLOAT:
        return None
    wanted = recorded_twin(record)
    siblings = _float_siblings(record)
    # The folder may have been renamed; the name inside is the one that its siblings share.
    name = f"{record.name.removesuffix(f'-{record.recipe}')}-{_FLOAT}"
    recorded = (other.directory for other in siblings if other.sha256 == wanted)
    named = (other.directory for other in siblings if other.name == name)
    return next(chain(recorded, named), None)


def _float_siblings(record: BundleRecord) -> list[BundleRecord]:
    """Gives the float bundles in the same folder; one whose model.json is damaged is passed by."""
    found = []
    for path in sorted(record.directory.resolve().parent.glob(f"*/{MANIFEST_NAME}")):
        try:
            other = read_record(path.parent)
        except InputDataError:
            continue
        if other.recipe == _FLOAT:
            found.append(other)
    return found


def twin_command(bundle: Bundle) -> str:
    """Says which command makes the float32 bundle of an integer bundle, beside it.

    Args:
        bundle: The integer bundle.

    Returns:
        A line for a shell; a file that the bundle knows only by its name is written without its folder, and what else
        a training run was told as "...".
    """
    model, weights, training = (_facts(bundle, key) for key in ("model", "weights", "training"))
    if training:
        # Nothing is trained again: the run goes on from its last checkpoint to the file that was left out.
        start = ["--variant", str(model["variant"])] if "variant" in model else ["--model", str(model.get("file"))]
        source = str(training.get("data", {}).get("source", "DIR"))
        words = ["train", *start, "--data", source, "...", "--resume", "--quant", "float32"]
        return shlex.join(["mobile-deploy", *words, "-o", str(bundle.directory.parent)])
    if "variant" in model:
        words = ["export", *_of_variant(model, weights)]
    elif "flavour" in model:
        words = ["export", "--model", str(model.get("file", "MODEL.keras")), *_of_file(bundle, model)]
    else:
        words = ["quantize", str(model.get("file", "FLOAT.tflite")), *_of_file(bundle, model)]
    if bundle.contract.labels and bundle.contract.labels != tuple(known.name for known in imagenet_classes()):
        words += ["--labels", str(bundle.directory / "labels.txt")]
    words += ["--fit", str(bundle.contract.input.fit), "--quant", "float32"]
    return shlex.join(["mobile-deploy", *words, "-o", str(bundle.directory.parent)])


def _facts(bundle: Bundle, key: str) -> Mapping[str, Any]:
    value = bundle.manifest.get(key)
    return value if isinstance(value, Mapping) else {}


def _of_variant(model: Mapping[str, Any], weights: Mapping[str, Any]) -> list[str]:
    options = {"--variant": "variant", "--alpha": "alpha", "--resolution": "side"}
    with_classes = model.get("include_top", True)
    options |= {"--classes": "classes"} if with_classes else {}
    words = [word for option, key in options.items() if key in model for word in (option, str(model[key]))]
    words += [] if with_classes else ["--no-top"]
    kind = str(weights.get("kind", "auto"))
    words += ["--weights", str(weights.get("name", "FILE")) if kind == "file" else kind]
    return [*words, *(("--seed", str(model["seed"])) if "seed" in model and kind == "none" else ())]


def _of_file(bundle: Bundle, model: Mapping[str, Any]) -> list[str]:
    low, high = bundle.contract.input.low, bundle.contract.input.high
    asked = [] if model.get("folded_preprocessing") else [f"--input-range={low:g},{high:g}"]
    return [*asked, "--output-meaning", bundle.contract.output.meaning]
