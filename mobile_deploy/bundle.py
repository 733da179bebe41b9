"""The bundle: one folder with a .tflite, the contract and everything needed to trust it.

    mobilenet_v2_1.0_224-int8/
        mobilenet_v2_1.0_224-int8.tflite
        model.json      contract, hashes, audit, weights, calibration, tools
        labels.txt      one name a line, in output order
        golden_*.bin    inputs with their outputs, where they were asked for

It is written whole or not at all, and read only if the hashes agree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobile_deploy.contract import ModelContract
from mobile_deploy.errors import InputDataError, UnreadableFileError
from mobile_deploy.files import reason_in_words, sha256_of_bytes, sha256_of_file, write_directories, write_file

SCHEMA_VERSION = 1
MANIFEST_NAME = "model.json"
LABELS_NAME = "labels.txt"
# A JSON text becomes up to 40 times as large in memory.
_LARGEST_MANIFEST_BYTES = 8_000_000
_LARGEST_LABELS_BYTES = 16_000_000
# What tells two measured latencies of one model apart; of equal ones the newer replaces the older.
_LATENCY_KEYS = ("device", "soc", "system", "runtime", "settings", "threads", "delegate")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


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
    parent: Path,
    name: str,
    *,
    tflite: bytes,
    recipe: str,
    contract: ModelContract,
    facts: Mapping[str, Any],
    files: Mapping[str, bytes] | None = None,
) -> BundleDraft:
    """Puts a bundle together without writing it.

    Args:
        parent: Folder it will be in.
        name: Name of the bundle.
        tflite: Bytes of the model.
        recipe: Recipe of the model.
        contract: How to feed the model and read it.
        facts: What else model.json shall say: JSON values.
        files: What else shall lie in the folder, content by name; `facts` records it.

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
        bundle=bundle,
        files={**(files or {}), f"{name}.tflite": tflite, MANIFEST_NAME: _dumps(manifest), LABELS_NAME: labels},
    )


def _dumps(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def record_latencies(directory: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Adds measured latencies to model.json, so that the app and reports can show them.

    Args:
        directory: The bundle's folder.
        entries: JSON objects that say at least "device", "soc", "system", "runtime", "settings", "threads" and
            "delegate"; one that says the same of all these as an older one replaces it.

    Raises:
        UnreadableFileError: The folder is no bundle.
        OutputNotWritableError: The system refused.
    """
    manifest = dict(read_record(directory).manifest)
    known = manifest.get("latency")
    older = [entry for entry in known if isinstance(entry, dict)] if isinstance(known, list) else []
    by_setting = {json.dumps([entry.get(key) for key in _LATENCY_KEYS]): dict(entry) for entry in (*older, *entries)}
    write_file(directory / MANIFEST_NAME, _dumps({**manifest, "latency": list(by_setting.values())}))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRecord:
    """What model.json says of the other files of a bundle, before anyone has looked at them.

    Attributes:
        directory: The folder.
        name: Name of the .tflite without its suffix.
        recipe: Recipe of the file.
        size_bytes: Size of the .tflite.
        sha256: Hash of the .tflite.
        labels_sha256: Hash of labels.txt.
        contract: The contract as JSON.
        manifest: Everything in model.json.
    """

    directory: Path
    name: str
    recipe: str
    size_bytes: int
    sha256: str
    labels_sha256: str
    contract: Any = field(repr=False)
    manifest: Mapping[str, Any] = field(repr=False)

    @property
    def tflite(self) -> Path:
        """Path of the .tflite."""
        return self.directory / f"{self.name}.tflite"

    @property
    def labels(self) -> Path:
        """Path of labels.txt."""
        return self.directory / LABELS_NAME


def read_record(directory: Path) -> BundleRecord:
    """Reads model.json alone.

    Args:
        directory: The bundle's folder.

    Returns:
        What it records.

    Raises:
        UnreadableFileError: The folder is no bundle or a field is missing or wrong.
    """
    path = directory / MANIFEST_NAME
    manifest = _read_manifest(path)
    try:
        name, tflite, recipe = str(manifest["name"]), manifest["tflite"], str(manifest["recipe"])
        sha256, labels_sha256 = str(tflite["sha256"]), str(manifest["labels"]["sha256"])
        size_bytes = int(tflite["size_bytes"])
        contract = manifest["contract"]
    except KeyError as error:
        raise UnreadableFileError(path=path, problem=f"it lacks {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableFileError(path=path, problem=f"a field has the wrong type ({error})") from error
    if name != Path(name).name or not name:
        raise UnreadableFileError(path=path, problem=f"{name!r} is no file name")
    return BundleRecord(
        directory=directory,
        name=name,
        recipe=recipe,
        size_bytes=size_bytes,
        sha256=sha256,
        labels_sha256=labels_sha256,
        contract=contract,
        manifest=manifest,
    )


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
    record = read_record(Path(directory))
    check_hash(record.tflite, record.sha256)
    check_hash(record.labels, record.labels_sha256)
    return Bundle(
        directory=record.directory,
        name=record.name,
        recipe=record.recipe,
        contract=ModelContract.from_json(
            record.contract, labels=read_labels(record.labels), source=record.directory / MANIFEST_NAME
        ),
        size_bytes=record.size_bytes,
        sha256=record.sha256,
        manifest=record.manifest,
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    hint = "name a bundle folder that mobile-deploy export wrote"
    try:
        manifest = json.loads(_read_small(path, most_bytes=_LARGEST_MANIFEST_BYTES, hint=hint).decode("utf-8"))
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


def _read_small(path: Path, *, most_bytes: int, hint: str = "") -> bytes:
    """Reads a file whose kind is never large.

    Raises:
        UnreadableFileError: It is too large, or no file: opening a pipe would wait for ever.
        OSError: The system refuses.
    """
    if path.exists() and not path.is_file():
        raise UnreadableFileError(path=path, problem="it is no file", hint=hint)
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise UnreadableFileError(path=path, problem=f"it is too large: over {most_bytes // 10**6} MB", hint=hint)
    return data


def check_hash(path: Path, expected: str) -> None:
    """Holds a file of a bundle against its recorded hash.

    Raises:
        UnreadableFileError: The file is missing or cannot be read.
        BundleChangedError: It is not the file that was written.
    """
    try:
        if path.exists() and not path.is_file():
            raise UnreadableFileError(path=path, problem="it is no file")
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
        UnreadableFileError: The file is missing, is no text, holds a blank line in the middle or what would move the
            cursor of a terminal.
    """
    try:
        text = _read_small(path, most_bytes=_LARGEST_LABELS_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise UnreadableFileError(path=path, problem=reason_in_words(error)) from error
    except ValueError as error:
        raise UnreadableFileError(path=path, problem=f"it cannot be read as UTF-8 text ({error})") from error
    return parse_labels(text, source=path)


def parse_labels(text: str, *, source: object, hint: str = "") -> tuple[str, ...]:
    """Takes class names, one a line, as a bundle can hold them.

    Args:
        text: The lines; blank ones at the end do not count.
        source: What to name in errors: a path.
        hint: What to do about a line that is no name.

    Returns:
        The names.

    Raises:
        UnreadableFileError: A line in the middle is blank, or one would move the cursor of a terminal.
    """
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if "" in lines:
        problem = f"line {lines.index('') + 1} is blank; a class needs a name"
        raise UnreadableFileError(path=source, problem=problem, hint=hint)
    for number, line in enumerate(lines, start=1):
        if _CONTROL.search(line):
            raise UnreadableFileError(path=source, problem=f"line {number} holds a control character", hint=hint)
    return tuple(lines)
