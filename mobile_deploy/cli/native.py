"""Keeps what TensorFlow and LiteRT write past Python, straight to file descriptor 2, off the user's terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

_STDERR = 2


@contextmanager
def hidden_native_output(*, verbose: bool) -> Iterator[None]:
    """Sends native messages to nowhere while Python's own standard error still reaches the user.

    Args:
        verbose: Whether the user wants to see them; then nothing is changed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "3")
    shown_on = sys.__stderr__
    # Where standard error was replaced, as under a test runner, it is not ours to redirect.
    if verbose or shown_on is None or sys.stderr is not shown_on:
        yield
        return
    shown_on.flush()
    kept = os.dup(_STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with os.fdopen(kept, "w", encoding=shown_on.encoding, errors="backslashreplace", buffering=1) as shown:
            os.dup2(nowhere, _STDERR)
            try:
                with redirect_stderr(shown):
                    yield
            finally:
                os.dup2(kept, _STDERR)
    finally:
        os.close(nowhere)
