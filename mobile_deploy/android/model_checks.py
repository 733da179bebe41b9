"""The models in an APK: listed, stored as they are, and the very files that their bundles were written with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mobile_deploy.android.apk_file import ApkFile
from mobile_deploy.android.apk_report import Finding, finding
from mobile_deploy.android.assets import INDEX_NAME, INDEX_VERSION
from mobile_deploy.bundle import LABELS_NAME, MANIFEST_NAME
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.files import sha256_of_bytes

_LARGEST_JSON_BYTES = 8_000_000
_LARGEST_MODEL_BYTES = 500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInApk:
    """One model as it lies in an APK.

    Attributes:
        name: Name of its bundle.
        sha256: Of the .tflite; empty when there is none.
        problems: Why it could not be used.
    """

    name: str
    sha256: str
    problems: tuple[str, ...]


def read_models(apk: ApkFile) -> tuple[ModelInApk, ...]:
    """Reads all bundles in the assets of an APK, in the order of their names."""
    prefix, suffix = "assets/models/", f"/{MANIFEST_NAME}"
    names = [entry.name[len(prefix) : -len(suffix)] for entry in apk.matching(prefix, suffix)]
    return tuple(_read_model(apk, name) for name in names if name and "/" not in name)


def _read_model(apk: ApkFile, name: str) -> ModelInApk:
    folder = f"assets/models/{name}/"
    try:
        manifest = _read_json(apk, f"{folder}{MANIFEST_NAME}")
        recorded = [str(manifest[part]["sha256"]) for part in ("tflite", "labels")]
    except (KeyError, TypeError) as error:
        return ModelInApk(name=name, sha256="", problems=(f"model.json of {name} lacks {error}",))
    except UnreadableFileError as error:
        return ModelInApk(name=name, sha256="", problems=(error.message,))
    problems, hashes = [], []
    for file, expected in zip((f"{name}.tflite", LABELS_NAME), recorded, strict=True):
        entry = apk.entries.get(f"{folder}{file}")
        if entry is None:
            problems.append(f"{name} has no {file}")
            continue
        found = sha256_of_bytes(apk.read(entry.name, most_bytes=_LARGEST_MODEL_BYTES))
        hashes.append(found)
        if found != expected:
            problems.append(f"{file} is not what model.json records: sha256 {found[:12]}, recorded {expected[:12]}")
        if file.endswith(".tflite") and not entry.stored:
            problems.append(f"{file} is compressed, so it cannot be mapped")
    return ModelInApk(name=name, sha256=hashes[0] if hashes else "", problems=tuple(problems))


def check_models(apk: ApkFile, models: Sequence[ModelInApk]) -> Finding:
    """Checks that the index lists the models that are there, and that each is the one its bundle records."""
    problems = [problem for model in models for problem in model.problems]
    problems += _index_problems(apk, [model.name for model in models])
    found = ", ".join(f"{model.name} (sha256 {model.sha256[:12]})" for model in models)
    return finding("models", f"stored, as recorded: {found}", failures=problems)


def _index_problems(apk: ApkFile, names: Sequence[str]) -> list[str]:
    if not names:
        return ["there is no bundle in assets/models"]
    try:
        index = _read_json(apk, f"assets/{INDEX_NAME}")
    except UnreadableFileError as error:
        return [error.message]
    listed = index.get("models")
    if not isinstance(listed, list) or index.get("schema_version") != INDEX_VERSION:
        return [f"{INDEX_NAME} is no list of models of schema_version {INDEX_VERSION}"]
    return [] if sorted(map(str, listed)) == sorted(names) else [f"{INDEX_NAME} lists other models than there are"]


def _read_json(apk: ApkFile, name: str) -> dict[str, Any]:
    data = apk.read(name, most_bytes=_LARGEST_JSON_BYTES)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(path=name, problem=f"it is no readable JSON ({error})") from error
    if not isinstance(value, dict):
        raise UnreadableFileError(path=name, problem="it is no JSON object")
    return value
