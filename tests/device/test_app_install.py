"""Installing the sample app over the real adb, and what a phone's refusals mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.phone.sample_app import installed_apk, refuse_installs

from mobile_deploy.device.adb import find_adb
from mobile_deploy.device.app_conversation import app_version
from mobile_deploy.device.app_install import AppInTheWayError, InstallForbiddenError, PhoneUnfitError, install_app
from mobile_deploy.device.connection import Connection
from mobile_deploy.device.failures import PhoneFullError, PhoneLostError, PhoneRefusedError
from mobile_deploy.errors import UnreadableFileError


@pytest.fixture
def apk(tmp_path) -> Path:
    path = tmp_path / "meine App.apk"
    path.write_bytes(b"PK\x03\x04" + bytes(200_000))
    return path


def connection(phone) -> Connection:
    return Connection(adb=find_adb(), serial=phone.serial)


@pytest.mark.parametrize("shell_v2", [True, False], ids=["streamed", "pushed"])
def test_the_apk_arrives_byte_for_byte_on_new_and_old_phones(shell_v2, fake_phone, apk):
    phone = fake_phone(shell_v2=shell_v2)
    install_app(connection(phone), apk)
    assert installed_apk(phone) == apk.read_bytes()
    assert app_version(connection(phone)) == "0.1.0"
    assert phone.leftovers() == ()


@pytest.mark.parametrize(
    ("said", "kind", "words", "hint"),
    [
        (
            "INSTALL_FAILED_UPDATE_INCOMPATIBLE: Package signatures do not match",
            AppInTheWayError,
            "it was signed with another key",
            "uninstall dev.mobiledeploy.demo",
        ),
        ("INSTALL_FAILED_VERSION_DOWNGRADE", AppInTheWayError, "it is newer", "uninstall"),
        ("INSTALL_FAILED_INSUFFICIENT_STORAGE", PhoneFullError, "the app does not fit", "free some space"),
        ("INSTALL_FAILED_OLDER_SDK: Requires 26", PhoneUnfitError, "its Android is too old", "Android 8.0"),
        ("INSTALL_FAILED_NO_MATCHING_ABIS: res=-113", PhoneUnfitError, "no code for its processor", "arm64-v8a"),
        (
            "INSTALL_FAILED_USER_RESTRICTED: Install canceled by user",
            InstallForbiddenError,
            "refused",
            "Install via USB",
        ),
        ("INSTALL_PARSE_FAILED_NO_CERTIFICATES: none", UnreadableFileError, "takes it for no app", "app build"),
        ("INSTALL_FAILED_INTERNAL_ERROR: odd", PhoneRefusedError, "INSTALL_FAILED_INTERNAL_ERROR odd", "devices"),
    ],
)
def test_each_refusal_of_a_phone_is_told_in_words_with_a_remedy(said, kind, words, hint, fake_phone, apk):
    phone = fake_phone()
    refuse_installs(phone, said)
    with pytest.raises(kind) as caught:
        install_app(connection(phone), apk)
    assert type(caught.value) is kind
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert installed_apk(phone) is None


def test_what_is_no_apk_is_refused_by_its_name_or_by_the_phone(fake_phone, tmp_path):
    phone = fake_phone()
    text = tmp_path / "notes.txt"
    text.write_text("x")
    for path in (text, tmp_path / "none.apk"):
        with pytest.raises(UnreadableFileError, match=r"there is no such \.apk file"):
            install_app(connection(phone), path)
    with pytest.raises(UnreadableFileError, match="the phone takes it for no app: INSTALL_PARSE_FAILED_NOT_APK"):
        install_app(connection(phone), text.rename(tmp_path / "notes.apk"))


def test_a_phone_that_vanishes_meanwhile_is_lost(fake_phone, apk):
    phone = fake_phone(vanish_in_shell="install")
    with pytest.raises(PhoneLostError, match="lost while installing the app"):
        install_app(connection(phone), apk)
