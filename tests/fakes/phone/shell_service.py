"""The shell of a fake phone: scripts run in this machine's /bin/sh, so quoting and injection are real.

Source: AOSP packages/modules/adb, daemon/shell_service.cpp and shell_protocol.h.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import IO

from fakes.phone.knobs import Knobs
from fakes.phone.paths import OutputPaths, PhonePaths
from fakes.phone.stream import Stream, StreamClosedError

_NUMBERS = count(1)
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = range(5)
_FRAME = struct.Struct("<BI")

# Writes of data fail, and whoever writes lives on to say so.
_FULL_DISK = b"trap '' XFSZ; ulimit -f 0; "
_FULL_DISK_WORDS = (b"File too large", b"I/O error")


@dataclass(slots=True, kw_only=True)
class ShellService:
    """Runs scripts for the host.

    Attributes:
        paths: The phone's tree.
        knobs: Dialect and faults.
        environment: Of all processes on the phone.
        vanish: Makes the phone vanish.
        shell_log: Every script that came, in order.
    """

    paths: PhonePaths
    knobs: Knobs
    environment: Mapping[str, str]
    vanish: Callable[[], None]
    shell_log: list[str] = field(default_factory=list)

    def serve(self, stream: Stream) -> None:
        """Runs the script of one stream to its end."""
        kind, _, script = stream.service.partition(b":")
        text = script.decode(errors="surrogateescape")
        self.shell_log.append(text)
        if (
            self.knobs.vanish_after_shell_calls is not None
            and len(self.shell_log) > self.knobs.vanish_after_shell_calls
        ):
            self.vanish()
        elif self.knobs.hang_in_shell and self.knobs.hang_in_shell in text:
            stream.wait_closed()
        else:
            doomed = bool(self.knobs.vanish_in_shell) and self.knobs.vanish_in_shell in text
            _ShellRun(
                service=self, stream=stream, framed=b"v2" in kind.split(b","), raw=kind == b"exec", doomed=doomed
            ).run(script, next(_NUMBERS))

    def start(self, script: bytes, number: int, *, merged: bool) -> subprocess.Popen[bytes]:
        """Starts a script."""
        status = self.paths.status_file(number)
        if self.paths.status:
            status.parent.mkdir(parents=True)
            status.write_bytes((self.paths.root / "proc/self/status").read_bytes())
        full = _FULL_DISK if self.knobs.disk_full_after_bytes == 0 else b""
        return subprocess.Popen(
            [b"/system/bin/sh", b"-c", full + self.paths.script_here(script, number)],
            executable="/bin/sh",
            cwd=self.paths.root,
            env={**self.environment, "PHONE_STATUS": str(status) if self.paths.status else "/proc/self/status"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            start_new_session=True,
        )


@dataclass(slots=True, kw_only=True)
class _ShellRun:
    """One script that runs.

    Attributes:
        service: The shell.
        stream: Where it talks to the host.
        framed: Whether the stream tells stdout, stderr and the exit code apart.
        raw: Whether lines stay as they are in any dialect.
        doomed: Whether the phone vanishes in it.
    """

    service: ShellService
    stream: Stream
    framed: bool
    raw: bool
    doomed: bool
    _written: int = 0
    _vanished: bool = False
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def run(self, script: bytes, number: int) -> None:
        with self.service.start(script, number, merged=not self.framed) as process:
            threading.Thread(target=self._feed, args=(process,), daemon=True).start()
            errors = threading.Thread(target=self._pump, args=(process.stderr, _STDERR), daemon=True)
            errors.start()
            self._pump(process.stdout, _STDOUT)
            errors.join()
            code = process.wait()
        if self.doomed and not self._vanished:
            self.service.vanish()
        if self.framed:
            self._write(_EXIT, bytes([code if code >= 0 else 128 - code]))

    def _pump(self, pipe: IO[bytes] | None, frame: int) -> None:
        if pipe is None:
            return
        paths = OutputPaths(self.service.paths.root)
        with suppress(StreamClosedError):
            while data := os.read(pipe.fileno(), 1 << 16):
                self._print(frame, paths.feed(data))
            self._print(frame, paths.end())
        # A process whose stream is closed may go on writing; on a phone, too, nobody hears it.
        with suppress(OSError, ValueError):
            while os.read(pipe.fileno(), 1 << 16):
                pass

    def _print(self, frame: int, data: bytes) -> None:
        if self.service.knobs.disk_full_after_bytes == 0:
            for words in _FULL_DISK_WORDS:
                data = data.replace(words, b"No space left on device")
        if self.service.knobs.ends_lines_with_cr and not self.raw:
            data = data.replace(b"\n", b"\r\n")
        if self.doomed:
            data = data[: max(0, self.service.knobs.vanish_after_output_bytes - self._written)]
        if data:
            self._write(frame, data)
        self._written += len(data)
        if self.doomed and not self._vanished and self._written >= self.service.knobs.vanish_after_output_bytes:
            self._vanished = True  # once: it may be there again before the script has ended
            self.service.vanish()

    def _write(self, frame: int, data: bytes) -> None:
        with self._writing:
            self.stream.write(_FRAME.pack(frame, len(data)) + data if self.framed else data)

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Passes the host's input on, and tells the shell, and it alone, when the host is gone."""
        try:
            while True:
                self._pass_input(process)
        except StreamClosedError:
            if process.poll() is None:
                process.send_signal(signal.SIGHUP)

    def _pass_input(self, process: subprocess.Popen[bytes]) -> None:
        frame, data = _STDIN, b""
        if self.framed:
            frame, size = _FRAME.unpack(self.stream.read(_FRAME.size))
            data = self.stream.read(size)
        else:
            data = self.stream.read_some()
        with suppress(OSError, ValueError):
            if frame == _STDIN:
                os.write(process.stdin.fileno(), data)
            elif frame == _CLOSE_STDIN:
                process.stdin.close()
