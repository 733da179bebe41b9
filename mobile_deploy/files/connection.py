"""HTTP connections with one deadline for connecting and another for silence, which `urllib` alone does not have."""

from __future__ import annotations

import http.client
import ssl
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait.

    Attributes:
        connect_s: Deadline in seconds until the connection stands: name look-up, every address of the name, TLS, proxy.
        read_s: Longest silence in seconds after that.
    """

    connect_s: float
    read_s: float


def open_url(request: urllib.request.Request, timeouts: Timeouts) -> http.client.HTTPResponse:
    """Opens a request as `urllib.request.urlopen` does, proxies and redirects included.

    Args:
        request: What to ask for.
        timeouts: How long to wait.

    Returns:
        The answer, whose body is still to be read.

    Raises:
        urllib.error.HTTPError: The server refused.
        urllib.error.URLError: No connection came about.
        OSError: The connection broke before the answer.
        http.client.HTTPException: The answer is not HTTP.
        ValueError: The address is none.
    """

    class HttpConnection(http.client.HTTPConnection):
        def connect(self) -> None:
            _within(timeouts.connect_s, super().connect)

    class HttpsConnection(http.client.HTTPSConnection):
        def connect(self) -> None:
            _within(timeouts.connect_s, super().connect)

    class Http(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(HttpConnection, req)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(HttpsConnection, req, context=ssl.create_default_context())

    response: http.client.HTTPResponse = urllib.request.build_opener(Http, Https).open(request, timeout=timeouts.read_s)
    return response


def is_certificate_error(reason: object) -> bool:
    """Tells a server that cannot prove its name from one that cannot be reached."""
    return isinstance(reason, ssl.SSLCertVerificationError)


def _within(seconds: float, action: Callable[[], None]) -> None:
    """Runs an action that must end in time.

    A socket's timeout counts for each address of a name, and not at all for looking the name up; hence the thread. A
    late one is left to its own end and cannot keep the program alive.
    """
    failures: list[Exception] = []

    def run() -> None:
        try:
            action()
        except (OSError, ValueError, http.client.HTTPException) as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no connection within {seconds:g} s")
    if failures:
        raise failures[0]
