"""`app build` on the sources that ship: the APK holds the very bundles, passes its checks, and `app run` reads it."""

from __future__ import annotations

import json
import zipfile

import pytest

from mobile_deploy.android.packed_bundles import packed_samples, unpack_bundles
from mobile_deploy.cli import main

pytestmark = pytest.mark.android


def test_the_built_app_holds_the_bundles_and_passes_its_checks(app_maker, tiny_bundles, tmp_path, capsys):
    bundles = [tiny_bundles["int8"], tiny_bundles["float32"]]
    folders = [str(bundle.directory) for bundle in bundles]
    assert main(["app", "build", *folders, "-o", str(tmp_path / "gebaute Äpp"), "--json", "-q"]) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert (data["application"], data["models"]) == ("dev.mobiledeploy.demo", [bundle.name for bundle in bundles])
    assert data["check"]["verdict"] == "warn" and data["check"]["models"] == {b.name: b.sha256 for b in bundles}
    apk = tmp_path / "gebaute Äpp/mobile-deploy-demo.apk"
    unpacked = unpack_bundles(apk, tmp_path)
    assert [(bundle.name, bundle.sha256) for bundle in unpacked] == [(b.name, b.sha256) for b in bundles]
    with zipfile.ZipFile(apk) as archive:
        assert {name: archive.read(f"assets/samples/{name}") for name in packed_samples(apk)} == packed_samples(apk)
    assert len(packed_samples(apk)) >= 3
