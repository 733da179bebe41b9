"""Knows that Ctrl-C was pressed, whatever became of the exception that said so; SIGTERM counts as Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

# A key that is pressed twice in haste means once; the second would cut short what the first began to tidy up.
_HASTE_S = 1.0


@contextmanager
def interruption_remembered() -> Iterator[Callable[[], bool]]:
    """Remembers Ctrl-C, since native code that it hits turns KeyboardInterrupt into errors of its own.

    Yields:
        Says whether Ctrl-C was pressed; false for ever where something else listens to it.
    """
    pressed_at_s: list[float] = []

    def remember(number: int, frame: FrameType | None) -> None:
        is_hasty = bool(pressed_at_s) and time.monotonic() - pressed_at_s[-1] < _HASTE_S
        if not is_hasty:
            pressed_at_s.append(time.monotonic())
            signal.default_int_handler(number, frame)

    with ExitStack() as handlers:
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) is usual:
                    signal.signal(number, remember)
                    handlers.callback(signal.signal, number, usual)
        yield lambda: bool(pressed_at_s)
