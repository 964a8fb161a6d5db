"""Ctrl-C, SIGTERM and a lost terminal end the steps, and the reports are still written."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupts() -> Iterator[Callable[[], anyio.CancelScope]]:
    """Give what makes scopes: each is cancelled at the first signal, also one that is made after it.

    A second signal changes nothing. It needs a running loop, and takes the signals from whoever had them.
    """
    made: list[anyio.CancelScope] = []
    came = False

    def scope() -> anyio.CancelScope:
        made.append(anyio.CancelScope())
        if came:
            made[-1].cancel()
        return made[-1]

    def end() -> None:
        nonlocal came
        came = True
        for one in made:
            one.cancel()

    loop = asyncio.get_running_loop()
    for one in _SIGNALS:
        loop.add_signal_handler(one, end)
    try:
        yield scope
    finally:
        for one in _SIGNALS:
            loop.remove_signal_handler(one)
