"""An app's folder that a bundle is added to: the sample app that `app init` wrote, or a module of any other app."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.android.kotlin_names import check_package
from mobile_deploy.android.manifest import APPLICATION_ID
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.files import is_folder

_MANIFEST = Path("src/main/AndroidManifest.xml")
_OWN_MARK = Path("core/src/main/kotlin/dev/mobiledeploy/core/Contract.kt")
_NAMESPACE = re.compile(r"""^\s*namespace\s*=?\s*["']([\w.]+)["']""", re.MULTILINE)
_PACKAGE = re.compile(r"""\bpackage\s*=\s*["']([\w.]+)["']""")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFolder:
    """Where a bundle goes.

    Attributes:
        root: The folder that the user named.
        assets: Path of the assets below it.
        kotlin: Path of the Kotlin sources below it; None for the sample app, which reads contracts from model.json.
        package: Kotlin package of the generated source; "" for the sample app.
    """

    root: Path
    assets: str
    kotlin: str | None
    package: str

    @property
    def is_sample_app(self) -> bool:
        """Whether it is the sample app."""
        return self.kotlin is None


def find_app(folder: Path, *, package: str | None) -> AppFolder:
    """Understands an app's folder.

    Args:
        folder: What `app init` wrote, or a module with src/main/AndroidManifest.xml.
        package: Kotlin package of the generated source; None for the module's namespace.

    Raises:
        BadOptionError: The package is none, cannot be found out, or is given for the sample app.
        UnreadableFileError: The folder is no app.
    """
    if not is_folder(folder):
        hint = "write the sample app there: mobile-deploy app init DIR; or name the module of your own app"
        raise UnreadableFileError(path=folder, problem="there is no such folder", hint=hint)
    if (folder / _OWN_MARK).is_file() and (folder / "app" / _MANIFEST).is_file():
        if package is not None:
            problem = f"the sample app has its own package, {APPLICATION_ID}"
            raise BadOptionError(option="--package", problem=problem, hint="leave it out")
        return AppFolder(root=folder, assets="app/src/main/assets", kotlin=None, package="")
    if not (folder / _MANIFEST).is_file():
        raise _no_app(folder)
    kotlin = next((name for name in ("kotlin", "java") if (folder / "src/main" / name).is_dir()), "kotlin")
    return AppFolder(
        root=folder,
        assets="src/main/assets",
        kotlin=f"src/main/{kotlin}",
        package=check_package(package if package is not None else _namespace(folder)),
    )


def _no_app(folder: Path) -> UnreadableFileError:
    inside = sorted(path.parents[2].name for path in folder.glob(f"*/{_MANIFEST.as_posix()}"))
    hint = "name the module of your app, or write the sample app: mobile-deploy app init DIR"
    if inside:
        hint = f"name the module: {folder / inside[0]}"
    return UnreadableFileError(path=folder, problem=f"there is no {_MANIFEST.as_posix()}, so it is no app", hint=hint)


def _namespace(folder: Path) -> str:
    for name, pattern in (("build.gradle.kts", _NAMESPACE), ("build.gradle", _NAMESPACE), (_MANIFEST, _PACKAGE)):
        path = folder / name
        found = pattern.search(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else None
        if found:
            return found[1]
    raise BadOptionError(
        option="--package", problem=f"{folder} tells no namespace", hint="pass --package with your app's package"
    )
