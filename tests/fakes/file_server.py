"""A web server on this machine that serves files from memory and misbehaves on request."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served, how, and what was asked.

    Attributes:
        url: Address without a slash at the end.
        files: Content by path, such as "/a.h5".
        etag: ETag of every file; empty for none.
        last_modified: Last-Modified of every file; empty for none.
        ranges: Whether Range is honoured.
        status: Answered instead of the file when not 200.
        cut_after_bytes: Bytes of body after which the connection is closed; None for never.
        announce_length: Whether Content-Length is sent.
        pause_s: Wait in seconds before each kilobyte of body.
        silence_s: Wait in seconds before the answer.
        requests: (path, Range, If-Range) of each request.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"one"'
    last_modified: str = ""
    ranges: bool = True
    status: int = 200
    cut_after_bytes: int | None = None
    announce_length: bool = True
    pause_s: float = 0.0
    silence_s: float = 0.0
    range_offset_bytes: int = 0
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    @property
    def ranges_asked(self) -> list[str | None]:
        """Range header of each request, in order."""
        return [asked for _, asked, _ in self.requests]


@contextmanager
def running_file_server() -> Iterator[FileServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    state = FileServer(url=f"http://127.0.0.1:{server.server_port}")
    server.state = state
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        state: FileServer = self.server.state
        asked, condition = self.headers["Range"], self.headers["If-Range"]
        state.requests.append((self.path, asked, condition))
        time.sleep(state.silence_s)
        if state.status != 200 or self.path not in state.files:
            self.send_error(state.status if state.status != 200 else 404)
            return
        data = state.files[self.path]
        start = self._start(state, asked, condition)
        if start and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.end_headers()
            return
        self._send_headers(state, start, len(data))
        self._send_body(state, data[start:])

    def _start(self, state: FileServer, asked: str | None, condition: str | None) -> int:
        if not asked or not state.ranges or condition not in (None, state.etag, state.last_modified):
            return 0
        return int(asked.removeprefix("bytes=").rstrip("-"))

    def _send_headers(self, state: FileServer, start: int, size: int) -> None:
        self.send_response(206 if start else 200)
        if start:
            first = start + state.range_offset_bytes
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        if state.announce_length:
            self.send_header("Content-Length", str(size - start))
        if state.etag:
            self.send_header("ETag", state.etag)
        if state.last_modified:
            self.send_header("Last-Modified", state.last_modified)
        self.end_headers()

    def _send_body(self, state: FileServer, body: bytes) -> None:
        body = body[: state.cut_after_bytes]
        try:
            for position in range(0, len(body), 1024):
                time.sleep(state.pause_s)
                self.wfile.write(body[position : position + 1024])
        except ConnectionError:
            pass

    def log_message(self, *_: object) -> None:
        """Stays quiet."""
