"""The cases: which file is damaged how, and which command is given it. A number stands for the same case every time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fuzz.mutations import (
    Originals,
    copy_bundle,
    damage_bytes,
    damage_fields,
    damage_manifest,
    damage_metadata,
    replace_tflite,
)

COUNT = 500
_SEED = 20_240_229
# What is damaged, as often as it stands here.
_KINDS = (
    *("loose bytes", "loose fields", "loose fields", "bundle bytes", "bundle fields"),
    *("loose metadata", "bundle metadata", "manifest", "manifest", "loose fields"),
)
_COMMANDS = ("predict", "evaluate", "quantize", "verify", "debug", "inspect", "predict against", "debug float")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case.

    Attributes:
        number: Makes it again.
        kind: What is damaged.
        argv: The command line; it writes below `folder / "out"` only.
    """

    number: int
    kind: str
    argv: tuple[str, ...]


def make_case(number: int, originals: Originals, pictures: Path, folder: Path) -> Case:
    """Writes a damaged file and says what to do with it.

    Args:
        number: Of the case.
        originals: What is damaged.
        pictures: Folder of one folder of pictures per class.
        folder: An empty folder.

    Returns:
        The case.
    """
    random = np.random.default_rng((_SEED, number))
    kind = _KINDS[number % len(_KINDS)]
    command = _COMMANDS[(number // len(_KINDS) + number) % len(_COMMANDS)]
    from_float = command in ("quantize", "debug float") or (command != "debug" and random.random() < 0.4)
    bundle = originals.float32 if from_float else originals.int8
    data = (bundle / f"{bundle.name}.tflite").read_bytes()
    damage = {"bytes": damage_bytes, "fields": damage_fields, "metadata": damage_metadata}.get(kind.split()[-1])
    if kind.startswith("loose"):
        subject = folder / "damaged.tflite"
        subject.write_bytes(damage(data, random))
    else:
        subject = copy_bundle(bundle, folder)
        if damage is not None:
            replace_tflite(subject, damage(data, random))
        else:
            manifest = subject / "model.json"
            manifest.write_bytes(damage_manifest(manifest.read_text(encoding="utf-8"), random))
    is_loose = kind.startswith("loose")
    return Case(number=number, kind=kind, argv=_argv(command, subject, originals, pictures, folder, is_loose=is_loose))


def _argv(
    command: str, subject: Path, originals: Originals, pictures: Path, folder: Path, *, is_loose: bool
) -> tuple[str, ...]:
    labels = originals.int8 / "labels.txt"
    said = ("--input-range=-1,1", "--labels", labels) if is_loose else ()
    picture, out = next(pictures.glob("*/*")), folder / "out"
    few = ("--pictures", pictures, "--samples", 2)
    words: dict[str, tuple[object, ...]] = {
        "inspect": ("inspect", subject, "--layers"),
        "predict": ("predict", subject, picture, *said),
        "predict against": ("predict", originals.int8, picture, "--against", subject, *said),
        "evaluate": ("evaluate", subject, "--data", pictures, "--against", originals.int8, *said),
        "verify": ("verify", originals.int8, "--against", subject, *few, *said[:1])
        if is_loose
        else ("verify", subject, *few),
        "debug": ("debug", subject, "--float", originals.float32, *few, "--top", 2, *said[:1]),
        "debug float": ("debug", originals.int8, "--float", subject, *few, "--top", 2),
        "quantize": ("quantize", subject, "--calibration", pictures, "-o", out, *said),
    }
    fit = ("--fit", "stretch") if command == "quantize" and is_loose else ()
    return tuple(map(str, (*words[command], *fit, "--json")))
