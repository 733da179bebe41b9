"""Where a diagram or a contact sheet is written to."""

from __future__ import annotations

from pathlib import Path

from mobile_deploy.errors import BadOptionError
from mobile_deploy.files import check_writable, is_folder


def check_png(path: Path | str, *, option: str) -> Path:
    """Finds out before the slow steps whether a PNG can be written.

    Args:
        path: The file.
        option: What to name in errors.

    Raises:
        BadOptionError: It is not the name of a .png file.
        OutputNotWritableError: Its folder cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png" or is_folder(path):
        raise BadOptionError(
            option=option, problem=f"{path} is not the name of a .png file", hint=f"pass {option} NAME.png"
        )
    check_writable(path.parent)
    return path
