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

    Another signal changes nothing, until the end of the process: `dagger run` sends SIGTERM after a Ctrl-C,
    and the reports are still to be written. It takes the signals from whoever had them, and needs a running
    loop in the main thread.
    """
    made: list[anyio.CancelScope] = []
    came = False

    def scope() -> anyio.CancelScope:
        made.append(anyio.CancelScope())
        if came:
            made[-1].cancel()
        return made[-1]

    def end() -> None:
        for one in made:
            one.cancel()

    def told(*_of: object) -> None:
        nonlocal came
        came = True
        loop.call_soon_threadsafe(end)

    loop = asyncio.get_running_loop()
    # By the loop's own means there would be a moment at the end in which a second signal kills.
    before = {one: signal.signal(one, told) for one in _SIGNALS}
    try:
        yield scope
    finally:
        for one, handler in before.items():
            signal.signal(one, signal.SIG_IGN if came else handler or signal.SIG_DFL)
