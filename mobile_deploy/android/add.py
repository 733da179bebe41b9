"""Puts a bundle into an app's folder: the sample app's, or a module of any other app."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mobile_deploy.android.admission import LITERT_RUNTIME, LITERT_VERSION, Allowances, check_admissible
from mobile_deploy.android.app_folder import AppFolder, find_app
from mobile_deploy.android.assets import INDEX_NAME, INDEX_VERSION, bundle_files, shipped_samples
from mobile_deploy.android.core_sources import needed_sources
from mobile_deploy.android.kotlin_contract import call_imports, kotlin_call, kotlin_contract
from mobile_deploy.android.kotlin_names import object_name
from mobile_deploy.android.mediapipe import MediaPipeAdvice, mediapipe_advice
from mobile_deploy.android.placed_files import NewFile, Placement, place_files, read_placed
from mobile_deploy.bundle import Bundle
from mobile_deploy.errors import BadOptionError, UnreadableFileError

GRADLE_LINES = (
    "android {",
    '    androidResources { noCompress += "tflite" }',
    "}",
    "dependencies {",
    f'    implementation("com.google.ai.edge.litert:litert:{LITERT_VERSION}")',
    f'    implementation("com.google.ai.edge.litert:litert-api:{LITERT_VERSION}")',
    "}",
)
"""What another app's build.gradle.kts needs."""

# Parts of the record beside "bundle NAME" and what `app init` writes.
_CORE, _INDEX, _SAMPLES = "core", "index", "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedBundle:
    """A bundle that was put into an app.

    Attributes:
        name: Name of the bundle.
        app: Where it went.
        placement: What was written and removed.
        notes: What passed although something speaks against it, one sentence each.
        imports: What the call needs; none for the sample app.
        call: Kotlin lines that name what is in a bitmap; likewise.
        gradle: Lines for the build file; likewise.
        mediapipe: The same with MediaPipe; None for the sample app.
    """

    name: str
    app: AppFolder
    placement: Placement
    notes: tuple[str, ...]
    imports: tuple[str, ...] = ()
    call: tuple[str, ...] = ()
    gradle: tuple[str, ...] = ()
    mediapipe: MediaPipeAdvice | None = None

    @property
    def kotlin(self) -> tuple[str, ...]:
        """The imports and the call, as lines of one file."""
        return (*(f"import {name}" for name in self.imports), "", *self.call)

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values."""
        mediapipe = None if self.mediapipe is None else asdict(self.mediapipe)
        return {
            "name": self.name,
            "directory": self.app.root,
            "app": "sample" if self.app.is_sample_app else "other",
            "package": self.app.package or None,
            **{key: list(paths) for key, paths in asdict(self.placement).items()},
            "gradle": list(self.gradle),
            "imports": list(self.imports),
            "call": list(self.call),
            "mediapipe": mediapipe,
            "notes": list(self.notes),
        }


def add_bundle(bundle: Bundle, folder: Path, *, package: str | None = None, allowed: Allowances) -> AddedBundle:
    """Writes a bundle, and what an app needs to use it, into an app's folder, all or nothing.

    Adding it again replaces what was written for it; files of others are never replaced.

    Args:
        bundle: The bundle.
        folder: What `app init` wrote, or a module of another app.
        package: Kotlin package of the generated contract; None for the module's namespace.
        allowed: What may pass although something speaks against it.

    Raises:
        BadOptionError: The package is wrong, or a name would stand for two bundles.
        BundleTooNewError: The bundle needs a newer runtime.
        ForeignFileError: A file is in the way that is not ours.
        OutputNotWritableError: The system refused.
        UnauditedBundleError: Its audit is missing or not clean.
        UnreadableFileError: The folder is no app, or a file cannot be read.
        UntrainedBundleError: Its weights are random.
    """
    app = find_app(folder, package=package)
    _check_name(bundle.name)
    notes = check_admissible(bundle, allowed, runtime=LITERT_RUNTIME)
    placement = place_files(app.root, _files(bundle, app))
    if app.is_sample_app:
        return AddedBundle(name=bundle.name, app=app, placement=placement, notes=notes)
    return AddedBundle(
        name=bundle.name,
        app=app,
        placement=placement,
        notes=notes,
        imports=call_imports(bundle, package=app.package),
        call=kotlin_call(bundle),
        gradle=GRADLE_LINES,
        mediapipe=mediapipe_advice(bundle),
    )


def _check_name(name: str) -> None:
    # Source: Android's build tools leave such names out of an app without a word, aapt2's --ignore-assets.
    if name.startswith((".", "_")) or name.endswith("~"):
        problem = f"Android's build tools leave out what is named like {name!r}"
        raise BadOptionError(option="BUNDLE", problem=problem, hint="export it under another name")


def _files(bundle: Bundle, app: AppFolder) -> dict[str, NewFile]:
    own, assets = f"bundle {bundle.name}", app.assets
    files = {
        f"{assets}/models/{bundle.name}/{name}": NewFile(content=content, part=own)
        for name, content in bundle_files(bundle).items()
    }
    files[f"{assets}/{INDEX_NAME}"] = NewFile(content=_index(app, bundle.name), part=_INDEX)
    if app.kotlin is None:
        samples = shipped_samples().items()
        return files | {f"{assets}/samples/{name}": NewFile(content=png, part=_SAMPLES) for name, png in samples}
    contract = f"{app.kotlin}/{app.package.replace('.', '/')}/{object_name(bundle.name)}.kt"
    _check_object_is_free(app, contract, own)
    files[contract] = NewFile(content=kotlin_contract(bundle, package=app.package).encode(), part=own)
    core = needed_sources().items()
    return files | {f"{app.kotlin}/{name}": NewFile(content=content, part=_CORE) for name, content in core}


def _check_object_is_free(app: AppFolder, contract: str, own: str) -> None:
    placed = read_placed(app.root).get(contract)
    if placed is not None and placed.part != own:
        problem = f"{contract} is the contract of {placed.part} already"
        raise BadOptionError(option="BUNDLE", problem=problem, hint="export one of them under another name")


def _index(app: AppFolder, name: str) -> bytes:
    """Writes the list of the app's bundles with this one in it, at its old place or last."""
    path = app.root / app.assets / INDEX_NAME
    names: list[str] = []
    if path.is_file():
        try:
            names = [str(known) for known in json.loads(path.read_bytes())["models"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnreadableFileError(path=path, problem=f"it is no list of models ({error})") from error
    models = list(dict.fromkeys((*names, name)))
    return (
        json.dumps({"schema_version": INDEX_VERSION, "models": models}, indent=2, ensure_ascii=False) + "\n"
    ).encode()
