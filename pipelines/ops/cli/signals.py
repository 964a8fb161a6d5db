"""Being told to end: once it raises KeyboardInterrupt, then it waits for what is being cleaned up."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STILL = b"  Still ending what was begun; it must not be cut short ...\n"
_OUT, _ERR = 1, 2


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and the end of the terminal into one KeyboardInterrupt.

    A second one in the middle of a roll back would leave a Redis that follows a dead master. What whoever
    started us has set to be ignored (nohup) stays ignored.
    """
    told = False

    def tell(number: int, _frame: FrameType | None) -> None:
        nonlocal told
        if number == signal.SIGHUP:
            for terminal in filter(os.isatty, (_OUT, _ERR)):
                write_nowhere(terminal)
        if told:
            with suppress(OSError):
                os.write(_ERR, _STILL)
            return
        told = True
        raise KeyboardInterrupt

    before = [
        (number, signal.signal(number, tell))
        for number in _SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def signals_noted() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether we were told to end.

    An exception out of a signal handler could be raised, and lost, between any two lines.
    """
    told = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True

    before = [(number, signal.signal(number, note)) for number in _SIGNALS]
    try:
        yield lambda: told
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def write_nowhere(descriptor: int) -> None:
    """Drop what is written there from now on: nobody reads it, and each word would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
