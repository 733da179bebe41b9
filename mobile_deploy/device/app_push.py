"""Brings a bundle to the installed sample app over adb, without a rebuild; see `app_protocol`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mobile_deploy.device.app_conversation import AppConversation, SharedFiles
from mobile_deploy.device.app_protocol import check_same_file
from mobile_deploy.device.failures import RunFailedError
from mobile_deploy.device.private_folder import PrivateFolder
from mobile_deploy.errors import printable
from mobile_deploy.files import sha256_of_bytes

Show = Literal["camera", "picture", "none"]
"""What the app opens after it has taken a bundle."""


def load_into_app(
    folder: PrivateFolder,
    conversation: AppConversation,
    *,
    name: str,
    files: Mapping[str, bytes],
    sha256: str,
    show: Show,
) -> None:
    """Brings a bundle's files to the phone and lets the app take them over.

    Args:
        folder: A folder of ours on the phone.
        conversation: The app.
        name: Name of the bundle.
        files: Content by file name.
        sha256: Hash of its .tflite.
        show: What the app opens then.

    Raises:
        AppMissingError: The app is not on the phone, or too old.
        DamagedTransferError: A file arrived damaged.
        PhoneFullError: There is no space for them.
        PhoneLostError: The phone vanished or does not answer.
        RunFailedError: The app refuses the bundle.
    """
    hashes = {file: sha256_of_bytes(content) for file, content in files.items()}
    for file, content in files.items():
        folder.push(content, hashes[file])  # under its hash, since names from a bundle never reach a shell
    said = conversation.ask(
        {"kind": "load", "folder": folder.path, "name": name, "files": hashes, "show": show},
        what=name,
        shared=SharedFiles(folder=folder.path, names=tuple(dict.fromkeys(hashes.values()))),
        stays=show != "none",
    )
    check_same_file(said, sha256=sha256, what=name)
    if said.get("loaded") != name:
        raise RunFailedError(what=name, reason=f"the app loaded {printable(str(said.get('loaded')))} instead")
