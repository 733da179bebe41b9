"""Knows that Ctrl-C was pressed, whatever became of the exception that said so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruption_remembered() -> Iterator[Callable[[], bool]]:
    """Remembers Ctrl-C, since native code that it hits turns KeyboardInterrupt into errors of its own.

    Yields:
        Says whether Ctrl-C was pressed; false for ever where something else listens to it.
    """
    pressed = threading.Event()

    def remember(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed.is_set
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
