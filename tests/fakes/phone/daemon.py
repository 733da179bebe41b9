"""The daemon on a fake phone: greets hosts over TCP, asks them for a key and opens streams."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from fakes.phone.knobs import Knobs
from fakes.phone.stream import Stream, StreamClosedError
from fakes.phone.wire import (
    AUTH_PUBLIC_KEY,
    AUTH_TOKEN,
    OLD_VERSION,
    Packet,
    packet_bytes,
    read_packet,
)

Service = Callable[[Stream], None]


@dataclass(slots=True, kw_only=True)
class Connection:
    """One host that is connected.

    Attributes:
        socket: The TCP connection.
        knobs: Dialect and faults.
        banner: Properties that the greeting tells, such as "ro.product.model=Pixel 8;".
        find_service: Gives the service for a name; None where there is none.
    """

    socket: socket.socket
    knobs: Knobs
    banner: Callable[[], str]
    find_service: Callable[[bytes], Service | None]
    _streams: dict[int, Stream] = field(default_factory=dict)
    _sending: threading.Lock = field(default_factory=threading.Lock)
    _greeted: bool = False

    def serve(self) -> None:
        """Answers until the host is gone."""
        try:
            while True:
                self._answer(read_packet(self.socket))
        except (EOFError, OSError, StreamClosedError):
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """Cuts the connection without a word; whatever runs for it learns that its stream is closed."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for stream in tuple(self._streams.values()):
            stream.on_closed()

    def greet(self) -> None:
        """Tells the host that this phone is ready; once."""
        if not self._greeted:
            self._greeted = True
            text = f"device::{self.banner()}features={self.knobs.features}"
            self._send_packet(b"CNXN", self.knobs.version, self.knobs.max_payload_bytes, text.encode())

    def garble(self) -> None:
        """Sends a malformed message, after which the host takes this phone for offline."""
        self.socket.sendall(b"\xff" * 24)

    def _answer(self, packet: Packet) -> None:
        match packet.command:
            case b"CNXN" | b"AUTH":
                self._meet(packet)
            case b"OPEN":
                self._open(packet)
            case b"WRTE":
                if stream := self._streams.get(packet.second):
                    stream.on_data(packet.payload)
            case b"OKAY":
                if stream := self._streams.get(packet.second):
                    stream.on_acknowledged()
            case b"CLSE":
                if stream := self._streams.pop(packet.second, None):
                    stream.on_closed()

    def _meet(self, packet: Packet) -> None:
        if self.knobs.offline:
            self.garble()
        elif not self.knobs.unauthorized:
            self.greet()
        elif packet.first != AUTH_PUBLIC_KEY or packet.command == b"CNXN":
            self._send_packet(b"AUTH", AUTH_TOKEN, 0, os.urandom(20))

    def _open(self, packet: Packet) -> None:
        service = packet.payload.rstrip(b"\0")
        serve = self.find_service(service)
        if serve is None:
            self._send_packet(b"CLSE", 0, packet.first)
            return
        local = max(self._streams, default=0) + 1
        stream = Stream(service=service, local=local, remote=packet.first, send=self.send, knobs=self.knobs)
        self._streams[local] = stream
        self._send_packet(b"OKAY", local, packet.first)
        threading.Thread(target=_serve_stream, args=(serve, stream), daemon=True).start()

    def _send_packet(self, command: bytes, first: int, second: int, payload: bytes = b"") -> None:
        self.send(Packet(command=command, first=first, second=second, payload=payload))

    def send(self, packet: Packet) -> None:
        """Sends a message."""
        data = packet_bytes(packet, checksum=self.knobs.version == OLD_VERSION)
        try:
            with self._sending:
                self.socket.sendall(data)
        except OSError as error:
            raise StreamClosedError from error


def _serve_stream(serve: Service, stream: Stream) -> None:
    with contextlib.suppress(StreamClosedError):
        serve(stream)
    with contextlib.suppress(StreamClosedError):
        stream.close()


@dataclass(slots=True, kw_only=True)
class Daemon:
    """Listens for hosts on a port of this machine.

    Attributes:
        knobs: Dialect and faults.
        banner: Properties that the greeting tells.
        find_service: Gives the service for a name; None where there is none.
        port: The port; the same again after the phone vanished and came back.
    """

    knobs: Knobs
    banner: Callable[[], str]
    find_service: Callable[[bytes], Service | None]
    port: int = 0
    _listener: socket.socket | None = None
    _connections: list[Connection] = field(default_factory=list)

    def start(self) -> None:
        """Begins to listen."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self) -> None:
        """Cuts all connections and listens no more."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # A thread that sits in accept() wakes only by this.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in tuple(self._connections):
            connection.drop()
        self._connections.clear()

    def greet_all(self) -> None:
        """Tells all hosts that wait for it that this phone is ready."""
        for connection in tuple(self._connections):
            connection.greet()

    def garble_all(self) -> None:
        """Sends all hosts a malformed message."""
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.garble()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(
                    socket=accepted, knobs=self.knobs, banner=self.banner, find_service=self.find_service
                )
                self._connections.append(connection)
                threading.Thread(target=connection.serve, daemon=True).start()
