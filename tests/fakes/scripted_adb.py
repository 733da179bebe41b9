"""An adb that is a shell script: it notes its arguments and answers as a test says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mobile_deploy.device.adb import Adb


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedAdb:
    """A folder with an adb in it.

    Attributes:
        folder: The folder.
    """

    folder: Path

    @property
    def adb(self) -> Adb:
        """The program as the code under test sees it."""
        return Adb(program=self.folder / "adb")

    @property
    def calls(self) -> tuple[tuple[str, ...], ...]:
        """The arguments of each call, in order."""
        log = self.folder / "calls"
        calls = log.read_text().split("\0\0")[:-1] if log.exists() else ()
        return tuple(tuple(call.split("\0")[1:]) for call in calls)

    def answers(self, script: str) -> None:
        """Sets what it does after it has noted its arguments; "$1" is the command, also behind -s SERIAL."""
        program = self.folder / "adb"
        program.write_text(
            f"#!/bin/sh\n{{ printf '\\0%s' \"$@\"; printf '\\0\\0'; }} >> '{self.folder}/calls'\n"
            f'if [ "$1" = -s ]; then shift 2; fi\n{script}\n'
        )
        program.chmod(0o755)


def scripted_adb(folder: Path, script: str) -> ScriptedAdb:
    """Makes one."""
    folder.mkdir(exist_ok=True)
    made = ScriptedAdb(folder=folder)
    made.answers(script)
    return made
