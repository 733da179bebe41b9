"""The app's manifest as Gradle's merger would complete it: package, versions and what the libraries ask for."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from mobile_deploy import __version__
from mobile_deploy.errors import UnreadableFileError

APPLICATION_ID = "dev.mobiledeploy.demo"
MIN_SDK = 26
TARGET_SDK = 35

_ANDROID = "http://schemas.android.com/apk/res/android"
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppVersion:
    """What Android compares, and what people read.

    Attributes:
        code: Grows with every release; an installed app is only replaced by one that is not older.
        name: Such as "0.1.0".
    """

    code: int
    name: str


def app_version(release: str = __version__) -> AppVersion:
    """Derives the app's version from that of the package.

    >>> app_version("1.2.3")
    AppVersion(code=10203, name='1.2.3')
    """
    found = _RELEASE.match(release)
    major, minor, patch = map(int, found.groups()) if found else (0, 0, 0)
    return AppVersion(code=max(1, major * 10_000 + minor * 100 + patch), name=release)


def complete_manifest(source: bytes, libraries: Sequence[bytes], version: AppVersion) -> bytes:
    """Adds to the manifest of the sources what a build knows.

    Args:
        source: The manifest of the sources.
        libraries: Manifests of the libraries that go into the app.
        version: The app's version.

    Returns:
        The manifest to compile.

    Raises:
        UnreadableFileError: One is no manifest.
    """
    ET.register_namespace("android", _ANDROID)
    manifest = _parse(source)
    manifest.set("package", APPLICATION_ID)
    manifest.set(_android("versionCode"), str(version.code))
    manifest.set(_android("versionName"), version.name)
    for old in manifest.findall("uses-sdk"):
        manifest.remove(old)
    levels = {_android("minSdkVersion"): str(MIN_SDK), _android("targetSdkVersion"): str(TARGET_SDK)}
    manifest.insert(0, ET.Element("uses-sdk", levels))
    application = _application(manifest)
    # Libraries are stored on page boundaries, so that Android maps them from the APK instead of unpacking them.
    application.set(_android("extractNativeLibs"), "false")
    for library in libraries:
        _merge(application, _parse(library).find("application"))
    completed: bytes = ET.tostring(manifest, encoding="utf-8", xml_declaration=True)
    return completed


def _merge(application: ET.Element, other: ET.Element | None) -> None:
    """Adds what a library declares inside the application and the app does not."""
    known = {(item.tag, item.get(_android("name"))) for item in application}
    for item in other if other is not None else ():
        if (item.tag, item.get(_android("name"))) not in known:
            application.append(item)


def _application(manifest: ET.Element) -> ET.Element:
    application = manifest.find("application")
    if application is None:
        raise UnreadableFileError(path="AndroidManifest.xml", problem="it has no application")
    return application


def _parse(data: bytes) -> ET.Element:
    try:
        return ET.fromstring(data)
    except ET.ParseError as error:
        raise UnreadableFileError(path="AndroidManifest.xml", problem=f"it is no XML ({error})") from error


def _android(name: str) -> str:
    return f"{{{_ANDROID}}}{name}"
