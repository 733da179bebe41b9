"""Messages between parent and child: what is sent arrives, and nothing else is believed."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from mobile_deploy.tflite.messages import LARGEST_PAYLOAD_BYTES, read_message, write_message


def sent(says, payload=b"") -> io.BytesIO:
    stream = io.BytesIO()
    write_message(stream, says, payload)
    stream.seek(0)
    return stream


def test_messages_arrive_one_after_the_other_as_they_were_sent():
    stream = sent({"path": "ünï\n1"}, bytes(range(256)))
    end = stream.seek(0, io.SEEK_END)
    write_message(stream, {"b": 0.1}, np.float32([[1.5, -2.0]]).data)
    stream.seek(0)
    first = read_message(stream)
    assert (first.says, first.payload) == ({"path": "ünï\n1"}, bytes(range(256)))
    assert stream.tell() == end
    second = read_message(stream)
    assert second.says == {"b": 0.1}
    assert np.frombuffer(second.payload, np.float32).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("length", [0, 5, 30])
def test_a_message_that_breaks_off_is_the_end_of_the_pipe(length):
    whole = sent({"a": 1}, b"x" * 20).getvalue()
    assert length < len(whole)
    with pytest.raises(EOFError):
        read_message(io.BytesIO(whole[:length]))


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"\xff\xfe",
        b"[1]",
        b'{"bytes": NaN}',
        b'{"latency_ms": Infinity, "bytes": 0}',
        b"{}",
        b'{"bytes": "3"}',
        b'{"bytes": -1}',
        b'{"bytes": true}',
        json.dumps({"bytes": LARGEST_PAYLOAD_BYTES + 1}).encode(),
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda line: line[:30].decode("latin-1"),
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(ValueError, match=r".+"):
        read_message(io.BytesIO(line + b"\n"))


def test_a_line_without_end_is_not_read_for_ever():
    stream = io.BytesIO(b" " * 3_000_000)
    with pytest.raises(EOFError):
        read_message(stream)
    assert stream.tell() < 2_000_000
