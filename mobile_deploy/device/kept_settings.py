"""Settings of a lost phone, kept on this machine until it is there again and they can be put back."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from mobile_deploy.device.connection import Connection
from mobile_deploy.device.lock import phone_file

_TIMEOUT_S = 10.0


def keep_settings(key: str, commands: Sequence[str]) -> None:
    """Keeps the commands that put settings of a phone back; where they cannot be written, a note must do.

    The phone's lock must be held.

    Args:
        key: The phone, as for its lock.
        commands: One line each.
    """
    if not commands:
        return
    with contextlib.suppress(OSError), _file(key).open("a", encoding="utf-8") as file:
        file.writelines(f"{command}\n" for command in commands)


def put_kept_settings_back(connection: Connection, *, key: str) -> tuple[str, ...]:
    """Puts back what an earlier run could not, because the phone was lost; the phone's lock must be held.

    Args:
        connection: The phone.
        key: The phone, as for its lock.

    Returns:
        The commands that fail again; they stay kept.

    Raises:
        PhoneLostError: The phone vanished again; what is kept stays.
        PhoneRefusedError: It is there and opens no shell.
    """
    file = _file(key)
    try:
        commands = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        commands = []
    failed = tuple(
        command
        for command in dict.fromkeys(commands)
        if connection.shell(command, timeout_s=_TIMEOUT_S, doing="putting its settings back").code != 0
    )
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
    keep_settings(key, failed)
    return failed


def _file(key: str) -> Path:
    return phone_file(key, "settings")
