"""What parent and child process say to each other over pipes: one line of JSON, then as many raw bytes as it announces.

Nothing is unpickled, lengths are bounded before anything is allocated, and NaN is no number here: what comes from a
process that ran an untrusted file is read as guardedly as the file itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, NoReturn

_LONGEST_LINE_BYTES = 1_000_000
LARGEST_PAYLOAD_BYTES = 700_000_000

Payload = bytes | memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message.

    Attributes:
        says: JSON values.
        payload: Raw bytes: a file or tensors.
    """

    says: Mapping[str, Any]
    payload: bytes = b""


def write_message(stream: IO[bytes], says: Mapping[str, Any], payload: Payload = b"") -> None:
    """Sends one message.

    Args:
        stream: The pipe.
        says: JSON values; the key "bytes" is taken.
        payload: Raw bytes, in C order.

    Raises:
        OSError: The other end is gone.
    """
    raw = memoryview(payload)
    stream.write(json.dumps({**says, "bytes": raw.nbytes}).encode() + b"\n")
    if raw.nbytes:
        stream.write(raw.cast("B"))
    stream.flush()


def read_message(stream: IO[bytes]) -> Message:
    """Waits for one message.

    Raises:
        EOFError: The other end closed the pipe, perhaps in the middle of a message.
        ValueError: What came is no message.
    """
    line = stream.readline(_LONGEST_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise EOFError
    try:
        says = json.loads(line, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    count = says.pop("bytes", None) if isinstance(says, dict) else None
    if type(count) is not int or not 0 <= count <= LARGEST_PAYLOAD_BYTES:
        raise ValueError("no number of bytes")
    payload = stream.read(count)
    if len(payload) < count:
        raise EOFError
    return Message(says=says, payload=payload)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
