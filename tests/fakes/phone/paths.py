"""The phone's paths and where they lie on this machine.

The phone's file tree is a folder here. A script that speaks of /data/local/tmp is run by this machine's shell
after such paths are put under that folder; what it prints is turned back.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

_FOLDERS = ("/data", "/etc", "/sdcard", "/storage", "/sys", "/system", "/tmp", "/vendor")
_FILES = ("/proc/cpuinfo", "/proc/meminfo", "/proc/version")
_OWN_STATUS = re.compile(rb"/proc/(?:self|\$\$)/status\b")
_TREE = re.compile(rb"(?<![\w./-])(?:%s)(?![\w.-])" % b"|".join(name.encode() for name in _FOLDERS + _FILES))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhonePaths:
    """A phone's tree on this machine.

    Attributes:
        root: Where the phone's "/" lies.
        status: Whether each shell has a /proc/self/status of the phone's; otherwise processes see their real one.
    """

    root: Path
    status: bool = True

    def here(self, path: str) -> Path:
        """Gives the place on this machine; never one outside the tree."""
        return self.root / posixpath.normpath(f"/{path}").lstrip("/")

    def script_here(self, script: bytes, shell: int) -> bytes:
        """Puts the paths of a script under the tree; `shell` is the number of the shell that will run it."""
        root, own_status = bytes(self.root), bytes(self.status_file(shell))
        # The tree itself may lie in a folder that the phone has, too, so what is put in comes last.
        script = _TREE.sub(lambda found: b"\0" + found[0], script)
        if self.status:
            script = _OWN_STATUS.sub(lambda _: own_status, script)
        return script.replace(b"\0", root)

    def status_file(self, shell: int) -> Path:
        """Where the phone's /proc/self/status lies for one shell."""
        return self.root / "proc" / str(shell) / "status"


class OutputPaths:
    """Turns this machine's paths in a stream of output back into the phone's."""

    def __init__(self, root: Path) -> None:
        self._root = bytes(root)
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        """Takes more output; keeps an end back that may be the start of a path."""
        data = (self._kept + data).replace(self._root, b"")
        size = next(
            (n for n in range(min(len(data), len(self._root) - 1), 0, -1) if self._root.startswith(data[-n:])), 0
        )
        self._kept = data[len(data) - size :]
        return data[: len(data) - size]

    def end(self) -> bytes:
        """Gives what was kept back."""
        kept, self._kept = self._kept, b""
        return kept
