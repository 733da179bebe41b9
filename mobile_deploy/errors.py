"""Every error the toolkit raises on purpose, one leaf class per remedy.

    MobileDeployError
    ├── BelowBarError            exit 1  a result below the bar that was asked for
    ├── UsageError               exit 2  the request itself is wrong
    ├── EnvironmentMissingError  exit 3  phone, network, disk or a tool is missing
    ├── ToolFailedError          exit 4  a device or a tool failed
    └── InputDataError           exit 5  the user's files cannot be used

A message says what failed with the value, then what is allowed; `hint` is the next command or step.
Leaf classes keep the values they were made from as attributes and make the message themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class MobileDeployError(Exception):
    """Root of the tree; the command line prints `message` and `hint` and exits with `exit_code`.

    Attributes:
        message: What failed with the value, and what is allowed.
        hint: The next command or step; empty when there is none.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BelowBarError(MobileDeployError):
    """The work was done and its result is below the bar that was asked for."""

    exit_code = 1


class UsageError(MobileDeployError):
    """The request cannot be carried out as it was written."""

    exit_code = 2


class EnvironmentMissingError(MobileDeployError):
    """Something outside the request is missing: network, disk, a tool, a phone."""

    exit_code = 3


class ToolFailedError(MobileDeployError):
    """A device or a tool failed while it was doing its part."""

    exit_code = 4


class InputDataError(MobileDeployError):
    """A file or folder the user gave cannot be used."""

    exit_code = 5


def _one_of(names: Iterable[str]) -> str:
    return ", ".join(names)


class UnknownNameError(UsageError):
    """A name that is not in its table; shows the near ones.

    Attributes:
        kind: What was named, such as "variant".
        name: The name as given.
        near: Known names that look alike, nearest first.
    """

    def __init__(self, *, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = tuple(known)
        self.kind = kind
        self.name = name
        self.near = tuple(get_close_matches(name, known, n=3, cutoff=0.4))
        meant = f"; did you mean {_one_of(self.near)}?" if self.near else ""
        super().__init__(f"unknown {kind} {name!r}{meant} Known: {_one_of(known)}", hint=hint)


class BadOptionError(UsageError):
    """An option value that is out of range, contradicts another or is missing.

    Attributes:
        option: The option as written on the command line, such as "--resolution".
    """

    def __init__(self, *, option: str, problem: str, hint: str = "") -> None:
        self.option = option
        super().__init__(f"{option}: {problem}", hint=hint)


class OutputExistsError(UsageError):
    """The output is already there and was not asked to be replaced."""

    def __init__(self, *, path: object) -> None:
        self.path = path
        super().__init__(f"output exists: {path}", hint="pass --overwrite to replace it, or another -o DIR")


class OutputNotWritableError(EnvironmentMissingError):
    """The output folder cannot be written: permissions, a full disk, a file in the way."""

    def __init__(self, *, path: object, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot write {path}: {reason}", hint="free some space or choose another folder with -o DIR")


class UnreadableFileError(InputDataError):
    """A file that is missing, cut short, or not of the kind it should be."""

    def __init__(self, *, path: object, problem: str, hint: str = "") -> None:
        self.path = path
        super().__init__(f"cannot use {path}: {problem}", hint=hint)
