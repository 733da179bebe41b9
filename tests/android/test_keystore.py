"""The debug key: Android Studio's where there is one, else made as Android Studio makes it."""

from __future__ import annotations

import subprocess

import pytest

from mobile_deploy.android.failures import KeystoreUnusableError
from mobile_deploy.android.keystore import debug_keystore, ensure_keystore
from mobile_deploy.errors import OutputNotWritableError


def test_the_keystore_lies_where_android_studio_has_it(monkeypatch, tmp_path):
    monkeypatch.delenv("ANDROID_USER_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert debug_keystore() == tmp_path / ".android" / "debug.keystore"
    monkeypatch.setenv("ANDROID_USER_HOME", str(tmp_path / "other"))
    assert debug_keystore() == tmp_path / "other" / "debug.keystore"


@pytest.mark.android
def test_a_missing_one_is_made_once_with_the_name_password_and_alias_of_android_studio(app_tools, tmp_path):
    java, path = app_tools.toolchain.java, tmp_path / "neuer Örtner" / "debug.keystore"
    ensure_keystore(java, path)
    made = path.read_bytes()
    ensure_keystore(java, path)
    assert path.read_bytes() == made
    assert [other.name for other in path.parent.iterdir()] == ["debug.keystore"]
    options = ["-list", "-v", "-keystore", path, "-storepass", "android", "-alias", "androiddebugkey"]
    said = subprocess.run([java.program("keytool"), *options], capture_output=True, text=True, check=True).stdout
    assert "Owner: CN=Android Debug, O=Android, C=US" in said and "2048-bit RSA" in said


@pytest.mark.android
def test_one_that_does_not_open_is_left_alone_and_named(app_tools, tmp_path):
    java, path = app_tools.toolchain.java, tmp_path / "debug.keystore"
    path.write_bytes(b"something else")
    with pytest.raises(KeystoreUnusableError, match=r"debug\.keystore") as caught:
        ensure_keystore(java, path)
    assert "move this file away" in caught.value.hint
    assert path.read_bytes() == b"something else"


@pytest.mark.android
def test_one_with_another_password_or_another_key_is_named(app_tools, tmp_path):
    java = app_tools.toolchain.java
    for password, alias in (("secret", "androiddebugkey"), ("android", "upload")):
        path = tmp_path / f"{password}-{alias}"
        key = ["-genkeypair", "-alias", alias, "-keyalg", "EC", "-dname", "CN=x", "-storetype", "PKCS12"]
        options = ["-keystore", path, "-storepass", password]
        subprocess.run([java.program("keytool"), *key, *options], capture_output=True, check=True)
        with pytest.raises(KeystoreUnusableError, match=r"password was incorrect|does not exist"):
            ensure_keystore(java, path)


@pytest.mark.android
def test_a_folder_that_cannot_be_written_is_named(app_tools, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputNotWritableError, match=r"debug\.keystore"):
        ensure_keystore(app_tools.toolchain.java, tmp_path / "file" / "debug.keystore")
