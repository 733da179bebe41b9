"""One stream of a connection: a service on the device talks to a client on the host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fakes.phone.knobs import Knobs
from fakes.phone.wire import Packet


class StreamClosedError(Exception):
    """The host closed the stream, or is gone."""


@dataclass(slots=True, kw_only=True)
class Stream:
    """Bytes in both directions; each message waits until the one before is acknowledged.

    Attributes:
        service: What the host asked for, such as "sync:" or "shell,v2,raw:ls".
        local: Our number of the stream.
        remote: The host's number.
        send: Sends a message over the connection.
        knobs: Delay and largest message.
    """

    service: bytes
    local: int
    remote: int
    send: Callable[[Packet], None]
    knobs: Knobs
    closed: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _received: bytearray = field(default_factory=bytearray)
    _acknowledged: bool = True

    def read(self, size: int) -> bytes:
        """Gives exactly so many bytes."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._received) >= size or self.closed)
            if len(self._received) < size:
                raise StreamClosedError
            return self._take(size)

    def read_some(self) -> bytes:
        """Gives what is there, at least one byte."""
        with self._changed:
            self._changed.wait_for(lambda: self._received or self.closed)
            if not self._received:
                raise StreamClosedError
            return self._take(len(self._received))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def write(self, data: bytes) -> None:
        """Sends bytes, in as many messages as they need."""
        largest = self.knobs.max_payload_bytes
        for start in range(0, len(data), largest):
            time.sleep(self.knobs.write_delay_s)
            with self._changed:
                self._changed.wait_for(lambda: self._acknowledged or self.closed)
                if self.closed:
                    raise StreamClosedError
                self._acknowledged = False
            self._send(b"WRTE", data[start : start + largest])

    def close(self) -> None:
        """Ends the stream, if the host has not."""
        with self._changed:
            if self.closed:
                return
            self._changed.wait_for(lambda: self._acknowledged or self.closed)
        if not self.closed:
            self._send(b"CLSE")
            self.on_closed()

    def wait_closed(self) -> None:
        """Waits until the host closes the stream."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed)

    def on_data(self, data: bytes) -> None:
        """Takes a message from the host."""
        with self._changed:
            self._received += data
            self._changed.notify_all()
        self._send(b"OKAY")

    def on_acknowledged(self) -> None:
        """Notes that the host took our last message."""
        with self._changed:
            self._acknowledged = True
            self._changed.notify_all()

    def on_closed(self) -> None:
        """Notes that nothing more can pass."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _send(self, command: bytes, payload: bytes = b"") -> None:
        self.send(Packet(command=command, first=self.local, second=self.remote, payload=payload))
