"""The bundle: one folder with a .tflite, the contract and everything needed to trust it.

    mobilenet_v2_1.0_224-int8/
        mobilenet_v2_1.0_224-int8.tflite
        model.json      contract, hashes, audit, weights, calibration, tools
        labels.txt      one name a line, in output order

It is written whole or not at all, and read only if the hashes agree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobile_deploy.contract import ModelContract
from mobile_deploy.errors import InputDataError, UnreadableFileError
from mobile_deploy.files import sha256_of_bytes, sha256_of_file, write_directories

SCHEMA_VERSION = 1
MANIFEST_NAME = "model.json"
LABELS_NAME = "labels.txt"
_LARGEST_MANIFEST_BYTES = 16_000_000


class BundleChangedError(InputDataError):
    """A file of a bundle is not the one that was written."""

    def __init__(self, *, path: object, expected: str, found: str) -> None:
        self.path = path
        self.expected = expected
        self.found = found
        super().__init__(
            f"{path} is not the file this bundle was written with: sha256 {found[:12]}, recorded {expected[:12]}",
            hint="export it again with --overwrite",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One written bundle.

    Attributes:
        directory: The folder.
        name: Name of the folder and of the .tflite.
        recipe: Recipe of the file.
        contract: How to feed the file and read it.
        size_bytes: Size of the .tflite.
        sha256: Hash of the .tflite.
        manifest: Everything in model.json.
    """

    directory: Path
    name: str
    recipe: str
    contract: ModelContract
    size_bytes: int
    sha256: str
    manifest: Mapping[str, Any] = field(repr=False)

    @property
    def tflite(self) -> Path:
        """Path of the .tflite."""
        return self.directory / f"{self.name}.tflite"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleDraft:
    """A bundle that is not on the disk yet.

    Attributes:
        bundle: What it will be.
        files: Content by file name.
    """

    bundle: Bundle
    files: Mapping[str, bytes] = field(repr=False)


def compose_bundle(
    parent: Path, name: str, *, tflite: bytes, recipe: str, contract: ModelContract, facts: Mapping[str, Any]
) -> BundleDraft:
    """Puts a bundle together without writing it.

    Args:
        parent: Folder it will be in.
        name: Name of the bundle.
        tflite: Bytes of the model.
        recipe: Recipe of the model.
        contract: How to feed the model and read it.
        facts: What else model.json shall say: JSON values.

    Returns:
        The bundle, for `write_bundles`.
    """
    labels = "".join(f"{label}\n" for label in contract.labels).encode()
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "recipe": recipe,
        "tflite": {"name": f"{name}.tflite", "size_bytes": len(tflite), "sha256": sha256_of_bytes(tflite)},
        "labels": {"name": LABELS_NAME, "count": len(contract.labels), "sha256": sha256_of_bytes(labels)},
        "contract": contract.to_json(),
        **facts,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    bundle = Bundle(
        directory=parent / name,
        name=name,
        recipe=recipe,
        contract=contract,
        size_bytes=len(tflite),
        sha256=manifest["tflite"]["sha256"],
        manifest=manifest,
    )
    return BundleDraft(
        bundle=bundle, files={f"{name}.tflite": tflite, MANIFEST_NAME: text.encode(), LABELS_NAME: labels}
    )


def write_bundles(drafts: Sequence[BundleDraft], *, overwrite: bool) -> None:
    """Writes bundles whole or not at all: none appears before all of them lie on the disk.

    Args:
        drafts: What `compose_bundle` gave.
        overwrite: Whether bundles of their names may be replaced.

    Raises:
        OutputExistsError: One is there and may not be replaced.
        OutputNotWritableError: The system refused.
    """
    contents = {draft.bundle.directory: draft.files for draft in drafts}
    write_directories(contents, overwrite=overwrite, marker=MANIFEST_NAME)


def load_bundle(directory: Path | str) -> Bundle:
    """Reads a bundle and checks its hashes.

    Args:
        directory: The bundle's folder.

    Returns:
        The bundle.

    Raises:
        UnreadableFileError: The folder is no bundle or a field is missing or wrong.
        BundleChangedError: The .tflite or labels.txt changed since it was written.
    """
    directory = Path(directory)
    path = directory / MANIFEST_NAME
    manifest = _read_manifest(path)
    try:
        name, tflite, recipe = str(manifest["name"]), manifest["tflite"], str(manifest["recipe"])
        hashes = {f"{name}.tflite": str(tflite["sha256"]), LABELS_NAME: str(manifest["labels"]["sha256"])}
        size_bytes = int(tflite["size_bytes"])
        contract = manifest["contract"]
    except KeyError as error:
        raise UnreadableFileError(path=path, problem=f"it lacks {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableFileError(path=path, problem=f"a field has the wrong type ({error})") from error
    if name != Path(name).name or not name:
        raise UnreadableFileError(path=path, problem=f"{name!r} is no file name")
    for file_name, expected in hashes.items():
        _check_hash(directory / file_name, expected)
    return Bundle(
        directory=directory,
        name=name,
        recipe=recipe,
        contract=ModelContract.from_json(contract, labels=read_labels(directory / LABELS_NAME), source=path),
        size_bytes=size_bytes,
        sha256=hashes[f"{name}.tflite"],
        manifest=manifest,
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    hint = "name a bundle folder that mobile-deploy export wrote"
    try:
        if path.stat().st_size > _LARGEST_MANIFEST_BYTES:
            raise UnreadableFileError(path=path, problem="it is too large for a model.json", hint=hint)
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UnreadableFileError(
            path=path.parent, problem="there is no model.json, so it is no bundle", hint=hint
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFileError(path=path, problem=f"it is no readable JSON ({error})", hint=hint) from error
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if not isinstance(manifest, dict) or version != SCHEMA_VERSION:
        problem = f"schema_version is {version!r}, this version of mobile-deploy reads {SCHEMA_VERSION}"
        raise UnreadableFileError(path=path, problem=problem)
    return manifest


def _check_hash(path: Path, expected: str) -> None:
    try:
        found = sha256_of_file(path)
    except (OSError, ValueError) as error:  # a ValueError where no file can have such a name
        raise UnreadableFileError(path=path, problem=f"it cannot be read ({error})") from error
    if found != expected:
        raise BundleChangedError(path=path, expected=expected, found=found)


def read_labels(path: Path) -> tuple[str, ...]:
    """Reads class names, one a line, in output order.

    Args:
        path: A UTF-8 text file; a byte order mark and blank lines at its end do not count.

    Returns:
        The names.

    Raises:
        UnreadableFileError: The file is missing, is no text, or holds a blank line in the middle.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(path=path, problem=f"it cannot be read as UTF-8 text ({error})") from error
    if "" in lines:
        raise UnreadableFileError(path=path, problem=f"line {lines.index('') + 1} is blank; a class needs a name")
    return tuple(lines)
