"""Work that Ctrl-C must not cut short: cleaning up on a phone, writing what was measured."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def finishing() -> Iterator[None]:
    """Leaves Ctrl-C and SIGTERM unheeded for the time of a short work that has deadlines of its own.

    Threads other than the main one, which no signal reaches, just go on.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    if threading.current_thread() is not threading.main_thread() or None in before.values():
        yield
        return
    try:
        for number in _SIGNALS:
            signal.signal(number, _unheeded)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def cleaned_up() -> Iterator[ExitStack]:
    """Gives a stack of contexts that are left one after the other without an interruption, however the block ends."""
    stack = ExitStack()
    try:
        yield stack
    except BaseException as error:
        with finishing():
            stack.__exit__(type(error), error, error.__traceback__)
        raise
    with finishing():
        stack.close()


def _unheeded(number: int, frame: object) -> None:
    """Does nothing; programs that are started meanwhile do not inherit it, as they would SIG_IGN."""
