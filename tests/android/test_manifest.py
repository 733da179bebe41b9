"""Completing the manifest: versions and levels are the build's, libraries' declarations come in once."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from mobile_deploy.android.manifest import AppVersion, app_version, complete_manifest
from mobile_deploy.errors import UnreadableFileError

ANDROID = "{http://schemas.android.com/apk/res/android}"
VERSION = AppVersion(code=203, name="0.2.3")
HEAD = '<manifest xmlns:android="http://schemas.android.com/apk/res/android"'


def completed(source: str, *libraries: str) -> ET.Element:
    return ET.fromstring(complete_manifest(source.encode(), [library.encode() for library in libraries], VERSION))


def test_package_versions_and_levels_are_those_of_the_build_whatever_the_source_says():
    manifest = completed(
        f'{HEAD} package="other" android:versionCode="9"><uses-sdk android:minSdkVersion="5"/><application/></manifest>'
    )
    assert manifest.get("package") == "dev.mobiledeploy.demo"
    assert (manifest.get(f"{ANDROID}versionCode"), manifest.get(f"{ANDROID}versionName")) == ("203", "0.2.3")
    levels = [
        (sdk.get(f"{ANDROID}minSdkVersion"), sdk.get(f"{ANDROID}targetSdkVersion")) for sdk in manifest.iter("uses-sdk")
    ]
    assert levels == [("26", "35")]


def test_native_libraries_stay_in_the_apk():
    application = completed(f"{HEAD}><application/></manifest>").find("application")
    assert application is not None and application.get(f"{ANDROID}extractNativeLibs") == "false"


def test_what_a_library_declares_comes_in_unless_the_app_says_it_already():
    def native(name: str, required: str) -> str:
        return f'<uses-native-library android:name="{name}" android:required="{required}"/>'

    source = f"{HEAD}><application>{native('a.so', 'true')}</application></manifest>"
    library = f"{HEAD}><application>{native('a.so', 'false')}{native('b.so', 'false')}</application></manifest>"
    found = [
        (item.get(f"{ANDROID}name"), item.get(f"{ANDROID}required"))
        for item in completed(source, library, library, f"{HEAD}/>").iter("uses-native-library")
    ]
    assert found == [("a.so", "true"), ("b.so", "false")]


@pytest.mark.parametrize("source", [f"{HEAD}/>", "no xml", f"{HEAD}><application>"])
def test_what_is_no_manifest_of_an_app_is_refused(source):
    with pytest.raises(UnreadableFileError, match=r"AndroidManifest\.xml"):
        completed(source)


@pytest.mark.parametrize(
    ("release", "code"),
    [("0.1.0", 100), ("0.10.0", 1000), ("1.0.0", 10_000), ("12.3.4.dev1", 120_304), ("0+unknown", 1)],
)
def test_a_later_release_has_a_larger_code(release, code):
    assert app_version(release) == AppVersion(code=code, name=release)
